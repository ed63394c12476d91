//! Why a query failed, and whether trying again may help.

use std::{error::Error, sync::Arc, time::Duration};

use axum::http::StatusCode;
use diesel::result::{DatabaseErrorKind, Error as QueryError};

use super::{ConnectError, SqlState};
use crate::problem::Problem;

/// A query was not answered, or the database said no.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No connection could be made or had in time.
    #[error("no database connection")]
    Unavailable(#[source] Arc<ConnectError>),
    /// All connections were busy for too long.
    #[error("no free database connection within {0:?}")]
    Busy(Duration),
    /// No answer within the limit.
    #[error("no answer from the database within {0:?}")]
    Late(Duration),
    /// The database answered with an error.
    #[error("the database refused a query{}", .code.map(|code| format!(" ({code:?})")).unwrap_or_default())]
    Query {
        /// What diesel says of it.
        #[source]
        source: QueryError,
        /// What the server called it; absent when it was not the server that failed.
        code: Option<SqlState>,
    },
    /// A query panicked with this message, which is a bug.
    #[error("a query panicked: {0}")]
    Panicked(String),
    /// The database cannot be reached to migrate it.
    #[error(transparent)]
    Connect(ConnectError),
    /// A migration failed.
    #[error("the database could not be migrated")]
    Migration(#[source] Box<dyn Error + Send + Sync>),
}

/// The classes of SQLSTATE whose errors are not the fault of the data or the query (PostgreSQL, appendix A).
const TRANSIENT_CLASSES: &[&str] = &[
    "08", // connection exception
    "0A", // feature not supported: a cached plan that is out of date after a migration
    "25", // invalid transaction state: read-only since a failover
    "26", // a prepared statement that the server does not know any more
    "40", // transaction rollback: deadlock, serialization
    "53", // insufficient resources
    "55", // object not in prerequisite state: a lock was not to be had
    "57", // operator intervention: shutdown, cancelled by a time limit
    "58", // system error
    "XX", // internal error
];

impl DatabaseError {
    /// Whether the same query may succeed later: the database was absent, late or busy, and the query not wrong.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Busy(_) | Self::Late(_) => true,
            Self::Query { source, code } => match code {
                Some(code) => TRANSIENT_CLASSES.contains(&code.class()),
                None => is_connection_error(source),
            },
            Self::Panicked(_) | Self::Connect(_) | Self::Migration(_) => false,
        }
    }

    /// Whether the session itself may be the reason: read-only since a failover, with a plan that is out of date, about to
    /// end. Another one may work.
    pub(super) fn may_be_the_session(&self) -> bool {
        let Self::Query { code, .. } = self else {
            return false;
        };
        let of_the_moment =
            |code: &SqlState| matches!(code.class(), "40" | "55") || code.code() == "57014";
        self.is_transient() && !code.as_ref().is_some_and(of_the_moment)
    }

    /// For health: without addresses and names.
    pub(super) fn summary(&self) -> String {
        match self {
            Self::Unavailable(cause) if matches!(**cause, ConnectError::Refused(..)) => {
                "the database refuses the login".into()
            }
            error => error.to_string(),
        }
    }

    /// Whether it was this constraint that refused the row. [`on_violation`] is for a query with one.
    #[must_use]
    pub fn violates(&self, constraint: &str) -> bool {
        match self {
            Self::Query {
                source: QueryError::DatabaseError(_, information),
                ..
            } => information.constraint_name() == Some(constraint),
            _ => false,
        }
    }
}

/// Turns the violation of a named constraint into a client error, beside the query that may violate it:
/// `.map_err(on_violation("beers_sku_key", || Problem::conflict("this sku exists")))`. Other errors stay what they are.
pub fn on_violation(
    constraint: &str,
    problem: impl FnOnce() -> Problem,
) -> impl FnOnce(DatabaseError) -> Problem {
    move |error| {
        if error.violates(constraint) {
            problem().because(error)
        } else {
            error.into()
        }
    }
}

fn is_connection_error(error: &QueryError) -> bool {
    use DatabaseErrorKind::{ClosedConnection, UnableToSendCommand};
    matches!(
        error,
        QueryError::BrokenTransactionManager
            | QueryError::DatabaseError(ClosedConnection | UnableToSendCommand, _)
    )
}

/// Absent, late or busy is a 503. What is left is our own mistake: a slice turns constraints into client errors.
impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        Arc::new(error).into()
    }
}

/// Of an error that several requests have met.
impl From<Arc<DatabaseError>> for Problem {
    fn from(error: Arc<DatabaseError>) -> Self {
        let problem = if error.is_transient() {
            Problem::unavailable("the database does not answer; try again in a moment")
        } else {
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the request could not be carried out",
            )
        };
        problem.because(error)
    }
}
