//! A stake and its staker's consents in the contract's form.

use bitcoin::OutPoint;
use bitcoin::consensus::serialize;
use eots::adaptor::AdaptorSignature;
use serde::Serialize;
use staking::delegation::CovenantSignatures;

use super::{SignedConsent, StakeProof};
use crate::ChainError;
use crate::mesh::write::{Inclusion, encoded, inclusion, invalid};

/// What `btc-mesh` is told about stakes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StakeMessage {
    Stake(Box<StakeParts>),
    Consent {
        outpoint: OutPoint,
        consent: ConsentParts,
    },
    ConsentConflict {
        outpoint: OutPoint,
        first: ConsentParts,
        second: ConsentParts,
    },
    Claim {
        outpoints: Vec<OutPoint>,
    },
}

/// Everything about a stake.
#[derive(Debug, Serialize)]
pub(super) struct StakeParts {
    covenant: u32,
    staker: String,
    provider: String,
    timelock: u16,
    staking_tx: String,
    vout: u32,
    inclusion: Inclusion,
    slashing_tx: String,
    unbonding_tx: String,
    unbonding_slashing_tx: String,
    staker_slashing: String,
    staker_unbonding_slashing: String,
    covenant_signatures: Vec<MemberSignatures>,
    consent: ConsentParts,
}

/// One member's signatures.
#[derive(Debug, Serialize)]
struct MemberSignatures {
    key: String,
    slashing: String,
    unbonding: String,
    unbonding_slashing: String,
}

/// A signed list of shares.
#[derive(Debug, Serialize)]
pub(super) struct ConsentParts {
    seq: u32,
    shares: Vec<ShareParts>,
    signature: String,
}

#[derive(Debug, Serialize)]
struct ShareParts {
    target: String,
    basis_points: u16,
    reward_address: String,
}

/// The message that shows a stake.
pub(super) fn stake(
    proof: &StakeProof<'_>,
    consent: &SignedConsent,
) -> Result<StakeMessage, ChainError> {
    let delegation = proof.delegation;
    let keys = delegation.keys();
    let [provider] = keys.finality_providers() else {
        return Err(invalid("`provider`: the stake has more than one"));
    };
    let mut members: Vec<_> = proof.covenant_signatures.iter().collect();
    members.sort_by_key(|member| member.key);
    Ok(StakeMessage::Stake(Box::new(StakeParts {
        covenant: proof.covenant_set,
        staker: keys.staker().to_string(),
        provider: provider.to_string(),
        timelock: delegation.staking_output().timelock().timelock().blocks(),
        staking_tx: encoded(serialize(proof.staking_tx)),
        vout: delegation.staking_outpoint().vout,
        inclusion: inclusion(proof.block_height, proof.inclusion_proof),
        slashing_tx: encoded(serialize(delegation.slashing_tx())),
        unbonding_tx: encoded(serialize(delegation.unbonding_tx())),
        unbonding_slashing_tx: encoded(serialize(delegation.unbonding_slashing_tx())),
        staker_slashing: encoded(proof.staker_signatures.slashing.serialize()),
        staker_unbonding_slashing: encoded(proof.staker_signatures.unbonding_slashing.serialize()),
        covenant_signatures: members.into_iter().map(member).collect::<Result<_, _>>()?,
        consent: consent_parts(consent),
    })))
}

fn member(signatures: &CovenantSignatures) -> Result<MemberSignatures, ChainError> {
    let one = |of_providers: &[AdaptorSignature]| match of_providers {
        [signature] => Ok(encoded(signature.to_bytes())),
        _ => Err(invalid(
            "`covenant_signatures`: not those of one finality provider",
        )),
    };
    Ok(MemberSignatures {
        key: signatures.key.to_string(),
        slashing: one(&signatures.slashing)?,
        unbonding: encoded(signatures.unbonding.serialize()),
        unbonding_slashing: one(&signatures.unbonding_slashing)?,
    })
}

/// The consent as it travels.
pub(super) fn consent_parts(consent: &SignedConsent) -> ConsentParts {
    let shares = consent.shares.iter().map(|share| ShareParts {
        target: hex::encode(share.target.as_bytes()),
        basis_points: share.basis_points,
        reward_address: share.reward_address.clone(),
    });
    ConsentParts {
        seq: consent.number,
        shares: shares.collect(),
        signature: encoded(consent.signature.serialize()),
    }
}
