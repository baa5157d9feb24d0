//! Our messages in the contracts' form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bitcoin::consensus::serialize;
use bitcoin::{OutPoint, Transaction};
use eots::SecretKey;
use serde::Serialize;
use staking::delegation::without_witness;
use staking::inclusion::InclusionProof;
use staking::keys::FinalityProviderKey;
use staking::units::BitcoinHeight;

use super::Registration;
use crate::message::{AddFinalityVote, CommitPublicRandomness, ReportSpend};
use crate::{ChainError, VoteContent};

/// Most votes of one message.
pub(super) const MAX_VOTES: usize = 64;

/// What `btc-light` is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LightMessage {
    Headers { parent_height: u32, raw: String },
    Ancestor { child_height: u32, raw: String },
}

/// What `btc-mesh` is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum MeshMessage {
    RegisterProvider {
        pk: String,
        seq: u64,
        operator: String,
        commission: u16,
        signature: String,
    },
    Commit {
        pk: String,
        seq: u64,
        start: u64,
        num: u64,
        root: String,
        signature: String,
    },
    Unjail {
        pk: String,
    },
    Activate {
        outpoint: OutPoint,
    },
    ReportSpend {
        outpoint: OutPoint,
        tx: String,
        vin: u32,
        inclusion: Inclusion,
    },
    Votes {
        items: Vec<VoteItem>,
    },
    Slash {
        pk: String,
        sk: String,
    },
    Roll {},
    Expire {
        limit: u32,
    },
    Unwind {
        limit: u32,
    },
    Poke {},
    Settle {
        epoch: u64,
        limit: u32,
    },
    Claim {
        outpoints: Vec<OutPoint>,
        providers: Vec<String>,
    },
}

/// That a transaction is in a block.
#[derive(Debug, Serialize)]
pub(super) struct Inclusion {
    height: u32,
    index: u32,
    branch: String,
}

/// One vote.
#[derive(Debug, Serialize)]
pub(super) struct VoteItem {
    pk: String,
    k: u64,
    hash: String,
    r: String,
    aunts: String,
    s: String,
}

/// Headers from a height on, oldest first.
pub(super) fn headers(
    from: BitcoinHeight,
    headers: &[bitcoin::block::Header],
) -> Result<LightMessage, ChainError> {
    let parent_height = from.0.checked_sub(1).filter(|_| !headers.is_empty());
    Ok(LightMessage::Headers {
        parent_height: parent_height
            .ok_or_else(|| invalid("`headers`: none, or the first block of all"))?,
        raw: encoded(headers.iter().flat_map(serialize).collect::<Vec<_>>()),
    })
}

/// Headers below one that is known, newest first.
pub(super) fn ancestors(child: BitcoinHeight, headers: &[bitcoin::block::Header]) -> LightMessage {
    LightMessage::Ancestor {
        child_height: child.0,
        raw: encoded(headers.iter().flat_map(serialize).collect::<Vec<_>>()),
    }
}

/// A provider's registration.
pub(super) fn register(registration: &Registration) -> MeshMessage {
    MeshMessage::RegisterProvider {
        pk: registration.finality_provider.to_string(),
        seq: registration.number,
        operator: registration.operator.clone(),
        commission: registration.commission,
        signature: encoded(registration.signature.serialize()),
    }
}

/// A commitment.
pub(super) fn commit(commit: &CommitPublicRandomness) -> MeshMessage {
    MeshMessage::Commit {
        pk: commit.finality_provider.to_string(),
        seq: commit.number,
        start: commit.start.0,
        num: commit.count,
        root: commit.commitment.to_string(),
        signature: encoded(commit.signature.serialize()),
    }
}

/// One vote of a message.
pub(super) fn vote(vote: &AddFinalityVote) -> Result<VoteItem, ChainError> {
    let VoteContent::Checkpoint(content) = &vote.content else {
        return Err(invalid("`content`: a vote for a block of Babylon"));
    };
    Ok(VoteItem {
        pk: vote.finality_provider.to_string(),
        k: vote.height.0,
        hash: hex::encode(content.header_hash),
        r: vote.public_randomness.to_string(),
        aunts: encoded(vote.proof.aunts.concat()),
        s: hex::encode(vote.signature.as_bytes()),
    })
}

/// A spend of a staking output.
pub(super) fn report_spend(spend: &ReportSpend) -> Result<MeshMessage, ChainError> {
    let vin = position(&spend.spending_tx, spend.staking_output)
        .ok_or_else(|| invalid("`spending_tx`: it does not spend the staking output"))?;
    Ok(MeshMessage::ReportSpend {
        outpoint: spend.staking_output,
        // Witnesses say nothing about what is spent, and may be longer than a contract reads.
        tx: encoded(serialize(&without_witness(&spend.spending_tx))),
        vin,
        inclusion: inclusion(spend.block_height, &spend.inclusion_proof),
    })
}

fn position(spend: &Transaction, output: OutPoint) -> Option<u32> {
    let inputs = &spend.input;
    let position = inputs
        .iter()
        .position(|input| input.previous_output == output)?;
    u32::try_from(position).ok()
}

/// A key that came out.
pub(super) fn slash(secret: &SecretKey) -> MeshMessage {
    MeshMessage::Slash {
        pk: secret.public_key().to_string(),
        sk: hex::encode(secret.to_bytes().as_slice()),
    }
}

/// What providers earned.
pub(super) fn claim(providers: &[FinalityProviderKey]) -> MeshMessage {
    MeshMessage::Claim {
        outpoints: Vec::new(),
        providers: providers.iter().map(ToString::to_string).collect(),
    }
}

/// That a transaction is in the block at a height.
pub(super) fn inclusion(height: BitcoinHeight, proof: &InclusionProof) -> Inclusion {
    Inclusion {
        height: height.0,
        index: proof.index,
        branch: encoded(proof.path_bytes()),
    }
}

pub(super) fn encoded(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn invalid(reason: &str) -> ChainError {
    ChainError::InvalidMessage {
        reason: reason.to_owned(),
    }
}
