//! Reads by key that go together: whose row is whose, how many queries there are, and how each of them can fail.

use std::time::Duration;

use diesel::{
    QueryableByName, sql_query,
    sql_types::{Array, BigInt, Text},
};
use futures_util::future::join_all;
use platform::{
    database::{
        BatchedReads, Connection, Database, DatabaseError, QUERY_LIMIT, ReadByKey, statement,
    },
    error::chain,
};
use testing::TestDatabase;
use tokio::time::{Instant, sleep, timeout};

use crate::helpers::{pool, pool_at, pool_of};

/// A row of the test's own table. A key below zero sleeps for so many seconds after the rows were read; zero panics.
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
        let slow = ids.iter().copied().find(|&id| id < 0);
        let query = statement("SELECT id, word FROM words WHERE id = ANY($1)");
        let words = connection.load(query.bind::<Array<BigInt>, _>(ids)).await?;
        if let Some(id) = slow {
            let sleep = statement("SELECT pg_sleep(-$1)").bind::<BigInt, _>(id);
            connection.execute(sleep).await?;
        }
        Ok(words)
    }
}

/// The words from 1 to 1,000, on one connection.
async fn words(server: &TestDatabase) -> (Database, BatchedReads<Word>) {
    words_with(server, pool(server)).await
}

async fn words_with(server: &TestDatabase, database: Database) -> (Database, BatchedReads<Word>) {
    for sql in [
        "CREATE TABLE words (id bigint PRIMARY KEY, word text NOT NULL)",
        "INSERT INTO words SELECT n, 'word ' || n FROM generate_series(1, 1000) n",
        "ANALYZE words",
    ] {
        server.execute(sql).await;
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
    assert_eq!(
        before.unwrap(),
        Some(word(7)),
        "it was read before the write"
    );
    assert_eq!(after.unwrap().unwrap().word, "new");
}

#[tokio::test]
async fn a_query_that_is_slow_holds_up_no_others() {
    let server = TestDatabase::create().await;
    let (_database, reads) = words_with(&server, pool_of(&server, 2)).await;
    let other = async {
        sleep(Duration::from_millis(100)).await;
        let asked = Instant::now();
        (reads.find(1).await, asked.elapsed())
    };
    let (slow, (other, waited)) = tokio::join!(reads.find(-1), other);
    assert_eq!((slow.unwrap(), other.unwrap()), (None, Some(word(1))));
    assert!(waited < Duration::from_millis(600), "{waited:?}");
}

#[tokio::test]
async fn no_question_waits_for_longer_than_the_limit_of_a_query() {
    let server = TestDatabase::create().await;
    let (_database, reads) = words_with(&server, pool_of(&server, 8)).await;
    // As many queries as may be out, and none of them ends.
    let stuck = (1..=4).map(|place| {
        let reads = &reads;
        async move {
            sleep(Duration::from_millis(100) * place).await;
            reads.find(-30).await
        }
    });
    let last = async {
        sleep(Duration::from_millis(500)).await;
        // Both go in the next query, which is as slow.
        let asked = Instant::now();
        let (found, _) = tokio::join!(reads.find(1), reads.find(-30));
        (found, asked.elapsed())
    };
    let (stuck, (found, waited)) = tokio::join!(join_all(stuck), last);
    for late in stuck.into_iter().chain([found]) {
        let late = late.unwrap_err();
        assert!(matches!(*late, DatabaseError::Late(_)), "{late:?}");
    }
    assert!(waited < QUERY_LIMIT + QUERY_LIMIT / 2, "{waited:?}");
    assert_eq!(reads.find(2).await.unwrap(), Some(word(2)));
}

#[tokio::test]
async fn without_a_database_all_are_told_why_at_once() {
    let server = TestDatabase::create().await;
    let database = pool_at(&server, 1);
    let (reads, began) = (BatchedReads::<Word>::new(&database), Instant::now());
    for found in join_all((1..=300).map(|id| reads.find(id))).await {
        let refused = found.unwrap_err();
        assert!(
            matches!(*refused, DatabaseError::Unavailable(_)),
            "{refused:?}"
        );
    }
    assert!(began.elapsed() < QUERY_LIMIT, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_key_that_panics_fails_no_other() {
    let server = TestDatabase::create().await;
    let (_database, reads) = words(&server).await;
    let (bug, other) = tokio::join!(reads.find(0), reads.find(1));
    let bug = bug.unwrap_err();
    assert!(matches!(*bug, DatabaseError::Panicked(_)), "{bug:?}");
    assert!(chain(&*bug).contains("made for the test"), "{bug}");
    assert_eq!(other.unwrap(), Some(word(1)));
    assert!(reads.find(0).await.is_err());
    assert_eq!(reads.find(1).await.unwrap(), Some(word(1)));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_fails_no_other() {
    let server = TestDatabase::create().await;
    let (_database, reads) = words(&server).await;
    server
        .execute(
            "ALTER TABLE words ALTER word DROP NOT NULL; UPDATE words SET word = NULL WHERE id = 5",
        )
        .await;
    let (wrong, other) = tokio::join!(reads.find(5), reads.find(6));
    let wrong = wrong.unwrap_err();
    assert!(!wrong.is_transient(), "{wrong:?}");
    assert_eq!(other.unwrap(), Some(word(6)));
}

#[tokio::test]
async fn who_hangs_up_is_not_read_for() {
    let server = TestDatabase::create().await;
    let (database, reads) = words(&server).await;
    let slow = async {
        let hangs_up = timeout(Duration::from_millis(200), reads.find(1));
        tokio::join!(reads.find(-1), async {
            sleep(Duration::from_millis(100)).await;
            hangs_up.await
        })
    };
    let (slow, gone) = slow.await;
    assert!(slow.unwrap().is_none() && gone.is_err());
    assert_eq!(reads.find(2).await.unwrap(), Some(word(2)));
    let (custom, generic) = plans(&database).await;
    assert_eq!(custom + generic, 2, "the slow one and the last");
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
