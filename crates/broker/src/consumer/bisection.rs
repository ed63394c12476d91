//! Finding the bad messages of a batch by halving it: pure bookkeeping, without waiting and without a store.
//!
//! The caller tries to store [`Bisection::next`] and tells what happened. In the end everything was part of
//! exactly one successful store or is refused; with k bad messages among n that takes at most 1 + 2 k log2 n tries.

use std::ops::Range;

/// What is still to be tried, and what was found to be bad.
pub(super) struct Bisection {
    todo: Vec<Range<usize>>,
    refused: Vec<(usize, String)>,
}

impl Bisection {
    /// A batch of `len` messages, untried.
    pub(super) fn new(len: usize) -> Self {
        let todo = (len > 0).then_some(0..len).into_iter().collect();
        Self {
            todo,
            refused: Vec::new(),
        }
    }

    /// The next part to try, from first to last; `None` when all is done.
    pub(super) fn next(&mut self) -> Option<Range<usize>> {
        self.todo.pop()
    }

    /// `part` failed for good: a single message is refused, more are halved.
    pub(super) fn failed(&mut self, part: Range<usize>, reason: String) {
        if part.len() == 1 {
            self.refused.push((part.start, reason));
            return;
        }
        let middle = part.start + part.len() / 2;
        self.todo.push(middle..part.end);
        self.todo.push(part.start..middle);
    }

    /// The refused positions in ascending order, with reasons.
    pub(super) fn into_refused(self) -> Vec<(usize, String)> {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    struct Outcome {
        stored: Vec<usize>,
        refused: Vec<usize>,
        tries: usize,
    }

    /// Drives a bisection against a store that fails when any bad position is in the part.
    fn drive(len: usize, bad: &BTreeSet<usize>) -> Outcome {
        let mut bisection = Bisection::new(len);
        let (mut stored, mut tries) = (Vec::new(), 0);
        while let Some(part) = bisection.next() {
            tries += 1;
            if bad.range(part.clone()).next().is_some() {
                bisection.failed(part.clone(), format!("bad {}", part.start));
            } else {
                stored.extend(part);
            }
        }
        let refused = bisection.into_refused();
        assert!(
            refused
                .iter()
                .all(|(at, reason)| *reason == format!("bad {at}"))
        );
        Outcome {
            stored,
            refused: refused.into_iter().map(|(at, _)| at).collect(),
            tries,
        }
    }

    #[test]
    fn a_good_batch_takes_one_try_and_an_empty_one_none() {
        assert_eq!(drive(500, &BTreeSet::new()).tries, 1);
        assert_eq!(drive(0, &BTreeSet::new()).tries, 0);
    }

    proptest! {
        #[test]
        fn exactly_the_bad_ones_are_refused(
            len in 1..600_usize,
            seeds in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
            all_bad in prop::bool::weighted(0.05),
        ) {
            let bad: BTreeSet<usize> = if all_bad {
                (0..len).collect()
            } else {
                seeds.iter().map(|seed| seed.index(len)).collect()
            };
            let outcome = drive(len, &bad);
            let good: Vec<usize> = (0..len).filter(|at| !bad.contains(at)).collect();
            prop_assert_eq!(outcome.stored, good);
            prop_assert_eq!(outcome.refused, bad.iter().copied().collect::<Vec<_>>());
            let levels = len.next_power_of_two().ilog2() as usize;
            prop_assert!(outcome.tries <= 1 + 2 * bad.len() * levels, "{} tries", outcome.tries);
        }
    }
}
