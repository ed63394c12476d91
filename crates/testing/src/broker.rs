//! A RabbitMQ virtual host of its own for each test, dropped when the test ends.
//!
//! The broker is the one that `TEST_RABBITMQ_URL` (AMQP) and `TEST_RABBITMQ_API` (its management plugin) name;
//! `scripts/test` starts it. No broker is a failing test. Everything here goes through the management API: it
//! shares no code with what is tested.

use std::{collections::HashSet, env, sync::Mutex, time::Duration};

use reqwest::{Client, Method, StatusCode, Url};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{bound::Bound, cleanup};

/// A virtual host that nobody else uses.
#[derive(Debug)]
pub struct TestBroker {
    /// Host of the broker.
    pub host: String,
    /// Its AMQP port.
    pub port: u16,
    /// Name of the virtual host.
    pub vhost: String,
    /// A user who may do everything in it.
    pub user: String,
    /// The user's password.
    pub password: String,
    closed: Mutex<HashSet<String>>,
    api: Api,
    _bound: Bound,
}

/// A message as the management API shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The body, as text.
    pub body: String,
    /// Whether it had been delivered before.
    pub redelivered: bool,
    /// AMQP properties: `message_id`, `delivery_mode`, `headers` and so on.
    pub properties: Value,
}

impl Message {
    /// The message id, or nothing.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.properties["message_id"].as_str()
    }

    /// A text header, or nothing.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.properties["headers"][name].as_str()
    }
}

impl TestBroker {
    /// Creates an empty virtual host.
    ///
    /// # Panics
    /// When the variables are not set or the broker does not answer.
    pub async fn create() -> Self {
        let amqp = url("TEST_RABBITMQ_URL");
        let api = Api {
            base: url("TEST_RABBITMQ_API"),
        };
        let broker = Self {
            host: amqp.host_str().unwrap_or("127.0.0.1").to_owned(),
            port: amqp.port().unwrap_or(5672),
            vhost: format!("test_{}", Uuid::new_v4().simple()),
            user: amqp.username().to_owned(),
            password: amqp.password().unwrap_or_default().to_owned(),
            closed: Mutex::default(),
            api,
            _bound: Bound::of_this_test(),
        };
        broker.put(&["vhosts", &broker.vhost], json!({})).await;
        broker.allow(&broker.user, ".*", ".*", ".*").await;
        broker
    }

    /// Creates a user with the same name and password and these permissions (regular expressions) in this virtual host.
    ///
    /// Users belong to the whole broker; the name gets the virtual host's as a prefix, and is returned.
    pub async fn add_user(&self, name: &str, configure: &str, write: &str, read: &str) -> String {
        let name = format!("{}_{name}", self.vhost);
        let user = json!({ "password": name, "tags": "" });
        self.put(&["users", &name], user).await;
        self.allow(&name, configure, write, read).await;
        name
    }

    /// Publishes to `queue`; tells whether it was routed. `properties` are AMQP's, as the management API writes them.
    pub async fn publish(&self, queue: &str, properties: Value, body: &str) -> bool {
        let message = json!({ "routing_key": queue, "properties": properties, "payload": body, "payload_encoding": "string" });
        let path = ["exchanges", &self.vhost, "amq.default", "publish"];
        let (_, answer) = self.api.call(Method::POST, &path, Some(message)).await;
        answer["routed"] == true
    }

    /// Takes all ready messages out of `queue`, in order.
    pub async fn drain(&self, queue: &str) -> Vec<Message> {
        let mut all = Vec::new();
        loop {
            let part = self.get(queue, "ack_requeue_false").await;
            if part.is_empty() {
                return all;
            }
            all.extend(part);
        }
    }

    /// Reads the first ready messages of `queue`, at most 5,000, and puts them back; that marks them as redelivered.
    pub async fn peek(&self, queue: &str) -> Vec<Message> {
        self.get(queue, "ack_requeue_true").await
    }

    /// Declares `queue` with these arguments (`{}` for a classic queue).
    pub async fn declare_queue(&self, queue: &str, arguments: Value) {
        let declaration = json!({ "durable": true, "arguments": arguments });
        self.put(&["queues", &self.vhost, queue], declaration).await;
    }

    /// What the broker knows of `queue`; null when it does not exist. Its counters lag by up to 5 seconds.
    pub async fn queue(&self, queue: &str) -> Value {
        let path = ["queues", &self.vhost, queue];
        match self.api.call(Method::GET, &path, None).await {
            (StatusCode::NOT_FOUND, _) => Value::Null,
            (_, queue) => queue,
        }
    }

    /// Gives the queue of this name a policy.
    pub async fn set_policy(&self, name: &str, queue: &str, definition: Value) {
        let policy = json!({ "pattern": format!("^{queue}$"), "definition": definition, "apply-to": "queues" });
        self.put(&["policies", &self.vhost, name], policy).await;
    }

    /// Takes the policy away.
    pub async fn remove_policy(&self, name: &str) {
        let path = ["policies", &self.vhost, name];
        self.api.call(Method::DELETE, &path, None).await;
    }

    /// Deletes `queue` with all that is in it.
    pub async fn delete_queue(&self, queue: &str) {
        let path = ["queues", &self.vhost, queue];
        self.api.call(Method::DELETE, &path, None).await;
    }

    /// Closes every connection of this virtual host, as an operator would; tells how many.
    ///
    /// The management plugin learns of a connection with a delay of up to 5 seconds, so this waits for one that it has
    /// not closed before.
    ///
    /// # Panics
    /// When there is none to close.
    pub async fn close_connections(&self) -> usize {
        for _ in 0..200 {
            let open = self.open_connections().await;
            let names = open
                .iter()
                .filter_map(|connection| connection["name"].as_str());
            let new: Vec<&str> = names.filter(|name| self.first_time(name)).collect();
            for name in &new {
                self.api
                    .call(Method::DELETE, &["connections", name], None)
                    .await;
            }
            if !new.is_empty() {
                return new.len();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no connection to close")
    }

    fn first_time(&self, name: &str) -> bool {
        let mut closed = self.closed.lock().expect("no test panicked here");
        closed.insert(name.to_owned())
    }

    async fn open_connections(&self) -> Vec<Value> {
        let path = ["vhosts", &self.vhost, "connections"];
        let (_, connections) = self.api.call(Method::GET, &path, None).await;
        connections.as_array().cloned().unwrap_or_default()
    }

    async fn get(&self, queue: &str, mode: &str) -> Vec<Message> {
        let wanted = json!({ "count": 5_000, "ackmode": mode, "encoding": "auto" });
        let path = ["queues", &self.vhost, queue, "get"];
        let (_, messages) = self.api.call(Method::POST, &path, Some(wanted)).await;
        messages
            .as_array()
            .expect("a list of messages")
            .iter()
            .map(Message::from)
            .collect()
    }

    async fn allow(&self, user: &str, configure: &str, write: &str, read: &str) {
        let rights = json!({ "configure": configure, "write": write, "read": read });
        self.put(&["permissions", &self.vhost, user], rights).await;
    }

    async fn put(&self, path: &[&str], body: Value) {
        self.api.call(Method::PUT, path, Some(body)).await;
    }
}

impl From<&Value> for Message {
    fn from(message: &Value) -> Self {
        Self {
            body: message["payload"].as_str().unwrap_or_default().to_owned(),
            redelivered: message["redelivered"] == true,
            properties: message["properties"].clone(),
        }
    }
}

/// The management API.
#[derive(Debug, Clone)]
struct Api {
    base: Url,
}

impl Api {
    /// Panics unless the answer is a success or 404.
    async fn call(
        &self,
        method: Method,
        path: &[&str],
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut url = self.base.clone();
        // Segment by segment: names may hold any character.
        url.path_segments_mut()
            .expect("an HTTP URL")
            .clear()
            .push("api")
            .extend(path);
        let client = Client::builder()
            .no_proxy()
            .build()
            .expect("an HTTP client");
        let mut request = client.request(method, url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request
            .send()
            .await
            .expect("RabbitMQ answers at TEST_RABBITMQ_API");
        let status = answer.status();
        let body = answer.bytes().await.expect("a whole answer");
        assert!(
            status.is_success() || status == StatusCode::NOT_FOUND,
            "{path:?}: {status} {}",
            String::from_utf8_lossy(&body)
        );
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }
}

fn url(variable: &str) -> Url {
    let value =
        env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run scripts/test"));
    Url::parse(&value).unwrap_or_else(|error| panic!("{variable} is no URL: {error}"))
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        cleanup::start(remove(self.api.clone(), self.vhost.clone()));
    }
}

async fn remove(api: Api, vhost: String) {
    let (_, users) = api.call(Method::GET, &["users"], None).await;
    let names = users
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|user| user["name"].as_str());
    for name in names.filter(|name| name.starts_with(&vhost)) {
        api.call(Method::DELETE, &["users", name], None).await;
    }
    api.call(Method::DELETE, &["vhosts", &vhost], None).await;
}
