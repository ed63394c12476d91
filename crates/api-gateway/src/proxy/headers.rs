//! Which headers cross the gateway (RFC 9110, 7.6).
//!
//! Headers of one connection are removed: `Connection`, all that it nominates, and the known hop-by-hop headers. Headers
//! that only the gateway may write are removed first and written after, so a client can neither forge them nor have them
//! removed by nomination.

use std::net::SocketAddr;

use axum::{
    extract::ConnectInfo,
    http::{HeaderMap, HeaderName, HeaderValue, Version, header, request::Parts},
};
use platform::{
    http::{caller::Caller, context::RequestContext},
    trace_context::{REQUEST_ID_HEADER, TRACEPARENT, TRACEPARENT_HEADER, X_REQUEST_ID},
};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The most headers that the gateway adds: room is made once.
const ADDED: usize = 10;

/// Turns the headers of the client into those for the service at `host`.
pub(super) fn rewrite_request(head: &mut Parts, caller: Caller, host: &HeaderValue) {
    let original_host = head.headers.get(header::HOST).cloned();
    strip(&mut head.headers, |name| {
        is_hop_by_hop(name) || is_gateway_header(name)
    });
    let peer = head.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|ConnectInfo(address)| text(address.ip().to_canonical().to_string()));
    let headers = &mut head.headers;
    headers.reserve(ADDED);
    headers.insert(header::HOST, host.clone());
    caller.write(headers);
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
    headers.extend(original_host.map(|host| (X_FORWARDED_HOST, host)));
    headers.extend(peer.map(|peer| (X_FORWARDED_FOR, peer)));
    if let Some(context) = head.extensions.get::<RequestContext>() {
        headers.insert(REQUEST_ID_HEADER, context.id.clone());
        headers.insert(TRACEPARENT_HEADER, context.trace.child().header());
    }
    headers.append(header::VIA, via(head.version));
    head.version = Version::HTTP_11;
}

/// Removes the headers that concern only the connection to the service.
pub(super) fn rewrite_response(headers: &mut HeaderMap) {
    strip(headers, is_hop_by_hop);
}

/// A value that the gateway has made; a text that is no header value becomes empty.
pub(super) fn text(value: String) -> HeaderValue {
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static(""))
}

fn via(received: Version) -> HeaderValue {
    HeaderValue::from_static(if received == Version::HTTP_10 {
        "1.0 api-gateway"
    } else {
        "1.1 api-gateway"
    })
}

/// Removes what `Connection` nominates, and all headers for which `is_local` holds.
fn strip(headers: &mut HeaderMap, is_local: fn(&str) -> bool) {
    let nominated: Vec<HeaderValue> = headers
        .get_all(header::CONNECTION)
        .iter()
        .cloned()
        .collect();
    let tokens = nominated.iter().filter_map(|value| value.to_str().ok());
    for token in tokens.flat_map(|value| value.split(',')) {
        headers.remove(token.trim());
    }
    let local: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_local(name.as_str()))
        .cloned()
        .collect();
    for name in local {
        headers.remove(name);
    }
}

/// RFC 9110, 7.6.1, and `expect`: the gateway itself answers `100 Continue` when it reads the body.
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "expect"
            | "http2-settings"
            | "keep-alive"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    ) || name.starts_with("proxy-")
}

/// The services trust these headers, so they never come from a client. Only the gateway checks the token. `host` is not
/// among them, as it is replaced in any case.
fn is_gateway_header(name: &str) -> bool {
    matches!(
        name,
        "authorization"
            | "forwarded"
            | TRACEPARENT
            | "x-caller"
            | "x-real-ip"
            | X_REQUEST_ID
            | "x-session-id"
    ) || name.starts_with("x-forwarded-")
        || name.starts_with("x-user-")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use axum::extract::Request;
    use proptest::prelude::*;

    fn head(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::new(());
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        request
            .extensions_mut()
            .insert(ConnectInfo(SocketAddr::from(([10, 0, 0, 7], 1))));
        request.into_parts().0
    }

    fn forward(headers: &[(&str, &str)]) -> HeaderMap {
        let mut head = head(headers);
        rewrite_request(
            &mut head,
            Caller::Anonymous,
            &HeaderValue::from_static("behind:1"),
        );
        head.headers
    }

    #[test]
    fn what_a_client_forges_is_replaced() {
        let headers = forward(&[
            ("host", "public"),
            ("x-caller", "operator"),
            ("x-user-id", "1"),
            ("x-user-name", "root"),
            ("x-session-id", "1"),
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "2.2.2.2"),
            ("x-forwarded-host", "evil"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-prefix", "/x"),
            ("forwarded", "for=1.1.1.1"),
            ("x-real-ip", "1.1.1.1"),
            ("authorization", "s3cret"),
        ]);
        let expected = [
            ("host", "behind:1"),
            ("x-caller", "anonymous"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "public"),
            ("x-forwarded-for", "10.0.0.7"),
            ("via", "1.1 api-gateway"),
        ];
        assert_eq!(headers.len(), expected.len(), "{headers:?}");
        for (name, value) in expected {
            assert_eq!(headers[name], value);
        }
    }

    #[test]
    fn what_is_end_to_end_stays_with_all_its_values() {
        let headers = forward(&[
            ("accept", "a"),
            ("accept", "b"),
            ("cookie", "c"),
            ("via", "1.0 other"),
            ("x-mine", "1"),
        ]);
        let all = |name: &str| headers.get_all(name).iter().cloned().collect::<Vec<_>>();
        assert_eq!(all("accept"), ["a", "b"]);
        assert_eq!(all("cookie"), ["c"]);
        assert_eq!(all("x-mine"), ["1"]);
        assert_eq!(all("via"), ["1.0 other", "1.1 api-gateway"]);
    }

    proptest! {
        #[test]
        fn nomination_removes_what_is_nominated_but_no_gateway_header(
            tokens in proptest::collection::vec("(keep-alive|close|x-mine|Host|X-Caller|x-forwarded-for|via|Connection|x-request-id|[ ;a-z]{0,5})", 0..6),
        ) {
            let connection = tokens.join(", ");
            let headers = forward(&[("connection", connection.as_str()), ("host", "public"), ("x-mine", "1"), ("x-kept", "1")]);
            for ours in ["host", "x-caller", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "via"] {
                prop_assert!(headers.contains_key(ours), "{} is gone", ours);
            }
            prop_assert!(!headers.contains_key("connection"));
            prop_assert!(headers.contains_key("x-kept"));
            let nominated = tokens.iter().any(|token| token == "x-mine");
            prop_assert_eq!(headers.contains_key("x-mine"), !nominated);
        }
    }
}
