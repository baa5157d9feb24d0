//! What the protocol's signatures sign: BIP-0341 hashes of script-path spends, each typed by the leaf it spends.
//!
//! The type says who may sign it and how. A committee member makes plain signatures of [`UnbondingPathSighash`] only,
//! and adaptor signatures of [`SlashingSighash`] only; a signer that takes these types cannot be asked for anything
//! else. All use SIGHASH_DEFAULT, no annex and no code separator (spec 1.1, 1.7).

use std::borrow::Borrow;

use bitcoin::hashes::Hash;
use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::secp256k1::{Message, SECP256K1, XOnlyPublicKey};
use bitcoin::sighash::{Prevouts, SighashCache, TapSighash, TapSighashType, TaprootError};
use bitcoin::{Transaction, TxOut};
use eots::bip340;
use eots::curve::Curve;

use crate::outputs::{Leaf, StakingOutput, TimelockLeaf, UnbondingOutput};

/// The input does not exist, or the previous outputs are not one for each input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot hash input {input} of {inputs} with {prevouts} previous outputs")]
pub struct SighashError {
    /// The input that was to be signed.
    pub input: usize,
    /// Inputs of the transaction.
    pub inputs: usize,
    /// Previous outputs given.
    pub prevouts: usize,
}

macro_rules! sighash {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(TapSighash);

        impl $name {
            /// The 32 bytes that are signed as they are.
            pub fn to_bytes(self) -> [u8; 32] {
                self.0.to_byte_array()
            }

            /// Whether `signature` is a BIP-0340 signature of this hash by `key`.
            pub fn is_signed_by(self, key: &XOnlyPublicKey, signature: &Signature) -> bool {
                let message = Message::from_digest(self.to_bytes());
                SECP256K1.verify_schnorr(signature, &message, key).is_ok()
            }

            /// Answers as [`Self::is_signed_by`], computing on the caller's curve.
            pub fn is_signed_on(
                self,
                curve: &impl Curve,
                key: &XOnlyPublicKey,
                signature: &Signature,
            ) -> bool {
                let key = eots::PublicKey::from_checked_bytes(key.serialize());
                bip340::Signature::from_bytes(signature.serialize()).is_ok_and(|signature| {
                    bip340::verify(curve, &key, &self.to_bytes(), &signature).is_ok()
                })
            }
        }
    };
}

sighash!(
    /// Signed by the staker to withdraw after a timelock.
    TimelockSighash
);
sighash!(
    /// Signed by staker and committee to unbond, or to expand, a stake.
    UnbondingPathSighash
);
sighash!(
    /// Signed by staker and finality provider, and by the committee in adaptor signatures, to slash a stake.
    SlashingSighash
);

/// Withdrawing: input `input` of `tx` spends by `leaf`; `prevouts` are the outputs that `tx` spends, in order.
pub fn withdrawal(
    tx: &Transaction,
    input: usize,
    prevouts: &[TxOut],
    leaf: &TimelockLeaf,
) -> Result<TimelockSighash, SighashError> {
    script_path(tx, input, prevouts, leaf.leaf()).map(TimelockSighash)
}

/// Unbonding: `tx` spends the staking output with its only input.
pub fn unbonding(
    tx: &Transaction,
    staking: &StakingOutput,
) -> Result<UnbondingPathSighash, SighashError> {
    script_path(tx, 0, &[staking.tx_out()], staking.unbonding()).map(UnbondingPathSighash)
}

/// Slashing: `tx` spends the staking output with its only input.
pub fn slashing(
    tx: &Transaction,
    staking: &StakingOutput,
) -> Result<SlashingSighash, SighashError> {
    script_path(tx, 0, &[staking.tx_out()], staking.slashing()).map(SlashingSighash)
}

/// Slashing after unbonding: `tx` spends the unbonding output with its only input.
pub fn unbonding_slashing(
    tx: &Transaction,
    unbonding: &UnbondingOutput,
) -> Result<SlashingSighash, SighashError> {
    script_path(tx, 0, &[unbonding.tx_out()], unbonding.slashing()).map(SlashingSighash)
}

/// Expansion: `tx` spends the previous staking output with its first input and `funding` with its second (spec 1.10).
pub fn expansion(
    tx: &Transaction,
    previous: &StakingOutput,
    funding: &TxOut,
) -> Result<UnbondingPathSighash, SighashError> {
    script_path(tx, 0, &[previous.tx_out(), funding], previous.unbonding())
        .map(UnbondingPathSighash)
}

fn script_path<T: Borrow<TxOut>>(
    tx: &Transaction,
    input: usize,
    prevouts: &[T],
    leaf: &Leaf,
) -> Result<TapSighash, SighashError> {
    let error = SighashError {
        input,
        inputs: tx.input.len(),
        prevouts: prevouts.len(),
    };
    // The library checks the number of previous outputs, but not that the input exists.
    if input >= tx.input.len() {
        return Err(error);
    }
    SighashCache::new(tx)
        .taproot_script_spend_signature_hash(
            input,
            &Prevouts::All(prevouts),
            leaf.hash(),
            TapSighashType::Default,
        )
        .map_err(|_: TaprootError| error)
}
