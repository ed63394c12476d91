//! An error and its causes. `Display` of an error in this project never repeats its source, so logs print the chain.

use std::{any::Any, error::Error};

/// The error itself, then its causes, outermost first.
pub fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        (*error).source()
    })
}

/// [`causes`] as one line. Some libraries repeat a source in their `Display`; it is not printed twice.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .skip(1)
        .fold(error.to_string(), |line, cause| {
            let cause = cause.to_string();
            if line.contains(&cause) {
                line
            } else {
                format!("{line}: {cause}")
            }
        })
}

/// What a panic said.
#[must_use]
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied())
        .unwrap_or("not a text")
}
