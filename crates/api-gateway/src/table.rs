//! The public API on one page: every operation, who may call it, what answers it, how large its body may be and how long its
//! answer may take, and how often one client may call it.
//!
//! HEAD is answered where GET is; everything else is a 404, or a 405 with `Allow`. The documentation, the README and the
//! tests are held to this table.

use axum::http::Method;

use crate::{auth::Access, bikes::LOCATION, payments::PAYMENT, publish::Publication, rates::Rate};

use Access::{Anyone, Operator, User, UserOrOperator};
use Backend::{Billing, Inventory};
use LimitClass::{Message, Report, Small, Standard, Stream};
use Target::{Forward, Publish};

/// The public API.
pub static TABLE: &[Operation] = &[
    get("/api/movies", Anyone, Forward(Inventory), Standard),
    post("/api/movies", Operator, Forward(Inventory), Standard),
    delete("/api/movies", Operator, Forward(Inventory), Standard),
    get("/api/movies/{id}", Anyone, Forward(Inventory), Standard),
    put("/api/movies/{id}", Operator, Forward(Inventory), Standard),
    delete("/api/movies/{id}", Operator, Forward(Inventory), Standard),
    post("/api/billing", Anyone, Publish(&PAYMENT), Message),
    get("/api/billing", Operator, Forward(Billing), Standard),
    get("/api/billing/{id}", Anyone, Forward(Billing), Standard),
    get("/api/beers", Anyone, Forward(Inventory), Standard),
    post("/api/beers", User, Forward(Inventory), Standard),
    get("/api/beers/{sku}", Anyone, Forward(Inventory), Standard),
    put("/api/beers/{sku}", User, Forward(Inventory), Standard),
    delete("/api/beers/{sku}", User, Forward(Inventory), Standard),
    get("/api/bikes", Anyone, Forward(Inventory), Standard),
    post("/api/bikes", Operator, Forward(Inventory), Standard),
    get("/api/bikes/stream", Anyone, Forward(Inventory), Standard).streaming(),
    get("/api/bikes/{id}", Anyone, Forward(Inventory), Standard),
    post(
        "/api/bikes/{id}/events",
        Operator,
        Publish(&LOCATION),
        Message,
    ),
    get("/api/trips", UserOrOperator, Forward(Inventory), Standard),
    post("/api/trips", UserOrOperator, Forward(Inventory), Standard),
    get(
        "/api/trips/{id}",
        UserOrOperator,
        Forward(Inventory),
        Standard,
    ),
    post(
        "/api/trips/{id}/end",
        UserOrOperator,
        Forward(Inventory),
        Standard,
    ),
    post("/api/users/register", Anyone, Forward(Billing), Small).limited(Rate::Register),
    post("/api/users/login", Anyone, Forward(Billing), Small).limited(Rate::Login),
    post("/api/users/logout", Anyone, Forward(Billing), Small)
        .limited(Rate::Logout)
        .ending_sessions(),
    get("/api/users/exists", Anyone, Forward(Billing), Small).limited(Rate::Names),
    post("/api/users/check_token", Anyone, Forward(Billing), Small).limited(Rate::Tokens),
    get("/api/customers", Operator, Forward(Billing), Standard),
    post("/api/customers", Operator, Forward(Billing), Standard),
    get("/api/customers/{id}", Operator, Forward(Billing), Standard),
    get("/api/orders", UserOrOperator, Forward(Billing), Standard),
    post("/api/orders", Operator, Forward(Billing), Standard),
    get("/api/orders/current", User, Forward(Billing), Standard),
    put("/api/orders/current", User, Forward(Billing), Standard),
    delete("/api/orders/current", User, Forward(Billing), Standard),
    post("/api/orders/checkout", User, Forward(Billing), Standard),
    get(
        "/api/orders/{id}",
        UserOrOperator,
        Forward(Billing),
        Standard,
    ),
    get("/api/shippings", Operator, Forward(Billing), Standard),
    get("/api/shippings/{id}", Operator, Forward(Billing), Standard),
    get("/api/events", Operator, Forward(Billing), Standard),
    post("/api/events", Operator, Forward(Billing), Stream),
    get("/api/events/{id}", Operator, Forward(Billing), Standard),
    delete("/api/events/{id}", Operator, Forward(Billing), Standard),
    get("/api/reports", Operator, Forward(Billing), Report),
];

/// One row of [`TABLE`].
#[derive(Debug)]
pub struct Operation {
    /// HTTP method.
    pub method: Method,
    /// Path; `{name}` stands for one segment.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// What answers it.
    pub target: Target,
    /// How large its body may be.
    pub limit: LimitClass,
    /// How often one client may call it, if that is limited.
    pub rate: Option<Rate>,
    /// Whether tokens may be dead after it, so that none is remembered from before.
    pub ends_sessions: bool,
    /// Whether its answer goes on until the client leaves or the gateway stops.
    pub streams: bool,
}

impl Operation {
    /// The same for a client that does not call it too often.
    const fn limited(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// The same, after which tokens may be dead.
    const fn ending_sessions(mut self) -> Self {
        self.ends_sessions = true;
        self
    }

    /// The same with an answer that goes on and on.
    const fn streaming(mut self) -> Self {
        self.streams = true;
        self
    }
}

/// What answers an operation.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// A service behind the gateway, at the same path.
    Forward(Backend),
    /// The gateway, which publishes the body as a message.
    Publish(&'static Publication),
}

/// A service behind the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// `inventory-app`.
    Inventory,
    /// `billing-app`.
    Billing,
}

/// The limits of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitClass {
    /// A body of at most 16 KiB, which is streamed.
    Small,
    /// A body of at most 1 MiB, which is streamed.
    Standard,
    /// A body of at most 64 KiB, which is read whole and becomes a message.
    Message,
    /// A body of any length, which is streamed for as long as its bytes move; the service behind bounds what it keeps of it.
    Stream,
    /// A body of at most 16 KiB, and an answer that may take as long as a report.
    Report,
}

impl LimitClass {
    /// The largest body, in bytes.
    #[must_use]
    pub fn body(self) -> usize {
        match self {
            Small | Report => 16 * 1_024,
            Standard => 1_024 * 1_024,
            Message => 64 * 1_024,
            Stream => usize::MAX,
        }
    }
}

const fn get(path: &'static str, access: Access, target: Target, limit: LimitClass) -> Operation {
    operation(Method::GET, path, access, target, limit)
}

const fn post(path: &'static str, access: Access, target: Target, limit: LimitClass) -> Operation {
    operation(Method::POST, path, access, target, limit)
}

const fn put(path: &'static str, access: Access, target: Target, limit: LimitClass) -> Operation {
    operation(Method::PUT, path, access, target, limit)
}

const fn delete(
    path: &'static str,
    access: Access,
    target: Target,
    limit: LimitClass,
) -> Operation {
    operation(Method::DELETE, path, access, target, limit)
}

const fn operation(
    method: Method,
    path: &'static str,
    access: Access,
    target: Target,
    limit: LimitClass,
) -> Operation {
    Operation {
        method,
        path,
        access,
        target,
        limit,
        rate: None,
        ends_sessions: false,
        streams: false,
    }
}
