//! The routes of accounts: what they answer and document.
//!
//! A password is hashed between two uses of the database, so that no connection waits for a hash.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use metrics::counter;
use platform::{
    database::Connection,
    http::{
        caller::{Caller, SESSIONS_ENDED},
        extract::{self, Query},
    },
    problem::Problem,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::{
    bodies::{
        CheckedBody, Credentials, ExistsBody, LoggedInBody, LogoutBody, RegisteredBody,
        Registration, TokenBody, UserBody,
    },
    model::{
        self, Login, Throttle, User,
        sessions::{self, Ending},
        users::Known,
    },
    token,
};
use crate::{App, metrics::LOGINS};

/// Whose name.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct NameQuery {
    /// A name, in any case.
    #[param(example = "sylvia", pattern = r"^[^\u0000]*$")]
    username: String,
}

/// Register
///
/// Makes a user, who is a customer too, and logs them in. Names and emails are taken whatever their case.
#[utoipa::path(post, path = "/api/users/register", tag = "users", request_body = Registration, responses(
    (status = 201, body = RegisteredBody, description = "The user, and the token of their first session",
        example = json!({"id": "0198c0de-0000-7000-8000-000000000000", "username": "sylvia", "email": "sylvia@example.com",
            "first_name": "Sylvia", "last_name": "Plath", "address": "3 Chalcot Square, London",
            "time_registered": "2026-12-01T12:00:00.000000Z", "token": "sY4HX5WpTZvFqnX0b1nIuWqUuGdcZcXkKbBz0n1mJxE"})),
    (status = 409, description = "The username or the email is taken"),
    (status = 429, description = "Too many: by this client, or for this name",
        headers(("Retry-After" = u32, description = "Seconds until it is worth trying again"))),
))]
pub(super) async fn register(
    State(app): State<App>,
    extract::Json(body): extract::Json<Registration>,
) -> Result<Response, Problem> {
    let (password, profile) = body.into_parts();
    let throttle = Throttle::registration(&profile.username);
    let blocked = app.database.run(async |c| throttle.blocked(c).await);
    admit(blocked.await?)?;
    let hash = app.passwords.hash(password).await?;
    let (token, token_hash) = new_token()?;
    let insert = async |c: &mut Connection| model::register(c, profile, hash, token_hash).await;
    let registered = app.database.transaction(insert).await;
    if registered.as_ref().is_err_and(is_conflict) {
        let fail = async |c: &mut Connection| throttle.fail(c).await;
        app.database.transaction(fail).await?;
    }
    let user = registered?.into();
    Ok(secret(StatusCode::CREATED, RegisteredBody { user, token }))
}

/// Log in
///
/// Begins a session. A user may have several; of more than 50, the oldest ends. After 5 wrong passwords for a name, known
/// or not, each further one blocks the name: for a second, then twice as long each time, up to a minute.
#[utoipa::path(post, path = "/api/users/login", tag = "users", request_body = Credentials, responses(
    (status = 200, body = LoggedInBody, description = "The token of the new session"),
    (status = 401, description = "The name or the password is wrong"),
    (status = 429, description = "Too many: by this client, or for this name",
        headers(("Retry-After" = u32, description = "Seconds until it is worth trying again"))),
))]
pub(super) async fn login(
    State(app): State<App>,
    extract::Json(body): extract::Json<Credentials>,
) -> Result<Response, Problem> {
    let answer = begin_session(&app, body).await;
    counter!(LOGINS, "result" => result(&answer)).increment(1);
    Ok(secret(StatusCode::OK, answer?))
}

async fn begin_session(app: &App, body: Credentials) -> Result<LoggedInBody, Problem> {
    let Credentials { username, password } = body;
    let throttle = Throttle::login(&username);
    let find = async |c: &mut Connection| {
        let blocked = throttle.blocked(c).await?;
        Ok::<_, Problem>((blocked, Known::by_name(c, &username).await?))
    };
    let (blocked, known) = app.database.run(find).await?;
    admit(blocked)?;
    let (id, hash) = known.map(|user| (user.id, user.password_hash)).unzip();
    let right = app.passwords.verify(password, hash).await?;
    let user = id.filter(|_| right);
    let (token, token_hash) = new_token()?;
    let log_in = async |c: &mut Connection| model::log_in(c, throttle, user, token_hash).await;
    match app.database.transaction(log_in).await? {
        Login::Done => Ok(LoggedInBody { token }),
        Login::Refused => Err(Problem::unauthorized("the name or the password is wrong")),
        Login::Blocked(seconds) => Err(blocked_for(seconds)),
    }
}

/// Log out
///
/// Ends the session of the token in `Authorization`, or of the one in the body; with `all`, every session of the same
/// user. The token is dead at once. A token that is dead already, or never was, is no error.
#[utoipa::path(post, path = "/api/users/logout", tag = "users",
    request_body(content = Option<LogoutBody>, content_type = "application/json",
        example = json!({"token": "sY4HX5WpTZvFqnX0b1nIuWqUuGdcZcXkKbBz0n1mJxE", "all": false})), responses(
    (status = 204, description = "The token is dead"),
    (status = 401, description = "No token, or an unknown one in `Authorization`"),
))]
pub(super) async fn logout(
    State(app): State<App>,
    caller: Caller,
    body: Option<extract::Json<LogoutBody>>,
) -> Result<Response, Problem> {
    let LogoutBody { token, all } = body.map(|extract::Json(body)| body).unwrap_or_default();
    let ending = match (token, caller) {
        (Some(token), _) => Ending::Token(token::hash(&token)),
        (None, Caller::User { id, session }) => Ending::Session {
            id: session,
            user: id,
        },
        (None, Caller::Anonymous | Caller::Operator) => {
            let detail = "a logout needs the token of a user, as `Authorization` or in the body";
            return Err(Problem::unauthorized(detail));
        }
    };
    let end = async |c: &mut Connection| sessions::end(c, ending, all).await;
    let ended = app.database.transaction(end).await?;
    let ended = [(SESSIONS_ENDED, HeaderValue::from(ended))];
    Ok((StatusCode::NO_CONTENT, ended).into_response())
}

/// Whether a name is taken
///
/// 200 when there is a user of this name, in any case.
#[utoipa::path(get, path = "/api/users/exists", tag = "users", params(NameQuery), responses(
    (status = 200, body = ExistsBody, description = "There is"),
    (status = 404, description = "There is none"),
))]
pub(super) async fn exists(
    State(app): State<App>,
    Query(NameQuery { username }): Query<NameQuery>,
) -> Result<Json<ExistsBody>, Problem> {
    let exists = app.database.run(async |c| User::exists(c, &username).await);
    if exists.await? {
        Ok(Json(ExistsBody { exists: true }))
    } else {
        Err(Problem::not_found("no user has this name"))
    }
}

/// Whose token it is
///
/// The user of a token, and the session. This counts as a use of the token, which keeps the session.
#[utoipa::path(post, path = "/api/users/check_token", tag = "users", request_body = TokenBody, responses(
    (status = 200, body = CheckedBody, description = "The user and the session",
        example = json!({"id": "0198c0de-0000-7000-8000-000000000000", "username": "sylvia", "email": "sylvia@example.com",
            "first_name": "Sylvia", "last_name": "Plath", "address": "3 Chalcot Square, London",
            "time_registered": "2026-12-01T12:00:00.000000Z", "session_id": "0198c0de-0000-7000-8000-000000000001",
            "expires_at": "2026-12-08T12:00:00.000000Z"})),
    (status = 404, description = "The token is unknown: it never was, has expired, or was logged out"),
))]
pub(super) async fn check_token(
    State(app): State<App>,
    extract::Json(TokenBody { token }): extract::Json<TokenBody>,
) -> Result<Json<CheckedBody>, Problem> {
    let hash = token::hash(&token);
    let known = app.database.run(async |c| sessions::find(c, hash).await);
    let (session, user) = known
        .await?
        .ok_or_else(|| Problem::not_found("the token is unknown"))?;
    Ok(Json(CheckedBody {
        user: UserBody::from(user),
        session_id: session.id,
        expires_at: session.expires_at,
    }))
}

/// What a login came to, for the metrics.
fn result(answer: &Result<LoggedInBody, Problem>) -> &'static str {
    match answer.as_ref().map_err(Problem::status) {
        Ok(_) => "done",
        Err(StatusCode::UNAUTHORIZED) => "refused",
        Err(StatusCode::TOO_MANY_REQUESTS) => "limited",
        Err(_) => "failed",
    }
}

/// Refuses an attempt under a name that is blocked for so many seconds.
fn admit(blocked: Option<u64>) -> Result<(), Problem> {
    blocked.map_or(Ok(()), |seconds| Err(blocked_for(seconds)))
}

fn blocked_for(seconds: u64) -> Problem {
    Problem::too_many("too many attempts for this name", seconds)
}

fn is_conflict(problem: &Problem) -> bool {
    problem.status() == StatusCode::CONFLICT
}

fn new_token() -> Result<(SecretString, token::TokenHash), Problem> {
    let token = token::draw().map_err(|error| {
        Problem::unavailable("no token can be made now; try again in a moment").because(error)
    })?;
    let hash = token::hash(&token);
    Ok((token, hash))
}

/// An answer with a token in it, which no cache may keep.
fn secret(status: StatusCode, body: impl Serialize) -> Response {
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (status, no_store, Json(body)).into_response()
}
