//! Where in a conversation of AMQP 0-9-1 a fault falls: at a method frame (specification, section 2.3.5).

use std::time::Duration;

/// Who sends the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The client.
    Client,
    /// The broker.
    Server,
}

/// What of the frame still passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Nothing.
    Before,
    /// Its first half.
    Middle,
    /// All.
    After,
}

/// One method frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cue {
    /// Who sends it.
    pub side: Side,
    /// Class and method, for instance (60, 80): `basic.ack`.
    pub method: (u16, u16),
    /// What of it still passes.
    pub cut: Cut,
    /// From there to the end of the connection.
    pub delay: Duration,
}

/// The frames in what one side sends.
#[derive(Debug)]
pub(super) struct Frames {
    side: Side,
    pending: Vec<u8>,
    greeted: bool,
    losing: bool,
}

/// What of the bytes that have come may pass.
pub(super) struct Passed {
    pub(super) bytes: Vec<u8>,
    /// The cue was met: nothing more passes.
    pub(super) met: bool,
}

impl Frames {
    pub(super) fn of(side: Side) -> Self {
        Self {
            side,
            pending: Vec::new(),
            greeted: side == Side::Server,
            losing: false,
        }
    }

    /// Adds what was read; whole frames pass, up to the cue.
    pub(super) fn pass(&mut self, read: &[u8], cue: Option<Cue>) -> Passed {
        self.pending.extend_from_slice(read);
        let mut bytes = Vec::new();
        while let Some(length) = self.next() {
            let frame: Vec<u8> = self.pending.drain(..length).collect();
            if std::mem::take(&mut self.losing) && is_content(&frame) {
                self.losing = true;
                continue;
            }
            if let Some(cue) =
                cue.filter(|cue| cue.side == self.side && method(&frame) == Some(cue.method))
            {
                bytes.extend_from_slice(&frame[..cue.passes(length)]);
                return Passed { bytes, met: true };
            }
            bytes.extend(frame);
        }
        Passed { bytes, met: false }
    }

    /// From here the rest of a message, whose method frame did not pass, does not pass either.
    pub(super) fn lose(&mut self) {
        self.losing = true;
    }

    /// The length of the first frame, when it is whole: seven bytes of head, the payload, an end. A client greets first.
    fn next(&mut self) -> Option<usize> {
        let length = if self.greeted {
            let size = self.pending.get(3..7)?.try_into().ok()?;
            usize::try_from(u32::from_be_bytes(size)).ok()? + 8
        } else {
            8
        };
        let whole = self.pending.len() >= length;
        self.greeted |= whole;
        whole.then_some(length)
    }
}

impl Cue {
    fn passes(self, length: usize) -> usize {
        match self.cut {
            Cut::Before => 0,
            Cut::Middle => length / 2,
            Cut::After => length,
        }
    }
}

/// Class and method of a method frame (type 1).
fn method(frame: &[u8]) -> Option<(u16, u16)> {
    let at = |place: usize| {
        Some(u16::from_be_bytes(
            frame.get(place..place + 2)?.try_into().ok()?,
        ))
    };
    (frame.first() == Some(&1)).then_some((at(7)?, at(9)?))
}

/// A header (type 2) or a body (type 3).
fn is_content(frame: &[u8]) -> bool {
    matches!(frame.first(), Some(2 | 3))
}
