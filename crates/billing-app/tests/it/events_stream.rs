//! Streams of events: what is kept of them, what is told, and what they cost.

use std::time::Duration;

use futures_util::stream;
use reqwest_body::Body;
use serde_json::{Value, json};
use testing::{Answer, send, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    events::{event, event_with},
    helpers::{Billing, Servers, start},
};
