//! `billing-app dead-letters`: what an operator does with messages that could not be processed.
//!
//! Every queue that the billing reads has its dead letters. Nothing is removed before its replay is confirmed. A replayed
//! message keeps its id: a payment that was recorded in the meantime stays one row, and a step of the shop's conversation
//! that was taken in the meantime is not taken twice.

use std::io::Write;

use broker::{
    DeadLetters, Publisher, Settings,
    dead_letters::{DeadLetter, Which},
};
use clap::{Args, Subcommand, builder::PossibleValuesParser};
use messages::{
    payments::QUEUE,
    topology::{Declarations, Service},
};
use platform::runtime::Tasks;

/// Whose dead letters, and what to do with them.
#[derive(Debug, Clone, Args)]
pub struct Command {
    /// The queue that could not process them.
    #[arg(long, global = true, default_value = QUEUE, value_parser = queues())]
    queue: String,
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

/// Carries out `command` and says what was done.
///
/// # Errors
/// When the broker is away, or an id is not among the dead letters.
pub async fn run(command: Command, settings: Settings) -> anyhow::Result<()> {
    let Command { queue, action } = command;
    let letters = DeadLetters::new(settings.clone(), &*queue);
    match action {
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

/// The queues whose dead letters the billing's user may take.
fn queues() -> PossibleValuesParser {
    PossibleValuesParser::new(Service::Billing.reads().map(|queue| queue.name))
}

async fn replay(
    letters: &DeadLetters,
    queue: &str,
    chosen: &Chosen,
    settings: Settings,
) -> anyhow::Result<()> {
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

fn report(done: &str, which: Which<'_>, count: usize) -> anyhow::Result<()> {
    match which {
        Which::WithId(id) if count == 0 => anyhow::bail!("no dead letter has the id {id}"),
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
