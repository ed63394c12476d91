//! The one door of crud-master: it routes, forwards, publishes, and refuses what is malformed.
//!
//! It owns no data and has no database; it never parses what it forwards.
//!
//! # Layout
//!
//! - [`table`]: every public operation, who may call it, and what answers it.
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
pub mod table;
pub mod users;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Extension, Request, State},
    http::header,
    response::Response,
    routing::{MethodFilter, MethodRouter, on},
};
use broker::Broker;
use futures_util::{
    FutureExt,
    future::{Either, ready},
};
use messages::topology;
use platform::{
    config::prefixed::Endpoint,
    health::Health,
    http::{
        self, Guard, Limits,
        caller::{Caller, SESSIONS_ENDED},
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
use table::{Backend, Operation, TABLE, Target};
use users::Users;

/// What a request may take longer than elsewhere: 5 s to send its body, 5 s for the service behind, and a retry.
pub const LIMITS: Limits = Limits {
    answer: Duration::from_secs(15),
    headers: 100,
    ..Limits::DEFAULT
};

/// What the gateway has.
pub struct Gateway {
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
    /// All that [`TABLE`] and the documentation say.
    fn routes(self: Arc<Self>) -> Router {
        let documentation = docs::router(self.auth.is_open());
        TABLE
            .iter()
            .fold(Router::new(), |router, operation| {
                router.route(operation.path, operation.served())
            })
            .with_state(self)
            .merge(documentation)
    }

    /// Before a request is routed: what is ambiguous is refused, and so is an unknown token, on any path. A client that
    /// sends too many of them is refused before the billing is asked. From here on the caller is known.
    fn guard(&self) -> Guard {
        let auth = self.auth.clone();
        Arc::new(move |request| match edge::check(&request) {
            Err(problem) => Either::Left(ready(Err(problem))),
            // Most requests have no token: for them there is nothing to wait for.
            Ok(()) if !request.headers().contains_key(header::AUTHORIZATION) => {
                Either::Left(ready(Ok(called_by(Caller::Anonymous, request))))
            }
            Ok(()) => Either::Right(identified(auth.clone(), request).boxed()),
        })
    }

    async fn answer(
        &self,
        operation: &Operation,
        caller: Caller,
        request: Request,
    ) -> Result<Response, Problem> {
        let caller = self.auth.admit(caller, operation.access)?;
        if let Some(rate) = operation.rate {
            self.rates.admit(rate, request.extensions())?;
        }
        let logout = operation.ends_sessions.then(|| self.auth.users().logout());
        let mut answer = self.dispatch(operation, caller, request).await?;
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
        operation: &Operation,
        caller: Caller,
        request: Request,
    ) -> Result<Response, Problem> {
        match operation.target {
            Target::Forward(backend) => {
                let (upstream, limit) = (self.upstream(backend), operation.limit);
                if operation.streams {
                    let stream = self.streams.open(request.extensions())?;
                    let stop = &self.stop;
                    let answer = upstream.forward_stream(request, caller, limit, stop);
                    Ok(answer.await?.map(|body| proxy::holding(body, stream)))
                } else {
                    upstream.forward(request, caller, limit).await
                }
            }
            Target::Publish(publication) => {
                let publishing = &self.publishing;
                publishing
                    .accept(operation, publication, request, caller)
                    .await
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

async fn identified(auth: Auth, request: Request) -> Result<Request, Problem> {
    let (headers, extensions) = (request.headers(), request.extensions());
    let caller = auth.identify(headers, extensions).await?;
    Ok(called_by(caller, request))
}

fn called_by(caller: Caller, mut request: Request) -> Request {
    request.extensions_mut().insert(caller);
    request
}

impl Operation {
    fn served(&'static self) -> MethodRouter<Arc<Gateway>> {
        #[expect(
            clippy::expect_used,
            reason = "the table holds standard methods, and every test builds it"
        )]
        let method = MethodFilter::try_from(self.method.clone()).expect("a standard method");
        let handler = async |State(gateway): State<Arc<Gateway>>,
                             Extension(caller): Extension<Caller>,
                             mut request: Request| {
            DefaultBodyLimit::max(self.limit.body()).apply(&mut request);
            gateway.answer(self, caller, request).await
        };
        on(method, handler)
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
        auth: Auth::new(&config.operator_token, users),
        rates,
        inventory: upstream("inventory-app", &config.inventory)?,
        billing: upstream("billing-app", &config.billing)?,
        publishing: Publishing::new(broker.clone(), config.idempotency_secret.clone()),
        streams: OpenStreams::default(),
        stop: bound.intake().stop.clone(),
    });
    let health = broker::health(gateway.health(), &broker, &[]);
    let options = http::Options {
        limits: config.limits,
        guard: Some(gateway.guard()),
    };
    Ok(bound.run(gateway.routes(), health, options).await?)
}
