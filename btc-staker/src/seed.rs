//! The seed: one phrase from which the wallet, the staker key and the account on the chain are derived.
//!
//! | key | path |
//! |---|---|
//! | Bitcoin wallet (BIP-0086) | m/86'/coin'/0' |
//! | staker key, untweaked | m/86'/coin'/0'/0/0 |
//! | account on the chain | m/44'/118'/0'/0/0 |
//!
//! [`SeedFile`] is its encrypted file, which says whose it is ([`Identity`]) without a passphrase; [`Keys`] is the seed
//! while a command works with it.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use bitcoin::Network;
use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::secp256k1::{Keypair, Message, SECP256K1};
use chain::babylon::{AccountKey, AccountKeyError};
use keystore::{
    KdfCost, KeyFile, KeyFileError, NewKey, Passphrase, PassphraseError, PassphraseSource, Secret,
    SecretError, Seed,
};
use staking::keys::{KeyError, StakerKey};
use staking::proof_of_possession::bip322::AddressKind;
use staking::proof_of_possession::{AccountAddress, AccountAddressError, ProofOfPossession};
use wallet::{AccountKey as WalletKey, Wallet, WalletError};
use zeroize::Zeroizing;

use crate::config::ProofKind;

/// Name of the key file for people.
const LABEL: &str = "btc-staker";

/// Whose stakes these are: what the world sees of the seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Key of the staker.
    pub staker: StakerKey,
    /// Account on the chain.
    pub account: AccountAddress,
}

/// The encrypted seed on disk.
#[derive(Debug)]
pub struct SeedFile {
    file: KeyFile,
    identity: Identity,
}

/// The unlocked seed of a network; wiped when dropped.
#[derive(Debug, Clone)]
pub struct Keys {
    seed: Seed,
    network: Network,
    identity: Identity,
}

/// For which networks keys are derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Networks<'a> {
    /// The Bitcoin network.
    pub bitcoin: Network,
    /// Prefix of the chain's account addresses.
    pub account_prefix: &'a str,
}

/// Why the seed cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeedError {
    /// The key file cannot be created, read or unlocked.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// There is no passphrase.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// The phrase is none, or the file holds something else.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The wallet's keys cannot be derived.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// The account's key cannot be derived.
    #[error(transparent)]
    Account(#[from] AccountKeyError),
    /// The configured prefix cannot spell addresses.
    #[error(transparent)]
    Address(#[from] AccountAddressError),
    /// The file does not say whose seed it holds.
    #[error("the public part `{0}` of the seed file is not a staker key and an account")]
    Public(String),
    /// The seed is another one than its file says, or was made for another network.
    #[error(
        "the seed file was made for `{stored}`, but its seed leads to `{derived}` with this configuration; check \
         `bitcoin.network`"
    )]
    OtherIdentity {
        /// What the file says.
        stored: Box<Identity>,
        /// What the seed leads to.
        derived: Box<Identity>,
    },
}

impl SeedFile {
    /// Encrypts a seed into a new file.
    ///
    /// # Errors
    ///
    /// Refuses a path where there is something, and a short passphrase.
    pub fn create(path: &Path, keys: &Keys, passphrase: &Passphrase) -> Result<Self, SeedError> {
        let public = keys.identity.to_string();
        let secret = Secret::Seed(keys.seed.clone());
        let key = NewKey {
            label: LABEL,
            public: &public,
            secret: &secret,
        };
        let file = KeyFile::create(path, &key, passphrase, KdfCost::PRODUCTION)?;
        Ok(Self {
            file,
            identity: keys.identity.clone(),
        })
    }

    /// Reads the file without unlocking it.
    ///
    /// # Errors
    ///
    /// Refuses a missing, damaged or openly readable file.
    pub fn open(path: &Path) -> Result<Self, SeedError> {
        let file = KeyFile::open(path)?;
        let identity = file.public().parse()?;
        Ok(Self { file, identity })
    }

    /// Whose seed it is, as the file says; certain only once it is unlocked.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Decrypts the seed with the passphrase from `source`, and checks that it is the one the file says.
    ///
    /// # Errors
    ///
    /// Tells a wrong passphrase from everything else.
    pub fn unlock(
        &self,
        source: &PassphraseSource,
        networks: Networks<'_>,
    ) -> Result<Keys, SeedError> {
        let passphrase = source.read(&format!("`{}`", self.file.path().display()))?;
        let keys = Keys::new(self.file.unlock(&passphrase)?.into_seed()?, networks)?;
        if keys.identity.is_same_seeds(&self.identity) {
            Ok(keys)
        } else {
            Err(SeedError::OtherIdentity {
                stored: Box::new(self.identity.clone()),
                derived: Box::new(keys.identity),
            })
        }
    }
}

impl Identity {
    /// Whether both are of one seed; the account may be spelled for another chain.
    fn is_same_seeds(&self, other: &Self) -> bool {
        self.staker == other.staker && self.account.bytes() == other.account.bytes()
    }
}

impl Keys {
    /// Derives who the owner of `seed` is.
    pub fn new(seed: Seed, networks: Networks<'_>) -> Result<Self, SeedError> {
        let wallet = WalletKey::from_mnemonic(seed.expose(), networks.bitcoin)?;
        let identity = Identity {
            staker: wallet.public().staker_key()?,
            account: account_key(&seed)?.address(networks.account_prefix)?,
        };
        Ok(Self {
            seed,
            network: networks.bitcoin,
            identity,
        })
    }

    /// The seed itself, to be shown once to its owner.
    pub fn seed(&self) -> &Seed {
        &self.seed
    }

    /// Whose keys these are.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The key of the account on the chain.
    pub fn account_key(&self) -> Result<AccountKey, SeedError> {
        Ok(account_key(&self.seed)?)
    }

    /// Lets `wallet` sign.
    pub fn unlock(&self, wallet: &mut Wallet) -> Result<(), WalletError> {
        wallet.unlock(self.seed.expose())
    }

    /// A BIP-0340 signature of `message` by the staker key.
    pub fn sign_as_staker(&self, message: [u8; 32]) -> Result<Signature, WalletError> {
        self.as_staker(|pair| {
            SECP256K1.sign_schnorr_no_aux_rand(&Message::from_digest(message), pair)
        })
    }

    /// Proves to the chain that the account's owner has the staker key.
    pub fn proof_of_possession(&self, kind: ProofKind) -> Result<ProofOfPossession, WalletError> {
        let account = &self.identity.account;
        self.as_staker(|pair| match kind {
            ProofKind::Bip340 => ProofOfPossession::sign_bip340(pair, account),
            ProofKind::Bip322 => {
                ProofOfPossession::sign_bip322(pair, AddressKind::Taproot, account, self.network)
            }
            ProofKind::Ecdsa => ProofOfPossession::sign_ecdsa(pair, account),
        })
    }

    fn as_staker<T>(&self, use_pair: impl FnOnce(&Keypair) -> T) -> Result<T, WalletError> {
        let wallet = WalletKey::from_mnemonic(self.seed.expose(), self.network)?;
        let mut pair = wallet.staker_keypair()?;
        let result = use_pair(&pair);
        pair.non_secure_erase();
        Ok(result)
    }
}

fn account_key(seed: &Seed) -> Result<AccountKey, AccountKeyError> {
    let bytes = Zeroizing::new(seed.expose().to_seed(""));
    AccountKey::from_seed(&bytes)
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.staker, self.account)
    }
}

impl FromStr for Identity {
    type Err = SeedError;

    fn from_str(text: &str) -> Result<Self, SeedError> {
        let parse = || {
            let (staker, account) = text.split_once(' ')?;
            let staker: Result<StakerKey, KeyError> = staker.parse();
            Some(Self {
                staker: staker.ok()?,
                account: account.parse().ok()?,
            })
        };
        parse().ok_or_else(|| SeedError::Public(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    use super::*;

    const WORDS: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
    const REGTEST: Networks<'_> = Networks {
        bitcoin: Network::Regtest,
        account_prefix: "bbn",
    };

    fn keys() -> Keys {
        Keys::new(Seed::from_phrase(WORDS).unwrap(), REGTEST).unwrap()
    }

    #[test]
    fn a_seed_file_says_whose_it_is_and_gives_the_seed_only_with_its_passphrase() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seed.key");
        let source = |name: &str, passphrase: &str| {
            let path = folder.path().join(name);
            let mut options = std::fs::OpenOptions::new();
            let mut file = options
                .write(true)
                .create(true)
                .mode(0o600)
                .open(&path)
                .unwrap();
            file.write_all(passphrase.as_bytes()).unwrap();
            PassphraseSource::File(path)
        };
        let right = source("right", "correct horse");
        SeedFile::create(&path, &keys(), &right.read("it").unwrap()).unwrap();

        let file = SeedFile::open(&path).unwrap();
        assert_eq!(file.identity(), keys().identity());
        assert_eq!(
            file.unlock(&right, REGTEST).unwrap().seed().expose(),
            keys().seed().expose()
        );
        assert!(matches!(
            file.unlock(&source("wrong", "incorrect horse"), REGTEST)
                .unwrap_err(),
            SeedError::File(KeyFileError::WrongPassphrase { .. })
        ));
        let mainnet = Networks {
            bitcoin: Network::Bitcoin,
            ..REGTEST
        };
        assert!(matches!(
            file.unlock(&right, mainnet).unwrap_err(),
            SeedError::OtherIdentity { .. }
        ));
    }

    #[test]
    fn what_is_signed_as_staker_verifies_with_the_identity() {
        let keys = keys();
        let Identity { staker, account } = keys.identity();
        let signature = keys.sign_as_staker([7; 32]).unwrap();
        SECP256K1
            .verify_schnorr(&signature, &Message::from_digest([7; 32]), &staker.0)
            .unwrap();
        for kind in [ProofKind::Bip340, ProofKind::Bip322, ProofKind::Ecdsa] {
            let proof = keys.proof_of_possession(kind).unwrap();
            proof.verify(&staker.0, account, Network::Regtest).unwrap();
        }
    }

    #[test]
    fn a_public_part_that_names_nobody_is_refused() {
        for text in [
            "",
            "x y",
            "cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115",
        ] {
            assert!(
                matches!(text.parse::<Identity>(), Err(SeedError::Public(_))),
                "{text}"
            );
        }
    }
}
