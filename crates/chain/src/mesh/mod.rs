//! One instance of `btc-mesh` on a partner chain, with the `btc-light` it believes, over gRPC.
//!
//! [`Mesh`] answers the questions of [`Chain`](crate::Chain) from a full node of the operator's own and sends one account's
//! messages. What the contracts answer is read in `answer`, their lists page by page in `list`, and what may be voted for is
//! worked out from it in `finality`; our messages pass through `write`. The heights that are voted on are the numbers of
//! checkpoints.

mod answer;
mod chain;
mod config;
mod covenant;
mod finality;
mod list;
mod query;
mod restake;
mod shown_again;
mod stake;
mod stakes;
mod submit;
mod tables;
mod upkeep;
mod write;

use std::sync::Mutex;

use bitcoin::secp256k1::schnorr::Signature;
use mesh_core::Domain;
use serde::Serialize;
use staking::keys::FinalityProviderKey;
use staking::proof_of_possession::AccountAddress;

pub use config::{BABYLON, Config, ContractAddress, PinnedDomain, broken_settings, is_name};
pub use restake::{
    CovenantSet, Exposure, HandedConsent, HandedError, InstanceTerms, InvalidConsent, MAX_CLAIMS,
    ShareIncrease, SignedConsent, StakeEnd, StakeProof, StakeStanding, StakeState, Standings,
    WrittenShare,
};
pub use tables::{HandedOver, ListedStake, StakeExits, TableTerms};
pub use upkeep::{Settlement, Standing};

use crate::cosmos::AccountKey;
use crate::wasm::{Contracts, Executed, Execution};
use crate::{ChainError, Receipt};
use answer::Params;

/// An instance of `btc-mesh`, and an account on its chain.
#[derive(Debug)]
pub struct Mesh {
    name: String,
    contracts: Contracts,
    contract: AccountAddress,
    light: AccountAddress,
    domain: Domain,
    era: u32,
    params: Params,
    denomination: String,
    /// Epoch of the table that was seen to be ready last, and the height of the chain at which it was seen first.
    ready: Mutex<Option<(u64, u64)>>,
}

/// What a provider tells a partner chain of itself.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Its EOTS key.
    pub finality_provider: FinalityProviderKey,
    /// Grows with each registration.
    pub number: u64,
    /// Account that unjails and receives the commission.
    pub operator: String,
    /// Commission in basis points.
    pub commission: u16,
    /// The provider's BIP-0340 signature of it all.
    pub signature: Signature,
}

impl Mesh {
    /// Connects to the node and starts sending for the account of `account_key`.
    ///
    /// # Errors
    ///
    /// As [`Contracts::connect`], and [`ChainError::OtherInstance`] where the contract is not the pinned one.
    pub async fn connect(config: Config, account_key: AccountKey) -> Result<Self, ChainError> {
        let contracts = Contracts::connect(config.node.clone(), account_key).await?;
        Self::on(contracts, config).await
    }

    /// Connects to the node to ask questions only; whatever would need an account is refused.
    ///
    /// # Errors
    ///
    /// As [`Self::connect`].
    pub async fn watch(config: Config) -> Result<Self, ChainError> {
        let contracts = Contracts::watch(config.node.clone()).await?;
        Self::on(contracts, config).await
    }

    /// The contract's word is not enough: its domain is computed from where and when it began.
    async fn on(contracts: Contracts, config: Config) -> Result<Self, ChainError> {
        let ContractAddress(contract) = config.contract;
        let PinnedDomain(domain) = config.domain;
        let shown = query::config(&contracts, &contract).await?;
        let invalid = |reason: String| ChainError::InvalidAnswer {
            query: "config",
            reason,
        };
        let computed = Domain::new(
            contracts.chain_id(),
            contract.text(),
            shown.height,
            shown.time,
        )
        .map_err(|error| invalid(error.to_string()))?;
        if shown.domain.0 != *computed.as_bytes() || computed != domain {
            return Err(ChainError::OtherInstance {
                chain: config.name,
                expected: domain.to_string(),
                actual: computed.to_string(),
            });
        }
        let light = shown
            .light
            .parse()
            .map_err(|error| invalid(format!("field `light`: {error}")))?;
        Ok(Self {
            name: config.name,
            contracts,
            contract,
            light,
            domain,
            era: config.era,
            params: shown.params,
            denomination: shown.denom,
            ready: Mutex::default(),
        })
    }

    /// What commands, logs and metrics call the chain.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The instance's domain.
    pub fn domain(&self) -> Domain {
        self.domain
    }

    /// What an account of the chain has of the denomination in which fees are paid.
    ///
    /// # Errors
    ///
    /// When the node does not answer.
    pub async fn balance_of(&self, account: &AccountAddress) -> Result<u128, ChainError> {
        self.contracts.balance(account).await
    }

    /// Number of a provider's newest registration; 0 before the first.
    pub async fn registration_number(&self, key: &FinalityProviderKey) -> Result<u64, ChainError> {
        let known = self.provider(key).await?;
        Ok(known.map_or(0, |known| known.registration_seq))
    }

    /// Registers a provider, or changes its operator or commission.
    ///
    /// # Errors
    ///
    /// As [`Contracts::execute`].
    pub async fn register(&self, registration: &Registration) -> Result<Receipt, ChainError> {
        self.tell(&write::register(registration)).await.map(receipt)
    }

    async fn tell(&self, message: &impl Serialize) -> Result<Executed, ChainError> {
        let execution = Execution::new(self.contract.clone(), message)?;
        let answers = self.contracts.execute(vec![execution]).await;
        answers
            .into_iter()
            .next()
            .unwrap_or(Err(ChainError::Stopped))
    }
}

fn receipt(executed: Executed) -> Receipt {
    Receipt {
        tx_hash: executed.tx_hash,
        height: executed.height,
    }
}
