//! What the contract is told and asked, and how it answers.

use cosmwasm_schema::{QueryResponses, cw_serde};
use cosmwasm_std::{Addr, Binary, Coin};

/// How an escrow begins.
#[cw_serde]
pub struct InstantiateMsg {
    /// The `btc-mesh` contract of this chain.
    pub mesh: String,
    /// The era whose finality is believed.
    pub era: u32,
    /// Who may pin another era, by human decision.
    pub owner: String,
}

/// What can be done.
#[cw_serde]
pub enum ExecuteMsg {
    /// Deposits the one coin that is sent along. Its number is in the attribute `id`.
    Deposit {
        /// Who will be paid.
        receiver: String,
    },
    /// Pays a deposit to its receiver. Anybody may bring the proof.
    Release {
        /// Number of the deposit.
        id: u64,
        /// That its record is final.
        proof: FinalityProof,
    },
    /// The owner: another era is believed from now on.
    PinEra {
        /// The era.
        era: u32,
    },
}

/// What a user brings: the parts of [`btc_mesh::msg::StateProof`] that the contract does not know itself.
#[cw_serde]
pub struct FinalityProof {
    /// The final checkpoint.
    pub k: u64,
    /// The 14 encoded fields of its header, in order.
    pub header: Vec<Binary>,
    /// ICS-23 proof of the record in the store of contracts, at the header's height minus one.
    pub store_proof: Binary,
    /// ICS-23 proof of that store in the application's state.
    pub root_proof: Binary,
}

/// What can be asked.
#[cw_serde]
#[derive(QueryResponses)]
pub enum QueryMsg {
    /// What is believed.
    #[returns(Config)]
    Config {},
    /// A deposit; an error where there is none.
    #[returns(DepositResponse)]
    Deposit {
        /// Its number.
        id: u64,
    },
}

/// What is believed.
#[cw_serde]
pub struct Config {
    /// The `btc-mesh` contract.
    pub mesh: Addr,
    /// The era that is pinned.
    pub era: u32,
    /// Who may pin another.
    pub owner: Addr,
}

/// A deposit as it is stored: all that will be done. Never changed.
#[cw_serde]
pub struct Deposit {
    /// Who made it.
    pub depositor: Addr,
    /// Who is paid.
    pub receiver: Addr,
    /// What.
    pub amount: Coin,
}

/// A deposit.
#[cw_serde]
pub struct DepositResponse {
    /// The record.
    pub deposit: Deposit,
    /// The record's key in this contract's storage.
    pub key: Binary,
    /// Whether it was paid.
    pub released: bool,
}
