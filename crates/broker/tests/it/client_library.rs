//! What the client library does when a connection ends while the runtime is busy, with nothing of ours around it.
//!
//! `broker` is built around this behaviour (`src/connection/watch.rs`). When one of these tests fails after an update
//! of the library, the library has changed: read it again.

use std::{thread, time::Duration};

use futures_util::StreamExt;
use lapin::{
    Channel, Connection, ConnectionProperties,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions,
        BasicQosOptions, QueueDeclareOptions,
    },
    types::{FieldTable, ShortString},
};
use testing::{
    Relay, TestBroker,
    relay::{Cue, Cut, Ending, Protocol, Side},
};
use tokio::time::timeout;

/// An answer that has not come until then does not come.
const NEVER: Duration = Duration::from_secs(3);

/// For what other threads do in a moment.
const A_WHILE: Duration = Duration::from_millis(300);

/// Resets the connection and keeps the library's command task from its turn until its I/O thread has ended.
///
/// The runtime of these tests has one thread. The yield lets it look at its sockets once, which wakes the I/O thread;
/// what that thread then queues for the command task stays queued while this one sleeps.
pub(crate) async fn reset_while_the_runtime_is_busy(relay: &Relay) {
    relay.end(Ending::Reset);
    thread::sleep(A_WHILE);
    tokio::task::yield_now().await;
    thread::sleep(A_WHILE);
}

async fn connect() -> (TestBroker, Relay, Connection, Channel) {
    let broker = TestBroker::create().await;
    let relay = Relay::start(Protocol::Amqp, &broker.host, broker.port);
    let TestBroker {
        user,
        password,
        vhost,
        ..
    } = &broker;
    let uri = format!("amqp://{user}:{password}@127.0.0.1:{}/{vhost}", relay.port);
    let connection = Connection::connect(&uri, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    (broker, relay, connection, channel)
}

/// A queue with a message.
async fn fill(channel: &Channel) {
    let declare = QueueDeclareOptions::default();
    channel
        .queue_declare("q".into(), declare, FieldTable::default())
        .await
        .unwrap();
    let publish = BasicPublishOptions::default();
    channel
        .basic_publish(
            ShortString::default(),
            "q".into(),
            publish,
            b"x",
            lapin::BasicProperties::default(),
        )
        .await
        .unwrap();
}

async fn consume(channel: &Channel) -> lapin::Consumer {
    fill(channel).await;
    let (consume, tag) = (BasicConsumeOptions::default(), ShortString::default());
    channel
        .basic_consume("q".into(), tag, consume, FieldTable::default())
        .await
        .unwrap()
}

#[tokio::test]
async fn an_acknowledgement_is_never_answered() {
    let (_broker, relay, _connection, channel) = connect().await;
    let mut deliveries = consume(&channel).await;
    let delivery = deliveries.next().await.unwrap().unwrap();
    reset_while_the_runtime_is_busy(&relay).await;
    assert!(delivery.acker.usable(), "the delivery is not poisoned yet");
    let answer = timeout(NEVER, delivery.ack(BasicAckOptions::default())).await;
    assert!(answer.is_err(), "{answer:?}");
    assert!(!channel.status().connected(), "meanwhile the library knows");
}

#[tokio::test]
async fn a_new_channel_is_never_answered() {
    let (_broker, relay, connection, _channel) = connect().await;
    reset_while_the_runtime_is_busy(&relay).await;
    let answer = timeout(NEVER, connection.create_channel()).await;
    assert!(answer.is_err(), "{answer:?}");
}

#[tokio::test]
async fn a_goodbye_is_never_answered() {
    let (_broker, relay, connection, _channel) = connect().await;
    reset_while_the_runtime_is_busy(&relay).await;
    let answer = timeout(NEVER, connection.close(200, "OK".into())).await;
    assert!(answer.is_err(), "{answer:?}");
}

#[tokio::test]
async fn what_is_a_frame_fails_and_so_does_the_stream_of_deliveries() {
    let (_broker, relay, _connection, channel) = connect().await;
    let mut deliveries = consume(&channel).await;
    deliveries.next().await.unwrap().unwrap();
    reset_while_the_runtime_is_busy(&relay).await;
    let qos = timeout(NEVER, channel.basic_qos(1, BasicQosOptions::default())).await;
    assert!(matches!(qos, Ok(Err(_))), "{qos:?}");
    let next = timeout(NEVER, deliveries.next()).await;
    assert!(matches!(next, Ok(Some(Err(_)) | None)), "{next:?}");
}

/// The answer to `basic_get` has begun: the library has taken it off its list, and waits for the body.
#[tokio::test]
async fn a_get_without_its_body_is_never_answered() {
    let (_broker, relay, _connection, channel) = connect().await;
    fill(&channel).await;
    let cue = Cue {
        side: Side::Server,
        method: (60, 71), // basic.get-ok
        cut: Cut::After,
        delay: A_WHILE,
    };
    relay.end_at(cue, Ending::Reset);
    let answer = timeout(
        NEVER,
        channel.basic_get("q".into(), BasicGetOptions::default()),
    )
    .await;
    assert!(answer.is_err(), "{answer:?}");
    assert!(!channel.status().connected(), "meanwhile the library knows");
}
