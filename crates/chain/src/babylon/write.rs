//! Our messages in the chain's form.

use bitcoin::block::Header;
use bitcoin::consensus::serialize;
use bitcoin::hashes::Hash;
use bitcoin::{Amount, Transaction};
use proto::babylon::btccheckpoint::v1::{BtcSpvProof, MsgInsertBtcSpvProof, TransactionKey};
use proto::babylon::btclightclient::v1::MsgInsertHeaders;
use proto::babylon::btcstaking::v1::{
    Bip322Sig, BtcSigType, CommissionRates, InclusionProof as WireInclusionProof,
    MsgAddBtcDelegationInclusionProof, MsgAddCovenantSigs, MsgBtcUndelegate,
    MsgCreateBtcDelegation, MsgCreateFinalityProvider, MsgSelectiveSlashingEvidence,
    ProofOfPossessionBtc,
};
use proto::babylon::finality::v1::{
    MsgAddFinalitySig, MsgCommitPubRandList, MsgUnjailFinalityProvider,
};
use proto::babylon::incentive::MsgWithdrawReward;
use proto::cosmos::bank::v1beta1::MsgSend;
use proto::cosmos::base::v1beta1::Coin;
use proto::cosmos::staking::v1beta1::Description;
use proto::field::{self, FieldError};
use proto::prost::{Message as _, Name};
use proto::tendermint::crypto::Proof as WireProof;
use staking::inclusion::InclusionProof;
use staking::proof_of_possession::ProofOfPossession;

use crate::cosmos::Decimal;
use crate::cosmos::message::{Encoded, pack};
use crate::message::{
    AddCovenantSignatures, AddFinalityVote, AddInclusionProof, CommitPublicRandomness,
    CreateDelegation, CreateFinalityProvider, ReportSpend,
};
use crate::{ChainError, Message};

/// Puts `message` into the chain's form, signed for by `account`.
pub(super) fn encode(
    message: &Message,
    account: &str,
    fee_denomination: &str,
) -> Result<Encoded, ChainError> {
    encode_fields(message, account.to_owned(), fee_denomination).map_err(|error| {
        ChainError::InvalidMessage {
            reason: error.to_string(),
        }
    })
}

fn encode_fields(
    message: &Message,
    signer: String,
    fee_denomination: &str,
) -> Result<Encoded, FieldError> {
    Ok(match message {
        Message::CreateFinalityProvider(provider) => {
            charged(&create_finality_provider(provider, signer)?)
        }
        Message::CreateDelegation(delegation) => charged(&create_delegation(delegation, signer)?),
        Message::AddCovenantSignatures(signatures) => {
            refunded(&add_covenant_signatures(signatures, signer))
        }
        Message::AddInclusionProof(proof) => refunded(&add_inclusion_proof(proof, signer)),
        Message::ReportSpend(spend) => refunded(&report_spend(spend, signer)),
        Message::SelectiveSlashingEvidence(key) => refunded(&MsgSelectiveSlashingEvidence {
            signer,
            recovered_fp_btc_sk: key.to_bytes().to_vec(),
        }),
        Message::CommitPublicRandomness(commit) => charged(&commit_randomness(commit, signer)),
        Message::AddFinalityVote(vote) => refunded(&add_finality_vote(vote, signer)?),
        Message::UnjailFinalityProvider(key) => charged(&MsgUnjailFinalityProvider {
            signer,
            fp_btc_pk: key.to_bytes().to_vec(),
        }),
        Message::InsertHeaders { headers, .. } => refunded(&insert_headers(headers, signer)?),
        Message::Activate(_) => {
            return Err(FieldError::new("outpoint", "babylon activates by a proof"));
        }
        Message::InsertAncestors { .. } => {
            return Err(FieldError::new("headers", "babylon forgets no header"));
        }
        Message::InsertCheckpointProof(parts) => refunded(&MsgInsertBtcSpvProof {
            submitter: signer,
            proofs: parts.iter().map(checkpoint_part).collect(),
        }),
        Message::WithdrawReward { kind } => charged(&MsgWithdrawReward {
            r#type: kind.clone(),
            address: signer,
        }),
        Message::Send { to, amount } => charged(&MsgSend {
            from_address: signer,
            to_address: to.clone(),
            amount: vec![Coin {
                denom: fee_denomination.to_owned(),
                amount: amount.to_string(),
            }],
        }),
    })
}

fn refunded(message: &impl Name) -> Encoded {
    Encoded {
        message: pack(message),
        refundable: true,
    }
}

fn charged(message: &impl Name) -> Encoded {
    Encoded {
        message: pack(message),
        refundable: false,
    }
}

fn create_finality_provider(
    provider: &CreateFinalityProvider,
    addr: String,
) -> Result<MsgCreateFinalityProvider, FieldError> {
    let (rate, max_rate, max_change_rate) = &provider.commission;
    Ok(MsgCreateFinalityProvider {
        addr,
        description: Some(Description {
            moniker: provider.moniker.clone().into_bytes(),
            website: provider.website.clone().into_bytes(),
            details: provider.details.clone().into_bytes(),
            ..Description::default()
        }),
        btc_pk: provider.key.to_bytes().to_vec(),
        pop: Some(proof_of_possession(&provider.proof_of_possession)),
        commission: Some(CommissionRates {
            rate: share("commission.rate", rate)?,
            max_rate: share("commission.max_rate", max_rate)?,
            max_change_rate: share("commission.max_change_rate", max_change_rate)?,
        }),
    })
}

fn share(name: &str, text: &str) -> Result<String, FieldError> {
    text.parse()
        .map(Decimal::to_wire)
        .map_err(|error| FieldError::new(name, error))
}

fn proof_of_possession(proof: &ProofOfPossession) -> ProofOfPossessionBtc {
    let (kind, bytes) = match proof {
        ProofOfPossession::Bip340(signature) => {
            (BtcSigType::Bip340, signature.serialize().to_vec())
        }
        ProofOfPossession::Bip322 { address, witness } => {
            let signature = Bip322Sig {
                address: address.to_string(),
                sig: serialize(witness),
            };
            (BtcSigType::Bip322, signature.encode_to_vec())
        }
        ProofOfPossession::Ecdsa(signature) => (BtcSigType::Ecdsa, signature.to_vec()),
    };
    ProofOfPossessionBtc {
        btc_sig_type: kind.into(),
        btc_sig: bytes,
    }
}

fn create_delegation(
    delegation: &CreateDelegation,
    staker_addr: String,
) -> Result<MsgCreateBtcDelegation, FieldError> {
    Ok(MsgCreateBtcDelegation {
        staker_addr,
        pop: Some(proof_of_possession(&delegation.proof_of_possession)),
        btc_pk: delegation.staker.to_bytes().to_vec(),
        fp_btc_pk_list: delegation
            .finality_providers
            .iter()
            .map(|key| key.to_bytes().to_vec())
            .collect(),
        staking_time: delegation.staking_time.into(),
        staking_value: satoshi("staking_value", delegation.staking_value)?,
        staking_tx: serialize(&delegation.staking_tx),
        staking_tx_inclusion_proof: delegation.inclusion_proof.as_ref().map(inclusion_proof),
        slashing_tx: serialize(&delegation.slashing_tx),
        delegator_slashing_sig: delegation.staker_slashing_signature.serialize().to_vec(),
        unbonding_time: delegation.unbonding_time.into(),
        unbonding_tx: serialize(&delegation.unbonding_tx),
        unbonding_value: satoshi("unbonding_value", delegation.unbonding_value)?,
        unbonding_slashing_tx: serialize(&delegation.unbonding_slashing_tx),
        delegator_unbonding_slashing_sig: delegation
            .staker_unbonding_slashing_signature
            .serialize()
            .to_vec(),
    })
}

fn satoshi(name: &str, amount: Amount) -> Result<i64, FieldError> {
    field::number(name, amount.to_sat())
}

fn add_covenant_signatures(
    signatures: &AddCovenantSignatures,
    signer: String,
) -> MsgAddCovenantSigs {
    let adaptor_bytes = |signatures: &[eots::adaptor::AdaptorSignature]| {
        signatures
            .iter()
            .map(|signature| signature.to_bytes().to_vec())
            .collect()
    };
    MsgAddCovenantSigs {
        signer,
        pk: signatures.covenant.to_bytes().to_vec(),
        staking_tx_hash: signatures.staking_txid.to_string(),
        slashing_tx_sigs: adaptor_bytes(&signatures.slashing_signatures),
        unbonding_tx_sig: signatures.unbonding_signature.serialize().to_vec(),
        slashing_unbonding_tx_sigs: adaptor_bytes(&signatures.unbonding_slashing_signatures),
        stake_expansion_tx_sig: signatures
            .expansion_signature
            .map(|signature| signature.serialize().to_vec())
            .unwrap_or_default(),
    }
}

fn add_inclusion_proof(
    proof: &AddInclusionProof,
    signer: String,
) -> MsgAddBtcDelegationInclusionProof {
    MsgAddBtcDelegationInclusionProof {
        signer,
        staking_tx_hash: proof.staking_output.txid.to_string(),
        staking_tx_inclusion_proof: Some(inclusion_proof(&proof.inclusion_proof)),
    }
}

fn report_spend(spend: &ReportSpend, signer: String) -> MsgBtcUndelegate {
    MsgBtcUndelegate {
        signer,
        staking_tx_hash: spend.staking_output.txid.to_string(),
        stake_spending_tx: serialize(&spend.spending_tx),
        stake_spending_tx_inclusion_proof: Some(inclusion_proof(&spend.inclusion_proof)),
        funding_transactions: spend.funding_txs.iter().map(serialize).collect(),
    }
}

fn inclusion_proof(proof: &InclusionProof) -> WireInclusionProof {
    WireInclusionProof {
        key: Some(TransactionKey {
            index: proof.index,
            hash: proof.block_hash.to_byte_array().to_vec(),
        }),
        proof: siblings(proof),
    }
}

fn siblings(proof: &InclusionProof) -> Vec<u8> {
    proof
        .siblings
        .iter()
        .flat_map(|node| node.to_byte_array())
        .collect()
}

fn checkpoint_part(
    (transaction, proof, header): &(Transaction, InclusionProof, Header),
) -> BtcSpvProof {
    BtcSpvProof {
        btc_transaction: serialize(transaction),
        btc_transaction_index: proof.index,
        merkle_nodes: siblings(proof),
        confirming_btc_header: serialize(header),
    }
}

fn insert_headers(headers: &[Header], signer: String) -> Result<MsgInsertHeaders, FieldError> {
    if headers.is_empty() {
        return Err(FieldError::new("headers", "no header to insert"));
    }
    Ok(MsgInsertHeaders {
        signer,
        headers: headers.iter().map(serialize).collect(),
    })
}

fn commit_randomness(commit: &CommitPublicRandomness, signer: String) -> MsgCommitPubRandList {
    MsgCommitPubRandList {
        signer,
        fp_btc_pk: commit.finality_provider.to_bytes().to_vec(),
        start_height: commit.start.0,
        num_pub_rand: commit.count,
        commitment: commit.commitment.to_bytes().to_vec(),
        sig: commit.signature.serialize().to_vec(),
    }
}

fn add_finality_vote(
    vote: &AddFinalityVote,
    signer: String,
) -> Result<MsgAddFinalitySig, FieldError> {
    let app_hash = vote.content.app_hash().ok_or_else(|| {
        let other = "a vote for a checkpoint of a partner chain";
        FieldError::new("block_app_hash", other)
    })?;
    Ok(MsgAddFinalitySig {
        signer,
        fp_btc_pk: vote.finality_provider.to_bytes().to_vec(),
        block_height: vote.height.0,
        pub_rand: vote.public_randomness.to_bytes().to_vec(),
        proof: Some(WireProof {
            total: field::number("proof.total", vote.proof.total)?,
            index: field::number("proof.index", vote.proof.index)?,
            leaf_hash: vote.proof.leaf_hash.to_vec(),
            aunts: vote.proof.aunts.iter().map(|aunt| aunt.to_vec()).collect(),
        }),
        block_app_hash: app_hash.to_vec(),
        finality_sig: vote.signature.to_bytes().to_vec(),
    })
}

#[cfg(test)]
mod tests;
