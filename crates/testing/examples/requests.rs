//! The plainest HTTP client and server, for `scripts/lib/instructions`: what they do is the same each time.
//!
//! `requests serve PORT` answers each request without a body with the same 200 bytes. `requests send HOST:PORT COUNT PATH` asks
//! for the path COUNT times on one connection, one after the other, and ends with 1 when an answer is not a 200.
#![expect(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on should stop"
)]

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

/// Bytes of each answer's body.
const BODY: usize = 200;

/// How long a peer may be silent.
const LIMIT: Duration = Duration::from_secs(60);

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", port] => serve(port.parse().unwrap()),
        ["send", address, count, path] => send(address, count.parse().unwrap(), path),
        _ => panic!("requests serve PORT | send HOST:PORT COUNT PATH"),
    }
}

fn serve(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    for connection in listener.incoming() {
        let connection = connection.unwrap();
        thread::spawn(move || answer_all(connection));
    }
}

/// Until the client closes the connection.
fn answer_all(mut connection: TcpStream) {
    connection.set_nodelay(true).unwrap();
    let body = "x".repeat(BODY);
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {BODY}\r\n\r\n{body}"
    );
    let mut requests = BufReader::new(connection.try_clone().unwrap());
    while read_head(&mut requests).is_some() {
        connection.write_all(answer.as_bytes()).unwrap();
    }
}

fn send(address: &str, count: u32, path: &str) {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_nodelay(true).unwrap();
    connection.set_read_timeout(Some(LIMIT)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let mut answers = BufReader::new(connection.try_clone().unwrap());
    for _ in 0..count {
        connection.write_all(request.as_bytes()).unwrap();
        let head = read_head(&mut answers).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        answers.read_exact(&mut [0; BODY]).unwrap();
    }
}

/// Up to the blank line; `None` at the end of the connection.
fn read_head(from: &mut BufReader<TcpStream>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
}
