//! An error and its causes. `Display` of our errors never repeats a cause, so a log line prints the whole chain.

use std::error::Error;

/// The error itself, then its causes, outermost first.
pub fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        (*error).source()
    })
}

/// [`causes`] as one line. Libraries do repeat their causes; what an error has quoted already is not told twice.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .skip(1)
        .fold(error.to_string(), |told, cause| {
            let cause = cause.to_string();
            if told.contains(&cause) {
                told
            } else {
                format!("{told}: {cause}")
            }
        })
}
