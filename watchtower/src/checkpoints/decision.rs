//! The next step for an epoch, given where its two transactions are.

/// Where one of the transactions is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Made and signed, but not on the network (any more).
    Nowhere,
    /// Waiting for a block.
    Mempool,
    /// In a block.
    Mined,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Make the first transaction.
    MakeFirst,
    /// Send the first transaction.
    SendFirst,
    /// Make the second transaction, which may spend the first one's change.
    MakeSecond,
    /// Send the second transaction.
    SendSecond,
    /// Wait for a block.
    Wait,
    /// Show the chain where both are.
    Prove,
}

/// Decides; `None` is a transaction that was not made yet.
pub(super) fn decide(first: Option<Place>, second: Option<Place>) -> Step {
    match (first, second) {
        (None, _) => Step::MakeFirst,
        (Some(Place::Nowhere), _) => Step::SendFirst,
        (Some(_), None) => Step::MakeSecond,
        (Some(_), Some(Place::Nowhere)) => Step::SendSecond,
        (Some(Place::Mined), Some(Place::Mined)) => Step::Prove,
        (Some(_), Some(_)) => Step::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_made_twice_and_nothing_is_proved_too_early() {
        use Place::{Mempool, Mined, Nowhere};
        for (first, second, step) in [
            (None, None, Step::MakeFirst),
            (Some(Nowhere), None, Step::SendFirst),
            (Some(Mempool), None, Step::MakeSecond),
            (Some(Mined), None, Step::MakeSecond),
            (Some(Nowhere), Some(Nowhere), Step::SendFirst),
            (Some(Nowhere), Some(Mined), Step::SendFirst),
            (Some(Mempool), Some(Nowhere), Step::SendSecond),
            (Some(Mined), Some(Nowhere), Step::SendSecond),
            (Some(Mempool), Some(Mempool), Step::Wait),
            (Some(Mined), Some(Mempool), Step::Wait),
            (Some(Mempool), Some(Mined), Step::Wait),
            (Some(Mined), Some(Mined), Step::Prove),
        ] {
            assert_eq!(decide(first, second), step, "{first:?} {second:?}");
        }
    }
}
