//! Who calls, and whether they may.
//!
//! A token is `Authorization: Bearer <token>`, or the bare token. A token that nobody has is refused on every route,
//! open ones too: whoever sends one believes to be somebody. Tokens are compared in constant time and never logged.

use axum::http::{HeaderMap, HeaderValue, header};
use platform::problem::Problem;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// With or without a token.
    Anyone,
    /// Only the operator, when there is a token to know them by.
    Operator,
}

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Without a token.
    Anonymous,
    /// With the operator's token.
    Operator,
}

impl Caller {
    /// The name that the services behind read in `x-caller`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Operator => "operator",
        }
    }
}

/// What the gateway knows of its callers: the operator's token, as a digest, so that its length does not show either.
#[derive(Clone)]
pub struct Auth {
    operator: Option<[u8; 32]>,
}

impl Auth {
    /// Knows the operator by `token`; an empty one leaves the operator's routes open, which is logged as a warning.
    #[must_use]
    pub fn new(token: &SecretString) -> Self {
        let token = token.expose_secret().trim();
        if token.is_empty() {
            tracing::warn!("OPERATOR_TOKEN is empty: anyone may call the operator's routes");
        }
        let operator = (!token.is_empty()).then(|| Sha256::digest(token).into());
        Self { operator }
    }

    /// Whether the operator's routes are open to anyone.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.operator.is_none()
    }

    /// The caller, if they may.
    ///
    /// # Errors
    /// 401: an unknown token, or none where one is needed.
    pub fn admit(&self, headers: &HeaderMap, access: Access) -> Result<Caller, Problem> {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        match (given.next(), given.next()) {
            (None, _) if access == Access::Operator && !self.is_open() => Err(
                Problem::unauthorized("this route is the operator's: send the token"),
            ),
            (None, _) => Ok(Caller::Anonymous),
            (Some(one), None) if self.is_operators(token(one)) => Ok(Caller::Operator),
            _ => Err(Problem::unauthorized("the token is unknown")),
        }
    }

    fn is_operators(&self, token: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(token).into();
        self.operator
            .is_some_and(|operator| operator.ct_eq(&digest).into())
    }
}

/// RFC 9110, 11.1: the scheme has no case, and at least one blank after it.
fn token(value: &HeaderValue) -> &[u8] {
    let value = value.as_bytes();
    match value.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token.trim_ascii(),
        _ => value,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use axum::http::StatusCode;

    fn admit(auth: &Auth, tokens: &[&str], access: Access) -> Result<Caller, StatusCode> {
        let values = tokens.iter().map(|token| token.parse().unwrap());
        let headers = values.map(|value| (header::AUTHORIZATION, value)).fold(
            HeaderMap::new(),
            |mut headers, (name, value)| {
                headers.append(name, value);
                headers
            },
        );
        auth.admit(&headers, access)
            .map_err(|problem| problem.status())
    }

    #[test]
    fn the_operators_token_counts_with_and_without_its_scheme() {
        let auth = Auth::new(&"s3cret".into());
        for token in [
            "s3cret",
            "Bearer s3cret",
            "bearer s3cret",
            "BEARER   s3cret",
        ] {
            assert_eq!(
                admit(&auth, &[token], Access::Anyone),
                Ok(Caller::Operator),
                "{token}"
            );
            assert_eq!(
                admit(&auth, &[token], Access::Operator),
                Ok(Caller::Operator),
                "{token}"
            );
        }
    }

    #[test]
    fn any_other_token_is_refused_on_every_route() {
        let wrong = [
            "",
            "Bearer",
            "Bearer ",
            "s3cre",
            "s3crets",
            "S3CRET",
            "Basic s3cret",
            "Bearer x",
        ];
        for auth in [
            Auth::new(&"s3cret".into()),
            Auth::new(&"".into()),
            Auth::new(&" ".into()),
        ] {
            for (token, access) in wrong
                .iter()
                .flat_map(|token| [(token, Access::Anyone), (token, Access::Operator)])
            {
                let refused = admit(&auth, &[token], access);
                assert_eq!(
                    refused,
                    Err(StatusCode::UNAUTHORIZED),
                    "{token:?} {access:?}"
                );
            }
        }
    }

    #[test]
    fn two_tokens_are_none() {
        let auth = Auth::new(&"s3cret".into());
        let refused = admit(&auth, &["s3cret", "s3cret"], Access::Anyone);
        assert_eq!(refused, Err(StatusCode::UNAUTHORIZED));
    }

    #[test]
    fn without_a_token_the_operators_routes_are_closed_only_if_there_is_one() {
        let closed = Auth::new(&"s3cret".into());
        let open = Auth::new(&"".into());
        assert_eq!(
            admit(&closed, &[], Access::Operator),
            Err(StatusCode::UNAUTHORIZED)
        );
        assert_eq!(admit(&closed, &[], Access::Anyone), Ok(Caller::Anonymous));
        assert_eq!(admit(&open, &[], Access::Operator), Ok(Caller::Anonymous));
    }
}
