//! Rows that are read by their key: requests that ask at the same time go to the database in one query.
//!
//! A query for one row costs mostly its way: a packet to the server and one back, and the switches between processes. So
//! on each thread one query is out at a time, and keys that are asked for meanwhile wait for the next. Nobody waits for
//! company: a key that comes alone goes at once, and the busier a thread is, the more go together.
//!
//! Promises: an answer is never older than its question, as a key is not added to a query that is out already. Each
//! waits at most [`QUERY_LIMIT`], and an error of a query is that of all its keys. Nothing is kept after it is answered.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::oneshot, time::timeout};

use super::{Connection, Database, DatabaseError, QUERY_LIMIT};
use crate::http::workers::PerThread;

/// The most keys of one query.
const MOST: usize = 64;

/// The fewest: the last key is repeated. PostgreSQL estimates an array that it does not know with ten elements. It would plan
/// a query for fewer anew each time, as that seems cheaper to carry out; planning costs more than a repeated key.
const FEWEST: usize = 10;

/// Rows that a key names, each of them one row.
pub trait ReadByKey: Clone + Send + 'static {
    /// What names a row.
    type Key: Clone + Ord + Send + 'static;

    /// Its key.
    fn key(&self) -> &Self::Key;

    /// The rows of these keys, in any order. A key may be there more than once; its row may be, too.
    fn read(
        connection: &mut Connection,
        keys: Vec<Self::Key>,
    ) -> impl Future<Output = Result<Vec<Self>, DatabaseError>> + Send;
}

/// Reads rows by their keys; clones share what is asked for.
#[derive(Clone)]
pub struct BatchedReads<R: ReadByKey> {
    database: Database,
    queues: PerThread<Arc<Queue<R>>>,
}

type Answer<R> = Result<Option<R>, Arc<DatabaseError>>;

/// The questions of one thread.
struct Queue<R: ReadByKey>(Mutex<Questions<R>>);

struct Questions<R: ReadByKey> {
    waiting: Vec<Question<R>>,
    /// Whether a task reads; it takes what waits.
    is_read: bool,
}

struct Question<R: ReadByKey> {
    key: R::Key,
    answer: oneshot::Sender<Answer<R>>,
}

impl<R: ReadByKey> BatchedReads<R> {
    /// Of the rows in this database.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        Self {
            database: database.clone(),
            queues: PerThread::new(Arc::default),
        }
    }

    /// The row of a key, if there is one.
    ///
    /// # Errors
    /// [`DatabaseError`], shared by those whose keys were in one query.
    pub async fn find(&self, key: R::Key) -> Answer<R> {
        let queue = self.queues.get();
        let (answer, answered) = oneshot::channel();
        if queue.add(Question { key, answer }) {
            // It ends when nobody waits any more, and each of its queries is bounded.
            tokio::spawn(Reader(Arc::clone(queue)).run(self.database.clone()));
        }
        let late = || Err(Arc::new(DatabaseError::Late(QUERY_LIMIT)));
        match timeout(QUERY_LIMIT, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => late(),
        }
    }
}

impl<R: ReadByKey> Default for Queue<R> {
    fn default() -> Self {
        Self(Mutex::new(Questions {
            waiting: Vec::new(),
            is_read: false,
        }))
    }
}

impl<R: ReadByKey> Queue<R> {
    /// Whether a reader must be started.
    fn add(&self, question: Question<R>) -> bool {
        let mut questions = self.lock();
        questions.waiting.push(question);
        !mem::replace(&mut questions.is_read, true)
    }

    /// The next questions; without any the reader has to end.
    fn take(&self) -> Option<Vec<Question<R>>> {
        let mut questions = self.lock();
        questions.waiting.retain(|it| !it.answer.is_closed());
        let count = questions.waiting.len().min(MOST);
        questions.is_read = count > 0;
        questions
            .is_read
            .then(|| questions.waiting.drain(..count).collect())
    }

    fn lock(&self) -> MutexGuard<'_, Questions<R>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that reads for a queue. If it panics, what waits fails, and the next question starts another.
struct Reader<R: ReadByKey>(Arc<Queue<R>>);

impl<R: ReadByKey> Reader<R> {
    async fn run(self, database: Database) {
        while let Some(questions) = self.0.take() {
            let keys = keys(&questions);
            let rows = database.run(async |c| R::read(c, keys).await).await;
            give(questions, rows);
        }
    }
}

impl<R: ReadByKey> Drop for Reader<R> {
    fn drop(&mut self) {
        let mut questions = self.0.lock();
        if std::thread::panicking() {
            questions.waiting.clear();
            questions.is_read = false;
        }
    }
}

/// Each key once, at least [`FEWEST`] in all.
fn keys<R: ReadByKey>(questions: &[Question<R>]) -> Vec<R::Key> {
    let mut keys: Vec<_> = questions.iter().map(|it| it.key.clone()).collect();
    keys.sort_unstable();
    keys.dedup();
    if let Some(last) = keys.last().cloned() {
        keys.resize(keys.len().max(FEWEST), last);
    }
    keys
}

fn give<R: ReadByKey>(questions: Vec<Question<R>>, rows: Result<Vec<R>, DatabaseError>) {
    let rows = rows.map_err(Arc::new);
    for Question { key, answer } in questions {
        let row = |rows: &Vec<R>| rows.iter().find(|row| *row.key() == key).cloned();
        let row = rows.as_ref().map(row).map_err(Arc::clone);
        // Who has gone needs no answer.
        let _ = answer.send(row);
    }
}
