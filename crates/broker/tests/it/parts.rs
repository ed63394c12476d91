//! What one process has of the broker: the consumers that were chosen, and one publisher for all of them.

use std::time::Duration;

use broker::{Broker, Consumers, Consuming};
use messages::topology::Declarations;
use platform::runtime::Tasks;
use testing::{Relay, TestBroker};
use tokio::time::{sleep, timeout};

use crate::{
    helpers::{PATIENCE, eventually, relayed, stop},
    recorder::Recorder,
};

/// A process with two parts, of which none runs yet.
struct Process {
    server: TestBroker,
    relay: Relay,
    broker: Broker,
    recorders: [Recorder; 2],
    intake: Tasks,
    output: Tasks,
}

impl Process {
    async fn connect() -> Self {
        let (server, output) = (TestBroker::create().await, Tasks::default());
        let (relay, through) = relayed(&server);
        let declarations = Declarations::queues(["left", "left.dead", "right", "right.dead"]);
        let broker = Broker::start(&through, declarations, &output);
        eventually("it is ready", || broker.ready().is_ok()).await;
        Self {
            server,
            relay,
            broker,
            recorders: ["left", "right"].map(Recorder::named),
            intake: Tasks::default(),
            output,
        }
    }

    fn consumers(&self) -> Consumers {
        let [left, right] = self.recorders.clone();
        Consumers::default().on(left).on(right)
    }

    async fn send(&self, queue: &str, body: &str) {
        assert!(
            self.server
                .publish(queue, serde_json::json!({}), body)
                .await
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_chosen_consumers_run() {
    let process = Process::connect().await;
    assert!(process.consumers().names().eq(["left", "right"]));
    let chosen = |name: &str| name == "right";
    let consuming = process
        .consumers()
        .start(chosen, &process.broker, &process.intake);
    let names: Vec<_> = consuming.iter().map(Consuming::name).collect();
    assert_eq!(names, ["right"]);
    let [left, right] = &process.recorders;
    process.send("left", "for another process").await;
    process.send("right", "for this one").await;
    eventually("it is stored", || right.stored() == ["for this one"]).await;
    stop(&process.intake).await;
    assert_eq!(left.tries(), 0);
    assert_eq!(process.server.drain("left").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_parts_publish_over_one_connection() {
    let process = Process::connect().await;
    let consuming = process
        .consumers()
        .start(|_| true, &process.broker, &process.intake);
    eventually("both are connected", || {
        consuming.iter().all(|consuming| consuming.ready().is_ok())
    })
    .await;
    for queue in ["left", "right"] {
        process.send(queue, "bad").await;
    }
    let dead_letters = async {
        for queue in ["left.dead", "right.dead"] {
            while process.server.drain(queue).await.is_empty() {
                sleep(Duration::from_millis(20)).await;
            }
        }
    };
    timeout(PATIENCE, dead_letters).await.expect("dead letters");
    // The publisher, the monitor, and one for each consumer.
    assert_eq!(process.relay.open(), 4);
    stop(&process.intake).await;
    eventually("the consumers' are closed", || process.relay.open() == 2).await;
    assert_eq!(process.broker.ready(), Ok(()));
    stop(&process.output).await;
    eventually("all are closed", || process.relay.open() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_broker_is_not_ready() {
    let process = Process::connect().await;
    drop(process.relay);
    eventually("it is not ready", || process.broker.ready().is_err()).await;
}
