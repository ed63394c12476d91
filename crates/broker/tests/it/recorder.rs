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
    BrokerState, Consumer, Failure, Incoming, Publisher, Refusal, Settings, consumer,
    consumer::Limits,
};
use platform::runtime::Tasks;
use tokio::{sync::watch, time::sleep};

use crate::helpers::{QUEUE, reach};

/// What was stored and refused, and how to fail.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Inner>);

#[derive(Default)]
struct Inner {
    batches: Mutex<Vec<Vec<Incoming>>>,
    refusals: Mutex<Vec<Refusal>>,
    tries: Mutex<usize>,
    away: AtomicBool,
    refusals_away: AtomicBool,
    refusals_bad: AtomicBool,
    delay: Mutex<Duration>,
}

impl Recorder {
    /// Consumes [`QUEUE`].
    pub(crate) async fn start(
        &self,
        settings: Settings,
        dead: &Publisher,
        limits: Limits,
        tasks: &Tasks,
    ) -> watch::Receiver<BrokerState> {
        let state = consumer::start(self.clone(), settings, dead.clone(), limits, tasks);
        reach(state.clone(), BrokerState::Connected).await;
        state
    }

    pub(crate) fn set_away(&self, away: bool) {
        self.0.away.store(away, Ordering::SeqCst);
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
        QUEUE
    }

    fn decode(&self, delivery: &Incoming) -> Result<Incoming, String> {
        if text(delivery).starts_with("undecodable") {
            return Err("cannot be decoded".into());
        }
        Ok(delivery.clone())
    }

    async fn store(&self, batch: &[Incoming]) -> Result<(), Failure> {
        *self.0.tries.lock().unwrap() += 1;
        let delay = *self.0.delay.lock().unwrap();
        sleep(delay).await;
        if self.0.away.load(Ordering::SeqCst) {
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
}

fn text(message: &Incoming) -> String {
    String::from_utf8_lossy(&message.body).into_owned()
}
