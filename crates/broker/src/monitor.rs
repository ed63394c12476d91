//! A look at the queues from outside of what publishes and consumes: over a connection of its own.
//!
//! Promises: every [`INTERVAL`] each queue is asked how many messages are ready, so that a broker that accepts and
//! says nothing (a frozen process) is down within 5 s; the answers feed the metric of the queue's depth and the
//! watchdog of the consumer. It declares nothing, takes no message and changes nothing.
//!
//! The connection is not that of the consumer, because it must tell what the consumer misses, and not that of the
//! publisher, because a broker in alarm stops reading from those that publish.

use std::{collections::BTreeMap, time::Duration};

use lapin::{Channel, options::QueueDeclareOptions, types::FieldTable};
use metrics::gauge;
use platform::runtime::Tasks;
use tokio::{sync::watch, time::sleep};

use crate::{
    BrokerError, BrokerState, Settings,
    connection::{Connection, within},
    error::is_absent,
    metrics as names,
    status::Status,
    supervisor::{Generation, supervise},
    topology,
};

/// From one look to the next.
const INTERVAL: Duration = Duration::from_secs(2);

/// For the answers of one look. With [`INTERVAL`] it bounds the time until a frozen broker is down.
const LOOK_LIMIT: Duration = Duration::from_secs(2);

/// Messages that are ready in each queue; a queue that does not exist is absent.
type Depths = BTreeMap<String, u32>;

/// A handle to one monitor; clones share it.
#[derive(Debug, Clone)]
pub struct Monitor {
    depths: watch::Receiver<Depths>,
    state: watch::Receiver<BrokerState>,
}

impl Monitor {
    /// Starts it as one of `tasks`, for the queues that this service reads and writes.
    #[must_use]
    pub fn start(settings: Settings, queues: &[&str], tasks: &Tasks) -> Self {
        let depths = watch::Sender::new(Depths::new());
        let (status, state) = Status::new("monitor".into());
        let monitor = Self {
            depths: depths.subscribe(),
            state,
        };
        let looker = Looker {
            settings,
            queues: queues.iter().map(|&queue| queue.to_owned()).collect(),
            depths,
        };
        let stop = tasks.stop.clone();
        let looking = supervise(looker, status, stop.clone());
        tasks.spawn("the monitor of the queues", async move {
            stop.run_until_cancelled(looking).await;
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

    /// How many messages were ready in `queue` at the last look; 0 when there was no answer.
    #[must_use]
    pub fn depth(&self, queue: &str) -> u32 {
        self.depths.borrow().get(queue).copied().unwrap_or(0)
    }
}

struct Looker {
    settings: Settings,
    queues: Vec<String>,
    depths: watch::Sender<Depths>,
}

impl Generation for Looker {
    /// Looks until an answer is missing. From then on the depths are unknown: numbers that stand still look like news.
    async fn run(&self, status: &mut Status) -> Result<(), BrokerError> {
        let ended = self.look_repeatedly(status).await;
        self.tell(Depths::new());
        ended
    }
}

impl Looker {
    async fn look_repeatedly(&self, status: &mut Status) -> Result<(), BrokerError> {
        let connection = Connection::open(&self.settings, status.role()).await?;
        self.look(&connection).await?;
        status.up();
        loop {
            connection.run(pause()).await?;
            self.look(&connection).await?;
        }
    }

    async fn look(&self, connection: &Connection) -> Result<(), BrokerError> {
        let asking = within(
            LOOK_LIMIT,
            "answer to a look at the queues",
            self.ask(connection),
        );
        self.tell(connection.run(asking).await?);
        Ok(())
    }

    async fn ask(&self, connection: &Connection) -> Result<Depths, BrokerError> {
        let mut depths = Depths::new();
        let mut channel = connection.channel().await?;
        for queue in &self.queues {
            match ask(&channel, queue).await? {
                Some(depth) => {
                    depths.insert(queue.clone(), depth);
                }
                // The broker has closed the channel.
                None => channel = connection.channel().await?,
            }
        }
        Ok(depths)
    }

    fn tell(&self, depths: Depths) {
        for queue in &self.queues {
            let depth = depths.get(queue).map_or(f64::NAN, |&depth| depth.into());
            gauge!(names::DEPTH, "queue" => queue.clone()).set(depth);
        }
        self.depths.send_replace(depths);
    }
}

async fn pause() -> Result<(), BrokerError> {
    sleep(INTERVAL).await;
    Ok(())
}

/// Messages ready in `queue`; `None` when it does not exist.
async fn ask(channel: &Channel, queue: &str) -> Result<Option<u32>, BrokerError> {
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let declared = channel.queue_declare(topology::name(queue)?, options, FieldTable::default());
    match declared.await {
        Ok(queue) => Ok(Some(queue.message_count())),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
