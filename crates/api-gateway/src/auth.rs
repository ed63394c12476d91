//! Who calls, and whether they may.
//!
//! A token is `Authorization: Bearer <token>`, or the bare token. An unknown token is refused on every route, open ones
//! too: a client that sends one expects to be known. Tokens are compared in constant time and never logged.

use axum::http::{HeaderMap, HeaderValue, header};
use platform::{http::caller::Caller, problem::Problem};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// With or without a token.
    Anyone,
    /// A user.
    User,
    /// The operator.
    Operator,
    /// A user or the operator.
    UserOrOperator,
}

/// What the gateway knows of its callers: the operator's token, as a digest, so that its length does not show either.
#[derive(Clone)]
pub struct Auth {
    operator: Option<[u8; 32]>,
}

impl Auth {
    /// Knows the operator by `token`. An empty one makes every caller without a token the operator, which is logged as a
    /// warning.
    #[must_use]
    pub fn new(token: &SecretString) -> Self {
        let token = token.expose_secret().trim();
        if token.is_empty() {
            tracing::warn!("OPERATOR_TOKEN is empty: a caller without a token is the operator");
        }
        let operator = (!token.is_empty()).then(|| Sha256::digest(token).into());
        Self { operator }
    }

    /// Whether a caller without a token is the operator.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.operator.is_none()
    }

    /// Who sent these headers. It may wait for the answer of another service.
    ///
    /// # Errors
    /// 401: an unknown token, or more than one.
    #[expect(
        clippy::unused_async,
        reason = "the token of a user is checked with the billing, which is asked here"
    )]
    pub async fn identify(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        match (given.next(), given.next()) {
            (None, _) => Ok(Caller::Anonymous),
            (Some(one), None) if self.is_operators(token(one)) => Ok(Caller::Operator),
            _ => Err(Problem::unauthorized("the token is unknown")),
        }
    }

    /// As whom `caller` calls an operation, if they may: without a token as the operator, where the operator may call and
    /// no token is set.
    ///
    /// # Errors
    /// 401 without a token where one is needed, 403 with the token of the other kind of caller.
    pub fn admit(&self, caller: Caller, access: Access) -> Result<Caller, Problem> {
        match (access, caller) {
            (Access::Anyone | Access::Operator | Access::UserOrOperator, Caller::Anonymous)
                if self.is_open() =>
            {
                Ok(Caller::Operator)
            }
            (Access::Anyone, _)
            | (Access::User | Access::UserOrOperator, Caller::User { .. })
            | (Access::Operator | Access::UserOrOperator, Caller::Operator) => Ok(caller),
            (_, Caller::Anonymous) => Err(Problem::unauthorized(access.wanted())),
            (_, Caller::User { .. } | Caller::Operator) => Err(Problem::forbidden(access.wanted())),
        }
    }

    fn is_operators(&self, token: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(token).into();
        self.operator
            .is_some_and(|operator| operator.ct_eq(&digest).into())
    }
}

impl Access {
    /// What a refused caller is told.
    fn wanted(self) -> &'static str {
        match self {
            Self::Anyone => "this route needs no token",
            Self::User => "this route needs the token of a user",
            Self::Operator => "this route needs the operator's token",
            Self::UserOrOperator => "this route needs the token of a user or of the operator",
        }
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
    use uuid::Uuid;

    const ALL: [Access; 4] = [
        Access::Anyone,
        Access::User,
        Access::Operator,
        Access::UserOrOperator,
    ];

    const USER: Caller = Caller::User { id: Uuid::nil() };

    async fn identify(auth: &Auth, tokens: &[&str]) -> Result<Caller, StatusCode> {
        let mut headers = HeaderMap::new();
        for token in tokens {
            headers.append(header::AUTHORIZATION, token.parse().unwrap());
        }
        let caller = auth.identify(&headers).await;
        caller.map_err(|problem| problem.status())
    }

    fn admitted(auth: &Auth, caller: Caller) -> [Result<Caller, u16>; 4] {
        ALL.map(|access| {
            let admitted = auth.admit(caller, access);
            admitted.map_err(|problem| problem.status().as_u16())
        })
    }

    #[tokio::test]
    async fn the_operators_token_counts_with_and_without_its_scheme() {
        let auth = Auth::new(&"s3cret".into());
        for token in [
            "s3cret",
            "Bearer s3cret",
            "bearer s3cret",
            "BEARER   s3cret",
        ] {
            assert_eq!(
                identify(&auth, &[token]).await,
                Ok(Caller::Operator),
                "{token}"
            );
        }
    }

    #[tokio::test]
    async fn any_other_token_is_unknown() {
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
        for auth in ["s3cret", "", " "].map(|token| Auth::new(&token.into())) {
            for token in wrong {
                let refused = identify(&auth, &[token]).await;
                assert_eq!(refused, Err(StatusCode::UNAUTHORIZED), "{token:?}");
            }
        }
    }

    #[tokio::test]
    async fn two_tokens_are_refused() {
        let auth = Auth::new(&"s3cret".into());
        let refused = identify(&auth, &["s3cret", "s3cret"]).await;
        assert_eq!(refused, Err(StatusCode::UNAUTHORIZED));
    }

    #[test]
    fn each_caller_is_admitted_where_the_access_names_it() {
        let closed = Auth::new(&"s3cret".into());
        let (anonymous, operator) = (Caller::Anonymous, Caller::Operator);
        assert_eq!(
            admitted(&closed, anonymous),
            [Ok(anonymous), Err(401), Err(401), Err(401)]
        );
        assert_eq!(
            admitted(&closed, USER),
            [Ok(USER), Ok(USER), Err(403), Ok(USER)]
        );
        assert_eq!(
            admitted(&closed, operator),
            [Ok(operator), Err(403), Ok(operator), Ok(operator)]
        );
    }

    #[test]
    fn where_no_token_is_set_a_caller_without_one_is_the_operator() {
        let open = Auth::new(&"".into());
        let operator = Caller::Operator;
        assert_eq!(
            admitted(&open, Caller::Anonymous),
            [Ok(operator), Err(401), Ok(operator), Ok(operator)]
        );
        assert_eq!(
            admitted(&open, USER),
            [Ok(USER), Ok(USER), Err(403), Ok(USER)]
        );
    }
}
