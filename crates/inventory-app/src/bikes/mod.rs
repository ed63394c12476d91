//! Bikes: an opaque id, where it is, and whether it can be taken.
//!
//! A bike is available or in use; a trip takes it and releases it (`take`, `release`). Its place is that of its newest
//! location event. Lists find bikes by place through an index; the live feed tells each change of a place. Nothing here
//! knows who may write: the gateway decides that.

mod area;
pub mod feed;
mod http;
pub mod import;
mod model;
mod position;
mod position_model;
mod search;
mod status;

use platform::database::{Connection, DatabaseError};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

pub(crate) use model::Bike;
pub use position::Position;

/// The routes under `/api/bikes`.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list, http::create))
        .merge(feed::router())
        .routes(routes!(http::get))
}

/// Takes an available bike, in the transaction of its trip; `false` when it is not there or in use.
///
/// # Errors
/// [`DatabaseError`].
pub(crate) async fn take(connection: &mut Connection, id: String) -> Result<bool, DatabaseError> {
    model::take(connection, id).await
}

/// Makes a bike available again, where it was last.
///
/// # Errors
/// [`DatabaseError`].
pub(crate) async fn release(connection: &mut Connection, id: String) -> Result<(), DatabaseError> {
    model::release(connection, id).await
}

/// Whether there is a bike with this id.
///
/// # Errors
/// [`DatabaseError`].
pub(crate) async fn exists(connection: &mut Connection, id: String) -> Result<bool, DatabaseError> {
    model::exists(connection, id).await
}
