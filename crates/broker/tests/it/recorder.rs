//! A consumer whose store is a list in memory that can be told to fail.
//!
//! Bodies say what happens: `undecodable…` is refused at the door, `bad…` fails in the store for good.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use broker::{
    BrokerState, Consumer, Consuming, Failure, Incoming, Monitor, Publisher, Refusal, Settings,
    consumer, consumer::Limits,
};
use futures_util::future::BoxFuture;
use platform::runtime::Tasks;
use tokio::time::sleep;

use crate::helpers::{QUEUE, metric, reach};

/// What was stored and refused, and how to fail.
#[derive(Clone)]
pub(crate) struct Recorder(Arc<Inner>);

/// What happens during the first store, before it is done.
type Interruption = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

#[derive(Default)]
struct Inner {
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
        Self(Arc::new(Inner {
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
        let monitor = Monitor::start(settings.clone(), &[&self.0.queue], tasks);
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
        let consuming =
            consumer::start(self.clone(), settings, dead.clone(), monitor, limits, tasks);
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
        let bodies = |batch: &Vec<Incoming>| batch.iter().map(text).collect::<Vec<_>>();
        self.0
            .batches
            .lock()
            .unwrap()
            .iter()
            .flat_map(bodies)
            .collect()
    }

    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        self.0.refusals.lock().unwrap().clone()
    }

    /// How often a store was tried.
    pub(crate) fn tries(&self) -> usize {
        *self.0.tries.lock().unwrap()
    }
}

impl Consumer for Recorder {
    type Message = Incoming;

    fn queue(&self) -> &str {
        &self.0.queue
    }

    fn decode(&self, delivery: &Incoming) -> Result<Incoming, String> {
        if text(delivery).starts_with("undecodable") {
            return Err("cannot be decoded".into());
        }
        Ok(delivery.clone())
    }

    async fn store(&self, batch: &[Incoming]) -> Result<(), Failure> {
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
        match batch.iter().map(text).find(|body| body.starts_with("bad")) {
            Some(body) => Err(Failure::Permanent(format!("not storable:\n{body}"))),
            None => {
                self.0.batches.lock().unwrap().push(batch.to_vec());
                Ok(())
            }
        }
    }

    async fn refused(&self, refusals: &[Refusal]) -> Result<(), Failure> {
        if self.0.refusals_away.load(Ordering::SeqCst) {
            return Err(Failure::transient("the store is away"));
        }
        if self.0.refusals_bad.load(Ordering::SeqCst) {
            return Err(Failure::Permanent("cannot be recorded".into()));
        }
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
