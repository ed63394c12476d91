//! Texts that name a thing in a path: one segment of visible characters. The gateway refuses the paths of all others, so
//! a thing with such a name could be made and never be reached.

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

/// Neither blank nor control character, nor one that is drawn as nothing or turns the text around it.
fn is_visible(character: char) -> bool {
    let is_hidden = matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    !(character.is_control() || character.is_whitespace() || is_hidden)
}
