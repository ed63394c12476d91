//! The states of an order.

use diesel::{deserialize::FromSqlRow, expression::AsExpression, sql_types::Text};
use serde::Serialize;
use utoipa::ToSchema;

/// Where an order is: `OPEN`, then `PROCESSING`, then one of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema, AsExpression, FromSqlRow)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = OrderStatus, example = "PROCESSING")]
#[diesel(sql_type = Text)]
pub(super) enum Status {
    /// Its user adds and removes beers.
    Open,
    /// Checked out; its shipping was asked for.
    Processing,
    /// On its way.
    Shipped,
    /// It never will be; what was paid is given back.
    Cancelled,
}

impl Status {
    /// As the tables keep it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Processing => "PROCESSING",
            Self::Shipped => "SHIPPED",
            Self::Cancelled => "CANCELLED",
        }
    }

    fn of(name: &str) -> Option<Self> {
        let all = [Self::Open, Self::Processing, Self::Shipped, Self::Cancelled];
        all.into_iter().find(|status| status.name() == name)
    }
}

platform::text_column!(Status);
