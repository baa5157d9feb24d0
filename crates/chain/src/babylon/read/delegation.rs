//! Delegations.

use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::{Amount, Transaction};
use eots::adaptor::AdaptorSignature;
use proto::babylon::btcstaking::v1::{
    BtcDelegationResponse, BtcUndelegationResponse, CovenantAdaptorSignatures as WireAdaptors,
    SignatureInfo, StakeExpansionResponse,
};
use proto::field::{self, FieldError};
use staking::keys::{CovenantKey, FinalityProviderKey, StakerKey};
use staking::units::BitcoinHeight;

use super::bitcoin::{output, satoshi, signature, signature_hex, transaction, txid};
use super::params::interval;
use crate::{
    Awaited, CovenantAdaptorSignatures, CovenantSignature, Delegation, DelegationStatus,
    InvalidDelegation, Page, PageKey, StakeExpansion, StakingOutput,
};

/// One page of a listing: what cannot be read is listed beside the rest.
pub(in crate::babylon) fn page(
    answers: impl IntoIterator<Item = BtcDelegationResponse>,
    next: Option<PageKey>,
) -> Page {
    let mut page = Page {
        next,
        ..Page::default()
    };
    for answer in answers {
        match delegation(&answer) {
            Ok(delegation) => page.delegations.push(delegation),
            Err(error) => page.invalid.push(InvalidDelegation {
                staking_tx: answer.staking_tx_hex,
                reason: error.to_string(),
            }),
        }
    }
    page
}

/// One delegation.
pub(in crate::babylon) fn delegation(
    answer: &BtcDelegationResponse,
) -> Result<Delegation, FieldError> {
    let undelegation = field::required(
        "undelegation_response",
        answer.undelegation_response.as_ref(),
    )?;
    let unbonding =
        unbonding(undelegation).map_err(|error| error.inside("undelegation_response"))?;
    let expansion = answer
        .stk_exp
        .as_ref()
        .map(|answer| expansion(answer).map_err(|error| error.inside("stk_exp")))
        .transpose()?;
    let staker = StakerKey::from_slice(&answer.btc_pk);
    let status = status("status_desc", &answer.status_desc)?;
    Ok(Delegation {
        staker_address: answer.staker_addr.clone(),
        staker: staker.map_err(|error| FieldError::new("btc_pk", error))?,
        finality_providers: field::each("fp_btc_pk_list", &answer.fp_btc_pk_list, |key| {
            FinalityProviderKey::from_slice(key).map_err(|error| FieldError::new("", error))
        })?,
        staking_time: interval("staking_time", answer.staking_time)?,
        staking_value: satoshi::<u64>("total_sat", answer.total_sat)?,
        staking_output: StakingOutput::Transaction {
            staking_tx: transaction("staking_tx_hex", &answer.staking_tx_hex)?,
            output_index: answer.staking_output_idx,
        },
        slashing_tx: transaction("slashing_tx_hex", &answer.slashing_tx_hex)?,
        staker_slashing_signature: signature_hex(
            "delegator_slash_sig_hex",
            &answer.delegator_slash_sig_hex,
        )?,
        covenant_slashing_signatures: adaptor_signatures("covenant_sigs", &answer.covenant_sigs)?,
        unbonding_time: interval("unbonding_time", answer.unbonding_time)?,
        unbonding_tx: unbonding.tx,
        covenant_unbonding_signatures: unbonding.covenant_signatures,
        unbonding_slashing_tx: unbonding.slashing_tx,
        staker_unbonding_slashing_signature: unbonding.staker_slashing_signature,
        covenant_unbonding_slashing_signatures: unbonding.covenant_slashing_signatures,
        params_version: answer.params_version,
        status,
        bitcoin_span: match (answer.start_height, answer.end_height) {
            (0, 0) => None,
            (start, end) => Some((BitcoinHeight(start), BitcoinHeight(end))),
        },
        awaits: match status {
            DelegationStatus::Pending | DelegationStatus::Verified => Awaited::Inclusion,
            DelegationStatus::Active | DelegationStatus::Unbonded | DelegationStatus::Expired => {
                Awaited::Nothing
            }
        },
        expansion,
    })
}

struct Unbonding {
    tx: Transaction,
    covenant_signatures: Vec<CovenantSignature>,
    slashing_tx: Transaction,
    staker_slashing_signature: Signature,
    covenant_slashing_signatures: Vec<CovenantAdaptorSignatures>,
}

fn unbonding(answer: &BtcUndelegationResponse) -> Result<Unbonding, FieldError> {
    Ok(Unbonding {
        tx: transaction("unbonding_tx_hex", &answer.unbonding_tx_hex)?,
        covenant_signatures: signatures(
            "covenant_unbonding_sig_list",
            &answer.covenant_unbonding_sig_list,
        )?,
        slashing_tx: transaction("slashing_tx_hex", &answer.slashing_tx_hex)?,
        staker_slashing_signature: signature_hex(
            "delegator_slashing_sig_hex",
            &answer.delegator_slashing_sig_hex,
        )?,
        covenant_slashing_signatures: adaptor_signatures(
            "covenant_slashing_sigs",
            &answer.covenant_slashing_sigs,
        )?,
    })
}

fn expansion(answer: &StakeExpansionResponse) -> Result<StakeExpansion, FieldError> {
    let funding_output = output("other_funding_tx_out_hex", &answer.other_funding_tx_out_hex)?;
    if funding_output.value > Amount::MAX_MONEY {
        return Err(FieldError::new(
            "other_funding_tx_out_hex",
            "more bitcoin than there can be",
        ));
    }
    Ok(StakeExpansion {
        previous_staking_txid: txid(
            "previous_staking_tx_hash_hex",
            &answer.previous_staking_tx_hash_hex,
        )?,
        funding_output,
        previous_covenant_signatures: signatures(
            "previous_stk_covenant_sigs",
            &answer.previous_stk_covenant_sigs,
        )?,
    })
}

fn signatures(name: &str, answers: &[SignatureInfo]) -> Result<Vec<CovenantSignature>, FieldError> {
    field::each(name, answers, |answer| {
        Ok(CovenantSignature {
            key: covenant_key("pk", &answer.pk)?,
            signature: signature("sig", &answer.sig)?,
        })
    })
}

fn adaptor_signatures(
    name: &str,
    answers: &[WireAdaptors],
) -> Result<Vec<CovenantAdaptorSignatures>, FieldError> {
    field::each(name, answers, |answer| {
        Ok(CovenantAdaptorSignatures {
            key: covenant_key("cov_pk", &answer.cov_pk)?,
            signatures: field::each("adaptor_sigs", &answer.adaptor_sigs, |bytes| {
                AdaptorSignature::from_slice(bytes).map_err(|error| FieldError::new("", error))
            })?,
        })
    })
}

fn covenant_key(name: &str, bytes: &[u8]) -> Result<CovenantKey, FieldError> {
    CovenantKey::from_slice(bytes).map_err(|error| FieldError::new(name, error))
}

fn status(name: &str, text: &str) -> Result<DelegationStatus, FieldError> {
    match text {
        "PENDING" => Ok(DelegationStatus::Pending),
        "VERIFIED" => Ok(DelegationStatus::Verified),
        "ACTIVE" => Ok(DelegationStatus::Active),
        "UNBONDED" => Ok(DelegationStatus::Unbonded),
        "EXPIRED" => Ok(DelegationStatus::Expired),
        _ => Err(FieldError::new(
            name,
            format!("`{text}` is not a delegation's status"),
        )),
    }
}

#[cfg(test)]
mod tests;
