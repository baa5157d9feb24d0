//! The account's keys, from the mnemonic down to the staker key.

use std::fmt;

use bdk_wallet::KeychainKind;
use bdk_wallet::template::Bip86Public;
use bip39::Mnemonic;
use bitcoin::bip32::{ChildNumber, DerivationPath, Fingerprint, Xpriv, Xpub};
use bitcoin::psbt::{GetKey, KeyRequest};
use bitcoin::secp256k1::{Keypair, Secp256k1, Signing};
use bitcoin::{Network, NetworkKind, PrivateKey};
use staking::keys::StakerKey;
use zeroize::Zeroizing;

use crate::error::WalletError;

/// Where the staker key is below the account: the first receiving key, `m/86'/coin'/0'/0/0`.
const STAKER_KEY: [ChildNumber; 2] = [
    ChildNumber::Normal { index: 0 },
    ChildNumber::Normal { index: 0 },
];

/// The secret key of the account `m/86'/coin'/0'`: signs for every coin of the wallet, and is the parent of the staker
/// key.
///
/// Wiped from memory when dropped. The curve library copies keys while it works with them; those copies are on the stack
/// and out of our reach.
pub struct AccountKey {
    master: Fingerprint,
    path: [ChildNumber; 3],
    key: Xpriv,
}

/// The public side of [`AccountKey`]: enough to see every coin, not to spend any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountPublicKey {
    /// Names the master key in descriptors and PSBTs.
    pub master: Fingerprint,
    /// Extended public key of `m/86'/coin'/0'`.
    pub key: Xpub,
}

impl AccountKey {
    /// Derives the account's key of a mnemonic without a passphrase (the "25th word").
    ///
    /// # Errors
    ///
    /// One mnemonic in 2^127 has no valid key.
    pub fn from_mnemonic(mnemonic: &Mnemonic, network: Network) -> Result<Self, WalletError> {
        let secp = Secp256k1::new();
        let seed = Zeroizing::new(mnemonic.to_seed(""));
        let mut master = Xpriv::new_master(network, seed.as_slice())?;
        let path = account_path(network.into());
        let account = master.derive_priv(&secp, &path);
        let fingerprint = master.fingerprint(&secp);
        erase(&mut master);
        Ok(Self {
            master: fingerprint,
            path,
            key: account?,
        })
    }

    /// The public side.
    pub fn public(&self) -> AccountPublicKey {
        AccountPublicKey {
            master: self.master,
            key: Xpub::from_priv(&Secp256k1::new(), &self.key),
        }
    }

    /// The staker key, `m/86'/coin'/0'/0/0`, as it is: not tweaked as an address would.
    ///
    /// The caller erases the pair when it is done (`non_secure_erase`).
    pub fn staker_keypair(&self) -> Result<Keypair, WalletError> {
        let secp = Secp256k1::new();
        let mut key = self.key.derive_priv(&secp, &STAKER_KEY)?;
        let pair = key.to_keypair(&secp);
        erase(&mut key);
        Ok(pair)
    }
}

impl AccountPublicKey {
    /// The public staker key.
    pub fn staker_key(&self) -> Result<StakerKey, WalletError> {
        let child = self
            .key
            .derive_pub(&Secp256k1::verification_only(), &STAKER_KEY)?;
        Ok(StakerKey(child.public_key.x_only_public_key().0))
    }

    /// The descriptor of receiving or change addresses.
    pub(crate) fn descriptor(&self, keychain: KeychainKind) -> Bip86Public<Xpub> {
        Bip86Public(self.key, self.master, keychain)
    }
}

fn account_path(network: NetworkKind) -> [ChildNumber; 3] {
    let coin = match network {
        NetworkKind::Main => 0,
        NetworkKind::Test => 1,
    };
    [86, coin, 0].map(|index| ChildNumber::Hardened { index })
}

/// Overwrites the secrets of a key that is no longer needed.
fn erase(key: &mut Xpriv) {
    key.private_key.non_secure_erase();
    key.chain_code = [0; 32].into();
}

impl Drop for AccountKey {
    fn drop(&mut self) {
        erase(&mut self.key);
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountKey")
            .field("master", &self.master)
            .finish_non_exhaustive()
    }
}

impl GetKey for AccountKey {
    type Error = bitcoin::bip32::Error;

    /// Finds the key by its full path from the master key, as PSBTs name it.
    fn get_key<C: Signing>(
        &self,
        request: KeyRequest,
        secp: &Secp256k1<C>,
    ) -> Result<Option<PrivateKey>, Self::Error> {
        let KeyRequest::Bip32((master, path)) = request else {
            return Ok(None);
        };
        let below: &[ChildNumber] = path.as_ref();
        match below.strip_prefix(&self.path) {
            Some(below) if master == self.master => {
                let mut child = self
                    .key
                    .derive_priv(secp, &DerivationPath::from(below.to_vec()))?;
                let key = child.to_priv();
                erase(&mut child);
                Ok(Some(key))
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mnemonic of BIP-0086's test vectors.
    const MNEMONIC: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

    fn key(network: Network) -> AccountKey {
        AccountKey::from_mnemonic(&MNEMONIC.parse().unwrap(), network).unwrap()
    }

    #[test]
    fn the_account_and_its_first_key_are_those_of_bip86() {
        let public = key(Network::Bitcoin).public();
        assert_eq!(
            public.key.to_string(),
            "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ"
        );
        assert_eq!(
            public.staker_key().unwrap().to_string(),
            "cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115"
        );
    }

    #[test]
    fn the_staker_pair_belongs_to_the_public_staker_key() {
        for network in [Network::Bitcoin, Network::Regtest] {
            let key = key(network);
            let (pair, _) = key.staker_keypair().unwrap().x_only_public_key();
            assert_eq!(key.public().staker_key().unwrap(), StakerKey(pair));
        }
    }

    #[test]
    fn networks_have_their_own_accounts() {
        assert_ne!(
            key(Network::Bitcoin).public(),
            key(Network::Regtest).public()
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let text = format!("{:?}", key(Network::Regtest));
        assert_eq!(text, "AccountKey { master: 73c5da0a, .. }");
    }
}
