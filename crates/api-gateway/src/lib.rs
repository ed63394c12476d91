//! The one door of crud-master: it routes, forwards, publishes, and refuses what is malformed.
//!
//! It owns no data and has no database; it never parses what it forwards.
//!
//! # Layout
//!
//! - [`table`]: every public operation, who may call it, and what answers it; [`routes`]: which one a request is for.
//! - [`edge`]: refuses what is ambiguous, before routing.
//! - [`auth`]: who calls; [`users`]: whose token it is.
//! - [`rates`]: how often one client may call; [`open_streams`]: how many streams it may have.
//! - [`proxy`]: forwards bytes both ways, and returns the exact answer.
//! - [`publish`]: a posted body becomes a confirmed message; [`payments`], [`bikes`]: what a posted payment, a posted event is.
//! - [`idempotency`]: the same request, however often it is sent.
//! - [`docs`]: Swagger UI over the documents of all services.
//! - [`config`]: the settings; [`metrics`]: what is counted.

pub mod auth;
pub mod bikes;
pub mod config;
pub mod docs;
pub mod edge;
pub mod idempotency;
pub mod metrics;
pub mod open_streams;
pub mod payments;
pub mod proxy;
pub mod publish;
pub mod rates;
pub mod routes;
pub mod table;
pub mod users;

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{DefaultBodyLimit, Request},
    response::{IntoResponse, Response},
};
use broker::Broker;
use futures_util::FutureExt;
use messages::topology;
use platform::{
    config::prefixed::Endpoint,
    health::Health,
    http::{
        self, Front, Fronted, Limits,
        caller::{Caller, SESSIONS_ENDED},
        context::RequestContext,
    },
    openapi,
    problem::Problem,
    runtime::{self, Running, Runtime},
};
use tokio_util::sync::CancellationToken;

use auth::Auth;
use config::{Command, Config};
use open_streams::OpenStreams;
use proxy::Upstream;
use publish::Publishing;
use rates::Rates;
use routes::{Found, Routes};
use table::{Backend, Target};
use users::Users;

/// What a request may take longer than elsewhere: 5 s to send its body, 5 s for the service behind, and a retry.
pub const LIMITS: Limits = Limits {
    answer: Duration::from_secs(15),
    headers: 100,
    ..Limits::DEFAULT
};

/// What the gateway has.
pub struct Gateway {
    routes: Routes,
    auth: Auth,
    rates: Arc<Rates>,
    inventory: Upstream,
    billing: Upstream,
    publishing: Publishing,
    /// Bounds the answers that go on and on.
    streams: OpenStreams,
    /// Ends them.
    stop: CancellationToken,
}

impl Gateway {
    fn front(self: Arc<Self>) -> Front {
        Arc::new(move |request| Arc::clone(&self).take(request).boxed())
    }

    /// What is ambiguous is refused, and so is an unknown token, on any path. A client that sends too many of them is refused
    /// before the billing is asked. Then the table answers, or the documentation.
    async fn take(self: Arc<Self>, mut request: Request) -> Result<Fronted, Problem> {
        edge::check(&request)?;
        let (headers, extensions) = (request.headers(), request.extensions());
        let caller = self.auth.identify(headers, extensions).await?;
        let answer = match self.routes.find(&mut request) {
            Ok(None) => return Ok(Fronted::Routed(request)),
            Ok(Some(found)) => self.answer(found, caller, request).await,
            Err(problem) => Err(problem),
        };
        Ok(Fronted::Answered(answer.into_response()))
    }

    async fn answer(
        &self,
        found: Found,
        caller: Caller,
        request: Request,
    ) -> Result<Response, Problem> {
        let operation = found.operation;
        if let Some(context) = request.extensions().get::<RequestContext>() {
            context.note_route(operation.path);
        }
        let caller = self.auth.admit(caller, operation.access)?;
        if let Some(rate) = operation.rate {
            self.rates.admit(rate, request.extensions())?;
        }
        let logout = operation.ends_sessions.then(|| self.auth.users().logout());
        let mut answer = self.dispatch(found, caller, request).await?;
        // It is for the gateway alone.
        let ended = answer.headers_mut().remove(SESSIONS_ENDED);
        if let Some(logout) = logout {
            logout.answered(answer.status(), ended.as_ref());
        }
        Ok(answer)
    }

    /// Hands the request to what answers the operation.
    async fn dispatch(
        &self,
        found: Found,
        caller: Caller,
        mut request: Request,
    ) -> Result<Response, Problem> {
        let operation = found.operation;
        match operation.target {
            Target::Forward(backend) => {
                let (upstream, limit) = (self.upstream(backend), operation.limit);
                if operation.streams {
                    let stream = self.streams.open(request.extensions())?;
                    let stop = &self.stop;
                    let answer = upstream.forward_stream(request, caller, limit, stop);
                    Ok(Box::pin(answer)
                        .await?
                        .map(|body| proxy::holding(body, stream)))
                } else {
                    upstream.forward(request, caller, limit).await
                }
            }
            Target::Publish(publication) => {
                DefaultBodyLimit::max(operation.limit.body()).apply(&mut request);
                let publishing = &self.publishing;
                Box::pin(publishing.accept(found, publication, request, caller)).await
            }
        }
    }

    fn upstream(&self, backend: Backend) -> &Upstream {
        match backend {
            Backend::Inventory => &self.inventory,
            Backend::Billing => &self.billing,
        }
    }

    fn health(&self) -> Health {
        let (inventory, billing) = (self.inventory.clone(), self.billing.clone());
        Health::default()
            .with("inventory-app", move || inventory.clone().ready())
            .with("billing-app", move || billing.clone().ready())
    }
}

/// Does what the command line says.
///
/// # Errors
/// When the address cannot be had; the text names it.
pub async fn run(config: Config) -> anyhow::Result<()> {
    match config.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            let runtime = Runtime::start(&config.telemetry)?;
            runtime::serve(start(&config, runtime).await).await
        }
        Command::Openapi { merged: false } => Ok(openapi::print(&docs::own())?),
        Command::Openapi { merged: true } => Ok(openapi::print(&docs::whole()?)?),
    }
}

/// Starts the gateway; it runs until the returned value is stopped, or a signal comes.
///
/// # Errors
/// When the address cannot be had; the text names it.
pub async fn start(config: &Config, runtime: Runtime) -> anyhow::Result<Running> {
    let bound = runtime.bind(&config.listen).await?;
    let declarations = topology::Service::Gateway.declarations();
    let broker = Broker::start(&config.broker, declarations, bound.output());
    let upstream = |name, Endpoint { host, port, .. }: &Endpoint| {
        Upstream::new(name, host, *port).map(|upstream| upstream.with_waits(config.waits))
    };
    let rates = Arc::new(Rates::new(&config.allowances));
    let users = Users::new(&config.billing, Arc::clone(&rates))?;
    let gateway = Arc::new(Gateway {
        routes: Routes::new()?,
        auth: Auth::new(&config.operator_token, users),
        rates,
        inventory: upstream("inventory-app", &config.inventory)?,
        billing: upstream("billing-app", &config.billing)?,
        publishing: Publishing::new(broker.clone(), config.idempotency_secret.clone()),
        streams: OpenStreams::default(),
        stop: bound.intake().stop.clone(),
    });
    let documentation = docs::router(gateway.auth.is_open());
    let health = broker::health(gateway.health(), &broker, &[]);
    let options = http::Options {
        limits: config.limits,
        front: Some(gateway.front()),
    };
    Ok(bound.run(documentation, health, options).await?)
}
