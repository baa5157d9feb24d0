//! What to do about one delegation of a slashed provider, given what Bitcoin shows.

use bitcoin_source::Location;
use staking::delegation::SlashedOutput;

/// Where the delegation's outputs and transactions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Whether the staking output is there to be spent.
    pub staking_unspent: bool,
    /// Whether the unbonding output is.
    pub unbonding_unspent: bool,
    /// Where the slashing transaction of the staking output is.
    pub slashing: Option<Location>,
    /// Where the slashing transaction of the unbonding output is.
    pub unbonding_slashing: Option<Location>,
    /// Whether the chain has seen the staking transaction on Bitcoin.
    pub proven: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Send the slashing transaction of this output.
    Slash(SlashedOutput),
    /// It was sent; wait for so many more confirmations.
    Watch {
        /// Which output it slashes.
        output: SlashedOutput,
        /// Confirmations so far.
        confirmations: u32,
    },
    /// It is final.
    Finished(SlashedOutput),
    /// Its staking transaction was not sent, or nobody can tell; it may come.
    NotOnBitcoin,
    /// Both outputs were spent otherwise: it was withdrawn in time.
    Gone,
}

/// Decides. A slashing is final after `final_confirmations`.
pub fn decide(seen: &Observation, final_confirmations: u32) -> Decision {
    let under_way = [
        (SlashedOutput::Staking, seen.slashing),
        (SlashedOutput::Unbonding, seen.unbonding_slashing),
    ]
    .into_iter()
    .find_map(|(output, location)| Some((output, location?.confirmations())));
    match under_way {
        Some((output, confirmations)) if confirmations >= final_confirmations => {
            Decision::Finished(output)
        }
        Some((output, confirmations)) => Decision::Watch {
            output,
            confirmations,
        },
        None if seen.staking_unspent => Decision::Slash(SlashedOutput::Staking),
        None if seen.unbonding_unspent => Decision::Slash(SlashedOutput::Unbonding),
        None if seen.proven => Decision::Gone,
        None => Decision::NotOnBitcoin,
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::BlockHash;
    use bitcoin::hashes::Hash as _;
    use bitcoin_source::BlockId;
    use staking::units::BitcoinHeight;

    use super::*;

    #[test]
    fn what_is_unspent_is_slashed_until_that_is_final() {
        use SlashedOutput::{Staking, Unbonding};
        let mined = |confirmations| {
            Some(Location::Block {
                block: BlockId {
                    height: BitcoinHeight(1),
                    hash: BlockHash::all_zeros(),
                },
                confirmations,
            })
        };
        let mempool = Some(Location::Mempool);
        let watch = |output, confirmations| Decision::Watch {
            output,
            confirmations,
        };
        for (staking, unbonding, slashing, unbonding_slashing, proven, expected) in [
            (true, false, None, None, true, Decision::Slash(Staking)),
            (true, false, None, None, false, Decision::Slash(Staking)),
            (false, true, None, None, true, Decision::Slash(Unbonding)),
            (false, false, None, None, true, Decision::Gone),
            (false, false, None, None, false, Decision::NotOnBitcoin),
            (false, false, mempool, None, true, watch(Staking, 0)),
            (false, false, mined(5), None, true, watch(Staking, 5)),
            (
                false,
                false,
                mined(6),
                None,
                true,
                Decision::Finished(Staking),
            ),
            (false, false, None, mempool, true, watch(Unbonding, 0)),
            (
                false,
                false,
                None,
                mined(9),
                false,
                Decision::Finished(Unbonding),
            ),
        ] {
            let seen = Observation {
                staking_unspent: staking,
                unbonding_unspent: unbonding,
                slashing,
                unbonding_slashing,
                proven,
            };
            assert_eq!(decide(&seen, 6), expected, "{seen:?}");
        }
    }
}
