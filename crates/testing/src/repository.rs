//! The files of the repository that promise something: what they say is held against the code.

use std::{collections::BTreeSet, fs, path::Path};

/// The text of a file, by its path from the root.
///
/// # Panics
/// When there is no such file.
#[must_use]
pub fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).expect("the file is in the repository")
}

/// The variables that `.env` sets.
#[must_use]
pub fn settings() -> BTreeSet<String> {
    let text = read(".env");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| Some(line.split_once('=')?.0.to_owned()))
        .collect()
}

/// What stands in backquotes in the first column of a document's table under the column heads `heads`.
///
/// # Panics
/// When there is no such document or table.
#[must_use]
pub fn table(document: &str, heads: &str) -> BTreeSet<String> {
    let text = read(document);
    let (_, table) = text.split_once(heads).expect("the document has the table");
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let first = rows.filter_map(|row| row.split('|').nth(1));
    first
        .flat_map(|cell| cell.split('`').skip(1).step_by(2).map(ToOwned::to_owned))
        .collect()
}
