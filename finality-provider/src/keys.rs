//! The key files of a provider: its EOTS key and its account's key.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use chain::babylon::AccountKey;
use daemon::output::{CommandError, Exit};
use eots::SecretKey;
use keystore::{KdfCost, KeyFile, KeyFileError, NewKey, Passphrase, Secret};
use rand::RngCore;
use rand::rngs::OsRng;
use staking::keys::FinalityProviderKey;
use zeroize::Zeroizing;

use crate::config::{Config, ProviderConfig};

/// What a passphrase prompt asks for.
const WHAT: &str = "finality provider keys";

/// The passphrase of existing key files.
pub fn passphrase(config: &Config) -> Result<Passphrase, CommandError> {
    Ok(config.keys.passphrase.read(WHAT)?)
}

/// The passphrase of new key files; asked for twice at a prompt.
pub fn new_passphrase(config: &Config) -> Result<Passphrase, CommandError> {
    Ok(config.keys.passphrase.read_new(WHAT)?)
}

/// The provider that the configuration calls `name`.
pub fn provider<'a>(config: &'a Config, name: &str) -> Result<&'a ProviderConfig, CommandError> {
    config
        .providers
        .iter()
        .find(|provider| provider.name == name)
        .ok_or_else(|| {
            let known: Vec<_> = config
                .providers
                .iter()
                .map(|known| known.name.as_str())
                .collect();
            CommandError::new(
                Exit::Configuration,
                "unknown-provider-name",
                format!("the configuration has no [[provider]] with the name `{name}`"),
            )
            .with_hint(match known.as_slice() {
                [] => format!("add one: [[provider]] name = \"{name}\""),
                known => format!("it has: {}", known.join(", ")),
            })
        })
}

/// The public key that the configuration or the key file gives for a provider.
///
/// A key file's public part is authentic only once it is unlocked; [`eots_key`] checks it.
pub fn public_key(
    provider: &ProviderConfig,
    home: &Path,
) -> Result<FinalityProviderKey, CommandError> {
    if let Some(key) = provider.public_key {
        return Ok(key);
    }
    let path = provider.key_file(home);
    let file = KeyFile::open(&path)?;
    file.public()
        .parse()
        .map_err(|error: staking::keys::KeyError| damaged(&path, &error))
}

/// Unlocks a provider's EOTS key.
pub fn eots_key(
    provider: &ProviderConfig,
    home: &Path,
    passphrase: &Passphrase,
) -> Result<(FinalityProviderKey, SecretKey), CommandError> {
    let path = provider.key_file(home);
    let secret = unlock(&path, passphrase)?;
    let secret = SecretKey::from_bytes(&secret).map_err(|error| damaged(&path, &error))?;
    let public = FinalityProviderKey::from_slice(secret.public_key().as_bytes())
        .map_err(|error| damaged(&path, &error))?;
    if public_key(provider, home)? == public {
        return Ok((public, secret));
    }
    Err(damaged(
        &path,
        &"its public part, or `public_key` in the configuration, is another key's",
    ))
}

/// Unlocks the key of a provider's account.
pub fn account_key(
    provider: &ProviderConfig,
    home: &Path,
    passphrase: &Passphrase,
) -> Result<AccountKey, CommandError> {
    let path = provider.account_key_file(home);
    AccountKey::from_secret(&*unlock(&path, passphrase)?).map_err(|error| damaged(&path, &error))
}

/// Writes the two key files of a provider; returns its public key and its account's address.
///
/// An account key that is there is kept, if the passphrase opens it: it may be what was left when this was interrupted,
/// or an account that has coins already.
///
/// # Errors
///
/// Refuses an existing EOTS key file, which is the last thing written.
pub fn create(
    config: &Config,
    provider: &ProviderConfig,
    home: &Path,
    eots: &SecretKey,
    passphrase: &Passphrase,
) -> Result<(FinalityProviderKey, String), CommandError> {
    let eots_path = provider.key_file(home);
    let account_path = provider.account_key_file(home);
    check_absent(&eots_path)?;
    let public = FinalityProviderKey::from_slice(eots.public_key().as_bytes())
        .map_err(|error| damaged(&eots_path, &error))?;
    if provider
        .public_key
        .is_some_and(|expected| expected != public)
    {
        return Err(damaged(
            &eots_path,
            &"`public_key` in the configuration is another key's",
        ));
    }
    // Shown to be sent coins to; the same key has an account on every chain.
    let chain = config.secured_chains().into_iter().next();
    let prefix = chain.as_ref().map_or("bbn", |chain| chain.account_prefix());
    let account = if account_path.exists() {
        account_key(provider, home, passphrase)?
            .address(prefix)
            .map_err(|error| damaged(&account_path, &error))?
    } else {
        let secret = random_secret();
        let address = AccountKey::from_secret(&secret)
            .map_err(|error| damaged(&account_path, &error))?
            .address(prefix)
            .map_err(|error| damaged(&account_path, &error))?;
        write(
            &account_path,
            &provider.name,
            address.text(),
            secret,
            passphrase,
        )?;
        address
    };
    write(
        &eots_path,
        &provider.name,
        &public.to_string(),
        eots.to_bytes(),
        passphrase,
    )?;
    Ok((public, account.text().to_owned()))
}

/// Refuses a path where a key file is.
pub fn check_absent(path: &Path) -> Result<(), CommandError> {
    if path.symlink_metadata().is_ok() {
        let path = path.to_owned();
        return Err(KeyFileError::Exists { path }.into());
    }
    Ok(())
}

/// 32 bytes that are a secret key.
pub fn random_secret() -> Zeroizing<[u8; 32]> {
    let mut bytes = Zeroizing::new([0; 32]);
    loop {
        OsRng.fill_bytes(bytes.as_mut_slice());
        // Fails once in 2^128.
        if SecretKey::from_bytes(&bytes).is_ok() {
            return bytes;
        }
    }
}

fn write(
    path: &Path,
    label: &str,
    public: &str,
    secret: Zeroizing<[u8; 32]>,
    passphrase: &Passphrase,
) -> Result<(), CommandError> {
    if let Some(directory) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|error| {
                let message = format!("{} cannot be created: {error}", directory.display());
                CommandError::new(Exit::Failed, "directory-not-created", message)
            })?;
    }
    let secret = Secret::Key(keystore::SecretKey::new(secret));
    let key = NewKey {
        label,
        public,
        secret: &secret,
    };
    KeyFile::create(path, &key, passphrase, KdfCost::PRODUCTION)?;
    Ok(())
}

fn unlock(path: &Path, passphrase: &Passphrase) -> Result<Zeroizing<[u8; 32]>, CommandError> {
    let key = KeyFile::open(path)?.unlock(passphrase)?.into_key()?;
    Ok(Zeroizing::new(*key.expose()))
}

fn damaged(path: &Path, problem: &dyn std::fmt::Display) -> CommandError {
    CommandError::new(
        Exit::Failed,
        "key-unusable",
        format!("the key file {} cannot be used: {problem}", path.display()),
    )
}
