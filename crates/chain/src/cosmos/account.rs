//! The key of an account on the chain.

use std::fmt;

use bitcoin::bip32::{ChildNumber, Xpriv};
use bitcoin::hashes::{Hash, hash160, sha256};
use bitcoin::{Network, bip32};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};
use staking::proof_of_possession::{AccountAddress, AccountAddressError};
use zeroize::Zeroizing;

/// m/44'/118'/0'/0/0: where wallets of the Cosmos SDK look for their first account.
const PATH: [(u32, bool); 5] = [(44, true), (118, true), (0, true), (0, false), (0, false)];

/// Secret key of an account (secp256k1); signs its transactions. Zeroised when dropped.
#[derive(Clone)]
pub struct AccountKey(Zeroizing<[u8; 32]>);

/// Why there is no account key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountKeyError {
    /// Zero, or not below the group order.
    #[error("the account's secret key is not in the range of secp256k1 keys")]
    OutOfRange,
    /// The seed leads to no key (probability 2^-127).
    #[error("the seed has no key at m/44'/118'/0'/0/0: {0}; use another seed")]
    Derivation(bip32::Error),
}

impl AccountKey {
    /// Takes a secret key of 32 bytes, big endian.
    ///
    /// # Errors
    ///
    /// Refuses zero and numbers that are not below the group order.
    pub fn from_secret(secret: &[u8; 32]) -> Result<Self, AccountKeyError> {
        let mut key = SecretKey::from_slice(secret).map_err(|_| AccountKeyError::OutOfRange)?;
        key.non_secure_erase();
        Ok(Self(Zeroizing::new(*secret)))
    }

    /// Derives the first account of a BIP-0039 seed (64 bytes, not the words), at m/44'/118'/0'/0/0.
    ///
    /// # Errors
    ///
    /// Fails for about one seed in 2^127.
    pub fn from_seed(seed: &[u8; 64]) -> Result<Self, AccountKeyError> {
        // The network is part of the serialised form only, which is never made.
        let mut master =
            Xpriv::new_master(Network::Bitcoin, seed).map_err(AccountKeyError::Derivation)?;
        let path = PATH.map(|(index, hardened)| {
            if hardened {
                ChildNumber::Hardened { index }
            } else {
                ChildNumber::Normal { index }
            }
        });
        let derived = master
            .derive_priv(SECP256K1, &path)
            .map_err(AccountKeyError::Derivation);
        master.private_key.non_secure_erase();
        let mut derived = derived?;
        let key = Self(Zeroizing::new(derived.private_key.secret_bytes()));
        derived.private_key.non_secure_erase();
        Ok(key)
    }

    /// Compressed public key.
    pub fn public_key(&self) -> [u8; 33] {
        self.with_key(|key| PublicKey::from_secret_key(SECP256K1, key).serialize())
    }

    /// Address of the account: RIPEMD-160 of SHA-256 of the public key, spelled with `prefix` (spec 2.1).
    ///
    /// # Errors
    ///
    /// Refuses a prefix that bech32 does not allow.
    pub fn address(&self, prefix: &str) -> Result<AccountAddress, AccountAddressError> {
        AccountAddress::new(
            prefix,
            hash160::Hash::hash(&self.public_key()).as_byte_array(),
        )
    }

    /// ECDSA signature (r ‖ s with low s, deterministic nonce) of the SHA-256 of `bytes`.
    pub(crate) fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        let message = Message::from_digest(sha256::Hash::hash(bytes).to_byte_array());
        self.with_key(|key| SECP256K1.sign_ecdsa(&message, key).serialize_compact())
    }

    fn with_key<T>(&self, use_key: impl FnOnce(&SecretKey) -> T) -> T {
        #[expect(clippy::expect_used, reason = "checked when the key was created")]
        let mut key = SecretKey::from_slice(self.0.as_slice()).expect("in range");
        let result = use_key(&key);
        key.non_secure_erase();
        result
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seed of the words "abandon … about" (BIP-0039, 12 words) without passphrase.
    const SEED: &str = "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1\
                        9a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4";

    #[test]
    fn a_seed_leads_to_the_account_that_other_wallets_show() {
        let seed = hex::decode(SEED).unwrap().try_into().unwrap();
        let key = AccountKey::from_seed(&seed).unwrap();
        // Keplr and gaiad show this account for the same words.
        assert_eq!(
            key.address("cosmos").unwrap().text(),
            "cosmos19rl4cm2hmr8afy4kldpxz3fka4jguq0auqdal4"
        );
    }

    #[test]
    fn zero_and_the_group_order_are_no_keys() {
        assert_eq!(
            AccountKey::from_secret(&[0; 32]).unwrap_err(),
            AccountKeyError::OutOfRange
        );
        assert_eq!(
            AccountKey::from_secret(&[255; 32]).unwrap_err(),
            AccountKeyError::OutOfRange
        );
    }

    #[test]
    fn a_signature_verifies_and_has_a_low_s() {
        let key = AccountKey::from_secret(&[7; 32]).unwrap();
        let message = Message::from_digest(sha256::Hash::hash(b"sign doc").to_byte_array());
        let signature = secp256k1::ecdsa::Signature::from_compact(&key.sign(b"sign doc")).unwrap();
        let public_key = PublicKey::from_slice(&key.public_key()).unwrap();
        // libsecp256k1 accepts low s only.
        SECP256K1
            .verify_ecdsa(&message, &signature, &public_key)
            .unwrap();
    }

    #[test]
    fn the_secret_is_not_shown() {
        let key = AccountKey::from_secret(&[7; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "AccountKey(..)");
    }
}
