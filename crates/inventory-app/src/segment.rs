//! Texts that name a thing in a path: one segment of visible characters. The gateway refuses the paths of all others, so
//! a thing with such a name could be made and never be reached.

use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};

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

/// Neither blank nor control character, nor one that is drawn as nothing or turns the text around it. Unicode calls most of
/// those ignorable by default; it does not so call a braille cell without dots, a note without a head, and the marks of an
/// annotation.
fn is_visible(character: char) -> bool {
    let is_ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character);
    let is_blank = matches!(
        character,
        '\u{2800}' | '\u{1d159}' | '\u{fff9}'..='\u{fffb}'
    );
    !(character.is_control() || character.is_whitespace() || is_ignorable || is_blank)
}
