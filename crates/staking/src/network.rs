//! What is known of a network before its chain is asked: profiles, which are data in `networks/*.json`.
//!
//! A program reads the current parameters from the chain. A profile is for what works offline (recognising a
//! transaction, `inspect`) and for telling at start-up that a node is of another network.

use bitcoin::{Amount, Network, ScriptBuf};
use serde::{Deserialize, Deserializer, de};

use crate::keys::CovenantKey;
use crate::params::{
    CommitteeError, CovenantCommittee, ParamsVersions, ParamsVersionsError, StakingParams,
};
use crate::phase1::Tag;
use crate::slashing_rate::SlashingRate;
use crate::units::{BitcoinHeight, BlockInterval};

/// One pair of Bitcoin network and secured chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkProfile {
    /// Name of the profile.
    pub name: String,
    /// Where the facts come from and what they do not cover.
    pub about: String,
    /// The Bitcoin network.
    pub bitcoin: Network,
    /// Id of the secured chain; `None` where every start of a test network makes its own.
    pub chain_id: Option<String>,
    /// Marks phase-1 stakes.
    pub phase1_tag: Tag,
    /// Blocks on top of a stake's block before it counts, at launch (k of spec 5.4).
    pub confirmation_depth: u32,
    /// Staking parameters known at launch, oldest first.
    pub params: ParamsVersions,
}

/// Why a profile cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkProfileError {
    /// No profile has this name.
    #[error("there is no network profile `{0}`; known are mainnet, signet and regtest")]
    Unknown(String),
    /// A field is missing, unknown or has a wrong value.
    #[error("network profile, at `{field}`: {reason}")]
    Field {
        /// Path of the field, such as `params[1].slashing_rate`.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A version's committee is none.
    #[error("network profile, at `params[{version}].covenant_pks`: {source}")]
    Committee {
        /// The version.
        version: u32,
        /// What is wrong with it.
        source: CommitteeError,
    },
    /// The versions make no history.
    #[error("network profile, at `params`: {0}")]
    Params(#[from] ParamsVersionsError),
}

impl NetworkProfile {
    /// The profile named `mainnet`, `signet` or `regtest`.
    ///
    /// # Errors
    ///
    /// Refuses any other name.
    pub fn named(name: &str) -> Result<Self, NetworkProfileError> {
        match name {
            "mainnet" => Self::from_json(include_str!("../networks/mainnet.json")),
            "signet" => Self::from_json(include_str!("../networks/signet.json")),
            "regtest" => Self::from_json(include_str!("../networks/regtest.json")),
            _ => Err(NetworkProfileError::Unknown(name.to_owned())),
        }
    }

    /// Reads a profile in the form of `networks/*.json`.
    ///
    /// # Errors
    ///
    /// Names the field that is missing, unknown or wrong.
    pub fn from_json(text: &str) -> Result<Self, NetworkProfileError> {
        let mut json = serde_json::Deserializer::from_str(text);
        let profile: ProfileJson =
            serde_path_to_error::deserialize(&mut json).map_err(|error| {
                NetworkProfileError::Field {
                    field: error.path().to_string(),
                    reason: error.into_inner().to_string(),
                }
            })?;
        json.end().map_err(|error| NetworkProfileError::Field {
            field: ".".to_owned(),
            reason: error.to_string(),
        })?;
        let versions = (0..)
            .zip(profile.params)
            .map(|(version, params)| params.build(version));
        Ok(Self {
            name: profile.name,
            about: profile.about,
            bitcoin: profile.bitcoin_network,
            chain_id: profile.chain_id,
            phase1_tag: profile.phase1_tag,
            confirmation_depth: profile.confirmation_depth,
            params: ParamsVersions::new(versions.collect::<Result<_, _>>()?)?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileJson {
    name: String,
    about: String,
    bitcoin_network: Network,
    chain_id: Option<String>,
    phase1_tag: Tag,
    confirmation_depth: u32,
    params: Vec<ParamsJson>,
}

/// Spelled as the chain's own queries spell it, with scripts in hex.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParamsJson {
    covenant_pks: Vec<CovenantKey>,
    covenant_quorum: u32,
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    min_staking_value_sat: Amount,
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    max_staking_value_sat: Amount,
    min_staking_time_blocks: BlockInterval,
    max_staking_time_blocks: BlockInterval,
    slashing_pk_script: ScriptBuf,
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    min_slashing_tx_fee_sat: Amount,
    #[serde(deserialize_with = "slashing_rate")]
    slashing_rate: SlashingRate,
    unbonding_time_blocks: BlockInterval,
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    unbonding_fee_sat: Amount,
    btc_activation_height: BitcoinHeight,
}

impl ParamsJson {
    fn build(self, version: u32) -> Result<StakingParams, NetworkProfileError> {
        let covenant = CovenantCommittee::new(self.covenant_pks, self.covenant_quorum)
            .map_err(|source| NetworkProfileError::Committee { version, source })?;
        Ok(StakingParams {
            version,
            covenant,
            min_staking_value: self.min_staking_value_sat,
            max_staking_value: self.max_staking_value_sat,
            min_staking_time: self.min_staking_time_blocks,
            max_staking_time: self.max_staking_time_blocks,
            slashing_script: self.slashing_pk_script,
            min_slashing_fee: self.min_slashing_tx_fee_sat,
            slashing_rate: self.slashing_rate,
            unbonding_time: self.unbonding_time_blocks,
            unbonding_fee: self.unbonding_fee_sat,
            activation_height: self.btc_activation_height,
        })
    }
}

fn slashing_rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SlashingRate, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(de::Error::custom)
}
