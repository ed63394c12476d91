//! Rows that are read by their key: requests that ask at the same time go to the database in one query.
//!
//! A query for one row costs mostly its way: a packet to the server and one back, and the switches between processes. So
//! on each thread one query is out at a time, and keys that are asked for meanwhile go in the next. A key that comes alone goes
//! at once; the busier a thread is, the more go together. Another query is sent beside one that has no answer within [`SLOW`]: its
//! connection may be dead.
//!
//! Promises: an answer is never older than its question, as a key is not added to a query that is out already. Each question
//! waits at most [`QUERY_LIMIT`]. Who hangs up leaves the query to the others. A query that the database refuses is asked again
//! key by key, so that a row fails no other. Rows are forgotten when they are given.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use super::{Connection, Database, DatabaseError, QUERY_LIMIT};
use crate::{error::panic_text, http::workers::PerThread};

/// The most keys of one query.
const MOST: usize = 64;

/// The fewest: the last key is repeated. PostgreSQL estimates an array that it does not know with ten elements. It would plan
/// a query for fewer anew each time, as that seems cheaper to carry out; planning costs more than a repeated key.
const FEWEST: usize = 10;

/// A query that is out for longer holds up no others.
const SLOW: Duration = Duration::from_millis(50);

/// The most queries that are out on one thread.
const MAX_READERS: usize = 4;

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
    /// Tasks that take what waits.
    readers: usize,
    /// When the last reader was started, or has sent a query.
    read_at: Instant,
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
            // It ends when there are no more questions, and each of its queries is bounded.
            tokio::spawn(Reader::new(queue, &self.database).run());
        }
        match timeout(QUERY_LIMIT, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(Arc::new(DatabaseError::Late(QUERY_LIMIT))),
        }
    }
}

impl<R: ReadByKey> Default for Queue<R> {
    fn default() -> Self {
        Self(Mutex::new(Questions {
            waiting: Vec::new(),
            readers: 0,
            read_at: Instant::now(),
        }))
    }
}

impl<R: ReadByKey> Queue<R> {
    /// Whether a reader must be started.
    fn add(&self, question: Question<R>) -> bool {
        let mut questions = self.lock();
        questions.waiting.push(question);
        let is_slow = questions.readers < MAX_READERS && questions.read_at.elapsed() > SLOW;
        let needs_reader = questions.readers == 0 || is_slow;
        if needs_reader {
            questions.readers += 1;
            questions.read_at = Instant::now();
        }
        needs_reader
    }

    /// The next questions for one query.
    fn take(&self) -> Vec<Question<R>> {
        let mut questions = self.lock();
        questions.read_at = Instant::now();
        questions.waiting.retain(|it| !it.answer.is_closed());
        let count = questions.waiting.len().min(MOST);
        questions.waiting.drain(..count).collect()
    }

    fn take_all(&self) -> Vec<Question<R>> {
        std::mem::take(&mut self.lock().waiting)
    }

    /// Whether a reader has no more to do; then it is one less.
    fn release_reader(&self) -> bool {
        let mut questions = self.lock();
        let has_ended = questions.waiting.is_empty();
        questions.readers -= usize::from(has_ended);
        has_ended
    }

    fn lock(&self) -> MutexGuard<'_, Questions<R>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task that reads for a queue.
struct Reader<R: ReadByKey> {
    queue: Arc<Queue<R>>,
    database: Database,
    has_ended: bool,
}

impl<R: ReadByKey> Reader<R> {
    fn new(queue: &Arc<Queue<R>>, database: &Database) -> Self {
        Self {
            queue: Arc::clone(queue),
            database: database.clone(),
            has_ended: false,
        }
    }

    async fn run(mut self) {
        while !self.has_ended {
            self.read_next().await;
            self.has_ended = self.queue.release_reader();
        }
    }

    /// Questions are taken when there is a connection: until then more may come.
    async fn read_next(&self) {
        let (mut questions, queue) = (Vec::new(), &self.queue);
        let next = async |connection: &mut Connection| {
            questions = queue.take();
            read::<R>(connection, keys(&questions)).await
        };
        match self.database.run(next).await {
            Err(error) if questions.is_empty() => give(queue.take_all(), Err(error)),
            Err(error) if questions.len() > 1 && !error.is_transient() => {
                self.read_each(questions).await;
            }
            rows => give(questions, rows),
        }
    }

    async fn read_each(&self, questions: Vec<Question<R>>) {
        for question in questions {
            let one = [question];
            let keys = keys(&one);
            let next = async move |connection: &mut Connection| read(connection, keys).await;
            give(one, self.database.run(next).await);
        }
    }
}

impl<R: ReadByKey> Drop for Reader<R> {
    /// A runtime that ends drops its tasks anywhere.
    fn drop(&mut self) {
        if !self.has_ended {
            self.queue.lock().readers -= 1;
        }
    }
}

/// The rows of these keys. A panic is an error as any other: the reader goes on.
async fn read<R: ReadByKey>(
    connection: &mut Connection,
    keys: Vec<R::Key>,
) -> Result<Vec<R>, DatabaseError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows = AssertUnwindSafe(R::read(connection, keys));
    let rows = rows.catch_unwind().await;
    rows.unwrap_or_else(|panic| Err(DatabaseError::Panicked(panic_text(&*panic).into())))
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

fn give<R: ReadByKey>(
    questions: impl IntoIterator<Item = Question<R>>,
    rows: Result<Vec<R>, DatabaseError>,
) {
    let rows = rows.map_err(Arc::new);
    for Question { key, answer } in questions {
        let row = |rows: &Vec<R>| rows.iter().find(|row| *row.key() == key).cloned();
        let row = rows.as_ref().map(row).map_err(Arc::clone);
        // Who has hung up needs no answer.
        let _ = answer.send(row);
    }
}
