//! Finishing the pre-signed transactions of a valid delegation, ready for broadcast.

use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::{Transaction, Witness};
#[cfg(feature = "native")]
use eots::{SecretKey, adaptor::DecryptionKey};

use super::{SignedPart, StakerSignatureError, ValidDelegation};
#[cfg(feature = "native")]
use crate::quorum::CovenantAdaptorSignatures;
use crate::quorum::{CovenantSignature, QuorumError, QuorumSignatures};
use crate::witness;

/// Which of a delegation's two outputs is slashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SlashedOutput {
    /// The bonded stake.
    Staking,
    /// The stake after early unbonding.
    Unbonding,
}

/// Why a pre-signed transaction cannot be finished.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpendError {
    /// The staker's signature does not verify.
    #[error(transparent)]
    Staker(#[from] StakerSignatureError),
    /// Too few covenant signatures verify.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
    /// The extracted key belongs to somebody else.
    #[error("finality provider {0} is not one of this delegation's")]
    NotAFinalityProvider(eots::PublicKey),
}

impl ValidDelegation {
    /// The unbonding transaction with its witness; signatures beyond the quorum, and invalid ones, are left out.
    pub fn signed_unbonding_tx(
        &self,
        staker: &Signature,
        covenant: &[CovenantSignature],
    ) -> Result<Transaction, SpendError> {
        if !self
            .unbonding_sighash
            .is_signed_by(&self.keys.staker().0, staker)
        {
            return Err(StakerSignatureError(SignedPart::Unbonding).into());
        }
        let quorum =
            QuorumSignatures::choose(self.keys.covenant(), self.unbonding_sighash, covenant)?;
        let witness = witness::unbonding_path(&self.staking_output, &quorum, staker);
        Ok(with_witness(&self.unbonding_tx, witness))
    }

    /// The slashing transaction of one of the outputs with its witness, made with the key that a finality provider
    /// has given away (spec 1.9); signatures beyond the quorum, and invalid ones, are left out.
    ///
    /// `staker` and `covenant` are the signatures of that output's slashing transaction.
    #[cfg(feature = "native")]
    pub fn signed_slashing_tx(
        &self,
        output: SlashedOutput,
        extracted: &SecretKey,
        staker: &Signature,
        covenant: &[CovenantAdaptorSignatures],
    ) -> Result<Transaction, SpendError> {
        let (tx, sighash, leaf, part) = match output {
            SlashedOutput::Staking => (
                &self.slashing_tx,
                self.slashing_sighash,
                self.staking_output.slashing(),
                SignedPart::Slashing,
            ),
            SlashedOutput::Unbonding => (
                &self.unbonding_slashing_tx,
                self.unbonding_slashing_sighash,
                self.unbonding_output.slashing(),
                SignedPart::UnbondingSlashing,
            ),
        };
        let (position, slashed) = self
            .keys
            .finality_providers()
            .iter()
            .enumerate()
            .find(|(_, key)| key.to_bytes() == extracted.public_key().to_bytes())
            .ok_or(SpendError::NotAFinalityProvider(extracted.public_key()))?;
        if !sighash.is_signed_by(&self.keys.staker().0, staker) {
            return Err(StakerSignatureError(part).into());
        }
        let quorum = QuorumSignatures::decrypt(
            self.keys.covenant(),
            sighash,
            position,
            &DecryptionKey::from_secret_key(extracted),
            covenant,
        )?;
        // Auxiliary randomness protects a secret from side channels; this key is one that anybody can extract.
        let signature = eots::bip340::sign(extracted, &sighash.to_bytes(), &[0; 32]);
        let slashed = (*slashed, signature.into());
        let witness = witness::slashing_path(leaf, &self.keys, &quorum, slashed, staker);
        Ok(with_witness(tx, witness))
    }
}

fn with_witness(tx: &Transaction, witness: Witness) -> Transaction {
    let mut tx = tx.clone();
    if let [input] = tx.input.as_mut_slice() {
        input.witness = witness;
    }
    tx
}
