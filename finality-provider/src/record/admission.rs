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
    /// The chain's newest block.
    pub tip: ChainHeight,
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
        /// The low watermark.
        watermark: ChainHeight,
    },
}

/// Decides whether `key`, up to whose height `recorded` the record knows its votes, may sign.
///
/// A key without a record begins above the chain's present height even where the chain has seen no vote of it: one that
/// was signed elsewhere may be under way. A new provider has no power at those heights, so it loses nothing.
pub fn admission(
    key: FinalityProviderKey,
    recorded: Option<ChainHeight>,
    chain: OnChain,
    unknown: UnknownVotes,
) -> Result<Admission, RecordError> {
    let register = Admission::Register {
        watermark: chain.tip.max(chain.voted.unwrap_or_default()),
    };
    match (recorded, chain.voted, unknown) {
        (Some(recorded), Some(voted), UnknownVotes::Refuse) if voted > recorded => {
            Err(RecordError::Behind {
                key,
                recorded,
                voted,
            })
        }
        (Some(recorded), Some(voted), UnknownVotes::AdoptChainWatermark) if voted > recorded => {
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
            tip: ChainHeight(tip),
            voted: voted.map(ChainHeight),
        };
        admission(key(), recorded.map(ChainHeight), chain, unknown)
    }

    fn register(watermark: u64) -> Admission {
        Admission::Register {
            watermark: ChainHeight(watermark),
        }
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
                    prop_assert!(watermark.0 >= tip && Some(watermark.0) >= voted);
                }
                Err(_) => prop_assert!(!adopt && voted > recorded),
            }
        }
    }
}
