//! Choosing the committee's signatures for a witness.
//!
//! The chain keeps signatures that arrive after the quorum, but a script counts with OP_NUMEQUAL: one valid signature
//! too many makes the spend invalid (spec 1.2). So witnesses take [`QuorumSignatures`], which hold exactly a quorum,
//! each verified, already in the order of a witness.

use bitcoin::secp256k1::schnorr::Signature;
use eots::adaptor::AdaptorSignature;
#[cfg(feature = "native")]
use eots::{adaptor::DecryptionKey, curve::Native};

use crate::keys::CovenantKey;
use crate::params::CovenantCommittee;
#[cfg(feature = "native")]
use crate::sighash::SlashingSighash;
use crate::sighash::UnbondingPathSighash;

/// A covenant member's signature of the unbonding or of an expansion transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CovenantSignature {
    /// Who signed.
    pub key: CovenantKey,
    /// BIP-0340 signature.
    pub signature: Signature,
}

/// A covenant member's signatures of one slashing transaction, one for each finality provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CovenantAdaptorSignatures {
    /// Who signed.
    pub key: CovenantKey,
    /// In the order in which the delegation lists its finality providers (spec 4.10).
    pub signatures: Vec<AdaptorSignature>,
}

/// Valid signatures of exactly a quorum of the committee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumSignatures {
    /// One slot for each member, descending by key.
    slots: Vec<Option<Signature>>,
}

/// Too few members' signatures are valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{valid} of the {given} covenant signatures are valid, the quorum is {quorum}")]
pub struct QuorumError {
    /// Members with a valid signature.
    pub valid: usize,
    /// Signatures that were offered, those of strangers included.
    pub given: usize,
    /// Signatures that the script needs.
    pub quorum: usize,
}

impl QuorumSignatures {
    /// Chooses a quorum among the signatures of an unbonding-path spend.
    ///
    /// What does not verify, comes from nobody in the committee or is not needed any more is left out.
    pub fn choose(
        committee: &CovenantCommittee,
        sighash: UnbondingPathSighash,
        signatures: &[CovenantSignature],
    ) -> Result<Self, QuorumError> {
        fill(committee, signatures.len(), |member| {
            signatures
                .iter()
                .filter(|candidate| candidate.key == *member)
                .map(|candidate| candidate.signature)
                .find(|signature| sighash.is_signed_by(&member.0, signature))
        })
    }

    /// Decrypts a quorum among the adaptor signatures of a slashing with a finality provider's extracted key.
    ///
    /// `provider` is the position of the finality provider in the delegation's list. What does not decrypt to a valid
    /// signature, comes from nobody in the committee or is not needed any more is left out.
    #[cfg(feature = "native")]
    pub fn decrypt(
        committee: &CovenantCommittee,
        sighash: SlashingSighash,
        provider: usize,
        decryption_key: &DecryptionKey,
        signatures: &[CovenantAdaptorSignatures],
    ) -> Result<Self, QuorumError> {
        fill(committee, signatures.len(), |member| {
            signatures
                .iter()
                .filter(|candidate| candidate.key == *member)
                .filter_map(|candidate| candidate.signatures.get(provider))
                .find_map(|signature| {
                    eots::adaptor::decrypt(
                        &Native,
                        &(*member).into(),
                        decryption_key,
                        &sighash.to_bytes(),
                        signature,
                    )
                    .ok()
                })
                .map(Signature::from)
        })
    }

    /// One entry for each member of the committee in the order of a witness: descending by key (spec 1.5).
    pub fn slots(&self) -> &[Option<Signature>] {
        &self.slots
    }
}

/// Asks members for a signature, highest key first, until there is a quorum: the order in which the reference slasher
/// fills its witness.
fn fill(
    committee: &CovenantCommittee,
    given: usize,
    mut signature_of: impl FnMut(&CovenantKey) -> Option<Signature>,
) -> Result<QuorumSignatures, QuorumError> {
    let quorum = committee.quorum();
    let mut valid = 0;
    let slots = committee
        .keys()
        .iter()
        .rev()
        .map(|member| {
            let signature = if valid < quorum {
                signature_of(member)
            } else {
                None
            };
            valid += usize::from(signature.is_some());
            signature
        })
        .collect();
    if valid == quorum {
        Ok(QuorumSignatures { slots })
    } else {
        Err(QuorumError {
            valid,
            given,
            quorum,
        })
    }
}
