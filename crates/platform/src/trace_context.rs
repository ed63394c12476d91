//! W3C Trace Context: the `traceparent` header, version 00, in and out.
//!
//! <https://www.w3.org/TR/trace-context/>. A malformed header is replaced by a new trace, never repaired. The ids are
//! only passed on from hop to hop; no spans are exported. The name of the header with the request's id is here too.

use std::{fmt, str::FromStr};

use axum::http::{HeaderName, HeaderValue};
use uuid::Uuid;

/// The name of the header, in HTTP and in AMQP.
pub const TRACEPARENT: &str = "traceparent";

/// The name of the header with a request's id, in HTTP and in AMQP.
pub const X_REQUEST_ID: &str = "x-request-id";

/// [`TRACEPARENT`] in HTTP: a name that need not be read first.
pub const TRACEPARENT_HEADER: HeaderName = HeaderName::from_static(TRACEPARENT);

/// [`X_REQUEST_ID`] in HTTP.
pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static(X_REQUEST_ID);

/// The characters of a `traceparent`.
const LENGTH: usize = 55;

/// A trace, and the current span in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

/// The id of a trace.
#[derive(Debug, Clone, Copy)]
pub struct TraceId(u128);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The header is not a `traceparent` of version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent")]
pub struct InvalidTraceparent;

impl TraceContext {
    /// Starts a new trace, not sampled.
    #[must_use]
    pub fn start() -> Self {
        Self {
            trace_id: Uuid::new_v4().as_u128(),
            span_id: new_span_id(),
            flags: 0,
        }
    }

    /// The same trace, one hop further.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            span_id: new_span_id(),
            ..self
        }
    }

    /// The value of the header.
    #[must_use]
    pub fn header(self) -> HeaderValue {
        // Hexadecimal digits are a header's value.
        HeaderValue::from_bytes(&self.text()).unwrap_or(HeaderValue::from_static(""))
    }

    /// Written by hand, as each request needs it: the standard formatter of a `u128` costs ten times as much.
    fn text(self) -> [u8; LENGTH] {
        let mut text = [b'-'; LENGTH];
        write_hex(&mut text[..2], &[0]);
        write_hex(&mut text[3..35], &self.trace_id.to_be_bytes());
        write_hex(&mut text[36..52], &self.span_id.to_be_bytes());
        write_hex(&mut text[53..], &[self.flags]);
        text
    }

    /// The trace's id as 32 hexadecimal digits, as logs show it; formatted only when it is written.
    #[must_use]
    pub fn trace_id(self) -> TraceId {
        TraceId(self.trace_id)
    }
}

/// Random and never zero, as the specification requires: the low half of a v4 uuid holds the variant, which has a 1 bit.
fn new_span_id() -> u64 {
    Uuid::new_v4().as_u64_pair().1
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Hexadecimal digits are UTF-8.
        f.write_str(str::from_utf8(&self.text()).unwrap_or_default())
    }
}

fn write_hex(text: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (digits, byte) in text.chunks_exact_mut(2).zip(bytes) {
        digits.copy_from_slice(&[
            DIGITS[usize::from(byte >> 4)],
            DIGITS[usize::from(byte & 15)],
        ]);
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    fn from_str(header: &str) -> Result<Self, InvalidTraceparent> {
        let parts: Vec<&str> = header.split('-').collect();
        let [version, trace_id, span_id, flags] = parts[..] else {
            return Err(InvalidTraceparent);
        };
        if version != "00"
            || ![(trace_id, 32), (span_id, 16), (flags, 2)]
                .into_iter()
                .all(is_lower_hex)
        {
            return Err(InvalidTraceparent);
        }
        let trace_id = u128::from_str_radix(trace_id, 16).map_err(|_| InvalidTraceparent)?;
        let span_id = u64::from_str_radix(span_id, 16).map_err(|_| InvalidTraceparent)?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| InvalidTraceparent)?;
        if trace_id == 0 || span_id == 0 {
            Err(InvalidTraceparent)
        } else {
            Ok(Self {
                trace_id,
                span_id,
                flags,
            })
        }
    }
}

fn is_lower_hex((digits, length): (&str, usize)) -> bool {
    digits.len() == length
        && digits
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    const SAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_child_keeps_trace_and_flags_but_not_the_span() {
        let parent: TraceContext = SAMPLE.parse().unwrap();
        let child = parent.child().to_string();
        assert_eq!(parent.to_string(), SAMPLE);
        assert_eq!(&child[..36], &SAMPLE[..36]);
        assert_ne!(&child[36..52], &SAMPLE[36..52]);
        assert!(child.ends_with("-01"));
    }

    #[test]
    fn a_malformed_header_is_refused() {
        let zero = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        for header in [
            "",
            "00",
            zero,
            &SAMPLE.to_uppercase(),
            &SAMPLE.replace("00-4", "01-4"),
            &format!("{SAMPLE}-x"),
        ] {
            assert_eq!(
                header.parse::<TraceContext>(),
                Err(InvalidTraceparent),
                "{header}"
            );
        }
    }
}
