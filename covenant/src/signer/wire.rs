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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proto::prost::bytes::Bytes;
    use proto::strict;

    use super::*;

    #[test]
    fn what_cannot_be_read_is_named() {
        let message = |change: fn(&mut message::Delegation)| {
            let mut delegation = message::Delegation {
                staker_key: vec![2; 32],
                staking_time: 1,
                unbonding_time: 1,
                ..message::Delegation::default()
            };
            change(&mut delegation);
            let params = message::StakingParams {
                covenant_keys: vec![vec![2; 32]],
                covenant_quorum: 1,
                min_staking_time: 1,
                max_staking_time: 1,
                slashing_rate_ten_thousandths: 1,
                unbonding_time: 1,
                ..message::StakingParams::default()
            };
            let request = message::SignDelegationRequest {
                params: Some(params),
                delegation: Some(delegation),
                expansion: None,
            };
            request_from_proto(request).err().unwrap().path().to_owned()
        };
        assert_eq!(message(|_| {}), "delegation.staking_tx");
        assert_eq!(
            message(|delegation| delegation.staking_time = 0),
            "delegation.staking_time"
        );
        assert_eq!(
            message(|delegation| delegation.staker_key = vec![0; 32]),
            "delegation.staker_key"
        );
        assert_eq!(
            message(|delegation| delegation.finality_provider_keys = vec![vec![2; 32], vec![1]]),
            "delegation.finality_provider_keys[1]"
        );
        let missing = request_from_proto(message::SignDelegationRequest::default());
        assert_eq!(missing.err().unwrap().path(), "params");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panicking(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let bytes = Bytes::from(bytes);
            if let Ok(request) = strict::decode::<message::SignDelegationRequest>(&bytes) {
                let _ = request_from_proto(request);
            }
            if let Ok(signatures) = strict::decode::<message::Signatures>(&bytes) {
                let key = CovenantKey::from_slice(&[2; 32]).unwrap();
                let _ = signatures_from_proto(signatures, key);
            }
        }

        #[test]
        fn any_field_values_are_read_without_panicking(
            key in prop::collection::vec(any::<u8>(), 0..40),
            transaction in prop::collection::vec(any::<u8>(), 0..200),
            times in any::<(u32, u32, u32, u32)>(),
            amounts in any::<(u64, u64)>(),
        ) {
            let delegation = message::Delegation {
                staker_key: key.clone(),
                finality_provider_keys: vec![key.clone()],
                staking_time: times.0,
                staking_value: amounts.0,
                staking_tx: transaction.clone(),
                staking_output_index: times.1,
                slashing_tx: transaction.clone(),
                staker_slashing_signature: key.clone(),
                unbonding_time: times.2,
                unbonding_tx: transaction.clone(),
                unbonding_slashing_tx: transaction,
                staker_unbonding_slashing_signature: key.clone(),
            };
            let params = message::StakingParams {
                covenant_keys: vec![key],
                covenant_quorum: times.3,
                min_staking_value: amounts.1,
                ..message::StakingParams::default()
            };
            let _ = request_from_proto(message::SignDelegationRequest {
                params: Some(params),
                delegation: Some(delegation),
                expansion: None,
            });
        }
    }
}
