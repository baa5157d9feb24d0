//! What an instance says of stakes, and what it prescribes for them. All of it is hostile.

use bitcoin::Amount;
use mesh_core::consent::{Share, Target};
use serde::Deserialize;
use staking::params::StakingParams;
use staking::units::BitcoinHeight;

use super::{
    CovenantSet, Exposure, InstanceTerms, ShareIncrease, StakeEnd, StakeStanding, StakeState,
};
use crate::ChainError;
use crate::mesh::answer::Bytes32;
use crate::mesh::covenant;
use crate::mesh::stake::{Binary, EndReason, Stake, StakeStatus, signature};

/// What the query `config` says of stakes.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Config {
    params: Params,
    covenants: Vec<covenant::CovenantSet>,
    closed: bool,
    test_only: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Params {
    challenge: u32,
    consent_delay: u32,
}

impl From<Config> for InstanceTerms {
    /// A set that no stake could keep is left out: it concerns none of ours.
    fn from(config: Config) -> Self {
        let covenant_sets = (0..)
            .zip(config.covenants)
            .filter_map(|(number, covenant)| {
                let max_share = covenant.max_share;
                match valid(&covenant, number) {
                    Ok(params) => Some(CovenantSet {
                        number,
                        params,
                        max_share,
                    }),
                    Err(error) => {
                        tracing::warn!(number, %error, "a covenant set is left out");
                        None
                    }
                }
            })
            .collect();
        Self {
            covenant_sets,
            challenge: config.params.challenge,
            consent_delay: config.params.consent_delay,
            closed: config.closed,
            test_only: config.test_only,
        }
    }
}

fn valid(covenant: &covenant::CovenantSet, number: u32) -> Result<StakingParams, String> {
    let params = covenant.params(number)?;
    match params.validate() {
        Ok(()) => Ok(params),
        Err(error) => Err(error.to_string()),
    }
}

impl From<Stake> for StakeStanding {
    fn from(stake: Stake) -> Self {
        Self {
            weight: Amount::from_sat(stake.weight),
            basis_points: stake.basis_points,
            increase: stake.increase.map(|increase| ShareIncrease {
                basis_points: increase.basis_points,
                from: BitcoinHeight(increase.height),
            }),
            consent_number: stake.consent_seq,
            reward_address: stake.reward_address,
            expires: BitcoinHeight(stake.expires),
            state: match stake.status {
                StakeStatus::Pending { since } => StakeState::Pending {
                    since: BitcoinHeight(since),
                },
                StakeStatus::Unproven {} => StakeState::Unproven,
                StakeStatus::Active {} => StakeState::Active,
                StakeStatus::Ended { reason } => StakeState::Ended(match reason {
                    EndReason::Spent { height } => StakeEnd::Spent(BitcoinHeight(height)),
                    EndReason::Expired {} => StakeEnd::Expired,
                    EndReason::Conflict {} => StakeEnd::Conflict,
                    EndReason::Dropped {} => StakeEnd::Dropped,
                }),
            },
            owed: stake.unvested.0,
        }
    }
}

/// With whom a stake is shared.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ExposureAnswer {
    seq: u32,
    shares: Vec<ConsentShare>,
    signature: Binary,
    value: u64,
    penalty: u64,
}

#[derive(Debug, Clone, Deserialize)]
struct ConsentShare {
    target: Bytes32,
    basis_points: u16,
    reward_address: String,
}

impl TryFrom<ExposureAnswer> for Exposure {
    type Error = ChainError;

    fn try_from(answer: ExposureAnswer) -> Result<Self, ChainError> {
        let signature = signature("signature", &answer.signature).map_err(|reason| {
            ChainError::InvalidAnswer {
                query: "exposure",
                reason,
            }
        })?;
        let shares = answer.shares.into_iter().map(|share| Share {
            target: Target::from_bytes(share.target.0),
            basis_points: share.basis_points,
            reward_address: share.reward_address,
        });
        Ok(Self {
            number: answer.seq,
            shares: shares.collect(),
            signature,
            value: Amount::from_sat(answer.value),
            penalty: Amount::from_sat(answer.penalty),
        })
    }
}

/// What a claim paid for a stake, from the contract's events.
pub(super) fn paid(text: &str) -> Result<u128, ChainError> {
    text.parse().map_err(|_| ChainError::InvalidAnswer {
        query: "claim",
        reason: format!("field `paid`: `{text}` is not an amount"),
    })
}
