//! `import-bikes`: takes over bikes that are there already, from a JSON array of any length in constant memory.
//!
//! A bike is `{"id", "location", "status"}`, or a document of MongoDB (`_id`, also as `{"$oid"}`); other fields are ignored.
//! One that is wrong is reported with its place and skipped. One whose id is there is left as it is: what was imported
//! before changes nothing. Only an available bike is taken: one in use would have no trip here.
//!
//! The file is read by a thread of its own, which waits while the database is slower.

mod document;
mod reading;

use std::{
    fmt,
    io::Read,
    time::{Duration, Instant},
};

use platform::database::{Connection, Database, DatabaseError};
use tokio::sync::mpsc;

use super::model::{self, Import};
use document::Document;

/// Bikes of one statement.
const BATCH: usize = 1_000;

/// How long a batch may take.
const BATCH_LIMIT: Duration = Duration::from_secs(30);

/// Items between the file and the database.
const AHEAD: usize = 2 * BATCH;

/// From one line of progress to the next.
const PROGRESS: Duration = Duration::from_secs(1);

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Bikes that were not there.
    pub imported: usize,
    /// Bikes whose ids were there already; nothing was changed.
    pub present: usize,
    /// What was skipped.
    pub wrong: usize,
}

/// The import did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// What was read before is imported.
    #[error("the file cannot be read to its end")]
    File(#[source] serde_json::Error),
    /// What was said before is imported.
    #[error("the bikes cannot be kept")]
    Database(#[from] DatabaseError),
    /// The thread that reads has panicked.
    #[error("the file was not read to its end")]
    Thread(#[from] tokio::task::JoinError),
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            imported,
            present,
            wrong,
        } = self;
        write!(
            formatter,
            "{imported} imported, {present} there already, {wrong} wrong and skipped"
        )
    }
}

/// Imports the bikes of `file`; `tell` is given a line for each that is wrong, and lines of progress.
///
/// # Errors
/// [`ImportError`]. All before the place that it names is imported.
pub async fn import(
    file: impl Read + Send + 'static,
    database: &Database,
    tell: impl Fn(&str),
) -> Result<Summary, ImportError> {
    let (items, mut documents) = mpsc::channel(AHEAD);
    let reading = tokio::task::spawn_blocking(move || reading::read(file, &items));
    let mut importer = Importer {
        database,
        tell,
        batch: Vec::with_capacity(BATCH),
        summary: Summary::default(),
        told: Instant::now(),
    };
    let mut index = 0;
    while let Some(document) = documents.recv().await {
        importer.take(index, document).await?;
        index += 1;
    }
    importer.flush().await?;
    reading.await?.map_err(ImportError::File)?;
    Ok(importer.summary)
}

struct Importer<'a, T> {
    database: &'a Database,
    tell: T,
    batch: Vec<Import>,
    summary: Summary,
    /// When a line of progress was told last.
    told: Instant,
}

impl<T: Fn(&str)> Importer<'_, T> {
    async fn take(&mut self, index: usize, document: Document) -> Result<(), DatabaseError> {
        match document.check() {
            Ok(bike) => self.batch.push(bike),
            Err(wrong) => {
                self.summary.wrong += 1;
                (self.tell)(&format!("bike {index}: {wrong}"));
            }
        }
        if self.batch.len() == BATCH {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), DatabaseError> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let count = batch.len();
        let import = async |c: &mut Connection| model::import(c, batch).await;
        let imported: usize = self.database.run_within(BATCH_LIMIT, import).await?;
        self.summary.imported += imported;
        self.summary.present += count - imported;
        if self.told.elapsed() >= PROGRESS {
            self.told = Instant::now();
            (self.tell)(&self.summary.to_string());
        }
        Ok(())
    }
}
