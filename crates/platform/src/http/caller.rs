//! Who calls, as the gateway says it to the services: `x-caller`, `x-user-id` and `x-session-id`.
//!
//! The gateway removes these headers from what a client sends and writes its own. A service believes them, so only the
//! gateway may reach its port (`nix/machines` closes it to the others). Nothing here checks a token.
//! The other way, [`SESSIONS_ENDED`] is what the billing says to the gateway, which shows it to no client.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, request::Parts},
};
use uuid::Uuid;

use crate::problem::Problem;

/// `anonymous`, `user` or `operator`.
const X_CALLER: HeaderName = HeaderName::from_static("x-caller");

/// The id of the user, beside `x-caller: user`.
const X_USER_ID: HeaderName = HeaderName::from_static("x-user-id");

/// The id of the session that the user's token belongs to, beside `x-user-id`.
const X_SESSION_ID: HeaderName = HeaderName::from_static("x-session-id");

/// In the answer to a logout: how many sessions have ended.
pub const SESSIONS_ENDED: HeaderName = HeaderName::from_static("x-sessions-ended");

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Without a token.
    Anonymous,
    /// With the token of a user.
    User {
        /// The user's id.
        id: Uuid,
        /// The id of the session whose token was sent.
        session: Uuid,
    },
    /// With the operator's token, or without one where none is set.
    Operator,
}

impl Caller {
    /// Its name in `x-caller`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User { .. } => "user",
            Self::Operator => "operator",
        }
    }

    /// Writes the headers, in place of any that are there.
    pub fn write(self, headers: &mut HeaderMap) {
        headers.remove(X_USER_ID);
        headers.remove(X_SESSION_ID);
        headers.insert(X_CALLER, HeaderValue::from_static(self.name()));
        if let Self::User { id, session } = self {
            for (name, id) in [(X_USER_ID, id), (X_SESSION_ID, session)] {
                // The text of a uuid is always a header value.
                let id = HeaderValue::try_from(id.to_string()).ok();
                headers.extend(id.map(|id| (name, id)));
            }
        }
    }

    /// Reads the headers. Without them the caller is anonymous: the request did not come through the gateway.
    ///
    /// # Errors
    /// 400 when they are not what the gateway writes.
    pub fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let caller = headers.get(X_CALLER).map(HeaderValue::as_bytes);
        let ids = [X_USER_ID, X_SESSION_ID].map(|name| headers.get(name).map(uuid));
        match (caller, ids) {
            (None | Some(b"anonymous"), [None, None]) => Ok(Self::Anonymous),
            (Some(b"operator"), [None, None]) => Ok(Self::Operator),
            (Some(b"user"), [Some(Some(id)), Some(Some(session))]) => {
                Ok(Self::User { id, session })
            }
            _ => Err(Problem::bad_request(
                "x-caller, x-user-id and x-session-id are the gateway's",
            )),
        }
    }
}

fn uuid(value: &HeaderValue) -> Option<Uuid> {
    value.to_str().ok()?.parse().ok()
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::read(&parts.headers)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_read_as_it_was_written_whatever_stood_there() {
        for caller in [
            Caller::Anonymous,
            Caller::User {
                id: Uuid::new_v4(),
                session: Uuid::new_v4(),
            },
            Caller::Operator,
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(X_CALLER, "operator".parse().unwrap());
            headers.insert(X_USER_ID, "7".parse().unwrap());
            headers.insert(X_SESSION_ID, "8".parse().unwrap());
            caller.write(&mut headers);
            assert_eq!(Caller::read(&headers).unwrap(), caller);
        }
    }

    #[test]
    fn headers_that_contradict_each_other_are_refused() {
        let id = Uuid::new_v4().to_string();
        let id = Some(id.as_str());
        for (caller, user, session) in [
            (Some("user"), None, None),
            (Some("user"), id, None),
            (Some("user"), None, id),
            (Some("user"), Some("7"), id),
            (Some("user"), id, Some("7")),
            (Some("operator"), id, id),
            (Some("operator"), None, id),
            (None, id, id),
            (None, None, id),
            (Some("root"), None, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(caller.map(|value| (X_CALLER, value.parse().unwrap())));
            headers.extend(user.map(|value| (X_USER_ID, value.parse().unwrap())));
            headers.extend(session.map(|value| (X_SESSION_ID, value.parse().unwrap())));
            let refused = Caller::read(&headers).unwrap_err();
            let status = refused.status().as_u16();
            assert_eq!(status, 400, "{caller:?} {user:?} {session:?}");
        }
    }

    #[test]
    fn without_headers_the_caller_is_anonymous() {
        assert_eq!(Caller::read(&HeaderMap::new()).unwrap(), Caller::Anonymous);
    }
}
