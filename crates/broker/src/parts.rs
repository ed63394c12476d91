//! The broker's side of one process: one publisher for all that is sent, one monitor, and the consumers of its list.
//!
//! A service lists its consumers in its `lib.rs`; a process runs all of them, or those that it is told to
//! (`serve --only`), so that each can be scaled alone.

use std::future::ready;

use messages::topology::Declarations;
use platform::{health::Health, runtime::Tasks};

use crate::{
    Consumer, Consuming, Monitor, Publisher, Settings,
    consumer::{self, Limits, Setup},
};

/// The connections of one process that are shared by all of its parts.
#[derive(Clone)]
pub struct Broker {
    settings: Settings,
    publisher: Publisher,
    monitor: Monitor,
}

impl Broker {
    /// Starts publisher and monitor as two of `output`, for what this service declares.
    #[must_use]
    pub fn start(settings: &Settings, declarations: Declarations, output: &Tasks) -> Self {
        Self {
            monitor: Monitor::start(settings.clone(), &declarations, output),
            publisher: Publisher::start(settings.clone(), declarations, output),
            settings: settings.clone(),
        }
    }

    /// The one publisher of the process.
    #[must_use]
    pub fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// Whether the broker answers and takes messages; the error is a short reason.
    ///
    /// # Errors
    /// When it does not.
    pub fn ready(&self) -> Result<(), String> {
        self.publisher.state().borrow().ready()?;
        self.monitor.ready()
    }
}

/// The consumers of a service, in a visible list; none runs yet.
#[derive(Default)]
pub struct Consumers(Vec<Part>);

/// One of them.
struct Part {
    name: &'static str,
    queue: String,
    start: Start,
}

/// Starts a consumer, whatever its type.
type Start = Box<dyn FnOnce(Setup, &Tasks) -> Consuming + Send>;

impl Consumers {
    /// Adds one.
    #[must_use]
    pub fn on(mut self, consumer: impl Consumer) -> Self {
        self.0.push(Part {
            name: consumer.name(),
            queue: consumer.queue().to_owned(),
            start: Box::new(|setup, tasks| consumer::start(consumer, setup, tasks)),
        });
        self
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|part| part.name)
    }

    /// Their queues.
    pub fn queues(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|part| &*part.queue)
    }

    /// Starts those that `chosen` chooses by their names, as some of `intake`.
    pub fn start(
        self,
        chosen: impl Fn(&str) -> bool,
        broker: &Broker,
        intake: &Tasks,
    ) -> Vec<Consuming> {
        let setup = Setup {
            settings: broker.settings.clone(),
            dead_letters: broker.publisher.clone(),
            monitor: broker.monitor.clone(),
            limits: Limits::default(),
        };
        let parts = self.0.into_iter().filter(|part| chosen(part.name));
        parts
            .map(|part| (part.start)(setup.clone(), intake))
            .collect()
    }
}

/// Adds the checks of the broker's side: `broker` for what is shared and for the consumers' connections, and one for
/// each consumer, by its name, which says whether what waits is recorded.
#[must_use]
pub fn health(health: Health, broker: &Broker, consuming: &[Consuming]) -> Health {
    let (shared, connections) = (broker.clone(), consuming.to_vec());
    let ready_all = move || {
        shared.ready()?;
        connections.iter().try_for_each(Consuming::ready)
    };
    let health = health.with("broker", move || ready(ready_all()));
    consuming.iter().cloned().fold(health, |health, consuming| {
        health.with(consuming.name(), move || ready(consuming.recording()))
    })
}
