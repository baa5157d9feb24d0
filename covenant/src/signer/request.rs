//! What a signer is asked to sign.

use std::fmt;

use committee::Delegation;
use serde::{Deserialize, Serialize};
use staking::params::StakingParams;

/// A delegation and the parameters that govern it, as the sender says they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningRequest {
    /// The parameters' version that governs the delegation.
    pub params: StakingParams,
    /// What is to be signed.
    pub delegation: Delegation,
    /// Who asks for it.
    pub origin: Origin,
}

/// Who asks for a delegation's signatures. It changes nothing about what is signed; the audit log has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The secured chain lists the delegation. Logs from before there was another origin do not say it.
    #[default]
    Chain,
    /// A staker asked this member directly.
    Staker,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chain => "of the chain",
            Self::Staker => "of a staker",
        })
    }
}

impl SigningRequest {
    /// The request to sign a delegation of the chain under `params`; `None` where the chain does not show its staking
    /// transaction, which the signer must see.
    pub fn of_chain(delegation: chain::Delegation, params: StakingParams) -> Option<Self> {
        let chain::StakingOutput::Transaction {
            staking_tx,
            output_index,
        } = delegation.staking_output
        else {
            return None;
        };
        let delegation = Delegation {
            staker: delegation.staker,
            finality_providers: delegation.finality_providers,
            staking_time: delegation.staking_time,
            staking_value: delegation.staking_value,
            staking_tx,
            staking_output_index: output_index,
            slashing_tx: delegation.slashing_tx,
            staker_slashing_signature: delegation.staker_slashing_signature,
            unbonding_time: delegation.unbonding_time,
            unbonding_tx: delegation.unbonding_tx,
            unbonding_slashing_tx: delegation.unbonding_slashing_tx,
            staker_unbonding_slashing_signature: delegation.staker_unbonding_slashing_signature,
        };
        Some(Self {
            params,
            delegation,
            origin: Origin::Chain,
        })
    }

    /// The request to sign what a staker brought under `params`.
    pub fn of_staker(delegation: Delegation, params: StakingParams) -> Self {
        Self {
            params,
            delegation,
            origin: Origin::Staker,
        }
    }
}
