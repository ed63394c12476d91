//! Texts that name a thing in a path: one segment of visible characters. The gateway refuses the paths of all others, so
//! a thing with such a name could be made and never be reached.

use crate::visible::is_visible;

/// Whether `text` can stand as one segment of a path; the error says why not.
pub(crate) fn check(text: &str) -> Result<(), &'static str> {
    if !text.chars().all(is_visible) {
        return Err("must have visible characters only: no blanks, no control characters");
    }
    if text.contains(['/', '\\']) {
        return Err("must not contain / or \\, as it is one segment of a path");
    }
    // Some servers ignore what follows a `;` in a segment.
    if matches!(text.split(';').next(), Some("." | "..")) {
        return Err("must not be . or .., as it is one segment of a path");
    }
    Ok(())
}
