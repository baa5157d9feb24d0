//! The messages of `signer.proto` and `committee.proto` as domain types, and back.
//!
//! Everything that is read came from outside: an error names the field.

use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin::secp256k1::schnorr;
use bitcoin::{Amount, Network, ScriptBuf, Transaction};
use eots::adaptor::AdaptorSignature;
use proto::btcmesh::covenant::v1 as message;
use proto::field::{FieldError, array, each, number};
use staking::delegation::CovenantSignatures;
use staking::keys::{CovenantKey, FinalityProviderKey, StakerKey};
use staking::params::{CovenantCommittee, StakingParams};
use staking::slashing_rate::SlashingRate;
use staking::units::{BitcoinHeight, BlockInterval};

use crate::{Delegation, Refusal, Terms};

/// Longest text of a member's that is shown to people.
const MAX_SHOWN: usize = 1_000;

/// Writes a delegation.
pub fn delegation_to_proto(delegation: &Delegation) -> message::Delegation {
    message::Delegation {
        staker_key: delegation.staker.to_bytes().to_vec(),
        finality_provider_keys: delegation
            .finality_providers
            .iter()
            .map(|key| key.to_bytes().to_vec())
            .collect(),
        staking_time: delegation.staking_time.into(),
        staking_value: delegation.staking_value.to_sat(),
        staking_tx: serialize(&delegation.staking_tx),
        staking_output_index: delegation.staking_output_index,
        slashing_tx: serialize(&delegation.slashing_tx),
        staker_slashing_signature: delegation.staker_slashing_signature.serialize().to_vec(),
        unbonding_time: delegation.unbonding_time.into(),
        unbonding_tx: serialize(&delegation.unbonding_tx),
        unbonding_slashing_tx: serialize(&delegation.unbonding_slashing_tx),
        staker_unbonding_slashing_signature: delegation
            .staker_unbonding_slashing_signature
            .serialize()
            .to_vec(),
    }
}

/// Reads a delegation.
pub fn delegation_from_proto(delegation: message::Delegation) -> Result<Delegation, FieldError> {
    Ok(Delegation {
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

/// Writes a version of the parameters.
pub fn params_to_proto(params: &StakingParams) -> message::StakingParams {
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

/// Reads a version of the parameters.
pub fn params_from_proto(params: message::StakingParams) -> Result<StakingParams, FieldError> {
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

/// Writes a member's signatures; whose they are is said elsewhere.
pub fn signatures_to_proto(signatures: &CovenantSignatures) -> message::Signatures {
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

/// Reads the signatures of the member that has `key`. Nothing is verified.
pub fn signatures_from_proto(
    signatures: message::Signatures,
    key: CovenantKey,
) -> Result<CovenantSignatures, FieldError> {
    let adaptors = |field, signatures: Vec<Vec<u8>>| {
        each(field, signatures, |bytes| {
            AdaptorSignature::from_slice(&bytes).map_err(|error| FieldError::new("", error))
        })
    };
    if !signatures.expansion.is_empty() {
        return Err(FieldError::new(
            "expansion",
            "a signature of an expansion, which nobody asked for",
        ));
    }
    Ok(CovenantSignatures {
        key,
        slashing: adaptors("slashing", signatures.slashing)?,
        unbonding: schnorr_signature("unbonding", &signatures.unbonding)?,
        unbonding_slashing: adaptors("unbonding_slashing", signatures.unbonding_slashing)?,
    })
}

/// Writes what a member says of itself.
pub fn terms_to_proto(terms: &Terms) -> message::GetMemberResponse {
    message::GetMemberResponse {
        public_key: terms.key.to_bytes().to_vec(),
        bitcoin_network: terms.network.to_string(),
        params: terms.params.iter().map(params_to_proto).collect(),
    }
}

/// Reads what a member says of itself.
pub fn terms_from_proto(terms: message::GetMemberResponse) -> Result<Terms, FieldError> {
    Ok(Terms {
        key: CovenantKey::from_slice(&terms.public_key)
            .map_err(|error| FieldError::new("public_key", error))?,
        network: network("bitcoin_network", &terms.bitcoin_network)?,
        params: each("params", terms.params, params_from_proto)?,
    })
}

/// Writes a refusal.
pub fn refusal_to_proto(refusal: Refusal) -> message::Refusal {
    message::Refusal {
        rule: refusal.rule,
        message: refusal.message,
    }
}

/// Reads a refusal of somebody who may be hostile: its rule must be a name, and its message is cut to what can be shown.
pub fn refusal_from_proto(refusal: message::Refusal) -> Result<Refusal, FieldError> {
    const LONGEST_NAME: usize = 64;
    let is_name = (1..=LONGEST_NAME).contains(&refusal.rule.len())
        && refusal
            .rule
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if !is_name {
        return Err(FieldError::new(
            "rule",
            format!("`{}` is no name of a rule", printable(&refusal.rule)),
        ));
    }
    Ok(Refusal {
        message: printable(&refusal.message),
        rule: refusal.rule,
    })
}

/// Reads the name of a Bitcoin network.
pub fn network(field: &str, name: &str) -> Result<Network, FieldError> {
    name.parse()
        .map_err(|_| FieldError::new(field, format!("`{}` is no network", printable(name))))
}

/// Text that somebody else chose, without what could play tricks on a terminal, and no longer than people read.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(MAX_SHOWN)
        .collect()
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
