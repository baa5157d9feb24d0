//! Checking the signatures of a valid delegation: the staker's (spec 2.6) and the committee's (spec 2.9).

use std::fmt;

use bitcoin::secp256k1::schnorr::Signature;
use eots::adaptor::{self, AdaptorSignature, EncryptionKey};
use eots::curve::Curve;
#[cfg(feature = "native")]
use eots::curve::Native;

use super::ValidDelegation;
use crate::keys::{CovenantKey, FinalityProviderKey};
use crate::sighash::SlashingSighash;

/// The staker's signatures that a registration brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StakerSignatures {
    /// Of the slashing transaction.
    pub slashing: Signature,
    /// Of the unbonding slashing transaction.
    pub unbonding_slashing: Signature,
}

/// One committee member's signatures of a delegation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CovenantSignatures {
    /// Who signed.
    pub key: CovenantKey,
    /// Of the slashing transaction, one for each finality provider in the order of registration.
    pub slashing: Vec<AdaptorSignature>,
    /// Of the unbonding transaction.
    pub unbonding: Signature,
    /// Of the unbonding slashing transaction, one for each finality provider in the order of registration.
    pub unbonding_slashing: Vec<AdaptorSignature>,
}

/// Which transaction of a delegation a signature is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignedPart {
    /// The slashing transaction.
    Slashing,
    /// The unbonding transaction.
    Unbonding,
    /// The unbonding slashing transaction.
    UnbondingSlashing,
}

impl fmt::Display for SignedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slashing => "slashing transaction",
            Self::Unbonding => "unbonding transaction",
            Self::UnbondingSlashing => "unbonding slashing transaction",
        })
    }
}

/// A signature that is not the staker's, or of another transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the staker's signature of the {0} is invalid")]
pub struct StakerSignatureError(pub SignedPart);

impl StakerSignatureError {
    /// Name of the broken rule; it does not change between versions.
    pub fn rule(&self) -> &'static str {
        match self.0 {
            SignedPart::Slashing => "staker-slashing-signature",
            SignedPart::Unbonding => "staker-unbonding-signature",
            SignedPart::UnbondingSlashing => "staker-unbonding-slashing-signature",
        }
    }
}

/// Why a committee member's signatures are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CovenantSignatureError {
    /// The key is not in the committee of the delegation's parameters.
    #[error("{0} is not in the covenant committee of the delegation's params version")]
    NotAMember(CovenantKey),
    /// There is not one adaptor signature for each finality provider.
    #[error(
        "{actual} adaptor signatures of the {part}; it needs {required}, one for each finality provider"
    )]
    Count {
        /// Signed transaction.
        part: SignedPart,
        /// Signatures given.
        actual: usize,
        /// Finality providers of the delegation.
        required: usize,
    },
    /// An adaptor signature does not verify.
    #[error(
        "the adaptor signature of the {part} for finality provider {finality_provider} is invalid"
    )]
    Adaptor {
        /// Signed transaction.
        part: SignedPart,
        /// To whom it should be encrypted.
        finality_provider: FinalityProviderKey,
    },
    /// The plain signature does not verify.
    #[error("covenant {0}'s signature of the unbonding transaction is invalid")]
    Unbonding(CovenantKey),
}

impl ValidDelegation {
    /// Checks both signatures that the staker gives at registration.
    #[cfg(feature = "native")]
    pub fn check_staker_signatures(
        &self,
        signatures: &StakerSignatures,
    ) -> Result<(), StakerSignatureError> {
        self.check_staker_signatures_on(&Native, signatures)
    }

    /// Checks as [`Self::check_staker_signatures`], computing on the caller's curve.
    pub fn check_staker_signatures_on(
        &self,
        curve: &impl Curve,
        signatures: &StakerSignatures,
    ) -> Result<(), StakerSignatureError> {
        let staker = self.keys.staker().0;
        for (part, sighash, signature) in [
            (
                SignedPart::Slashing,
                self.slashing_sighash,
                &signatures.slashing,
            ),
            (
                SignedPart::UnbondingSlashing,
                self.unbonding_slashing_sighash,
                &signatures.unbonding_slashing,
            ),
        ] {
            if !sighash.is_signed_on(curve, &staker, signature) {
                return Err(StakerSignatureError(part));
            }
        }
        Ok(())
    }

    /// Checks all signatures of one committee member, in the order of the node.
    ///
    /// The signature that an expansion needs besides is checked by
    /// [`ValidExpansion::check_covenant_signature`](crate::expansion::ValidExpansion::check_covenant_signature).
    #[cfg(feature = "native")]
    pub fn check_covenant_signatures(
        &self,
        signatures: &CovenantSignatures,
    ) -> Result<(), CovenantSignatureError> {
        self.check_covenant_signatures_on(&Native, signatures)
    }

    /// Checks as [`Self::check_covenant_signatures`], computing on the caller's curve.
    pub fn check_covenant_signatures_on(
        &self,
        curve: &impl Curve,
        signatures: &CovenantSignatures,
    ) -> Result<(), CovenantSignatureError> {
        let key = signatures.key;
        if !self.keys.covenant().contains(&key) {
            return Err(CovenantSignatureError::NotAMember(key));
        }
        self.check_adaptor_signatures(
            curve,
            key,
            SignedPart::Slashing,
            self.slashing_sighash,
            &signatures.slashing,
        )?;
        if !self
            .unbonding_sighash
            .is_signed_on(curve, &key.0, &signatures.unbonding)
        {
            return Err(CovenantSignatureError::Unbonding(key));
        }
        self.check_adaptor_signatures(
            curve,
            key,
            SignedPart::UnbondingSlashing,
            self.unbonding_slashing_sighash,
            &signatures.unbonding_slashing,
        )
    }

    fn check_adaptor_signatures(
        &self,
        curve: &impl Curve,
        key: CovenantKey,
        part: SignedPart,
        sighash: SlashingSighash,
        signatures: &[AdaptorSignature],
    ) -> Result<(), CovenantSignatureError> {
        let finality_providers = self.keys.finality_providers();
        let (actual, required) = (signatures.len(), finality_providers.len());
        if actual != required {
            return Err(CovenantSignatureError::Count {
                part,
                actual,
                required,
            });
        }
        for (finality_provider, signature) in finality_providers.iter().zip(signatures) {
            let valid = EncryptionKey::from_x_only(&(*finality_provider).into()).is_ok_and(
                |encryption_key| {
                    let message = sighash.to_bytes();
                    adaptor::verify(curve, &key.into(), &encryption_key, &message, signature)
                        .is_ok()
                },
            );
            if !valid {
                let finality_provider = *finality_provider;
                return Err(CovenantSignatureError::Adaptor {
                    part,
                    finality_provider,
                });
            }
        }
        Ok(())
    }
}
