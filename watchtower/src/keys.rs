//! The seed: one phrase from which the wallet and the account on the chain are derived.
//!
//! | key | path |
//! |---|---|
//! | Bitcoin wallet (BIP-0086), which pays for checkpoints | m/86'/coin'/0' |
//! | account on the chain, which reports | m/44'/118'/0'/0/0 |

use chain::babylon::AccountKey;
use daemon::output::{CommandError, Exit};
use keystore::{KdfCost, KeyFile, NewKey, PassphraseSource, Secret, Seed};
use zeroize::Zeroizing;

use crate::home::Home;

/// Name of the key file, for people and for prompts.
const LABEL: &str = "watchtower seed";

/// Encrypts a seed into the home's key file, which shows the account's address in clear.
///
/// # Errors
///
/// Refuses an existing file and a short passphrase.
pub fn create(
    home: &Home,
    seed: &Seed,
    account: &str,
    source: &PassphraseSource,
) -> Result<(), CommandError> {
    let passphrase = source.read_new(LABEL)?;
    let secret = Secret::Seed(seed.clone());
    let key = NewKey {
        label: LABEL,
        public: account,
        secret: &secret,
    };
    KeyFile::create(&home.seed_file(), &key, &passphrase, KdfCost::PRODUCTION)?;
    Ok(())
}

/// The account's address, as the key file says without a passphrase.
pub fn account_address(home: &Home) -> Result<String, CommandError> {
    Ok(KeyFile::open(&home.seed_file())?.public().to_owned())
}

/// Decrypts the seed.
pub fn unlock(home: &Home, source: &PassphraseSource) -> Result<Seed, CommandError> {
    let file = KeyFile::open(&home.seed_file())?;
    let passphrase = source.read(LABEL)?;
    Ok(file.unlock(&passphrase)?.into_seed()?)
}

/// The key of the seed's account on the chain.
pub fn account_key(seed: &Seed) -> Result<AccountKey, CommandError> {
    let bytes = Zeroizing::new(seed.expose().to_seed(""));
    AccountKey::from_seed(&bytes)
        .map_err(|error| CommandError::caused_by(Exit::Failed, "key-unusable", &error))
}
