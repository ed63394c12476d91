//! A raw publisher, which the gateway and the consumers are compared with: `publish payments SECONDS`, or `publish
//! payments|locations SECONDS COUNT` for no more than COUNT messages, in `scripts/bench`.
//!
//! The broker is at `AMQP_HOST`, `AMQP_PORT`; the user is the gateway's. Two lanes, each a channel with 32 messages in flight, each
//! message persistent and confirmed. A lane sends the next message when the oldest is confirmed. Prints how many were confirmed,
//! in how many seconds, and what one took: the median and the 99th percentile, in microseconds.
#![expect(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on should stop"
)]
#![expect(clippy::print_stdout, reason = "it prints what it has measured")]

use std::{
    collections::VecDeque,
    env,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    uri::{AMQPAuthority, AMQPUri, AMQPUserInfo},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::task::JoinSet;
use uuid::Uuid;

const LANES: usize = 2;

/// Messages of a lane that are not confirmed yet.
const IN_FLIGHT: usize = 32;

/// Bikes of the locations: `bench-1` to this.
const BIKES: u64 = 500;

/// What all lanes share.
#[derive(Clone)]
struct Plan {
    locations: bool,
    until: Instant,
    left: Arc<AtomicU64>,
}

#[tokio::main]
async fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let seconds = arguments[1].parse().unwrap();
    let count = arguments
        .get(2)
        .map_or(u64::MAX, |count| count.parse().unwrap());
    let connection = Connection::connect_uri(address(), ConnectionProperties::default())
        .await
        .unwrap();
    let began = Instant::now();
    let plan = Plan {
        locations: arguments[0] == "locations",
        until: began + Duration::from_secs(seconds),
        left: Arc::new(AtomicU64::new(count)),
    };
    let mut lanes = JoinSet::new();
    for _ in 0..LANES {
        let channel = connection.create_channel().await.unwrap();
        lanes.spawn(publish(channel, plan.clone()));
    }
    let mut times = lanes.join_all().await.concat();
    let took = began.elapsed();
    times.sort_unstable();
    let percentile = |percent: usize| times[(times.len() - 1) * percent / 100].as_micros();
    let (count, took) = (times.len(), took.as_secs_f64());
    println!("{count} {took:.3} {} {}", percentile(50), percentile(99));
}

fn address() -> AMQPUri {
    let variable = |name: &str| env::var(name).unwrap();
    AMQPUri {
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: variable("GATEWAY_AMQP_USER"),
                password: variable("GATEWAY_AMQP_PASSWORD"),
            },
            host: variable("AMQP_HOST"),
            port: variable("AMQP_PORT").parse().unwrap(),
        },
        vhost: variable("AMQP_VHOST"),
        ..AMQPUri::default()
    }
}

/// One lane; returns what each message took.
async fn publish(channel: Channel, plan: Plan) -> Vec<Duration> {
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    let (mut times, mut sent) = (Vec::new(), VecDeque::new());
    while plan.take_one() {
        if sent.len() == IN_FLIGHT {
            times.push(confirmed(&mut sent).await);
        }
        sent.push_back((Instant::now(), plan.send(&channel).await));
    }
    while !sent.is_empty() {
        times.push(confirmed(&mut sent).await);
    }
    times
}

/// Waits for the oldest.
async fn confirmed(sent: &mut VecDeque<(Instant, PublisherConfirm)>) -> Duration {
    let (began, confirm) = sent.pop_front().unwrap();
    let confirmation = confirm.await.unwrap();
    assert!(
        matches!(confirmation, Confirmation::Ack(None)),
        "{confirmation:?}"
    );
    began.elapsed()
}

impl Plan {
    /// Whether there is one more to send.
    fn take_one(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        taken.is_ok() && Instant::now() < self.until
    }

    async fn send(&self, channel: &Channel) -> PublisherConfirm {
        let (exchange, queue, body) = if self.locations {
            ("locations", "", self.location())
        } else {
            ("", "billing_queue", payment())
        };
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(2)
            .with_message_id(Uuid::new_v4().to_string().into());
        let options = BasicPublishOptions::default();
        channel
            .basic_publish(
                exchange.into(),
                queue.into(),
                options,
                body.as_bytes(),
                properties,
            )
            .await
            .unwrap()
    }

    /// Of another bike than the one before, and of now.
    fn location(&self) -> String {
        let bike = self.left.load(Ordering::Relaxed) % BIKES + 1;
        let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap();
        format!(
            r#"{{"bike_id":"bench-{bike}","location":{{"type":"Point","coordinates":[{}.5,48.8566]}},"recorded_at":"{now}"}}"#,
            bike % 180
        )
    }
}

fn payment() -> String {
    r#"{"user_id":"3","number_of_items":"5","total_amount":"180"}"#.into()
}
