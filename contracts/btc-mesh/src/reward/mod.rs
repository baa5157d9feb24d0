//! Rewards: one denomination, shared by what was voted, paid as it vests.
//!
//! The pot is what this contract holds and owes nobody; whoever sends coins fills it. `settle` credits an ended epoch's
//! providers by their weight and votes, and through an index their stakes; what a missing vote would have earned stays in
//! the pot, so that nobody gains by keeping a vote out. `claim` pays what has vested. At any time, paid and owed and pot
//! together are what came in.

mod claim;
mod funds;
mod ledger;
mod settle;

use bitcoin::OutPoint;
use cosmwasm_std::Uint128;
use eots::PublicKey;

pub(crate) use claim::{accrue, claim, forfeit, is_owed};
pub(crate) use funds::{balance, fund, sweep};
pub(crate) use ledger::answer;
pub(crate) use settle::{settle, takes_votes};

/// Why a message about rewards is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RewardError {
    /// The epoch is not over.
    #[error("epoch {epoch} is not over, epoch {in_force} is in force")]
    NotEnded {
        /// The epoch.
        epoch: u64,
        /// The epoch in force.
        in_force: u64,
    },
    /// Late votes are still taken.
    #[error("epoch {epoch} can be settled from height {from} on, this chain is at {now}")]
    TooEarly {
        /// The epoch.
        epoch: u64,
        /// First height.
        from: u64,
        /// Height of the present block.
        now: u64,
    },
    /// All of it was credited.
    #[error("epoch {0} is settled")]
    Settled(u64),
    /// Another epoch is settled in part.
    #[error("epoch {0} is settled in part; settle the rest of it first")]
    Unfinished(u64),
    /// Neither stakes nor providers are named, or too many.
    #[error("{0} stakes and providers in one claim, 1 to 32 are paid")]
    Claims(usize),
    /// Coins that are no rewards.
    #[error("rewards are paid in {denom}; send an amount of it, and of nothing else")]
    Denom {
        /// The denomination of rewards.
        denom: String,
    },
    /// The reward denomination cannot be swept while the instance lives.
    #[error(
        "{0} is what rewards are paid in; it can be swept, but for what is owed, once the instance is closed"
    )]
    Sweep(String),
    /// There is nothing of it.
    #[error("there is no {0} to sweep")]
    Nothing(String),
    /// More is owed than is held, which only a fault can bring about.
    #[error("{owed} is owed but only {balance} is held")]
    Insolvent {
        /// Credited and not paid.
        owed: Uint128,
        /// Held.
        balance: Uint128,
    },
}

/// Why one item of a claim was passed over.
#[derive(Debug, thiserror::Error)]
enum ClaimRefusal {
    #[error("no stake at {0} is known")]
    UnknownStake(OutPoint),
    #[error("provider {0} is not registered")]
    UnknownProvider(PublicKey),
}

#[cfg(test)]
mod tests;
