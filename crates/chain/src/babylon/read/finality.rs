//! Finality providers, their randomness and votes.

use std::time::{Duration, SystemTime};

use eots::commitment::Commitment;
use eots::{PublicRandomness, Signature};
use proto::babylon::btcstaking::v1::FinalityProviderResponse;
use proto::babylon::finality::v1::{
    ActiveFinalityProvidersAtHeightResponse, EvidenceResponse, IndexedBlock, Params,
    PubRandCommitResponse, SigningInfoResponse,
};
use proto::field::{self, FieldError};
use proto::prost_types::Timestamp;
use staking::keys::FinalityProviderKey;
use staking::units::ChainHeight;

use crate::cosmos::Decimal;
use crate::{
    CommitStart, DoubleVote, FinalityBlock, FinalityParams, FinalityProvider,
    PublicRandomnessCommit, SigningInfo, VoteContent,
};

/// A provider's key in bytes.
pub(in crate::babylon) fn provider_key(
    name: &str,
    bytes: &[u8],
) -> Result<FinalityProviderKey, FieldError> {
    FinalityProviderKey::from_slice(bytes).map_err(|error| FieldError::new(name, error))
}

/// One provider.
pub(in crate::babylon) fn finality_provider(
    answer: FinalityProviderResponse,
) -> Result<FinalityProvider, FieldError> {
    let commission = Decimal::from_wire(&answer.commission)
        .map_err(|error| FieldError::new("commission", error))?;
    let moniker = answer.description.unwrap_or_default().moniker;
    Ok(FinalityProvider {
        key: provider_key("btc_pk", &answer.btc_pk)?,
        address: answer.addr,
        moniker: String::from_utf8_lossy(&moniker).into_owned(),
        commission: commission.to_string(),
        jailed: answer.jailed,
        slashed_at: non_zero(answer.slashed_babylon_height),
        highest_voted_height: non_zero(answer.highest_voted_height.into()),
        commit_number: 0,
    })
}

fn non_zero(height: u64) -> Option<ChainHeight> {
    (height != 0).then_some(ChainHeight(height))
}

/// A provider with voting power, and its power in satoshi.
pub(in crate::babylon) fn active_provider(
    answer: &ActiveFinalityProvidersAtHeightResponse,
) -> Result<(FinalityProviderKey, u64), FieldError> {
    Ok((
        provider_key("btc_pk_hex", &answer.btc_pk_hex)?,
        answer.voting_power,
    ))
}

/// Parameters of votes and liveness.
pub(in crate::babylon) fn finality_params(
    params: Option<Params>,
) -> Result<FinalityParams, FieldError> {
    let params = field::required("params", params)?;
    read_params(&params).map_err(|error| error.inside("params"))
}

fn read_params(params: &Params) -> Result<FinalityParams, FieldError> {
    let window: u64 = field::number("signed_blocks_window", params.signed_blocks_window)?;
    let jail_duration = field::required("jail_duration", params.jail_duration)?;
    Ok(FinalityParams {
        min_public_randomness: params.min_pub_rand,
        activation_height: ChainHeight(params.finality_activation_height),
        commit_start: CommitStart::AboveCovered,
        signed_blocks_window: window,
        max_missed_in_window: max_missed(window, &params.min_signed_per_window)
            .map_err(|problem| FieldError::new("min_signed_per_window", problem))?,
        finality_vote_timeout: field::number("finality_sig_timeout", params.finality_sig_timeout)?,
        jail_duration: Duration::try_from(jail_duration)
            .map_err(|error| FieldError::new("jail_duration", error))?,
    })
}

/// What of the window need not be signed: `window - round(share * window)` (spec 3.12).
fn max_missed(window: u64, share: &[u8]) -> Result<u64, String> {
    let share = String::from_utf8_lossy(share);
    let share = Decimal::from_wire(&share).map_err(|error| error.to_string())?;
    share
        .times_rounded_half_even(window.into())
        .and_then(|signed| window.checked_sub(u64::try_from(signed).ok()?))
        .ok_or_else(|| format!("{share} is not a share of a window of {window} blocks"))
}

/// The block to vote on.
pub(in crate::babylon) fn block(block: Option<IndexedBlock>) -> Result<FinalityBlock, FieldError> {
    let block = field::required("block", block)?;
    Ok(FinalityBlock {
        height: ChainHeight(block.height),
        content: VoteContent::AppHash(field::array("block.app_hash", &block.app_hash)?),
        finalized: block.finalized,
    })
}

/// Commitments of one provider by first height; in no order.
pub(in crate::babylon) fn commits(
    answers: impl IntoIterator<Item = (u64, PubRandCommitResponse)>,
) -> Result<Vec<PublicRandomnessCommit>, FieldError> {
    answers
        .into_iter()
        .map(|(start, answer)| {
            let commitment = field::array("commitment", &answer.commitment)
                .map_err(|error| error.inside(format!("pub_rand_commit_map[{start}]")))?;
            Ok(PublicRandomnessCommit {
                start: ChainHeight(start),
                count: answer.num_pub_rand,
                commitment: Commitment::from_bytes(commitment),
                epoch: answer.epoch_num,
            })
        })
        .collect()
}

/// Two votes of one provider at one height.
pub(in crate::babylon) fn evidence(answer: &EvidenceResponse) -> Result<DoubleVote, FieldError> {
    let key = field::hex("fp_btc_pk_hex", &answer.fp_btc_pk_hex)?;
    Ok(DoubleVote {
        finality_provider: provider_key("fp_btc_pk_hex", &key)?,
        height: ChainHeight(answer.block_height),
        public_randomness: PublicRandomness::from_slice(&answer.pub_rand)
            .map_err(|error| FieldError::new("pub_rand", error))?,
        canonical_app_hash: field::array("canonical_app_hash", &answer.canonical_app_hash)?,
        fork_app_hash: field::array("fork_app_hash", &answer.fork_app_hash)?,
        canonical_signature: match answer.canonical_finality_sig.as_slice() {
            [] => None,
            bytes => Some(vote_signature("canonical_finality_sig", bytes)?),
        },
        fork_signature: vote_signature("fork_finality_sig", &answer.fork_finality_sig)?,
    })
}

fn vote_signature(name: &str, bytes: &[u8]) -> Result<Signature, FieldError> {
    Signature::from_slice(bytes).map_err(|error| FieldError::new(name, error))
}

/// Liveness of one provider.
pub(in crate::babylon) fn signing_info(
    answer: Option<SigningInfoResponse>,
) -> Result<SigningInfo, FieldError> {
    let answer = field::required("signing_info", answer)?;
    read_signing_info(&answer).map_err(|error| error.inside("signing_info"))
}

fn read_signing_info(answer: &SigningInfoResponse) -> Result<SigningInfo, FieldError> {
    Ok(SigningInfo {
        start_height: ChainHeight(field::number("start_height", answer.start_height)?),
        missed_blocks: field::number("missed_blocks_counter", answer.missed_blocks_counter)?,
        jailed_until: jailed_until(answer.jailed_until.unwrap_or_default())?,
    })
}

/// The chain says "not jailed" as 1970-01-01.
fn jailed_until(time: Timestamp) -> Result<Option<SystemTime>, FieldError> {
    let time =
        SystemTime::try_from(time).map_err(|error| FieldError::new("jailed_until", error))?;
    Ok((time > SystemTime::UNIX_EPOCH).then_some(time))
}

#[cfg(test)]
mod tests;
