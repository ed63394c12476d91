//! Who calls, and whether they may.
//!
//! A token is `Authorization: Bearer <token>`, or the bare token. An unknown token is refused on every route, open ones
//! too: a client that sends one expects to be known. The operator's token is compared here, in constant time; any other
//! may be a user's, which [`crate::users`] knows. No token is ever logged.

use std::sync::Arc;

use axum::http::{Extensions, HeaderMap, HeaderValue, header};
use platform::{http::caller::Caller, problem::Problem};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::users::Users;

/// The longest text that may be the token of a user, in bytes.
const MAX_TOKEN: usize = 255;

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

/// What the gateway knows of its callers; clones share it.
#[derive(Clone)]
pub struct Auth {
    /// The operator's token, as a digest, so that its length does not show either.
    operator: Option<[u8; 32]>,
    users: Arc<Users>,
}

impl Auth {
    /// Knows the operator by `token`. An empty one makes every caller without a token the operator, which is logged as a
    /// warning.
    #[must_use]
    pub fn new(token: &SecretString, users: Users) -> Self {
        let token = token.expose_secret().trim();
        if token.is_empty() {
            tracing::warn!("OPERATOR_TOKEN is empty: a caller without a token is the operator");
        }
        let operator = (!token.is_empty()).then(|| Sha256::digest(token).into());
        Self {
            operator,
            users: Arc::new(users),
        }
    }

    /// The users and their tokens.
    #[must_use]
    pub fn users(&self) -> &Users {
        &self.users
    }

    /// Whether a caller without a token is the operator.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.operator.is_none()
    }

    /// Who sent a request with these headers and extensions. It may wait for the answer of the billing.
    ///
    /// # Errors
    /// 401: an unknown token, or more than one. 429: too many tokens that are not remembered, from one client. 503: a token that may be a user's cannot be checked.
    pub async fn identify(
        &self,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Caller, Problem> {
        let Some(token) = presented(headers)? else {
            return Ok(Caller::Anonymous);
        };
        if self.is_operators(token) {
            return Ok(Caller::Operator);
        }
        Box::pin(self.users.identify(users_token(token)?, extensions)).await
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

/// The token that was sent, if one was.
fn presented(headers: &HeaderMap) -> Result<Option<&[u8]>, Problem> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    match (given.next(), given.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => Ok(Some(token(one))),
        (Some(_), Some(_)) => Err(unknown()),
    }
}

/// The text that may be the token of a user: visible characters, and not too many. Nothing else is worth a question.
fn users_token(token: &[u8]) -> Result<&str, Problem> {
    let is_visible =
        (1..=MAX_TOKEN).contains(&token.len()) && token.iter().all(u8::is_ascii_graphic);
    let text = str::from_utf8(token).ok().filter(|_| is_visible);
    text.ok_or_else(unknown)
}

fn unknown() -> Problem {
    Problem::unauthorized("the token is unknown")
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
    use crate::rates::{Allowances, Rates};
    use axum::http::StatusCode;
    use platform::config::prefixed::Endpoint;
    use uuid::Uuid;

    const ALL: [Access; 4] = [
        Access::Anyone,
        Access::User,
        Access::Operator,
        Access::UserOrOperator,
    ];

    const USER: Caller = Caller::User {
        id: Uuid::nil(),
        session: Uuid::nil(),
    };

    /// Port 1 has no service: there is no billing to ask.
    fn auth(token: &str) -> Auth {
        let absent = Endpoint {
            variables: "BILLING_APP",
            host: "127.0.0.1".into(),
            port: 1,
        };
        let rates = Rates::new(&Allowances::default());
        let users = Users::new(&absent, rates.into()).unwrap();
        Auth::new(&token.into(), users)
    }

    async fn identify(auth: &Auth, tokens: &[&str]) -> Result<Caller, StatusCode> {
        let mut headers = HeaderMap::new();
        for token in tokens {
            headers.append(header::AUTHORIZATION, token.parse().unwrap());
        }
        let caller = auth.identify(&headers, &Extensions::new()).await;
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
        let auth = auth("s3cret");
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
    async fn what_cannot_be_a_token_is_unknown_without_a_question() {
        let long = "x".repeat(MAX_TOKEN + 1);
        for auth in ["s3cret", "", " "].map(auth) {
            for token in ["", "Bearer ", "Basic s3cret", "Bearer a b", &long] {
                let refused = identify(&auth, &[token]).await;
                assert_eq!(refused, Err(StatusCode::UNAUTHORIZED), "{token:?}");
            }
        }
    }

    #[tokio::test]
    async fn any_other_token_may_be_a_users_and_cannot_be_checked_without_the_billing() {
        for auth in ["s3cret", "", " "].map(auth) {
            for token in ["s3cre", "s3crets", "S3CRET", "Bearer x", "Bearer"] {
                let refused = identify(&auth, &[token]).await;
                assert_eq!(refused, Err(StatusCode::SERVICE_UNAVAILABLE), "{token:?}");
            }
        }
    }

    #[tokio::test]
    async fn two_tokens_are_refused() {
        let auth = auth("s3cret");
        let refused = identify(&auth, &["s3cret", "s3cret"]).await;
        assert_eq!(refused, Err(StatusCode::UNAUTHORIZED));
    }

    #[test]
    fn each_caller_is_admitted_where_the_access_names_it() {
        let closed = auth("s3cret");
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
        let open = auth("");
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
