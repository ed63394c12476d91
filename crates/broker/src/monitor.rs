//! A look at the queues from outside of what publishes and consumes: over a connection of its own.
//!
//! Promises: every two seconds each queue is asked how many messages are ready, so that a broker that accepts and
//! says nothing (a frozen process) is down within 5 s; the answers feed the metric of the queue's depth and the
//! watchdog of the consumer. It asks by declaring, so a queue that was deleted is there again. It takes no message.
//!
//! The connection is not that of the consumer, because it must tell what the consumer misses, and not that of the
//! publisher, because a broker in alarm stops reading from those that publish.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use messages::topology::Declarations;
use metrics::gauge;
use platform::runtime::Tasks;
use tokio::{sync::watch, time::sleep};

use crate::{
    BrokerError, BrokerState, Settings,
    connection::{Connection, within},
    metrics as names,
    status::Status,
    supervisor::{Generation, supervise},
    topology::{self, Declared},
};

/// From one poll to the next.
const INTERVAL: Duration = Duration::from_secs(2);

/// For the answers to one poll. With [`INTERVAL`] it bounds the time until a frozen broker is down.
const POLL_LIMIT: Duration = Duration::from_secs(2);

/// So many polls in a row without a consumer are no coincidence.
const WITHOUT_CONSUMER_MAX: u32 = 2;

/// The answers to one poll.
#[derive(Debug, Clone)]
struct Poll {
    queues: BTreeMap<String, Declared>,
    /// Polls in a row in which a queue had no consumer.
    without_consumer: BTreeMap<String, u32>,
    asked_at: Instant,
}

/// A handle to one monitor; clones share it.
#[derive(Debug, Clone)]
pub struct Monitor {
    last: watch::Receiver<Option<Poll>>,
    state: watch::Receiver<BrokerState>,
}

impl Monitor {
    /// Starts it as one of `tasks`, for the queues that this service declares.
    #[must_use]
    pub fn start(settings: Settings, declarations: &Declarations, tasks: &Tasks) -> Self {
        let last = watch::Sender::new(None);
        let (status, state) = Status::new("monitor".into());
        let monitor = Self {
            last: last.subscribe(),
            state,
        };
        let mut poller = Poller {
            settings,
            queues: declarations.queues.iter().cloned().collect(),
            last,
        };
        let stop = tasks.stop.clone();
        tasks.spawn("the monitor of the queues", async move {
            let polling = supervise(&mut poller, status, stop.clone());
            stop.run_until_cancelled(polling).await;
        });
        monitor
    }

    /// Whether the broker has answered the last look; the error is a short reason.
    ///
    /// # Errors
    /// When it has not.
    pub fn ready(&self) -> Result<(), String> {
        self.state.borrow().ready()
    }

    /// How many messages were ready in `queue` at the last poll; `None` when that is unknown.
    #[must_use]
    pub fn depth(&self, queue: &str) -> Option<u32> {
        Some(self.last.borrow().as_ref()?.queues.get(queue)?.ready)
    }

    /// [`Self::depth`], when it was asked after `moment`.
    pub(crate) fn depth_after(&self, moment: Instant, queue: &str) -> Option<u32> {
        let is_newer = self.last.borrow().as_ref()?.asked_at > moment;
        is_newer.then(|| self.depth(queue)).flatten()
    }

    /// Whether `queue` has had no consumer for some time; then its depth may be wrong, too (see [`Declared`]).
    pub(crate) fn lacks_consumer(&self, queue: &str) -> bool {
        let last = self.last.borrow();
        let polls = last
            .as_ref()
            .and_then(|poll| poll.without_consumer.get(queue));
        polls.is_some_and(|&polls| polls >= WITHOUT_CONSUMER_MAX)
    }
}

struct Poller {
    settings: Settings,
    queues: Vec<String>,
    last: watch::Sender<Option<Poll>>,
}

impl Generation for Poller {
    /// Asks until an answer is missing. From then on the depths are unknown: numbers that stand still look like news.
    async fn run(&mut self, status: &mut Status) -> Result<(), BrokerError> {
        let ended = self.poll_repeatedly(status).await;
        self.record(None);
        ended
    }
}

impl Poller {
    async fn poll_repeatedly(&self, status: &mut Status) -> Result<(), BrokerError> {
        let connection = Connection::open(&self.settings, status.role()).await?;
        self.poll(&connection).await?;
        status.up();
        loop {
            connection.run(pause()).await?;
            self.poll(&connection).await?;
        }
    }

    async fn poll(&self, connection: &Connection) -> Result<(), BrokerError> {
        let asked_at = Instant::now();
        let asking = within(POLL_LIMIT, "answer about the queues", self.ask(connection));
        let queues = connection.run(asking).await?;
        let without_consumer = self.count_without_consumer(&queues);
        self.record(Some(Poll {
            queues,
            without_consumer,
            asked_at,
        }));
        Ok(())
    }

    async fn ask(
        &self,
        connection: &Connection,
    ) -> Result<BTreeMap<String, Declared>, BrokerError> {
        let channel = connection.channel().await?;
        let mut queues = BTreeMap::new();
        for queue in &self.queues {
            let declared = topology::declare(&channel, &topology::name(queue)?).await?;
            queues.insert(queue.clone(), declared);
        }
        Ok(queues)
    }

    fn count_without_consumer(&self, queues: &BTreeMap<String, Declared>) -> BTreeMap<String, u32> {
        let last = self.last.borrow();
        let before = |queue| last.as_ref()?.without_consumer.get(queue).copied();
        let lacking = queues
            .iter()
            .filter(|(_, declared)| declared.consumers == 0);
        lacking
            .map(|(queue, _)| (queue.clone(), before(queue).unwrap_or(0) + 1))
            .collect()
    }

    /// The metric comes last: who reads it finds the depth here, too.
    fn record(&self, poll: Option<Poll>) {
        self.last.send_replace(poll);
        let last = self.last.borrow();
        for queue in &self.queues {
            let declared = last.as_ref().and_then(|poll| poll.queues.get(queue));
            let depth = declared.map_or(f64::NAN, |declared| declared.ready.into());
            gauge!(names::DEPTH, "queue" => queue.clone()).set(depth);
        }
    }
}

async fn pause() -> Result<(), BrokerError> {
    sleep(INTERVAL).await;
    Ok(())
}
