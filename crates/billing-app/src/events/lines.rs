//! The lines of a stream, however its chunks are cut.
//!
//! Only a line that is not complete yet is kept, and never more than [`LINE_MAX`] bytes of it.

/// The longest line, in bytes, without its end.
pub(super) const LINE_MAX: usize = 64 * 1_024;

/// What is known of the line that is not complete yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    begun: Vec<u8>,
    too_long: bool,
}

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// At most [`LINE_MAX`] bytes.
    Text(Vec<u8>),
    /// It was longer, and was not kept.
    TooLong,
}

impl Lines {
    /// Takes bytes from the front of `chunk` up to the end of a line, which is returned, or all of them.
    pub(super) fn next(&mut self, chunk: &mut &[u8]) -> Option<Line> {
        let bytes = *chunk;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = &bytes[..end.unwrap_or(bytes.len())];
        self.too_long |= self.begun.len() + part.len() > LINE_MAX;
        if self.too_long {
            self.begun.clear();
        } else {
            self.begun.extend_from_slice(part);
        }
        *chunk = end.map_or(&[], |end| &bytes[end + 1..]);
        end.map(|_| self.end())
    }

    /// The last line, which has no end.
    pub(super) fn last(mut self) -> Line {
        self.end()
    }

    fn end(&mut self) -> Line {
        let text = std::mem::take(&mut self.begun);
        if std::mem::take(&mut self.too_long) {
            Line::TooLong
        } else {
            Line::Text(text)
        }
    }
}

impl Line {
    /// Whether there is nothing but whitespace.
    pub(super) fn is_blank(&self) -> bool {
        matches!(self, Self::Text(text) if text.trim_ascii().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(chunks: &[&[u8]]) -> Vec<Line> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for mut chunk in chunks.iter().copied() {
            while let Some(line) = lines.next(&mut chunk) {
                found.push(line);
            }
        }
        found.push(lines.last());
        found
    }

    #[test]
    fn a_line_that_is_too_long_costs_no_memory_and_not_the_next_one() {
        let (long, longer) = (vec![b'x'; LINE_MAX], vec![b'x'; LINE_MAX + 1]);
        let found = lines(&[&longer, b"\n", &long, b"\nshort"]);
        let expected = [
            Line::TooLong,
            Line::Text(long),
            Line::Text(b"short".to_vec()),
        ];
        assert_eq!(found, expected);
        let mut lines = Lines::default();
        for _ in 0..100 {
            assert_eq!(lines.next(&mut &longer[..]), None);
            assert!(lines.begun.is_empty());
        }
    }

    proptest! {
        #[test]
        fn chunks_may_be_cut_anywhere(text in "[ab\r\n]{0,60}", cuts in proptest::collection::vec(0..10_usize, 0..20)) {
            let (mut chunks, mut rest) = (Vec::new(), text.as_bytes());
            for cut in cuts {
                let (chunk, after) = rest.split_at(cut.min(rest.len()));
                chunks.push(chunk);
                rest = after;
            }
            chunks.push(rest);
            let expected: Vec<_> = text.split('\n').map(|line| Line::Text(line.into())).collect();
            prop_assert_eq!(lines(&chunks), expected);
        }
    }
}
