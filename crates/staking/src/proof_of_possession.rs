//! That the owner of an account on the secured chain has a Bitcoin key (spec 2.5).

use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::{Address, Witness};

/// A signature that binds a Bitcoin key to an account of the secured chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofOfPossession {
    /// BIP-0340 over the hash of the account's address.
    Bip340(Signature),
    /// A BIP-0322 simple message signature.
    Bip322 {
        /// Whose message it is.
        address: Address,
        /// Witness of the virtual transaction.
        witness: Witness,
    },
    /// A compact recoverable ECDSA signature.
    Ecdsa([u8; 65]),
}
