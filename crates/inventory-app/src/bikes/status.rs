//! The states of a bike.

use diesel::{deserialize::FromSqlRow, expression::AsExpression, sql_types::Text};
use serde::Serialize;
use utoipa::ToSchema;

/// Whether a bike can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema, AsExpression, FromSqlRow)]
#[serde(rename_all = "snake_case")]
#[schema(as = BikeStatus, example = "available")]
#[diesel(sql_type = Text)]
pub(crate) enum Status {
    /// A trip may be started with it.
    Available,
    /// It is on a trip.
    InUse,
}

impl Status {
    /// As the table keeps it, and as clients write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::InUse => "in_use",
        }
    }

    /// The status of this name.
    pub(super) fn of(name: &str) -> Option<Self> {
        let all = [Self::Available, Self::InUse];
        all.into_iter().find(|status| status.name() == name)
    }
}

platform::text_column!(Status);
