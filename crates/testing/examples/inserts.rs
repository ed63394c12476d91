//! A plain client of PostgreSQL, which the billing's recording is compared with: `inserts COUNT` adds as many payments to
//! `orders`, 500 in a statement, one statement after the other on one connection, for `scripts/bench drain`.
//!
//! The database is that of `ORDERS_DB_...`. Prints how many rows were added, and in how many seconds.
#![expect(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on should stop"
)]
#![expect(clippy::print_stdout, reason = "it prints what it has measured")]

use std::{env, time::Instant};

use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

/// Rows of one statement.
const BATCH: usize = 500;

const INSERT: &str = "INSERT INTO orders (message_id, user_id, number_of_items, total_amount, fingerprint, order_id) \
    SELECT * FROM unnest($1::text[]::uuid[], $2::text[], $3::int[], $4::text[]::numeric[], $5::bytea[], $6::text[]::uuid[]) \
    ON CONFLICT (message_id) DO NOTHING RETURNING message_id";

#[tokio::main]
async fn main() {
    let count: usize = env::args().nth(1).unwrap().parse().unwrap();
    let client = connect().await;
    let insert = client.prepare(INSERT).await.unwrap();
    let began = Instant::now();
    let mut left = count;
    while left > 0 {
        let rows = left.min(BATCH);
        let ids: Vec<_> = (0..rows).map(|_| Uuid::new_v4().to_string()).collect();
        let users = vec!["3"; rows];
        let (items, amounts) = (vec![5_i32; rows], vec!["180"; rows]);
        let (fingerprints, orders) = (vec![vec![7_u8; 32]; rows], vec![None::<String>; rows]);
        let added = client
            .query(
                &insert,
                &[&ids, &users, &items, &amounts, &fingerprints, &orders],
            )
            .await
            .unwrap();
        assert_eq!(added.len(), rows);
        left -= rows;
    }
    println!("{count} {:.3}", began.elapsed().as_secs_f64());
}

async fn connect() -> Client {
    let variable = |name: &str| env::var(format!("ORDERS_DB_{name}")).unwrap();
    let (client, connection) = Config::new()
        .host(variable("HOST"))
        .port(variable("PORT").parse().unwrap())
        .dbname(variable("NAME"))
        .user(variable("USER"))
        .password(variable("PASSWORD"))
        .connect(NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}
