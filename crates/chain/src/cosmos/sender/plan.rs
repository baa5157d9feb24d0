//! Which messages may share the next transaction.

use std::collections::HashSet;

/// A message that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// A chain returns the fee of a transaction only if all its messages are such (Babylon, spec 2.16).
    pub(super) refundable: bool,
    /// Messages of one submission keep their order.
    pub(super) submission: u64,
    /// Hash of the message: two identical ones in a transaction lose the refund, and the second would fail.
    pub(super) digest: [u8; 32],
    /// Estimated gas.
    pub(super) gas: u64,
    /// Size when encoded.
    pub(super) bytes: usize,
    /// Most messages in a batch with this one.
    pub(super) max_batch: usize,
    /// Whether it may be sent now.
    pub(super) ready: bool,
}

/// What one transaction can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Gas, the transaction's own included, before the adjustment.
    pub(super) gas: u64,
    /// Bytes of messages.
    pub(super) bytes: usize,
    /// Number of messages.
    pub(super) messages: usize,
}

/// Gas that a transaction uses besides its messages: signature, fee, bytes.
pub(super) const TRANSACTION_GAS: u64 = 70_000;

/// Positions, ascending, of the messages that the next transaction carries; none where none is ready.
///
/// The first message that is ready is always among them, even if it alone exceeds a limit.
pub(super) fn next_batch(queue: &[Candidate], limits: &Limits) -> Vec<usize> {
    let mut batch: Vec<usize> = Vec::new();
    let mut left_behind = HashSet::new();
    let mut digests = HashSet::new();
    let mut refundable = None;
    let mut room = *limits;
    room.gas = room.gas.saturating_sub(TRANSACTION_GAS);
    for (position, message) in queue.iter().enumerate() {
        let most = room.messages.min(message.max_batch.max(1));
        let fits = batch.is_empty()
            || batch.len() < most && message.gas <= room.gas && message.bytes <= room.bytes;
        if message.ready
            && fits
            && !left_behind.contains(&message.submission)
            && refundable.is_none_or(|refundable| refundable == message.refundable)
            && digests.insert(message.digest)
        {
            refundable = Some(message.refundable);
            room.messages = most;
            room.gas = room.gas.saturating_sub(message.gas);
            room.bytes = room.bytes.saturating_sub(message.bytes);
            batch.push(position);
            if batch.len() >= room.messages {
                break;
            }
        } else {
            left_behind.insert(message.submission);
        }
    }
    batch
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits {
        gas: 1_000_000,
        bytes: 10_000,
        messages: 20,
    };

    fn message(submission: u64, digest: u8) -> Candidate {
        Candidate {
            refundable: true,
            submission,
            digest: [digest; 32],
            gas: 100_000,
            bytes: 100,
            max_batch: usize::MAX,
            ready: true,
        }
    }

    #[test]
    fn messages_are_batched_up_to_the_gas_limit() {
        let queue: Vec<_> = (0..20)
            .map(|digest| message(digest.into(), digest))
            .collect();
        assert_eq!(next_batch(&queue, &LIMITS), (0..9).collect::<Vec<_>>());
    }

    #[test]
    fn a_message_that_costs_the_fee_is_never_beside_one_that_does_not() {
        let charged = Candidate {
            refundable: false,
            ..message(1, 1)
        };
        let queue = [message(0, 0), charged.clone(), message(2, 2), charged];
        assert_eq!(next_batch(&queue, &LIMITS), [0, 2]);
    }

    #[test]
    fn identical_messages_go_into_two_transactions() {
        let queue = [message(0, 7), message(1, 7), message(2, 8)];
        assert_eq!(next_batch(&queue, &LIMITS), [0, 2]);
    }

    #[test]
    fn a_submission_is_not_overtaken_by_its_own_later_messages() {
        let charged = Candidate {
            refundable: false,
            ..message(0, 1)
        };
        let queue = [message(0, 0), charged, message(0, 2), message(1, 3)];
        assert_eq!(next_batch(&queue, &LIMITS), [0, 3]);
    }

    #[test]
    fn messages_that_wait_hold_back_their_submission_only() {
        let waiting = Candidate {
            ready: false,
            ..message(0, 0)
        };
        let queue = [waiting, message(0, 1), message(1, 2)];
        assert_eq!(next_batch(&queue, &LIMITS), [2]);
    }

    #[test]
    fn a_message_beyond_every_limit_goes_alone() {
        let huge = Candidate {
            gas: u64::MAX,
            bytes: usize::MAX,
            ..message(0, 0)
        };
        assert_eq!(next_batch(&[huge.clone(), message(1, 1)], &LIMITS), [0]);
        assert_eq!(next_batch(&[message(1, 1), huge], &LIMITS), [0]);
    }

    #[test]
    fn a_halved_batch_stays_halved() {
        let half = |digest| Candidate {
            max_batch: 2,
            ..message(0, digest)
        };
        let queue = [half(0), half(1), half(2), message(1, 3)];
        assert_eq!(next_batch(&queue, &LIMITS), [0, 1]);
        let queue = [message(1, 3), message(1, 4), half(0)];
        assert_eq!(next_batch(&queue, &LIMITS), [0, 1]);
    }

    prop_compose! {
        fn candidate()(
            refundable in any::<bool>(),
            submission in 0..4_u64,
            digest in 0..12_u8,
            gas in 0..600_000_u64,
            bytes in 0..6_000_usize,
            max_batch in prop_oneof![Just(usize::MAX), 0..4_usize],
        ) -> Candidate {
            Candidate { refundable, submission, digest: [digest; 32], gas, bytes, max_batch, ready: true }
        }
    }

    proptest! {
        #[test]
        fn every_message_is_planned_once_and_every_batch_keeps_the_rules(
            queue in prop::collection::vec(candidate(), 0..40),
        ) {
            let mut left: Vec<(usize, Candidate)> = queue.iter().cloned().enumerate().collect();
            let mut order = Vec::new();
            while !left.is_empty() {
                let candidates: Vec<_> = left.iter().map(|(_, message)| message.clone()).collect();
                let batch = next_batch(&candidates, &LIMITS);
                prop_assert!(!batch.is_empty());
                prop_assert!(batch.is_sorted());

                let planned: Vec<_> = batch.iter().map(|position| &candidates[*position]).collect();
                prop_assert!(planned.iter().all(|one| one.refundable == planned[0].refundable));
                let digests: HashSet<_> = planned.iter().map(|one| one.digest).collect();
                prop_assert_eq!(digests.len(), planned.len());
                if planned.len() > 1 {
                    let gas: u64 = planned.iter().map(|one| one.gas).sum();
                    let most = planned.iter().map(|one| one.max_batch.max(1)).min().unwrap();
                    prop_assert!(gas + TRANSACTION_GAS <= LIMITS.gas);
                    prop_assert!(planned.iter().map(|one| one.bytes).sum::<usize>() <= LIMITS.bytes);
                    prop_assert!(planned.len() <= LIMITS.messages.min(most));
                }
                for position in batch.into_iter().rev() {
                    order.push(left.remove(position).0);
                }
                let planned = planned.len();
                let end = order.len();
                order[end - planned..].reverse();
            }
            let mut seen = order.clone();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..queue.len()).collect::<Vec<_>>());
            for submission in 0..4 {
                let own: Vec<_> =
                    order.iter().filter(|one| queue[**one].submission == submission).collect();
                prop_assert!(own.is_sorted(), "submission {} was reordered: {:?}", submission, own);
            }
        }
    }
}
