//! Requests and answers as the messages of `signer.proto`.

use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin::secp256k1::schnorr;
use bitcoin::{Amount, ScriptBuf, Transaction};
use eots::adaptor::AdaptorSignature;
use proto::btcmesh::covenant::v1 as message;
use proto::field::{FieldError, array, each, number, required};
use staking::delegation::CovenantSignatures;
use staking::keys::{CovenantKey, FinalityProviderKey, StakerKey};
use staking::params::{CovenantCommittee, StakingParams};
use staking::slashing_rate::SlashingRate;
use staking::units::{BitcoinHeight, BlockInterval};

use super::SigningRequest;

/// What a request's message holds.
pub(super) enum Asked {
    /// A delegation to sign.
    Delegation(Box<SigningRequest>),
    /// An expansion of another delegation: read no further, because it is refused.
    Expansion,
}

pub(super) fn request_to_proto(request: &SigningRequest) -> message::SignDelegationRequest {
    message::SignDelegationRequest {
        params: Some(params_to_proto(&request.params)),
        delegation: Some(message::Delegation {
            staker_key: request.staker.to_bytes().to_vec(),
            finality_provider_keys: request
                .finality_providers
                .iter()
                .map(|key| key.to_bytes().to_vec())
                .collect(),
            staking_time: request.staking_time.into(),
            staking_value: request.staking_value.to_sat(),
            staking_tx: serialize(&request.staking_tx),
            staking_output_index: request.staking_output_index,
            slashing_tx: serialize(&request.slashing_tx),
            staker_slashing_signature: request.staker_slashing_signature.serialize().to_vec(),
            unbonding_time: request.unbonding_time.into(),
            unbonding_tx: serialize(&request.unbonding_tx),
            unbonding_slashing_tx: serialize(&request.unbonding_slashing_tx),
            staker_unbonding_slashing_signature: request
                .staker_unbonding_slashing_signature
                .serialize()
                .to_vec(),
        }),
        expansion: None,
    }
}

pub(super) fn request_from_proto(
    request: message::SignDelegationRequest,
) -> Result<Asked, FieldError> {
    if request.expansion.is_some() {
        return Ok(Asked::Expansion);
    }
    let params = params_from_proto(required("params", request.params)?)
        .map_err(|error| error.inside("params"))?;
    let delegation = required("delegation", request.delegation)?;
    let request =
        delegation_from_proto(delegation, params).map_err(|error| error.inside("delegation"))?;
    Ok(Asked::Delegation(Box::new(request)))
}

fn delegation_from_proto(
    delegation: message::Delegation,
    params: StakingParams,
) -> Result<SigningRequest, FieldError> {
    Ok(SigningRequest {
        params,
        staker: StakerKey::from_slice(&delegation.staker_key)
            .map_err(|error| FieldError::new("staker_key", error))?,
        finality_providers: each(
            "finality_provider_keys",
            delegation.finality_provider_keys,
            |key| FinalityProviderKey::from_slice(&key).map_err(|error| FieldError::new("", error)),
        )?,
        staking_time: interval("staking_time", delegation.staking_time)?,
        staking_value: Amount::from_sat(delegation.staking_value),
        staking_tx: transaction("staking_tx", &delegation.staking_tx)?,
        staking_output_index: delegation.staking_output_index,
        slashing_tx: transaction("slashing_tx", &delegation.slashing_tx)?,
        staker_slashing_signature: schnorr_signature(
            "staker_slashing_signature",
            &delegation.staker_slashing_signature,
        )?,
        unbonding_time: interval("unbonding_time", delegation.unbonding_time)?,
        unbonding_tx: transaction("unbonding_tx", &delegation.unbonding_tx)?,
        unbonding_slashing_tx: transaction(
            "unbonding_slashing_tx",
            &delegation.unbonding_slashing_tx,
        )?,
        staker_unbonding_slashing_signature: schnorr_signature(
            "staker_unbonding_slashing_signature",
            &delegation.staker_unbonding_slashing_signature,
        )?,
    })
}

pub(super) fn params_to_proto(params: &StakingParams) -> message::StakingParams {
    message::StakingParams {
        version: params.version,
        covenant_keys: params
            .covenant
            .keys()
            .iter()
            .map(|key| key.to_bytes().to_vec())
            .collect(),
        // No committee has 2^32 members.
        covenant_quorum: u32::try_from(params.covenant.quorum()).unwrap_or(u32::MAX),
        min_staking_value: params.min_staking_value.to_sat(),
        max_staking_value: params.max_staking_value.to_sat(),
        min_staking_time: params.min_staking_time.into(),
        max_staking_time: params.max_staking_time.into(),
        slashing_script: params.slashing_script.to_bytes(),
        min_slashing_fee: params.min_slashing_fee.to_sat(),
        slashing_rate_ten_thousandths: params.slashing_rate.ten_thousandths().into(),
        unbonding_time: params.unbonding_time.into(),
        unbonding_fee: params.unbonding_fee.to_sat(),
        activation_height: params.activation_height.0,
    }
}

fn params_from_proto(params: message::StakingParams) -> Result<StakingParams, FieldError> {
    let keys = each("covenant_keys", params.covenant_keys, |key| {
        CovenantKey::from_slice(&key).map_err(|error| FieldError::new("", error))
    })?;
    let rate = params.slashing_rate_ten_thousandths;
    Ok(StakingParams {
        version: params.version,
        covenant: CovenantCommittee::new(keys, params.covenant_quorum)
            .map_err(|error| FieldError::new("covenant_keys", error))?,
        min_staking_value: Amount::from_sat(params.min_staking_value),
        max_staking_value: Amount::from_sat(params.max_staking_value),
        min_staking_time: interval("min_staking_time", params.min_staking_time)?,
        max_staking_time: interval("max_staking_time", params.max_staking_time)?,
        slashing_script: ScriptBuf::from_bytes(params.slashing_script),
        min_slashing_fee: Amount::from_sat(params.min_slashing_fee),
        slashing_rate: number("slashing_rate_ten_thousandths", rate).and_then(|rate| {
            SlashingRate::from_ten_thousandths(rate).ok_or_else(|| {
                FieldError::new(
                    "slashing_rate_ten_thousandths",
                    format!("{rate} is outside 1 to 9999"),
                )
            })
        })?,
        unbonding_time: interval("unbonding_time", params.unbonding_time)?,
        unbonding_fee: Amount::from_sat(params.unbonding_fee),
        activation_height: BitcoinHeight(params.activation_height),
    })
}

pub(super) fn signatures_to_proto(signatures: &CovenantSignatures) -> message::Signatures {
    let bytes = |signatures: &[AdaptorSignature]| {
        signatures
            .iter()
            .map(|signature| signature.to_bytes().to_vec())
            .collect()
    };
    message::Signatures {
        slashing: bytes(&signatures.slashing),
        unbonding: signatures.unbonding.serialize().to_vec(),
        unbonding_slashing: bytes(&signatures.unbonding_slashing),
        expansion: Vec::new(),
    }
}

pub(super) fn signatures_from_proto(
    signatures: message::Signatures,
    key: CovenantKey,
) -> Result<CovenantSignatures, FieldError> {
    let adaptors = |field, signatures: Vec<Vec<u8>>| {
        each(field, signatures, |bytes| {
            AdaptorSignature::from_slice(&bytes).map_err(|error| FieldError::new("", error))
        })
    };
    Ok(CovenantSignatures {
        key,
        slashing: adaptors("slashing", signatures.slashing)?,
        unbonding: schnorr_signature("unbonding", &signatures.unbonding)?,
        unbonding_slashing: adaptors("unbonding_slashing", signatures.unbonding_slashing)?,
    })
}

fn interval(field: &str, blocks: u32) -> Result<BlockInterval, FieldError> {
    BlockInterval::try_from(blocks).map_err(|error| FieldError::new(field, error))
}

fn schnorr_signature(field: &str, bytes: &[u8]) -> Result<schnorr::Signature, FieldError> {
    let bytes: [u8; 64] = array(field, bytes)?;
    schnorr::Signature::from_slice(&bytes).map_err(|error| FieldError::new(field, error))
}

/// Reads a transaction; bytes after its end are an error (spec 6.9).
fn transaction(field: &str, bytes: &[u8]) -> Result<Transaction, FieldError> {
    deserialize(bytes).map_err(|error| FieldError::new(field, error))
}
