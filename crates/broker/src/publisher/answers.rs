//! What the broker said of each message of a batch.
//!
//! A confirm belongs to its message by its delivery tag. A message that no queue takes is returned before its confirm, but
//! the client library may put the return on the confirm of another message that is under way. All returns of a batch are
//! there when all of its confirms are; so a returned message is recognised by its id. A return that belongs to no single
//! message of the batch leaves the fate of the others unknown.

use std::collections::HashMap;

use lapin::Confirmation;

use super::PublishError;
use crate::{BrokerError, Outgoing};

/// What is known of a message after a send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The broker keeps it.
    Kept,
    /// No queue was there for it; it is not kept.
    Returned,
    /// Its queue did not take it; it is not kept.
    Refused,
    /// It may be kept.
    Unknown,
}

impl Answer {
    pub(super) fn is_kept(self) -> bool {
        self == Self::Kept
    }

    pub(super) fn outcome(self) -> Result<(), PublishError> {
        match self {
            Self::Kept => Ok(()),
            Self::Returned => Err(PublishError::Unroutable),
            Self::Refused => Err(PublishError::Refused),
            Self::Unknown => Err(PublishError::Unconfirmed),
        }
    }
}

/// A confirm, and the return that came with it: the id of a returned message, if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Confirmed {
    is_ack: bool,
    returned: Option<Option<String>>,
}

impl Confirmed {
    pub(super) fn read(confirmation: Confirmation) -> Result<Self, BrokerError> {
        let (is_ack, returned) = match confirmation {
            Confirmation::Ack(returned) => (true, returned),
            Confirmation::Nack(returned) => (false, returned),
            Confirmation::NotRequested => return Err(BrokerError::ConfirmsOff),
        };
        let id = |properties: &lapin::BasicProperties| {
            properties.message_id().as_ref().map(ToString::to_string)
        };
        let returned = returned.map(|message| id(&message.delivery.properties));
        Ok(Self { is_ack, returned })
    }
}

/// The answers for `messages` from their confirms, which are in the same order.
pub(super) fn assign(
    messages: &[&Outgoing],
    confirmed: impl Iterator<Item = Confirmed>,
) -> Vec<Answer> {
    let confirmed: Vec<_> = confirmed.collect();
    let answer = |confirmed: &Confirmed| {
        if confirmed.is_ack {
            Answer::Kept
        } else {
            Answer::Refused
        }
    };
    let mut answers: Vec<_> = confirmed.iter().map(answer).collect();
    let places = unique_places(messages);
    let mut is_clear = true;
    for returned in confirmed.iter().filter_map(|one| one.returned.as_ref()) {
        let place = match returned {
            _ if messages.len() == 1 => Some(0),
            Some(id) => places.get(&**id).copied().flatten(),
            None => None,
        };
        match place {
            Some(place) => answers[place] = Answer::Returned,
            None => is_clear = false,
        }
    }
    if !is_clear {
        let kept = answers.iter_mut().filter(|answer| answer.is_kept());
        kept.for_each(|answer| *answer = Answer::Unknown);
    }
    answers
}

/// The place of each id; `None` for one that several messages have.
fn unique_places<'a>(messages: &[&'a Outgoing]) -> HashMap<&'a str, Option<usize>> {
    let mut places = HashMap::new();
    for (place, message) in messages.iter().enumerate() {
        if let Some(id) = message.message_id() {
            let first = places.insert(id, Some(place)).is_none();
            if !first {
                places.insert(id, None);
            }
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::{Answer::*, *};
    use uuid::Uuid;

    fn message(id: u128) -> Outgoing {
        Outgoing::new("queue", Uuid::from_u128(id), "{}")
    }

    fn ack(returned: Option<u128>) -> Confirmed {
        Confirmed {
            is_ack: true,
            returned: returned.map(|id| Some(Uuid::from_u128(id).to_string())),
        }
    }

    fn nack() -> Confirmed {
        Confirmed {
            is_ack: false,
            returned: None,
        }
    }

    fn assigned(ids: &[u128], confirmed: Vec<Confirmed>) -> Vec<Answer> {
        let messages: Vec<_> = ids.iter().map(|id| message(*id)).collect();
        let messages: Vec<_> = messages.iter().collect();
        assign(&messages, confirmed.into_iter())
    }

    #[test]
    fn a_return_on_the_confirm_of_another_message_is_put_right() {
        let confirmed = vec![ack(Some(2)), ack(None), nack()];
        assert_eq!(assigned(&[1, 2, 3], confirmed), [Kept, Returned, Refused]);
    }

    #[test]
    fn a_return_that_fits_no_single_message_leaves_the_kept_ones_unknown() {
        let confirmed = vec![ack(Some(9)), ack(None), nack()];
        assert_eq!(assigned(&[1, 2, 3], confirmed), [Unknown, Unknown, Refused]);
        let confirmed = vec![ack(Some(1)), ack(None), ack(None)];
        assert_eq!(assigned(&[1, 1, 2], confirmed), [Unknown, Unknown, Unknown]);
    }

    #[test]
    fn a_return_to_a_message_that_was_sent_alone_is_its_own() {
        let anonymous = Confirmed {
            is_ack: true,
            returned: Some(None),
        };
        assert_eq!(assigned(&[1], vec![anonymous]), [Returned]);
    }
}
