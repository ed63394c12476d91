//! The JSON of the routes of accounts. What is secret in a request is a redacted type.

use garde::Validate;
use platform::http::extract::trimmed;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    model::{User, users::Profile},
    passwords,
};

/// The shortest and the longest password, in characters.
const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 8..=128;

/// A new user. Unknown fields are ignored.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct Registration {
    /// 1 to 64 letters, digits and `.`, `_`, `@`, `+`, `-`; no other user has it, whatever the case.
    #[garde(length(chars, min = 1, max = 64), pattern(r"^[A-Za-z0-9._@+-]*$"))]
    #[schema(
        example = "sylvia",
        min_length = 1,
        max_length = 64,
        pattern = r"^[A-Za-z0-9._@+-]+$"
    )]
    username: String,
    /// No other user has it, whatever the case.
    #[garde(length(chars, max = 254), email)]
    #[schema(example = "sylvia@example.com", format = Email, max_length = 254)]
    #[serde(deserialize_with = "trimmed")]
    email: String,
    /// 8 to 128 characters; not one of the most common passwords.
    #[garde(custom(new_password))]
    #[schema(value_type = String, example = "correct horse battery", format = Password, write_only, min_length = 8, max_length = 128, pattern = r"^[^\u0000]*$")]
    password: SecretString,
    /// At most 100 characters.
    #[garde(length(chars, max = 100))]
    #[schema(example = "Sylvia", max_length = 100, pattern = r"^[^\u0000]*$")]
    first_name: Option<String>,
    /// At most 100 characters.
    #[garde(length(chars, max = 100))]
    #[schema(example = "Plath", max_length = 100, pattern = r"^[^\u0000]*$")]
    last_name: Option<String>,
    /// Where orders are shipped to; at most 500 characters.
    #[garde(length(chars, max = 500))]
    #[schema(
        example = "3 Chalcot Square, London",
        max_length = 500,
        pattern = r"^[^\u0000]*$"
    )]
    address: Option<String>,
}

/// A name and its password.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct Credentials {
    /// As it was registered, in any case.
    #[garde(skip)]
    #[schema(example = "sylvia", pattern = r"^[^\u0000]*$")]
    pub(super) username: String,
    /// As it was registered.
    #[garde(skip)]
    #[schema(value_type = String, example = "correct horse battery", format = Password, write_only, pattern = r"^[^\u0000]*$")]
    pub(super) password: SecretString,
}

/// A token.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct TokenBody {
    /// As it was given at login.
    #[garde(skip)]
    #[schema(value_type = String, example = "sY4HX5WpTZvFqnX0b1nIuWqUuGdcZcXkKbBz0n1mJxE", write_only, pattern = r"^[^\u0000]*$")]
    pub(super) token: SecretString,
}

/// Which sessions end; without a body, the one whose token was sent as `Authorization`.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
pub(super) struct LogoutBody {
    /// The token of the session that ends, in place of the one in `Authorization`.
    #[garde(skip)]
    #[schema(value_type = Option<String>, example = "sY4HX5WpTZvFqnX0b1nIuWqUuGdcZcXkKbBz0n1mJxE", write_only, pattern = r"^[^\u0000]*$")]
    pub(super) token: Option<SecretString>,
    /// Whether all sessions of the same user end.
    #[garde(skip)]
    #[schema(example = false)]
    #[serde(default)]
    pub(super) all: bool,
}

/// A user, as every route answers it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(super) struct UserBody {
    /// Given at registration; the customer's id is the same.
    #[schema(example = "0198c0de-0000-7000-8000-000000000000")]
    id: Uuid,
    /// As it was registered.
    #[schema(example = "sylvia")]
    username: String,
    /// As it was registered.
    #[schema(example = "sylvia@example.com")]
    email: String,
    /// If it was given.
    #[schema(required, example = "Sylvia")]
    first_name: Option<String>,
    /// If it was given.
    #[schema(required, example = "Plath")]
    last_name: Option<String>,
    /// If it was given.
    #[schema(required, example = "3 Chalcot Square, London")]
    address: Option<String>,
    /// When the user was registered.
    #[serde(with = "platform::timestamp")]
    #[schema(value_type = String, format = DateTime, example = "2026-12-01T12:00:00.000000Z")]
    time_registered: OffsetDateTime,
}

/// A registered user, logged in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RegisteredBody {
    #[serde(flatten)]
    pub(super) user: UserBody,
    /// The token of the user's first session. It is not shown again.
    #[serde(serialize_with = "exposed")]
    #[schema(value_type = String, example = "sY4HX5WpTZvFqnX0b1nIuWqUuGdcZcXkKbBz0n1mJxE")]
    pub(super) token: SecretString,
}

/// A new session.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LoggedInBody {
    /// For `Authorization: Bearer TOKEN`. It is not shown again.
    #[serde(serialize_with = "exposed")]
    #[schema(value_type = String, example = "sY4HX5WpTZvFqnX0b1nIuWqUuGdcZcXkKbBz0n1mJxE")]
    pub(super) token: SecretString,
}

/// Whose token it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CheckedBody {
    #[serde(flatten)]
    pub(super) user: UserBody,
    /// The session that the token belongs to.
    #[schema(example = "0198c0de-0000-7000-8000-000000000001")]
    pub(super) session_id: Uuid,
    /// When the session ends if the token is not used before; each use moves it, up to 30 days after the login.
    #[serde(with = "platform::timestamp")]
    #[schema(value_type = String, format = DateTime, example = "2026-12-08T12:00:00.000000Z")]
    pub(super) expires_at: OffsetDateTime,
}

/// There is such a user.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExistsBody {
    /// Always `true`; an unknown name is a 404.
    #[schema(example = true)]
    pub(super) exists: bool,
}

impl Registration {
    /// The password, and what else is kept.
    pub(super) fn into_parts(self) -> (SecretString, Profile) {
        let profile = Profile {
            username: self.username,
            email: self.email,
            first_name: self.first_name,
            last_name: self.last_name,
            address: self.address,
        };
        (self.password, profile)
    }
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username,
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
            address: user.address,
            time_registered: user.registered_at,
        }
    }
}

fn new_password(password: &SecretString, (): &()) -> garde::Result {
    let password = password.expose_secret();
    if !PASSWORD_LENGTH.contains(&password.chars().count()) {
        return Err(garde::Error::new("must have 8 to 128 characters"));
    }
    if passwords::is_common(password) {
        return Err(garde::Error::new("is one of the most common passwords"));
    }
    Ok(())
}

/// For the one answer that shows a token.
fn exposed<S: Serializer>(token: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.expose_secret())
}
