//! The one door of crud-master: it routes, forwards, publishes, and refuses what is malformed.
//!
//! It owns no data and has no database; it never parses what it forwards.
//!
//! # Layout
//!
//! - [`TABLE`]: every public operation, who may call it, and what answers it.
//! - [`edge`]: refuses what is ambiguous, before routing.
//! - [`auth`]: who calls.
//! - [`proxy`]: forwards bytes both ways, and returns the exact answer.
//! - [`publish`]: a posted payment becomes a confirmed message.
//! - [`idempotency`]: the same payment, however often it is sent.
//! - [`docs`]: Swagger UI over the documents of all services.
//! - [`config`]: the settings.

pub mod auth;
pub mod config;
pub mod docs;
pub mod edge;
pub mod idempotency;
pub mod proxy;
pub mod publish;

use std::{future::ready, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::Method,
    response::Response,
    routing::{MethodFilter, MethodRouter, on},
};
use platform::{
    health::Health,
    http::{Guard, Limits},
    openapi,
    problem::Problem,
    runtime::{Address, Runtime},
};

use auth::{Access, Auth};
use config::{Command, Config};
use proxy::Upstream;
use publish::Payments;

use Access::{Anyone, Operator};
use Target::{Billing, Inventory, PublishPayment};

/// The public API. HEAD is answered where GET is; everything else is a 404, or a 405 with `Allow`.
pub static TABLE: [Operation; 9] = [
    operation(Method::GET, "/api/movies", Anyone, Inventory),
    operation(Method::POST, "/api/movies", Operator, Inventory),
    operation(Method::DELETE, "/api/movies", Operator, Inventory),
    operation(Method::GET, "/api/movies/{id}", Anyone, Inventory),
    operation(Method::PUT, "/api/movies/{id}", Operator, Inventory),
    operation(Method::DELETE, "/api/movies/{id}", Operator, Inventory),
    operation(Method::POST, "/api/billing", Anyone, PublishPayment),
    operation(Method::GET, "/api/billing", Operator, Billing),
    operation(Method::GET, "/api/billing/{id}", Anyone, Billing),
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
}

/// What answers an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The inventory, at the same path.
    Inventory,
    /// The billing, at the same path.
    Billing,
    /// The gateway: it puts a payment on the queue.
    PublishPayment,
}

const fn operation(
    method: Method,
    path: &'static str,
    access: Access,
    target: Target,
) -> Operation {
    Operation {
        method,
        path,
        access,
        target,
    }
}

/// What a request may take longer than elsewhere: 5 s to send its body, 5 s for the service behind, and a retry.
pub const LIMITS: Limits = Limits {
    connections: 4_096,
    header: Duration::from_secs(10),
    answer: Duration::from_secs(15),
    headers: 100,
    body: publish::BODY_LIMIT,
    write_stall: Duration::from_secs(30),
    drain: Duration::from_secs(5),
};

/// What the gateway has.
pub struct Gateway {
    /// Who calls.
    pub auth: Auth,
    /// Movies.
    pub inventory: Upstream,
    /// Recorded payments.
    pub billing: Upstream,
    /// The way onto the queue.
    pub payments: Payments,
}

impl Gateway {
    /// All that [`TABLE`] and the documentation say.
    pub fn routes(self) -> Router {
        let gateway = Arc::new(self);
        let documentation = docs::router(gateway.auth.is_open());
        TABLE
            .iter()
            .fold(Router::new(), |router, operation| {
                router.route(operation.path, operation.served())
            })
            .with_state(gateway)
            .merge(documentation)
    }

    /// What is refused before it is routed: what is ambiguous, and a token that nobody has, whatever it asks for.
    pub fn guard(&self) -> Guard {
        let auth = self.auth.clone();
        Arc::new(move |request| {
            edge::check(request)?;
            auth.admit(request.headers(), Anyone).map(drop)
        })
    }

    async fn answer(&self, operation: &Operation, request: Request) -> Result<Response, Problem> {
        let caller = self.auth.admit(request.headers(), operation.access)?;
        match operation.target {
            Inventory => self.inventory.forward(request, caller).await,
            Billing => self.billing.forward(request, caller).await,
            PublishPayment => publish::accept(&self.payments, request, caller).await,
        }
    }

    fn health(&self) -> Health {
        let (inventory, billing) = (self.inventory.clone(), self.billing.clone());
        let broker = self.payments.broker();
        Health::default()
            .with("broker", move || ready(broker()))
            .with("inventory-app", move || inventory.clone().ready())
            .with("billing-app", move || billing.clone().ready())
    }
}

impl Operation {
    fn served(&'static self) -> MethodRouter<Arc<Gateway>> {
        #[expect(
            clippy::expect_used,
            reason = "the table holds standard methods, and every test builds it"
        )]
        let method = MethodFilter::try_from(self.method.clone()).expect("a standard method");
        on(
            method,
            async |State(gateway): State<Arc<Gateway>>, request: Request| {
                gateway.answer(self, request).await
            },
        )
    }
}

/// Does what the command line says.
///
/// # Errors
/// When the address cannot be had; the text names it.
pub async fn run(config: Config) -> anyhow::Result<()> {
    match config.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(&config).await,
        Command::Openapi => Ok(openapi::print(&docs::own())?),
    }
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    let mut runtime = Runtime::start(&config.telemetry)?;
    let gateway = Gateway {
        auth: Auth::new(&config.operator_token),
        inventory: Upstream::new(
            "inventory-app",
            &config.inventory_app_host,
            config.inventory_app_port,
        )?,
        billing: Upstream::new(
            "billing-app",
            &config.billing_app_host,
            config.billing_app_port,
        )?,
        payments: Payments::start(config.broker(), &runtime.output),
    };
    runtime.guard = gateway.guard();
    let address = Address {
        variables: "API_GATEWAY",
        host: &config.api_gateway_host,
        port: config.api_gateway_port,
    };
    let health = gateway.health();
    Ok(runtime
        .serve(address, gateway.routes(), health, LIMITS)
        .await?)
}
