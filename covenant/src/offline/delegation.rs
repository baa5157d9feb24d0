//! Would the committee sign this delegation, as far as its structure goes?

use std::fmt;

use bitcoin::consensus::encode::deserialize;
use bitcoin::{Amount, ScriptBuf, Transaction};
use serde::{Deserialize, Serialize};
use staking::delegation::{Registration, StakePlace, validate};
use staking::keys::{CovenantKey, FinalityProviderKey, StakerKey};
use staking::params::{CovenantCommittee, StakingParams};
use staking::units::{BitcoinHeight, BlockInterval};

use super::Hex;
use crate::signer::Refusal;

/// A delegation and the parameters that matter to its structure.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelegationQuestion {
    /// Scripts and transactions are the same on all of them.
    network: NetworkName,
    staker_pk: Hex,
    finality_provider_pks: Vec<Hex>,
    covenant_pks: Vec<Hex>,
    covenant_quorum: u32,
    staking_time: u32,
    unbonding_time: u32,
    staking_value: u64,
    unbonding_fee: u64,
    slashing_rate: String,
    min_slashing_tx_fee: u64,
    slashing_pk_script: Hex,
    staking_tx: Hex,
    staking_output_index: u32,
    unbonding_tx: Hex,
    slashing_tx: Hex,
    unbonding_slashing_tx: Hex,
}

/// A Bitcoin network as people and programs call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum NetworkName {
    #[serde(alias = "bitcoin")]
    Mainnet,
    Signet,
    Testnet,
    Testnet4,
    Regtest,
}

/// The committee's structural judgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Judgement {
    /// Every rule is kept.
    Valid {
        /// Always true.
        valid: bool,
    },
    /// A rule is broken.
    Invalid {
        /// Always false.
        valid: bool,
        /// The first broken rule.
        #[serde(flatten)]
        refusal: Refusal,
    },
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid { .. } => f.write_str("valid"),
            Self::Invalid { refusal, .. } => write!(f, "not valid: {refusal}"),
        }
    }
}

impl DelegationQuestion {
    /// Judges the delegation. Signatures, and the bounds on value and time, are no part of the question.
    pub fn judge(&self) -> Judgement {
        match self.check() {
            Ok(()) => Judgement::Valid { valid: true },
            Err(refusal) => Judgement::Invalid {
                valid: false,
                refusal,
            },
        }
    }

    fn check(&self) -> Result<(), Refusal> {
        let staker = StakerKey::from_slice(&self.staker_pk.0).map_err(by("staker-key"))?;
        let finality_providers = self
            .finality_provider_pks
            .iter()
            .map(|key| FinalityProviderKey::from_slice(&key.0))
            .collect::<Result<Vec<_>, _>>()
            .map_err(by("finality-provider-key"))?;
        let staking_time =
            BlockInterval::try_from(self.staking_time).map_err(by("staking-time"))?;
        let params = self.params()?;
        let registration = Registration {
            staker,
            finality_providers: &finality_providers,
            staking_time,
            staking_value: Amount::from_sat(self.staking_value),
            place: StakePlace::Transaction {
                staking_tx: &transaction(&self.staking_tx, "staking-transaction")?,
                output_index: Some(self.staking_output_index),
            },
            unbonding_time: params.unbonding_time,
            unbonding_tx: &transaction(&self.unbonding_tx, "unbonding-transaction")?,
            slashing_tx: &transaction(&self.slashing_tx, "slashing-transaction")?,
            unbonding_slashing_tx: &transaction(
                &self.unbonding_slashing_tx,
                "unbonding-slashing-transaction",
            )?,
        };
        validate(&registration, &params)
            .map(|_| ())
            .map_err(|error| Refusal::new(error.rule(), error.to_string()))
    }

    /// Parameters with the question's values, under which any stake that can exist is in bounds.
    fn params(&self) -> Result<StakingParams, Refusal> {
        const SHORTEST: u32 = 1;
        const LONGEST: u32 = 65_535;
        let covenant_keys = self
            .covenant_pks
            .iter()
            .map(|key| CovenantKey::from_slice(&key.0))
            .collect::<Result<Vec<_>, _>>()
            .map_err(by("covenant-key"))?;
        Ok(StakingParams {
            version: 0,
            covenant: CovenantCommittee::new(covenant_keys, self.covenant_quorum)
                .map_err(by("covenant-committee"))?,
            min_staking_value: Amount::ONE_SAT,
            max_staking_value: Amount::MAX_MONEY,
            min_staking_time: SHORTEST.try_into().map_err(by("staking-time"))?,
            max_staking_time: LONGEST.try_into().map_err(by("staking-time"))?,
            slashing_script: ScriptBuf::from_bytes(self.slashing_pk_script.0.clone()),
            min_slashing_fee: Amount::from_sat(self.min_slashing_tx_fee),
            slashing_rate: self.slashing_rate.parse().map_err(by("slashing-rate"))?,
            unbonding_time: self
                .unbonding_time
                .try_into()
                .map_err(by("unbonding-time"))?,
            unbonding_fee: Amount::from_sat(self.unbonding_fee),
            activation_height: BitcoinHeight(0),
        })
    }
}

fn by<E: fmt::Display>(rule: &'static str) -> impl Fn(E) -> Refusal {
    move |error| Refusal::new(rule, error.to_string())
}

fn transaction(bytes: &Hex, rule: &'static str) -> Result<Transaction, Refusal> {
    deserialize(&bytes.0)
        .map_err(|error| Refusal::new(rule, format!("the bytes are no transaction: {error}")))
}
