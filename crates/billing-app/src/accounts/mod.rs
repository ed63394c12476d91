//! Accounts: users, their sessions, and who may try to log in.
//!
//! A user has a name and an email that no other user has, whatever their case, and is a customer with the same id. A
//! session begins with a token that is shown once; only its hash is kept. It ends by a logout, after 7 days without a
//! request, or after 30 days. Whether a name is known shows in `exists` and in the 409 of `register` and nowhere else:
//! a login with an unknown name gives the same answer after the same time, and is slowed down the same way.
//!
//! # Layout
//!
//! - `http`: what the routes take, answer and document; `bodies`: their JSON.
//! - `model`: users, sessions and throttled names, each with its table.
//! - `passwords`: hashing, bounded; `token`: how a token is made and known.
//! - `timer`: removes what has expired.

mod bodies;
mod http;
mod model;
mod passwords;
mod timer;
mod token;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

pub use passwords::{Limits, Passwords};
pub use timer::CleanUp;

/// The routes under `/api/users`.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::register))
        .routes(routes!(http::login))
        .routes(routes!(http::logout))
        .routes(routes!(http::exists))
        .routes(routes!(http::check_token))
}
