//! The edge: a request that two programs could read in two ways is refused with 400, before it is routed.
//!
//! Such requests are used for smuggling and to evade access rules. So nothing is repaired here: a request has one transfer
//! coding, one host and one path. The server below has refused malformed lengths, and closes the connection after a
//! request with `content-length` beside `transfer-encoding`. The edge reads the head only.

use axum::{
    extract::Request,
    http::{HeaderMap, Method, Uri, Version, header, uri::Authority},
};
use platform::problem::Problem;

/// Refuses a request with more than one meaning.
///
/// # Errors
/// 400 that says what is ambiguous.
pub fn check(request: &Request) -> Result<(), Problem> {
    let refused = method(request.method())
        .and_then(|()| framing(request.headers()))
        .and_then(|()| host(request.uri(), request.version(), request.headers()))
        .and_then(|()| path(request.uri().path()));
    refused.map_err(Problem::bad_request)
}

type Checked = Result<(), &'static str>;

fn method(method: &Method) -> Checked {
    if *method == Method::CONNECT {
        return Err("this is not a tunnel");
    }
    Ok(())
}

/// RFC 9112, 6.1 and 6.3: hyper decodes `chunked` alone, and would pass the data of another coding on as it is.
fn framing(headers: &HeaderMap) -> Checked {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err("the only transfer-encoding is `chunked`"),
    }
}

/// RFC 9112, 3.2: one host, and an absolute request target agrees with it.
fn host(uri: &Uri, version: Version, headers: &HeaderMap) -> Checked {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.as_bytes(),
        (None, _) if version < Version::HTTP_11 => return Ok(()),
        (None, _) => return Err("the host header is missing"),
        (Some(_), Some(_)) => return Err("there is more than one host header"),
    };
    if !host.is_empty() && (host.contains(&b'@') || Authority::try_from(host).is_err()) {
        return Err("the host header is not a host");
    }
    match uri.authority() {
        Some(authority) if !authority.as_str().as_bytes().eq_ignore_ascii_case(host) => {
            Err("the request target and the host header disagree")
        }
        _ => Ok(()),
    }
}

/// A path of visible ASCII characters whose segments are the same after decoding.
fn path(path: &str) -> Checked {
    if !path.starts_with('/') {
        return Err("the request target is not a path");
    }
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => escape(bytes.next(), bytes.next())?,
            b'\\' => return Err("the path has a backslash"),
            b'!'..=b'~' => {}
            _ => return Err("the path has characters that must be percent-encoded"),
        }
    }
    if path.contains("//") {
        return Err("the path has an empty segment");
    }
    if path.contains(['.', '%']) && path.split('/').any(is_dots) {
        return Err("the path has a dot segment");
    }
    Ok(())
}

fn escape(high: Option<u8>, low: Option<u8>) -> Checked {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    match (digit(high), digit(low)) {
        (Some(0 | 1), Some(_)) | (Some(7), Some(15)) => {
            Err("the path has an encoded control character")
        }
        (Some(2), Some(15)) | (Some(5), Some(12)) => {
            Err("the path has an encoded slash or backslash")
        }
        (Some(_), Some(_)) => Ok(()),
        _ => Err("the path has a `%` that encodes nothing"),
    }
}

/// `.` and `..`, each dot plain or encoded. Some servers ignore what follows a `;` in a segment.
fn is_dots(segment: &str) -> bool {
    let mut rest = segment.split(';').next().unwrap_or_default();
    let mut dots = 0;
    while !rest.is_empty() {
        let after = rest
            .strip_prefix('.')
            .or_else(|| rest.strip_prefix("%2e"))
            .or_else(|| rest.strip_prefix("%2E"));
        match after {
            Some(after) => (rest, dots) = (after, dots + 1),
            None => return false,
        }
    }
    matches!(dots, 1 | 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn usual_paths_pass() {
        for usual in [
            "/",
            "/api/movies",
            "/api/movies/",
            "/api/movies/7",
            "/a%20b",
            "/...",
            "/.well-known/x",
            "/a.b",
            "/%c3%a9",
        ] {
            assert_eq!(path(usual), Ok(()), "{usual}");
        }
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        for ambiguous in [
            "",
            "*",
            "api",
            "//a",
            "/a//b",
            "/a/../b",
            "/a/./b",
            "/..",
            "/.",
            "/%2e%2E/b",
            "/.%2e",
            "/a/..;x/b",
            "/%00",
            "/a%2Fb",
            "/a%2fb",
            "/a%5cb",
            "/a\\b",
            "/%1f",
            "/%7F",
            "/%0d%0a",
            "/%",
            "/%2",
            "/%zz",
            "/a b",
            "/é",
            "/\u{7f}",
        ] {
            assert!(path(ambiguous).is_err(), "{ambiguous}");
        }
    }

    /// Decodes once, as a server behind the gateway might.
    fn decoded(path: &str) -> Option<Vec<u8>> {
        let mut bytes = path.bytes();
        let mut plain = Vec::new();
        while let Some(byte) = bytes.next() {
            plain.push(match byte {
                b'%' => {
                    let digits = [bytes.next()?, bytes.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                byte => byte,
            });
        }
        Some(plain)
    }

    proptest! {
        #[test]
        fn what_passes_means_the_same_after_decoding(text in "/([./;%25ecCfF0\\\\a-]|%2[eEfF]|%5[cC]|%00){0,12}") {
            if path(&text).is_ok() {
                let plain = decoded(&text);
                prop_assert!(plain.is_some());
                let plain = plain.unwrap_or_default();
                let segments = |path: &[u8]| path.iter().filter(|&&byte| byte == b'/').count();
                prop_assert_eq!(segments(&plain), segments(text.as_bytes()));
                prop_assert!(!plain.contains(&b'\\') && !plain.iter().any(u8::is_ascii_control));
                for segment in plain.split(|&byte| byte == b'/') {
                    prop_assert!(segment != b"." && segment != b"..");
                }
            }
        }
    }
}
