//! Why a message or query is refused.

use cosmwasm_std::{Addr, StdError};

/// Why a message or query is refused. A refused message changes nothing.
#[derive(Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// From the chain's own interface, or `btc-mesh`'s refusal of a proof.
    #[error(transparent)]
    Std(#[from] StdError),
    /// Not one coin.
    #[error("{0} coins were sent, a deposit is exactly one")]
    Coins(usize),
    /// Nobody made this deposit.
    #[error("there is no deposit {0}")]
    UnknownDeposit(u64),
    /// It was paid.
    #[error("deposit {0} was released before")]
    Released(u64),
    /// No votes stand behind the checkpoint.
    #[error("checkpoint {0} was decreed by governance and not voted for; bring a later one")]
    Decreed(u64),
    /// No guarantee spans two eras.
    #[error("checkpoint {k} is of era {found}, pinned is {pinned}; the owner moves the pin")]
    Era {
        /// The checkpoint.
        k: u64,
        /// Its era.
        found: u32,
        /// The one that is believed.
        pinned: u32,
    },
    /// Only the owner may do this.
    #[error("only the owner, {owner}, may do this; {sender} is somebody else")]
    NotOwner {
        /// Who sent it.
        sender: Addr,
        /// Who may.
        owner: Addr,
    },
}
