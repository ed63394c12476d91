//! A listener of server-sent events, for tests.

use std::time::Duration;

use serde_json::Value;
use testing::Client;
use tokio::time::timeout;

/// A test that waits longer for an event has failed.
const LIMIT: Duration = Duration::from_secs(30);

/// An open stream.
pub(crate) struct Events {
    response: reqwest::Response,
    text: String,
}

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    Position { id: i64, data: Value },
    Gap,
    Comment,
}

impl Events {
    /// Connects, as one that has seen the event `last`.
    pub(crate) async fn open(client: &Client, last: Option<i64>) -> Self {
        let response = try_open(client, last).await;
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let text = String::new();
        Self { response, text }
    }

    /// The next event; `None` when the stream has ended in order.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = parse(event);
                self.text = rest.to_owned();
                return Some(event);
            }
            // An event in time, or an end in order.
            let chunk = timeout(LIMIT, self.response.chunk()).await.unwrap();
            let chunk = chunk.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The ids of the next positions; fails at a gap.
    pub(crate) async fn ids(&mut self, count: usize) -> Vec<i64> {
        let mut ids = Vec::new();
        while ids.len() < count {
            match self.next().await {
                Some(Event::Position { id, .. }) => ids.push(id),
                Some(Event::Comment) => {}
                other => panic!("{other:?} after {ids:?}"),
            }
        }
        ids
    }
}

pub(crate) async fn try_open(client: &Client, last: Option<i64>) -> reqwest::Response {
    let request = client.request("GET", "/api/bikes/stream");
    let request = match last {
        None => request,
        Some(last) => request.header("last-event-id", last),
    };
    let request = request.timeout(Duration::from_secs(150));
    request.send().await.unwrap()
}

fn parse(text: &str) -> Event {
    let lines: Vec<_> = text.lines().collect();
    match lines[..] {
        [id, "event: position", data] => Event::Position {
            id: id.strip_prefix("id: ").unwrap().parse().unwrap(),
            data: serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap(),
        },
        ["event: gap", "data: {}"] => Event::Gap,
        [comment] if comment.starts_with(':') => Event::Comment,
        _ => panic!("no event: {text:?}"),
    }
}
