//! Every script, output, transaction and hash that follows from a delegation's parameters, without asking any node.
//!
//! Other software compares itself with ours by this: [`Request`] is what it says of a delegation, [`Scripts`] what we
//! make of it.

use std::fmt;
use std::str::FromStr;

use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::{Address, Amount, Network, ScriptBuf, Transaction};
use serde::{Deserialize, Serialize};
use staking::delegation::{DelegationPlan, PlanError, ValidDelegation};
use staking::keys::{CovenantKey, FinalityProviderKey, StakerKey};
use staking::network::{NetworkProfile, NetworkProfileError};
use staking::outputs::Leaf;
use staking::params::{CommitteeError, CovenantCommittee, StakingParams};
use staking::slashing_rate::{SlashingRate, SlashingRateError};
use staking::units::{BitcoinHeight, BlockInterval};

/// A delegation to build. Keys and scripts are hex, amounts satoshi, times blocks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Name of a network profile, or of a Bitcoin network: addresses are spelled for it.
    pub network: NetworkName,
    /// Key of the staker.
    pub staker_pk: StakerKey,
    /// Chosen finality providers.
    pub finality_provider_pks: Vec<FinalityProviderKey>,
    /// The covenant committee.
    pub covenant_pks: Vec<CovenantKey>,
    /// How many of the committee must sign.
    pub covenant_quorum: u32,
    /// Timelock of the staking output.
    pub staking_time: BlockInterval,
    /// Timelock of the unbonding output and of the slashing change.
    pub unbonding_time: BlockInterval,
    /// Value of the staking output.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub staking_value: Amount,
    /// Fee of the unbonding transaction.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub unbonding_fee: Amount,
    /// Share of the stake that is slashed.
    pub slashing_rate: String,
    /// Fee of the slashing transactions.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub min_slashing_tx_fee: Amount,
    /// Script that receives slashed coins.
    pub slashing_pk_script: ScriptBuf,
    /// The staking transaction, on which the others are built.
    #[serde(default)]
    pub staking_tx: Option<String>,
    /// Which output of it is the stake; looked for where absent.
    #[serde(default)]
    pub staking_output_index: Option<u32>,
}

/// The network of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct NetworkName(pub Network);

impl FromStr for NetworkName {
    type Err = NetworkProfileError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        // `bitcoin`, `testnet4` and the like name no profile, but a network all the same.
        name.parse()
            .map(Self)
            .or_else(|_| NetworkProfile::named(name).map(|profile| Self(profile.bitcoin)))
    }
}

impl TryFrom<String> for NetworkName {
    type Error = NetworkProfileError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

/// Why nothing can be built for a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptsError {
    /// The keys are no covenant committee.
    #[error("covenant_pks: {0}")]
    Committee(#[from] CommitteeError),
    /// The slashing rate is none.
    #[error("slashing_rate: {0}")]
    SlashingRate(#[from] SlashingRateError),
    /// The staking transaction cannot be read.
    #[error("staking_tx is no transaction in hex: {0}")]
    StakingTransaction(String),
    /// An output index without its transaction.
    #[error("staking_output_index is given without staking_tx")]
    IndexWithoutTransaction,
    /// The delegation breaks a rule of the protocol.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// What follows from a request; hex, transactions without their witness, ids in display order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scripts {
    #[serde(flatten)]
    outputs: Outputs,
    #[serde(flatten)]
    transactions: Option<Transactions>,
    #[serde(skip)]
    addresses: [(&'static str, String); 3],
}

/// What follows without a staking transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Outputs {
    timelock_script: String,
    unbonding_script: String,
    slashing_script: String,
    staking_pk_script: String,
    control_block_timelock: String,
    control_block_unbonding: String,
    control_block_slashing: String,
    unbonding_pk_script: String,
    unbonding_timelock_script: String,
    unbonding_control_block_timelock: String,
    unbonding_control_block_slashing: String,
    slashing_change_pk_script: String,
}

/// What follows from the staking transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Transactions {
    staking_tx: String,
    staking_txid: String,
    unbonding_tx: String,
    unbonding_txid: String,
    slashing_tx: String,
    unbonding_slashing_tx: String,
    sighash_unbonding: String,
    sighash_slashing: String,
    sighash_unbonding_slashing: String,
}

impl Request {
    /// Builds everything that follows.
    ///
    /// # Errors
    ///
    /// Names the field, or the protocol's rule, that stands in the way.
    pub fn build(&self) -> Result<Scripts, ScriptsError> {
        if self.staking_output_index.is_some() && self.staking_tx.is_none() {
            return Err(ScriptsError::IndexWithoutTransaction);
        }
        let plan = self.plan()?;
        let transactions = match &self.staking_tx {
            None => None,
            Some(hex) => {
                let staking_tx: Transaction = deserialize_hex(hex)
                    .map_err(|error| ScriptsError::StakingTransaction(error.to_string()))?;
                let built = plan.build(&staking_tx, self.staking_output_index)?;
                Some(Transactions::of(staking_tx, &built))
            }
        };
        let outputs = Outputs::of(&plan);
        let addresses = [
            (
                "staking address",
                plan.staking_output().tx_out().script_pubkey.as_script(),
            ),
            (
                "unbonding address",
                plan.unbonding_output().tx_out().script_pubkey.as_script(),
            ),
            (
                "slashing change address",
                plan.slashing_change().script_pubkey().as_script(),
            ),
        ]
        .map(|(name, script)| {
            let address = Address::from_script(script, self.network.0);
            (
                name,
                address.map_or_else(|error| error.to_string(), |address| address.to_string()),
            )
        });
        Ok(Scripts {
            outputs,
            transactions,
            addresses,
        })
    }

    fn plan(&self) -> Result<DelegationPlan, ScriptsError> {
        let slashing_rate: SlashingRate = self.slashing_rate.parse()?;
        // The bounds are the values themselves: no version of any chain's parameters is asked for here.
        let params = StakingParams {
            version: 0,
            covenant: CovenantCommittee::new(self.covenant_pks.clone(), self.covenant_quorum)?,
            min_staking_value: self.staking_value,
            max_staking_value: self.staking_value,
            min_staking_time: self.staking_time,
            max_staking_time: self.staking_time,
            slashing_script: self.slashing_pk_script.clone(),
            min_slashing_fee: self.min_slashing_tx_fee,
            slashing_rate,
            unbonding_time: self.unbonding_time,
            unbonding_fee: self.unbonding_fee,
            activation_height: BitcoinHeight(0),
        };
        Ok(DelegationPlan::new(
            self.staker_pk,
            self.finality_provider_pks.clone(),
            self.staking_time,
            self.staking_value,
            &params,
        )?)
    }
}

impl Outputs {
    fn of(plan: &DelegationPlan) -> Self {
        let script = |leaf: &Leaf| leaf.script().to_hex_string();
        let control_block = |leaf: &Leaf| hex::encode(leaf.control_block().serialize());
        let (staking, unbonding) = (plan.staking_output(), plan.unbonding_output());
        Self {
            timelock_script: script(staking.timelock().leaf()),
            unbonding_script: script(staking.unbonding()),
            slashing_script: script(staking.slashing()),
            staking_pk_script: staking.tx_out().script_pubkey.to_hex_string(),
            control_block_timelock: control_block(staking.timelock().leaf()),
            control_block_unbonding: control_block(staking.unbonding()),
            control_block_slashing: control_block(staking.slashing()),
            unbonding_pk_script: unbonding.tx_out().script_pubkey.to_hex_string(),
            unbonding_timelock_script: script(unbonding.timelock().leaf()),
            unbonding_control_block_timelock: control_block(unbonding.timelock().leaf()),
            unbonding_control_block_slashing: control_block(unbonding.slashing()),
            slashing_change_pk_script: plan.slashing_change().script_pubkey().to_hex_string(),
        }
    }
}

impl Transactions {
    fn of(mut staking_tx: Transaction, built: &ValidDelegation) -> Self {
        for input in &mut staking_tx.input {
            input.witness.clear();
        }
        let sighash = |bytes: [u8; 32]| hex::encode(bytes);
        Self {
            staking_tx: serialize_hex(&staking_tx),
            staking_txid: built.staking_outpoint().txid.to_string(),
            unbonding_tx: serialize_hex(built.unbonding_tx()),
            unbonding_txid: built.unbonding_outpoint().txid.to_string(),
            slashing_tx: serialize_hex(built.slashing_tx()),
            unbonding_slashing_tx: serialize_hex(built.unbonding_slashing_tx()),
            sighash_unbonding: sighash(built.unbonding_sighash().to_bytes()),
            sighash_slashing: sighash(built.slashing_sighash().to_bytes()),
            sighash_unbonding_slashing: sighash(built.unbonding_slashing_sighash().to_bytes()),
        }
    }
}

impl fmt::Display for Scripts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, address) in &self.addresses {
            writeln!(f, "{name}: {address}")?;
        }
        // The JSON form names every field; people get the same names.
        match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(fields)) => fields
                .iter()
                .filter_map(|(name, value)| Some((name, value.as_str()?)))
                .try_for_each(|(name, value)| writeln!(f, "{name}: {value}")),
            _ => Err(fmt::Error),
        }
    }
}
