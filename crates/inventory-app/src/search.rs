//! How a list is searched: by any part of a text, in which no character is a sign of a pattern.

/// A LIKE pattern in which every character of `text` stands for itself.
pub(crate) fn anywhere(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::anywhere;
    use proptest::prelude::*;

    /// PostgreSQL's LIKE, restricted to what `anywhere` may write: literals, escapes, one `%` at each end.
    fn literal(pattern: &str) -> Option<String> {
        let inner = pattern.strip_prefix('%')?.strip_suffix('%')?;
        let mut characters = inner.chars();
        let mut text = String::new();
        while let Some(character) = characters.next() {
            match character {
                '\\' => text.push(characters.next()?),
                '%' | '_' => return None,
                other => text.push(other),
            }
        }
        Some(text)
    }

    proptest! {
        #[test]
        fn every_character_stands_for_itself(text in r"[%_\\a-c'\u{e9}]{0,12}") {
            prop_assert_eq!(literal(&anywhere(&text)), Some(text));
        }
    }
}
