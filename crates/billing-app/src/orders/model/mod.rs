//! The rows of orders, lines and history, and their queries.
//!
//! An order is read whole, by one statement: its state, lines and history are those of one moment. Every change of an order
//! is made by those who have locked its row.

mod changing;
mod reading;

use diesel::{
    prelude::*,
    sql_types::{Text, Timestamptz},
};
use rust_decimal::Decimal;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{schema::orders::orders, status::Status};

pub(super) use changing::{
    add_line, ask_again, check_out, end, insert_open, insert_processing, lock, lock_open,
    remove_line, show,
};

/// An order, whole.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) id: Uuid,
    /// Who pays; `None` for what the operator orders.
    pub(super) user_id: Option<Uuid>,
    pub(super) customer_id: Uuid,
    pub(super) status: Status,
    /// `None` while it is open.
    pub(super) total: Option<Decimal>,
    pub(super) created_at: OffsetDateTime,
    /// How often its shipping was asked for.
    pub(super) asks: i32,
    pub(super) lines: Vec<Line>,
    pub(super) history: Vec<Entry>,
}

/// A beer of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) sku: String,
    pub(super) name: String,
    pub(super) quantity: i32,
    /// As the table has it, the one that was shown last.
    pub(super) price: Decimal,
}

/// A state, and when it began.
#[derive(Debug, Clone, QueryableByName)]
pub(super) struct Entry {
    #[diesel(sql_type = Text)]
    pub(super) status: Status,
    #[diesel(sql_type = Timestamptz)]
    pub(super) at: OffsetDateTime,
}

/// An order whose row is locked, as far as its end needs it.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = orders)]
pub(super) struct Locked {
    pub(super) id: Uuid,
    pub(super) user_id: Option<Uuid>,
    pub(super) status: Status,
    pub(super) total: Option<Decimal>,
}
