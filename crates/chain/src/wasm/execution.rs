//! What a contract is told to do, and what it did.

use serde::Serialize;
use staking::proof_of_possession::AccountAddress;
use staking::units::ChainHeight;

use super::write;
use crate::ChainError;
use crate::cosmos::Event;

/// A message to a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// Who is told.
    pub contract: AccountAddress,
    /// What it is told, in JSON.
    pub msg: Vec<u8>,
    /// What it is given along: no denomination twice, no amount of 0.
    pub funds: Vec<Coin>,
}

impl Execution {
    /// Tells `msg` to a contract and gives it nothing along.
    ///
    /// # Errors
    ///
    /// [`ChainError::InvalidMessage`] where `msg` has no form in JSON.
    pub fn new(contract: AccountAddress, msg: &impl Serialize) -> Result<Self, ChainError> {
        Ok(Self {
            contract,
            msg: write::json(msg)?,
            funds: Vec::new(),
        })
    }
}

/// An amount of one denomination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coin {
    /// Name of the smallest unit, such as `ubbn`.
    pub denomination: String,
    /// How many of it.
    pub amount: u128,
}

/// That a contract did what it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// Hash of the chain's transaction, upper-case hex.
    pub tx_hash: String,
    /// Block it is in.
    pub height: ChainHeight,
    /// Gas that the transaction used, that of its other messages included.
    pub gas_used: u64,
    /// What happened, in order. Contracts that were called on the way have their events here, too: those of contracts,
    /// of type `wasm` or `wasm-…`, name theirs in the attribute `_contract_address`, which no contract can set.
    pub events: Vec<Event>,
}
