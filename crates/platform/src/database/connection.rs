//! What queries run on: one session of the database, and the SQLSTATE of its last error.
//!
//! Models take a [`Connection`], never the pool, so that two of them can share a transaction.

use std::collections::BTreeSet;

use diesel::{OptionalExtension, QueryResult, result::Error as QueryError, sql_types::Text};
use diesel_async::{
    AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, TransactionManager,
    methods::{ExecuteDsl, LoadQuery},
};
use tokio::task::JoinHandle;

use super::{
    DatabaseError, Queries,
    sqlstate::{LastError, SqlState},
    statement,
};

/// The transaction manager of our connections.
type Transactions = AnsiTransactionManager;

/// SQLSTATE of every query of a transaction after one that has failed.
const IN_FAILED_TRANSACTION: &str = "25P02";

/// One session.
pub struct Connection {
    inner: AsyncPgConnection,
    last_error: LastError,
    /// The first error since the transaction began: the server commits nothing after it.
    aborted_by: Option<SqlState>,
    /// Whether a query was begun whose end was not awaited.
    in_query: bool,
    /// Who is notified after the commit.
    channels: BTreeSet<&'static str>,
    driver: JoinHandle<()>,
}

impl Connection {
    /// `driver` moves the bytes; it ends with the connection.
    pub(super) fn new(
        inner: AsyncPgConnection,
        last_error: LastError,
        driver: JoinHandle<()>,
    ) -> Self {
        Self {
            inner,
            last_error,
            aborted_by: None,
            in_query: false,
            channels: BTreeSet::new(),
            driver,
        }
    }

    /// All rows of a query.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn load<'q, T, Q>(&mut self, query: Q) -> Result<Vec<T>, DatabaseError>
    where
        T: Send,
        Q: LoadQuery<'q, AsyncPgConnection, T> + Send + 'q,
    {
        self.begin_query();
        let rows = query.load(&mut self.inner).await;
        self.end_query(rows)
    }

    /// The row of a query that gives exactly one, for instance an insert with `RETURNING`.
    ///
    /// # Errors
    /// [`DatabaseError`]; also when there is no row.
    pub async fn one<'q, T, Q>(&mut self, query: Q) -> Result<T, DatabaseError>
    where
        T: Send,
        Q: LoadQuery<'q, AsyncPgConnection, T> + Send + 'q,
    {
        self.begin_query();
        let row = query.get_result(&mut self.inner).await;
        self.end_query(row)
    }

    /// The row of a query that gives at most one.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn optional<'q, T, Q>(&mut self, query: Q) -> Result<Option<T>, DatabaseError>
    where
        T: Send,
        Q: LoadQuery<'q, AsyncPgConnection, T> + Send + 'q,
    {
        self.begin_query();
        let row = query.get_result(&mut self.inner).await.optional();
        self.end_query(row)
    }

    /// How many rows a statement touched.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn execute<'q, Q>(&mut self, query: Q) -> Result<usize, DatabaseError>
    where
        Q: ExecuteDsl<AsyncPgConnection> + Send + 'q,
    {
        self.begin_query();
        let count = query.execute(&mut self.inner).await;
        self.end_query(count)
    }

    /// Notifies those who listen to `channel` when what is done now is committed, and not if it is rolled back.
    ///
    /// That is a transaction of its own: one that notifies holds a lock of the whole server from before its commit is on the
    /// disk until after it, so these commits would be written one by one. A process that ends in between has not notified.
    pub fn notify_when_committed(&mut self, channel: &'static str) {
        self.channels.insert(channel);
    }

    /// Forgets the channels of the work before.
    pub(super) fn clear_notifications(&mut self) {
        self.channels.clear();
    }

    /// Notifies those who were named; it is committed now. A failure is no error: listeners also poll.
    pub(super) async fn notify(&mut self) {
        for channel in std::mem::take(&mut self.channels) {
            let notify = statement("SELECT pg_notify($1, '')").bind::<Text, _>(channel);
            if let Err(error) = self.execute(notify).await {
                tracing::debug!(%error, channel, "no notification was sent");
            }
        }
    }

    /// Runs `work` in a transaction: committed when it gives `Ok`, rolled back when it gives an error.
    pub(super) async fn transaction<T, E, F>(&mut self, work: F) -> Result<T, E>
    where
        F: Queries<T, E>,
        E: From<DatabaseError>,
    {
        self.begin().await?;
        match work(self).await {
            Ok(done) => {
                self.commit().await?;
                Ok(done)
            }
            Err(error) => {
                // When this fails the connection is broken, and the server rolls back at its end.
                let _ = self.rollback().await;
                Err(error)
            }
        }
    }

    async fn begin(&mut self) -> Result<(), DatabaseError> {
        self.aborted_by = None;
        self.begin_query();
        let begun = Transactions::begin_transaction(&mut self.inner).await;
        self.end_query(begun)
    }

    /// Fails after a query that has failed, even if its error was ignored: the server would roll back without an error.
    async fn commit(&mut self) -> Result<(), DatabaseError> {
        if let Some(code) = self.aborted_by {
            self.rollback().await?;
            let source = QueryError::RollbackTransaction;
            let code = Some(code);
            return Err(DatabaseError::Query { source, code });
        }
        self.begin_query();
        let committed = Transactions::commit_transaction(&mut self.inner).await;
        self.end_query(committed)
    }

    async fn rollback(&mut self) -> Result<(), DatabaseError> {
        self.begin_query();
        let rolled_back = Transactions::rollback_transaction(&mut self.inner).await;
        self.end_query(rolled_back)
    }

    /// The session as diesel knows it, for migrations.
    pub(super) fn into_inner(self) -> AsyncPgConnection {
        self.inner
    }

    /// How to ask the server to stop what it does for this session.
    pub(super) fn cancel_token(&self) -> tokio_postgres::CancelToken {
        self.inner.cancel_token()
    }

    /// Whether it must not be used again: it was discarded, or has ended.
    pub(super) fn is_broken(&mut self) -> bool {
        self.driver.is_finished() || Transactions::is_broken_transaction_manager(&mut self.inner)
    }

    /// From now on it is broken.
    pub(super) fn discard(&mut self) {
        Transactions::transaction_manager_status_mut(&mut self.inner).set_in_error();
    }

    /// Whether a query was left before its end: its statement may still run.
    pub(super) fn was_left(&self) -> bool {
        self.in_query
    }

    fn begin_query(&mut self) {
        self.in_query = true;
        self.last_error.set(None);
    }

    fn end_query<T>(&mut self, result: QueryResult<T>) -> Result<T, DatabaseError> {
        self.in_query = false;
        result.map_err(|source| {
            let code = match self.last_error.get() {
                // A query after one that has failed: that one says why.
                Some(code) if code.code() == IN_FAILED_TRANSACTION => self.aborted_by,
                code => code,
            };
            self.aborted_by = self.aborted_by.or(code);
            let error = DatabaseError::Query { source, code };
            if error.may_be_the_session() {
                self.discard();
            }
            error
        })
    }
}
