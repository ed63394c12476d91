//! Characters that a reader can see. Two names that differ in others look alike, and one without any looks like none.

use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};

/// Neither blank nor control character, nor one that is drawn as nothing or turns the text around it. Unicode calls most of
/// those ignorable by default; it does not so call a braille cell without dots, a note without a head, and the marks of an
/// annotation.
pub(crate) fn is_visible(character: char) -> bool {
    let is_ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character);
    let is_blank = matches!(
        character,
        '\u{2800}' | '\u{1d159}' | '\u{fff9}'..='\u{fffb}'
    );
    !(character.is_control() || character.is_whitespace() || is_ignorable || is_blank)
}
