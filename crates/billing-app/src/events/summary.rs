//! What became of the lines of a stream.

use std::ops::RangeInclusive;

use serde::Serialize;
use utoipa::ToSchema;

/// The most errors, and the most ranges, that a summary lists.
pub(super) const LISTED_MAX: usize = 100;

/// The answer to a stream of events. Lines are counted from 1, blank ones as well.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = EventsSummary)]
pub(super) struct Summary {
    /// How many events were kept.
    #[schema(example = 2000)]
    pub(super) created: u64,
    /// How many lines were not: the wrong ones, and the good ones of the same thousand.
    #[schema(example = 1000)]
    pub(super) failed: u64,
    /// What is wrong, of the first 100 wrong lines.
    pub(super) errors: Vec<LineError>,
    /// Where the lines are that were not kept, of the first 100 places: correct the wrong ones and send these lines again.
    pub(super) not_kept: Vec<LineRange>,
}

/// A wrong line.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LineError {
    /// Its number.
    #[schema(example = 1017)]
    line: u64,
    /// What is wrong with it; it begins with a JSON pointer if a field is wrong.
    #[schema(example = "/value is missing")]
    detail: String,
}

/// Lines that follow each other.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LineRange {
    /// The number of the first one.
    #[schema(example = 1001)]
    first: u64,
    /// The number of the last one.
    #[schema(example = 2000)]
    last: u64,
}

impl Summary {
    /// A line is wrong.
    pub(super) fn add_error(&mut self, line: u64, detail: String) {
        if self.errors.len() < LISTED_MAX {
            self.errors.push(LineError { line, detail });
        }
    }

    /// So many lines, which are within `range`, are not kept.
    pub(super) fn add_failed(&mut self, count: usize, range: &RangeInclusive<u64>) {
        self.failed += count as u64;
        if self.not_kept.len() < LISTED_MAX {
            let (first, last) = (*range.start(), *range.end());
            self.not_kept.push(LineRange { first, last });
        }
    }
}
