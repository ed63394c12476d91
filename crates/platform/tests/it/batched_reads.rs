//! Reads by key that go together: whose row is whose, how many queries there are, and how each of them can fail.

use std::time::Duration;

use diesel::{
    QueryableByName, sql_query,
    sql_types::{Array, BigInt, Text},
};
use futures_util::future::join_all;
use platform::database::{
    BatchedReads, Connection, Database, DatabaseError, QUERY_LIMIT, ReadByKey, Settings, statement,
};
use testing::TestDatabase;
use tokio::time::{Instant, sleep};

use crate::helpers::{execute, pool, settings};

/// A row of the test's own table. A key below zero sleeps for so many seconds; zero panics.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
struct Word {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    word: String,
}

impl ReadByKey for Word {
    type Key = i64;

    fn key(&self) -> &i64 {
        &self.id
    }

    async fn read(connection: &mut Connection, ids: Vec<i64>) -> Result<Vec<Self>, DatabaseError> {
        assert!(!ids.contains(&0), "a bug that is made for the test");
        if let Some(&id) = ids.iter().find(|&&id| id < 0) {
            let sleep = statement("SELECT pg_sleep(-$1)").bind::<BigInt, _>(id);
            connection.execute(sleep).await?;
        }
        let query = statement("SELECT id, word FROM words WHERE id = ANY($1)");
        connection.load(query.bind::<Array<BigInt>, _>(ids)).await
    }
}

/// The words from 1 to 1,000, on one connection.
async fn words(server: &TestDatabase) -> (Database, BatchedReads<Word>) {
    let database = pool(server);
    for sql in [
        "CREATE TABLE words (id bigint PRIMARY KEY, word text NOT NULL)",
        "INSERT INTO words SELECT n, 'word ' || n FROM generate_series(1, 1000) n",
        "ANALYZE words",
    ] {
        execute(&database, sql).await.unwrap();
    }
    let reads = BatchedReads::new(&database);
    (database, reads)
}

fn word(id: i64) -> Word {
    let word = format!("word {id}");
    Word { id, word }
}

/// How often the read of words was planned for its values, and how often it was carried out with a plan that was kept.
async fn plans(database: &Database) -> (i64, i64) {
    #[derive(QueryableByName)]
    struct Plans {
        #[diesel(sql_type = BigInt)]
        custom: i64,
        #[diesel(sql_type = BigInt)]
        generic: i64,
    }
    let query = sql_query(
        "SELECT custom_plans AS custom, generic_plans AS generic FROM pg_prepared_statements \
         WHERE statement LIKE 'SELECT id, word%'",
    );
    let plans = async move |c: &mut Connection| c.one::<Plans, _>(query).await;
    let plans: Result<_, DatabaseError> = database.run(plans).await;
    let Plans { custom, generic } = plans.unwrap();
    (custom, generic)
}

#[tokio::test]
async fn reads_at_the_same_time_are_few_queries_and_each_gets_its_own_row() {
    let server = TestDatabase::create().await;
    let (database, reads) = words(&server).await;
    // Each twice, in an order of their own, and some that are not there.
    let ids: Vec<i64> = (0..100).map(|n| 961 + (n * 37) % 50).collect();
    let found = join_all(ids.iter().map(|&id| reads.find(id))).await;
    for (id, found) in ids.into_iter().zip(found) {
        assert_eq!(found.unwrap(), (id <= 1_000).then(|| word(id)));
    }
    let (custom, generic) = plans(&database).await;
    assert_eq!(custom + generic, 2, "64 and 36 keys");
}

#[tokio::test]
async fn a_read_that_comes_alone_has_a_plan_that_is_kept() {
    let server = TestDatabase::create().await;
    let (database, reads) = words(&server).await;
    for id in 1..=20 {
        assert_eq!(reads.find(id).await.unwrap(), Some(word(id)));
    }
    // PostgreSQL tries five first.
    assert_eq!(plans(&database).await, (5, 15));
}

#[tokio::test]
async fn who_asks_while_a_query_is_out_reads_what_was_written_meanwhile() {
    let server = TestDatabase::create().await;
    let (_database, reads) = words(&server).await;
    let write = async {
        sleep(Duration::from_millis(300)).await;
        server
            .execute("UPDATE words SET word = 'new' WHERE id = 7")
            .await;
        reads.find(7).await
    };
    let (slow, before, after) = tokio::join!(reads.find(-1), reads.find(7), write);
    assert_eq!(slow.unwrap(), None);
    assert!(before.unwrap().is_some());
    assert_eq!(after.unwrap().unwrap().word, "new");
}

#[tokio::test]
async fn a_query_that_is_late_is_late_for_all_and_the_next_one_answers() {
    let server = TestDatabase::create().await;
    let (_database, reads) = words(&server).await;
    let began = Instant::now();
    let second = async {
        sleep(Duration::from_millis(200)).await;
        let asked = Instant::now();
        (reads.find(1).await, asked.elapsed())
    };
    let (first, (second, waited)) = tokio::join!(reads.find(-30), second);
    let late = first.unwrap_err();
    assert!(matches!(*late, DatabaseError::Late(_)), "{late:?}");
    assert!(began.elapsed() < 2 * QUERY_LIMIT, "{:?}", began.elapsed());
    // There is one connection: the second may be late behind it, but not later than its own limit.
    assert!(waited < 2 * QUERY_LIMIT, "{waited:?}: {second:?}");
    assert_eq!(reads.find(2).await.unwrap(), Some(word(2)));
}

#[tokio::test]
async fn without_a_database_all_are_told_why() {
    let server = TestDatabase::create().await;
    let database = Database::new(&Settings {
        port: 1,
        ..settings(&server)
    });
    let reads = BatchedReads::<Word>::new(&database);
    for found in join_all((1..=3).map(|id| reads.find(id))).await {
        let refused = found.unwrap_err();
        assert!(
            matches!(*refused, DatabaseError::Unavailable(_)),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_bug_in_a_query_fails_its_reads_at_once_and_no_later_ones() {
    let server = TestDatabase::create().await;
    let (_database, reads) = words(&server).await;
    let began = Instant::now();
    let found = join_all([reads.find(0), reads.find(1)]).await;
    assert!(found.iter().all(Result::is_err), "{found:?}");
    assert!(began.elapsed() < QUERY_LIMIT, "{:?}", began.elapsed());
    assert_eq!(reads.find(1).await.unwrap(), Some(word(1)));
}

#[tokio::test]
async fn clones_share_what_is_asked_for() {
    let server = TestDatabase::create().await;
    let (database, reads) = words(&server).await;
    let other = reads.clone();
    let (one, two) = tokio::join!(reads.find(1), other.find(2));
    assert_eq!((one.unwrap(), two.unwrap()), (Some(word(1)), Some(word(2))));
    let (custom, generic) = plans(&database).await;
    assert_eq!(custom + generic, 1);
}
