//! What the inventory's user may do at the broker: the permissions of `topology.json`, on a real one.

use std::time::Duration;

use broker::{DeadLetters, Destination, Outgoing, Publisher, Settings};
use messages::{
    locations::{EXCHANGE, POSITION_QUEUE},
    topology::{Declarations, definitions},
};
use platform::runtime::Tasks;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fleet::{Fleet, event};

/// Adds the user with its permissions; gives its name, which is its password.
async fn add_user(fleet: &Fleet) -> String {
    let definitions = definitions();
    let permissions = definitions["permissions"].as_array().unwrap();
    let own = |rights: &&Value| rights["user"] == "@INVENTORY_AMQP_USER@";
    let rights = permissions.iter().find(own).unwrap();
    let [configure, write, read] =
        ["configure", "write", "read"].map(|right| rights[right].as_str().unwrap());
    fleet
        .broker
        .add_user("inventory", configure, write, read)
        .await
}

#[tokio::test]
async fn its_user_may_consume_its_queues_and_write_their_dead_letters() {
    let mut fleet = Fleet::of(&["a"]).await;
    let user = add_user(&fleet).await;
    (fleet.broker.user, fleet.broker.password) = (user.clone(), user);
    let consuming = fleet.start().await;
    fleet.queue(POSITION_QUEUE, &event("nobody", 1, 1.0)).await;
    fleet.queue(POSITION_QUEUE, &event("a", 1, 1.0)).await;
    let place = "SELECT longitude FROM bikes.bikes";
    fleet.until_value(place, "1").await;
    fleet.until_dead(POSITION_QUEUE, 1).await;
    consuming.client.checks_when_ready().await;
}

#[tokio::test]
async fn its_user_may_neither_read_other_queues_nor_publish_events() {
    let fleet = Fleet::of(&[]).await;
    for queue in ["billing_queue", "billing_queue.dead"] {
        let quorum = json!({ "x-queue-type": "quorum" });
        fleet.broker.declare_queue(queue, quorum).await;
    }
    let user = add_user(&fleet).await;
    let settings = Settings {
        variables: "TEST_AMQP",
        host: fleet.broker.host.clone(),
        port: fleet.broker.port,
        vhost: fleet.broker.vhost.clone(),
        user: user.clone(),
        password: user.into(),
    };
    let own = DeadLetters::new(settings.clone(), POSITION_QUEUE);
    assert!(own.list(1).await.unwrap().is_empty());
    let others = DeadLetters::new(settings.clone(), "billing_queue");
    let refused = others.list(1).await.unwrap_err();
    let refused = platform::error::chain(&refused);
    assert!(
        refused.contains("ACCESS_REFUSED") || refused.contains("ACCESS-REFUSED"),
        "{refused}"
    );

    let tasks = Tasks::default();
    let declarations = Declarations {
        exchanges: [EXCHANGE.to_owned()].into(),
        ..Declarations::default()
    };
    let publisher = Publisher::start(settings, declarations, &tasks);
    let message = Outgoing::new(Destination::Fanout(EXCHANGE.into()), Uuid::now_v7(), "{}");
    let published = publisher.publish(message, Duration::from_secs(3)).await;
    assert!(published.is_err());
    tasks.stop.cancel();
}
