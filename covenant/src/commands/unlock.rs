//! Unlocking the member's two keys.

use std::path::Path;

use chain::babylon::AccountKey;
use daemon::output::CommandError;
use keystore::{KeyFile, PassphraseSource, SecretKey};

use super::failure;
use crate::config::{AccountConfig, SignerConfig};
use crate::home::Home;
use crate::signer::CovenantSecret;

/// Unlocks the covenant key; `source` goes before the configured one.
pub(super) fn covenant_key(
    home: &Home,
    config: &SignerConfig,
    source: Option<&PassphraseSource>,
) -> Result<CovenantSecret, CommandError> {
    let path = home.resolve(&config.key_file);
    let secret = unlock(home, &path, source.unwrap_or(&config.passphrase))?;
    CovenantSecret::from_bytes(secret.expose()).map_err(|error| failure::key(&error))
}

/// Unlocks the account's key; `source` goes before the configured one.
pub(super) fn account_key(
    home: &Home,
    config: &AccountConfig,
    source: Option<&PassphraseSource>,
) -> Result<AccountKey, CommandError> {
    let path = home.resolve(&config.key_file);
    let secret = unlock(home, &path, source.unwrap_or(&config.passphrase))?;
    AccountKey::from_secret(secret.expose()).map_err(|error| failure::key(&error))
}

/// The same source with a relative file taken from the home, as all paths of the configuration are.
pub(super) fn at_home(home: &Home, source: &PassphraseSource) -> PassphraseSource {
    match source {
        PassphraseSource::File(path) => PassphraseSource::File(home.resolve(path)),
        other => other.clone(),
    }
}

fn unlock(home: &Home, path: &Path, source: &PassphraseSource) -> Result<SecretKey, CommandError> {
    let file = KeyFile::open(path)?;
    let what = format!("key file `{}`", path.display());
    let passphrase = at_home(home, source).read(&what)?;
    let secret = file.unlock(&passphrase)?;
    secret.into_key().map_err(|error| failure::key(&error))
}
