//! Whether a key may sign here: what the record knows of it, against what the chain has seen.

use staking::keys::FinalityProviderKey;
use staking::units::ChainHeight;

use super::RecordError;

/// What to do about a key whose votes the record does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownVotes {
    /// Refuse: another machine may still sign with the key.
    Refuse,
    /// Sign nothing up to the chain's present height, and everything above it.
    AdoptChainWatermark,
}

/// What the chain says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnChain {
    /// The newest height for which a vote may have been signed by now; `None` before the first.
    pub tip: Option<ChainHeight>,
    /// Highest height at which the chain has a vote of the key.
    pub voted: Option<ChainHeight>,
}

/// How a key comes to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The record knows all its votes.
    Recorded,
    /// It signs nothing up to this height.
    Register {
        /// The low watermark; `None` where no height is below it.
        watermark: Option<ChainHeight>,
    },
}

/// Decides whether `key` may sign. `recorded` is the height up to which the record knows its votes, `Some(None)` where it
/// knows the key and that it has signed nothing.
///
/// A key without a record begins above the chain's present height even where the chain has seen no vote of it: one that
/// was signed elsewhere may be under way. A new provider has no power at those heights, so it loses nothing.
pub fn admission(
    key: FinalityProviderKey,
    recorded: Option<Option<ChainHeight>>,
    chain: OnChain,
    unknown: UnknownVotes,
) -> Result<Admission, RecordError> {
    let register = Admission::Register {
        watermark: chain.tip.max(chain.voted),
    };
    match (recorded, chain.voted, unknown) {
        (Some(recorded), Some(voted), UnknownVotes::Refuse) if Some(voted) > recorded => {
            Err(RecordError::Behind {
                key,
                recorded: recorded.unwrap_or_default(),
                voted,
            })
        }
        (Some(recorded), Some(voted), UnknownVotes::AdoptChainWatermark)
            if Some(voted) > recorded =>
        {
            Ok(register)
        }
        (Some(_), ..) => Ok(Admission::Recorded),
        (None, Some(voted), UnknownVotes::Refuse) => Err(RecordError::Missing { key, voted }),
        (None, ..) => Ok(register),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> FinalityProviderKey {
        // The x coordinate of the generator.
        "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
            .parse()
            .unwrap()
    }

    fn decided(
        recorded: Option<u64>,
        voted: Option<u64>,
        tip: u64,
        unknown: UnknownVotes,
    ) -> Result<Admission, RecordError> {
        let chain = OnChain {
            tip: Some(ChainHeight(tip)),
            voted: voted.map(ChainHeight),
        };
        let recorded = recorded.map(|height| Some(ChainHeight(height)));
        admission(key(), recorded, chain, unknown)
    }

    fn register(watermark: u64) -> Admission {
        Admission::Register {
            watermark: Some(ChainHeight(watermark)),
        }
    }

    #[test]
    fn before_the_first_height_nothing_is_refused_but_what_was_voted_elsewhere() {
        let at = |recorded, voted| {
            let chain = OnChain { tip: None, voted };
            admission(key(), recorded, chain, UnknownVotes::Refuse)
        };
        let new = Admission::Register { watermark: None };
        assert_eq!(at(None, None).unwrap(), new);
        assert_eq!(at(Some(None), None).unwrap(), Admission::Recorded);
        let first = Some(ChainHeight(0));
        assert!(
            at(Some(None), first).is_err(),
            "voted at height 0 elsewhere"
        );
        assert_eq!(at(Some(first), first).unwrap(), Admission::Recorded);
    }

    #[test]
    fn a_key_signs_where_all_its_votes_are_known() {
        use UnknownVotes::{AdoptChainWatermark, Refuse};
        let cases = [
            (
                "new: nothing up to the tip, a vote may be under way",
                None,
                None,
                Refuse,
                register(100),
            ),
            (
                "the record knows more than the chain",
                Some(90),
                Some(80),
                Refuse,
                Admission::Recorded,
            ),
            (
                "the record knows as much",
                Some(90),
                Some(90),
                Refuse,
                Admission::Recorded,
            ),
            (
                "no vote has landed yet",
                Some(90),
                None,
                Refuse,
                Admission::Recorded,
            ),
            (
                "a lost record is adopted",
                None,
                Some(95),
                AdoptChainWatermark,
                register(100),
            ),
            (
                "an old record is adopted",
                Some(90),
                Some(95),
                AdoptChainWatermark,
                register(100),
            ),
            (
                "nothing has to be adopted",
                Some(95),
                Some(95),
                AdoptChainWatermark,
                Admission::Recorded,
            ),
            (
                "a node that is behind its own votes",
                None,
                Some(105),
                AdoptChainWatermark,
                register(105),
            ),
        ];
        for (name, recorded, voted, unknown, expected) in cases {
            let decided = decided(recorded, voted, 100, unknown);
            assert_eq!(decided.unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn a_key_whose_votes_are_not_known_is_refused() {
        let missing = decided(None, Some(1), 100, UnknownVotes::Refuse);
        assert!(
            matches!(missing, Err(RecordError::Missing { .. })),
            "{missing:?}"
        );
        let behind = decided(Some(94), Some(95), 100, UnknownVotes::Refuse);
        assert!(
            matches!(behind, Err(RecordError::Behind { .. })),
            "{behind:?}"
        );
    }

    proptest! {
        #[test]
        fn whoever_is_admitted_signs_nothing_that_may_have_been_signed_elsewhere(
            recorded in proptest::option::of(0_u64..50),
            voted in proptest::option::of(0_u64..50),
            tip in 0_u64..50,
            adopt in any::<bool>(),
        ) {
            let unknown = if adopt { UnknownVotes::AdoptChainWatermark } else { UnknownVotes::Refuse };
            match decided(recorded, voted, tip, unknown) {
                Ok(Admission::Recorded) => prop_assert!(recorded >= voted),
                Ok(Admission::Register { watermark }) => {
                    let watermark = watermark.unwrap().0;
                    prop_assert!(watermark >= tip && Some(watermark) >= voted);
                }
                Err(_) => prop_assert!(!adopt && voted > recorded),
            }
        }
    }
}
