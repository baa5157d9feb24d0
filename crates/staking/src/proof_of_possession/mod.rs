//! That the owner of an account on the secured chain has a Bitcoin key (spec 2.5).
//!
//! The Bitcoin key signs the account's address in one of three ways, so that any wallet can do it: BIP-0340 (our own
//! programs), a BIP-0322 message (modern wallets) or a "Bitcoin Signed Message" (old ones). What is signed differs:
//! BIP-0340 covers the address's raw bytes, the other two its bech32 text.
//!
//! Nothing in the signed data names the chain: a proof is good on every chain that spells addresses with the same
//! prefix (spec 6.3).

mod account_address;
pub mod bip322;
mod ecdsa;

use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::secp256k1::{Keypair, Message, SECP256K1};
use bitcoin::{Address, Network, Witness, XOnlyPublicKey};

pub use account_address::{AccountAddress, AccountAddressError};

use bip322::{AddressKind, Bip322Error};

/// A signature that binds a Bitcoin key to an account of the secured chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofOfPossession {
    /// BIP-0340 over the SHA-256 of the account's raw address bytes.
    Bip340(Signature),
    /// A BIP-0322 "simple" signature of the account's bech32 text.
    Bip322 {
        /// Bitcoin address whose owner signed; its key must be the proven one.
        address: Address,
        /// Witness of the virtual transaction `to_sign`.
        witness: Witness,
    },
    /// A compact recoverable ECDSA signature of the account's bech32 text as a "Bitcoin Signed Message".
    Ecdsa([u8; 65]),
}

/// Why a proof of possession does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofOfPossessionError {
    /// The BIP-0340 signature is not the key's over this account.
    #[error("the BIP-0340 proof of possession is no signature of {key} over account {account}")]
    Bip340 {
        /// The key that should have signed.
        key: XOnlyPublicKey,
        /// The account that should have been signed.
        account: AccountAddress,
    },
    /// The BIP-0322 signature does not hold.
    #[error("the BIP-0322 proof of possession does not hold")]
    Bip322(#[from] Bip322Error),
    /// The 65 bytes are no compact recoverable signature with a low s.
    #[error(
        "the ECDSA proof of possession is malformed: it must be a header byte of 27 to 34 followed by r and a low s"
    )]
    EcdsaEncoding,
    /// The ECDSA signature is not the key's over this account.
    #[error("the ECDSA proof of possession is no signature of {key} over account {account}")]
    Ecdsa {
        /// The key that should have signed.
        key: XOnlyPublicKey,
        /// The account that should have been signed.
        account: AccountAddress,
    },
}

impl ProofOfPossession {
    /// Proves possession with a BIP-0340 signature, deterministically (zero auxiliary randomness).
    pub fn sign_bip340(keypair: &Keypair, account: &AccountAddress) -> Self {
        Self::Bip340(SECP256K1.sign_schnorr_no_aux_rand(&bip340_message(account), keypair))
    }

    /// Proves possession with a BIP-0322 signature for the key's own address of the given kind.
    pub fn sign_bip322(
        keypair: &Keypair,
        kind: AddressKind,
        account: &AccountAddress,
        network: Network,
    ) -> Self {
        let (address, witness) = bip322::sign(keypair, kind, account.text().as_bytes(), network);
        Self::Bip322 { address, witness }
    }

    /// Proves possession with a "Bitcoin Signed Message", as the `signmessage` of old wallets does.
    pub fn sign_ecdsa(keypair: &Keypair, account: &AccountAddress) -> Self {
        Self::Ecdsa(ecdsa::sign(keypair, account))
    }

    /// Checks that `key` signed `account`, as strictly as Babylon 4.3.1 does: BIP-0322 with SIGHASH_DEFAULT or
    /// SIGHASH_ALL only, ECDSA with a low s only.
    ///
    /// `network` is the Bitcoin network of the secured chain; a BIP-0322 address of another one is refused.
    ///
    /// # Errors
    ///
    /// Says which part of the proof fails.
    pub fn verify(
        &self,
        key: &XOnlyPublicKey,
        account: &AccountAddress,
        network: Network,
    ) -> Result<(), ProofOfPossessionError> {
        match self {
            Self::Bip340(signature) => SECP256K1
                .verify_schnorr(signature, &bip340_message(account), key)
                .map_err(|_| ProofOfPossessionError::Bip340 {
                    key: *key,
                    account: account.clone(),
                }),
            Self::Bip322 { address, witness } => {
                bip322::verify(key, address, witness, account.text().as_bytes(), network)?;
                Ok(())
            }
            Self::Ecdsa(signature) => ecdsa::verify(signature, key, account),
        }
    }
}

/// What a BIP-0340 proof signs.
///
/// An address has 20 or 32 bytes, so this hash can never be that of a randomness commitment, which covers 48 bytes
/// and is signed with the same key (spec 3.5, GHSA-7mm3-vfg8-7rg6).
fn bip340_message(account: &AccountAddress) -> Message {
    Message::from_digest(sha256::Hash::hash(account.bytes()).to_byte_array())
}
