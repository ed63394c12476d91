//! A connection ends in every way at every moment, while all CPUs are busy: each time consuming begins again in time.

use std::{sync::Arc, time::Duration};

use broker::{
    BrokerState, Monitor, Outgoing, Publisher, Settings,
    consumer::{self, Limits, Setup},
};
use futures_util::future::join_all;
use messages::topology::Declarations;
use platform::runtime::Tasks;
use testing::{
    Busy, Relay, TestBroker,
    relay::{Cue, Cut, Ending, Side},
};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};
use uuid::Uuid;

use crate::{
    helpers::{PATIENCE, reach, relayed, settings, stop},
    recorder::Recorder,
};

/// These tests run one after the other: each has more connections than CPUs can serve quickly.
static ALONE: Mutex<()> = Mutex::const_new(());

/// How often each moment is met in each way.
const ROUNDS: usize = 9;

/// For an end that the socket tells, with many connections on few CPUs.
const QUICKLY: Duration = Duration::from_secs(30);

/// Nothing but the watch on the connection may help.
const LIMITS: Limits = Limits {
    batch: 500,
    window: Duration::from_millis(10),
    lull: Duration::from_millis(1),
    hold: Duration::from_secs(1_200),
    drain: Duration::from_secs(6),
    confirm: Duration::from_secs(5),
    acknowledge: Duration::from_secs(1_200),
    renew: Duration::from_secs(1_200),
    stall: Duration::from_secs(1_200),
};

/// For an end that only missing heartbeats tell: 20 s, and time to connect.
const AFTER_HEARTBEATS: Duration = Duration::from_secs(60);

/// When the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Handshake,
    Declarations,
    Idle,
    InTheMiddleOfADelivery,
    WhileABatchIsStored,
    BetweenStoreAndAcknowledgement,
    WhileTheAcknowledgementIsWritten,
}

const MOMENTS: [Moment; 7] = [
    Moment::Handshake,
    Moment::Declarations,
    Moment::Idle,
    Moment::InTheMiddleOfADelivery,
    Moment::WhileABatchIsStored,
    Moment::BetweenStoreAndAcknowledgement,
    Moment::WhileTheAcknowledgementIsWritten,
];

impl Moment {
    /// The frame at which the relay ends the connection by itself.
    fn frame(self) -> Option<(Side, (u16, u16))> {
        let frame = match self {
            Self::Handshake => (Side::Server, (10, 30)), // connection.tune
            Self::Declarations => (Side::Server, (50, 11)), // queue.declare-ok
            Self::InTheMiddleOfADelivery => (Side::Server, (60, 60)), // basic.deliver
            Self::WhileTheAcknowledgementIsWritten => (Side::Client, (60, 80)), // basic.ack
            _ => return None,
        };
        Some(frame)
    }
}

/// One connection, and when and how it ends.
struct Case {
    queue: String,
    moment: Moment,
    ending: Ending,
    cut: Cut,
    jitter: Duration,
    relay: Arc<Relay>,
    recorder: Recorder,
}

impl Case {
    /// Prepares the end of the connection, as far as it comes by itself.
    fn prepare(&self) {
        let (relay, ending, jitter) = (Arc::clone(&self.relay), self.ending, self.jitter);
        match (self.moment.frame(), self.moment) {
            (Some((side, method)), _) => {
                let (cut, delay) = (self.cut, jitter);
                relay.end_at(
                    Cue {
                        side,
                        method,
                        cut,
                        delay,
                    },
                    ending,
                );
            }
            (_, Moment::WhileABatchIsStored) => self.recorder.interrupt(async move || {
                relay.end(ending);
                sleep(Duration::from_millis(100) + jitter).await;
            }),
            (_, Moment::BetweenStoreAndAcknowledgement) => {
                self.recorder.interrupt(async move || {
                    sleep(jitter).await;
                    relay.end(ending);
                    // The runtime gets no turn before the acknowledgement.
                    std::thread::sleep(jitter);
                });
            }
            _ => {}
        }
    }

    fn has_stored(&self, body: &str) -> bool {
        self.recorder.stored().iter().any(|stored| stored == body)
    }

    async fn within(&self, bound: Duration, what: &str, done: impl Fn() -> bool) {
        let begin = Instant::now();
        while !done() {
            let Self {
                queue,
                ending,
                cut,
                jitter,
                ..
            } = self;
            assert!(
                begin.elapsed() < bound,
                "not within {bound:?}: {what}; {queue} by {ending:?}, {cut:?} the frame, after {jitter:?}"
            );
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Up to 5 ms: the time in which an end travels from the socket to those who wait.
fn jitter() -> Duration {
    let random = Uuid::new_v4().as_u128() % 5_000;
    Duration::from_micros(u64::try_from(random).unwrap_or(0))
}

/// A broker with a queue for each round.
struct Stage {
    broker: TestBroker,
    publisher: Publisher,
    monitor: Monitor,
    _tasks: Tasks,
}

impl Stage {
    async fn set(queues: &[&str]) -> Self {
        let (broker, tasks) = (TestBroker::create().await, Tasks::default());
        let declarations = Declarations::queues(queues.iter().copied());
        let monitor = Monitor::start(settings(&broker), &declarations, &tasks);
        let publisher = Publisher::start(settings(&broker), declarations, &tasks);
        reach(publisher.state(), BrokerState::Connected).await;
        Self {
            publisher,
            monitor,
            broker,
            _tasks: tasks,
        }
    }

    async fn publish(&self, queue: &str, body: &'static str) {
        let message = Outgoing::new(queue, Uuid::now_v7(), body);
        self.publisher
            .publish(message, PATIENCE)
            .await
            .expect("a confirm");
    }

    /// Fails unless consuming goes on within `bound` after the connection has ended.
    async fn play(&self, case: Case, through: Settings, bound: Duration) {
        let tasks = Tasks::default();
        case.prepare();
        let setup = Setup {
            settings: through,
            dead_letters: self.publisher.clone(),
            monitor: self.monitor.clone(),
            limits: LIMITS,
        };
        consumer::start(case.recorder.clone(), setup, &tasks);
        self.publish(&case.queue, "one").await;
        if case.moment == Moment::Idle {
            case.within(bound, "stores", || case.has_stored("one"))
                .await;
            sleep(case.jitter).await;
            case.relay.end(case.ending);
        }
        case.within(bound, "ends", || case.relay.has_ended_one())
            .await;
        self.publish(&case.queue, "two").await;
        let all = || case.has_stored("one") && case.has_stored("two");
        case.within(bound, "goes on", all).await;
        stop(&tasks).await;
        assert_eq!(tasks.failure(), None);
        assert_eq!(
            self.broker.drain(&case.queue).await,
            [],
            "all are acknowledged"
        );
    }
}

/// Meets every moment in the way of `ending`, many times at once, on busy CPUs.
async fn end_everywhere(ending: Ending, bound: Duration) {
    let rounds = MOMENTS
        .into_iter()
        .flat_map(|moment| (0..ROUNDS).map(move |round| (moment, round)));
    let rounds: Vec<_> = rounds
        .map(|(moment, round)| (format!("{moment:?}-{round}"), moment, round))
        .collect();
    let queues: Vec<_> = rounds.iter().map(|(queue, ..)| queue.as_str()).collect();
    let _alone = ALONE.lock().await;
    let stage = Stage::set(&queues).await;
    let _busy = Busy::start();
    join_all(rounds.iter().map(|(queue, moment, round)| {
        let (relay, through) = relayed(&stage.broker);
        let case = Case {
            queue: queue.clone(),
            moment: *moment,
            ending,
            cut: [Cut::Before, Cut::Middle, Cut::After][*round % 3],
            jitter: jitter(),
            relay: Arc::new(relay),
            recorder: Recorder::of(queue),
        };
        stage.play(case, through, bound)
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_connection_is_replaced_whenever_it_ends() {
    end_everywhere(Ending::Fin, QUICKLY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_connection_is_replaced_whenever_it_ends() {
    end_everywhere(Ending::Reset, QUICKLY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_closed_connection_is_replaced_whenever_it_ends() {
    end_everywhere(Ending::HalfClosed, QUICKLY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_is_replaced_whenever_it_falls_silent() {
    end_everywhere(Ending::Silence, AFTER_HEARTBEATS).await;
}
