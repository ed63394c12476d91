//! The command `dead-letters` of a service: what an operator does with messages that could not be processed.
//!
//! Every queue that a service reads has its dead letters. Nothing is removed before its replay is confirmed. A replayed
//! message keeps its id: a payment that was recorded in the meantime stays one row, and a step of the shop's conversation
//! that was taken in the meantime is not taken twice.

use std::io::Write;

use clap::{Args, Subcommand};
use messages::topology::{Declarations, Service};
use platform::runtime::Tasks;

use super::{DeadLetter, DeadLetterError, DeadLetters, Which};
use crate::{BrokerError, Publisher, Settings};

/// Whose dead letters, and what to do with them.
#[derive(Debug, Clone, Args)]
pub struct Command {
    /// The queue that could not process them; the first one that the service reads when nothing is said.
    #[arg(long, global = true)]
    queue: Option<String>,
    /// What to do.
    #[command(subcommand)]
    action: Action,
}

/// What to do with dead letters.
#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Show them: id, when, why and body, separated by tabs.
    List {
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Send them to their queue once more, under the same ids.
    Replay(Chosen),
    /// Delete them for good.
    Discard(Chosen),
}

/// Which dead letters.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
struct Chosen {
    /// Their message ids, as `list` shows them.
    ids: Vec<String>,
    /// All that are there now.
    #[arg(long)]
    all: bool,
}

/// Why a command has failed; what was done before it stays done.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The service does not read this queue.
    #[error("--queue: {service} does not read '{queue}'; it reads: {known}")]
    UnknownQueue {
        /// The program.
        service: &'static str,
        /// What was asked for.
        queue: String,
        /// Those that it reads.
        known: String,
    },
    /// The broker is away.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// They could not be replayed or discarded.
    #[error(transparent)]
    DeadLetters(#[from] DeadLetterError),
    /// None of them has this id.
    #[error("no dead letter has the id {0}")]
    UnknownId(String),
}

impl Command {
    /// Carries it out for a queue of `service`, and prints what was done.
    ///
    /// # Errors
    /// When the broker is away, the queue is another service's, or an id is not among the dead letters.
    pub async fn run(self, service: Service, settings: Settings) -> Result<(), CommandError> {
        let queue = chosen_queue(service, self.queue)?;
        let letters = DeadLetters::new(settings.clone(), &*queue);
        match self.action {
            Action::List { limit } => letters
                .list(limit)
                .await?
                .iter()
                .for_each(|letter| say(&line(letter))),
            Action::Replay(chosen) => replay(&letters, &queue, &chosen, settings).await?,
            Action::Discard(chosen) => {
                for which in chosen.each() {
                    report("discarded", which, letters.discard(which).await?)?;
                }
            }
        }
        Ok(())
    }
}

/// Its user at the broker may take the dead letters of the queues that it reads, and of no others.
fn chosen_queue(service: Service, queue: Option<String>) -> Result<String, CommandError> {
    let known: Vec<_> = service.reads().map(|queue| queue.name).collect();
    match (queue, known.first()) {
        (None, Some(first)) => Ok((*first).to_owned()),
        (Some(queue), _) if known.contains(&&*queue) => Ok(queue),
        (queue, _) => Err(CommandError::UnknownQueue {
            service: service.name(),
            queue: queue.unwrap_or_default(),
            known: known.join(", "),
        }),
    }
}

async fn replay(
    letters: &DeadLetters,
    queue: &str,
    chosen: &Chosen,
    settings: Settings,
) -> Result<(), CommandError> {
    let tasks = Tasks::default();
    let publisher = Publisher::start(settings, Declarations::queues([queue]), &tasks);
    for which in chosen.each() {
        report("replayed", which, letters.replay(which, &publisher).await?)?;
    }
    tasks.stop.cancel();
    tasks.tracker.close();
    tasks.tracker.wait().await;
    Ok(())
}

impl Chosen {
    fn each(&self) -> Vec<Which<'_>> {
        if self.all {
            vec![Which::All]
        } else {
            self.ids.iter().map(|id| Which::WithId(id)).collect()
        }
    }
}

fn report(done: &str, which: Which<'_>, count: usize) -> Result<(), CommandError> {
    match which {
        Which::WithId(id) if count == 0 => return Err(CommandError::UnknownId(id.to_owned())),
        _ => say(&format!("{done} {count}")),
    }
    Ok(())
}

/// The body is shown as one line of text, whatever was sent.
fn line(letter: &DeadLetter) -> String {
    let id = letter.message.message_id.as_deref().unwrap_or("-");
    let (at, reason) = (
        letter.refused_at().unwrap_or("-"),
        letter.reason().unwrap_or("-"),
    );
    let body = String::from_utf8_lossy(&letter.message.body);
    [id, at, reason, &body]
        .map(|part| part.replace(char::is_control, " "))
        .join("\t")
}

/// A reader that has seen enough (`head`, for one) is no error.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
