//! A consumer whose store is a list in memory that can be told to fail.
//!
//! Bodies say what happens: `undecodable…` is refused by the parser and `unwanted…` by the store, `bad…` fails in the
//! store for good, `panics in parse…` and `panics in store…` do so, and so does the record of `bad, and panics…`.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use broker::{
    BrokerState, Consumer, Consuming, Failure, Incoming, Monitor, Publisher, Received, Refusal,
    Refused, Settings,
    consumer::{self, Limits, Setup},
};
use futures_util::future::BoxFuture;
use messages::{Message, Route, topology::Declarations};
use platform::runtime::Tasks;
use tokio::time::sleep;

use crate::helpers::{QUEUE, metric, reach};

/// A message that is any text.
#[derive(Debug, Clone)]
pub(crate) struct Text(String);

/// What was stored and refused, and how to fail.
#[derive(Clone)]
pub(crate) struct Recorder(Arc<Inner>);

/// What happens during the first store, before it is done.
type Interruption = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

#[derive(Default)]
struct Inner {
    name: &'static str,
    queue: String,
    interruption: Mutex<Option<Interruption>>,
    batches: Mutex<Vec<Vec<Incoming>>>,
    refusals: Mutex<Vec<Refusal>>,
    tries: Mutex<usize>,
    away: AtomicBool,
    failing: AtomicBool,
    refusals_away: AtomicBool,
    refusals_bad: AtomicBool,
    delay: Mutex<Duration>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self::of(QUEUE)
    }
}

impl Recorder {
    /// For the queue of this name.
    pub(crate) fn of(queue: &str) -> Self {
        Self::new("recorder", queue)
    }

    /// A part of this name, for the queue of the same name.
    pub(crate) fn named(name: &'static str) -> Self {
        Self::new(name, name)
    }

    fn new(name: &'static str, queue: &str) -> Self {
        Self(Arc::new(Inner {
            name,
            queue: queue.to_owned(),
            ..Inner::default()
        }))
    }

    /// Lets something happen during the next store.
    pub(crate) fn interrupt<F>(&self, interruption: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let interruption: Interruption = Box::new(|| Box::pin(interruption()));
        *self.0.interruption.lock().unwrap() = Some(interruption);
    }

    /// Consumes its queue.
    pub(crate) async fn start(
        &self,
        settings: Settings,
        dead: &Publisher,
        limits: Limits,
        tasks: &Tasks,
    ) -> Consuming {
        let declarations = Declarations::queues([self.0.queue.as_str()]);
        let monitor = Monitor::start(settings.clone(), &declarations, tasks);
        self.start_with(monitor, settings, dead, limits, tasks)
            .await
    }

    /// [`Self::start`] with a monitor that may look elsewhere.
    pub(crate) async fn start_with(
        &self,
        monitor: Monitor,
        settings: Settings,
        dead: &Publisher,
        limits: Limits,
        tasks: &Tasks,
    ) -> Consuming {
        // So that nothing is measured before somebody reads.
        metric("", "");
        let setup = Setup {
            settings,
            dead_letters: dead.clone(),
            monitor,
            limits,
        };
        let consuming = consumer::start(self.clone(), setup, tasks);
        reach(consuming.state(), BrokerState::Connected).await;
        consuming
    }

    pub(crate) fn set_away(&self, away: bool) {
        self.0.away.store(away, Ordering::SeqCst);
    }

    /// Lets each store fail for now, though the store answers.
    pub(crate) fn set_failing(&self, failing: bool) {
        self.0.failing.store(failing, Ordering::SeqCst);
    }

    pub(crate) fn set_refusals_away(&self, away: bool) {
        self.0.refusals_away.store(away, Ordering::SeqCst);
    }

    pub(crate) fn set_refusals_bad(&self) {
        self.0.refusals_bad.store(true, Ordering::SeqCst);
    }

    pub(crate) fn set_delay(&self, delay: Duration) {
        *self.0.delay.lock().unwrap() = delay;
    }

    /// The batches that were committed.
    pub(crate) fn batches(&self) -> Vec<Vec<Incoming>> {
        self.0.batches.lock().unwrap().clone()
    }

    /// The bodies that were committed, in order.
    pub(crate) fn stored(&self) -> Vec<String> {
        self.batches().iter().flatten().map(text).collect()
    }

    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        self.0.refusals.lock().unwrap().clone()
    }

    /// How often a store was tried.
    pub(crate) fn tries(&self) -> usize {
        *self.0.tries.lock().unwrap()
    }
}

impl Message for Text {
    const ROUTE: Route = Route::Queue(QUEUE);

    type Rejection = &'static str;

    fn parse(body: &[u8]) -> Result<Self, Self::Rejection> {
        let text = String::from_utf8_lossy(body).into_owned();
        assert!(!text.starts_with("panics in parse"), "parsing {text}");
        if text.starts_with("undecodable") {
            return Err("cannot be decoded");
        }
        Ok(Self(text))
    }

    fn encode(&self) -> Vec<u8> {
        self.0.clone().into_bytes()
    }
}

impl Consumer for Recorder {
    type Message = Text;

    fn name(&self) -> &'static str {
        self.0.name
    }

    fn noun(&self) -> &'static str {
        "text"
    }

    fn queue(&self) -> &str {
        &self.0.queue
    }

    async fn store(&self, batch: &[Received<Text>]) -> Result<Vec<Refused>, Failure> {
        *self.0.tries.lock().unwrap() += 1;
        let interruption = self.0.interruption.lock().unwrap().take();
        if let Some(interruption) = interruption {
            interruption().await;
        }
        let delay = *self.0.delay.lock().unwrap();
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if self.0.away.load(Ordering::SeqCst) || self.0.failing.load(Ordering::SeqCst) {
            return Err(Failure::transient("the store is away"));
        }
        self.0.commit(batch)
    }

    async fn refused(&self, refusals: &[Refusal]) -> Result<(), Failure> {
        if self.0.refusals_away.load(Ordering::SeqCst) {
            return Err(Failure::transient("the store is away"));
        }
        if self.0.refusals_bad.load(Ordering::SeqCst) {
            return Err(Failure::Permanent("cannot be recorded".into()));
        }
        let bodies = refusals.iter().map(|refusal| text(&refusal.message));
        let mut panicking = bodies.filter(|body| body.starts_with("bad, and panics"));
        assert_eq!(panicking.next(), None, "recording");
        self.0.refusals.lock().unwrap().extend_from_slice(refusals);
        Ok(())
    }

    async fn store_answers(&self) -> bool {
        !self.0.away.load(Ordering::SeqCst)
    }
}

fn text(message: &Incoming) -> String {
    String::from_utf8_lossy(&message.body).into_owned()
}

impl Inner {
    /// Keeps all but the unwanted, or nothing.
    fn commit(&self, batch: &[Received<Text>]) -> Result<Vec<Refused>, Failure> {
        let mut texts = batch.iter().map(|received| &received.message.0);
        if let Some(text) = texts.clone().find(|text| text.starts_with("bad")) {
            return Err(Failure::Permanent(format!("not storable:\n{text}")));
        }
        assert!(
            !texts.any(|text| text.starts_with("panics in store")),
            "storing"
        );
        let (mut kept, mut refused) = (Vec::new(), Vec::new());
        for (
            place,
            Received {
                message, delivery, ..
            },
        ) in batch.iter().enumerate()
        {
            if message.0.starts_with("unwanted") {
                let reason = format!("nothing for us: {}", message.0);
                refused.push(Refused { place, reason });
            } else {
                kept.push(delivery.clone());
            }
        }
        self.batches.lock().unwrap().push(kept);
        Ok(refused)
    }
}
