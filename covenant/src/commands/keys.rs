//! `keys`: making, importing and showing the member's two keys.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bitcoin::secp256k1;
use chain::babylon::AccountKey;
use daemon::output::{Answer, CommandError, Exit};
use keystore::{KdfCost, KeyFile, NewKey, PassphraseSource, Secret, SecretKey};
use rand::RngCore;
use rand::rngs::OsRng;
use serde::Serialize;
use staking::keys::CovenantKey;
use zeroize::Zeroizing;

use super::{failure, unlock};
use crate::cli::{KeyRole, KeysCommand};
use crate::config::Config;
use crate::home::Home;
use crate::signer::{CovenantSecret, HistoryError, RecordError, SigningHistory};

/// A key file, as far as it can be seen without a passphrase.
#[derive(Serialize)]
struct ShownKey {
    role: &'static str,
    /// X-only key in hexadecimal, or account address.
    public: String,
    path: PathBuf,
}

impl fmt::Display for ShownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<8}  {}  {}",
            self.role,
            self.public,
            self.path.display()
        )
    }
}

#[derive(Serialize)]
struct ShownKeys {
    keys: Vec<ShownKey>,
}

impl fmt::Display for ShownKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.keys.iter().try_for_each(|key| writeln!(f, "{key}"))
    }
}

pub(super) fn execute(
    command: KeysCommand,
    config: &Config,
    home: &Home,
) -> Result<Answer, CommandError> {
    match command {
        KeysCommand::New { key, passphrase } => {
            let source = passphrase.passphrase_source;
            create(config, home, key, &generate(), source).map(Into::into)
        }
        KeysCommand::Import {
            key,
            from,
            passphrase,
        } => {
            let secret = read_secret(from.as_deref())?;
            create(config, home, key, &secret, passphrase.passphrase_source).map(Into::into)
        }
        KeysCommand::Show => show(config, home).map(Into::into),
    }
}

fn create(
    config: &Config,
    home: &Home,
    role: KeyRole,
    secret: &SecretKey,
    source: Option<PassphraseSource>,
) -> Result<ShownKey, CommandError> {
    let (path, configured) = match role {
        KeyRole::Covenant => (&config.signer.key_file, &config.signer.passphrase),
        KeyRole::Account => (&config.account.key_file, &config.account.passphrase),
    };
    let path = home.resolve(path);
    let (label, public) = describe(config, role, secret)?;
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)
            .map_err(|error| failure::file(&directory.display().to_string(), &error))?;
    }
    if role == KeyRole::Covenant && home.signing_record().exists() {
        // Before the key file: a record of another key must not be found out too late.
        SigningHistory::open(home, covenant_key(secret)?)?;
    }
    let source = source.unwrap_or_else(|| unlock::at_home(home, configured));
    let passphrase = source.read_new(&format!("the new key file `{}`", path.display()))?;
    let new = NewKey {
        label,
        public: &public,
        secret: &Secret::Key(secret.clone()),
    };
    KeyFile::create(&path, &new, &passphrase, KdfCost::PRODUCTION)?;
    if role == KeyRole::Covenant {
        remember(home, secret)?;
    }
    Ok(ShownKey {
        role: label,
        public,
        path,
    })
}

/// Makes the signing record and the audit log of a new key; ones that were restored from a backup are kept.
fn remember(home: &Home, secret: &SecretKey) -> Result<(), CommandError> {
    let key = covenant_key(secret)?;
    match SigningHistory::create(home, key) {
        Err(HistoryError::Record(RecordError::Exists { .. })) => SigningHistory::open(home, key),
        created => created,
    }?;
    Ok(())
}

fn covenant_key(secret: &SecretKey) -> Result<CovenantKey, CommandError> {
    CovenantSecret::from_bytes(secret.expose())
        .map(|secret| secret.key())
        .map_err(|error| failure::key(&error))
}

/// Name and public part of a key.
fn describe(
    config: &Config,
    role: KeyRole,
    secret: &SecretKey,
) -> Result<(&'static str, String), CommandError> {
    match role {
        KeyRole::Covenant => Ok(("covenant", covenant_key(secret)?.to_string())),
        KeyRole::Account => {
            let prefix = &super::chain::configured(config)?.account_prefix;
            let key =
                AccountKey::from_secret(secret.expose()).map_err(|error| failure::key(&error))?;
            let address = key.address(prefix).map_err(|error| failure::key(&error))?;
            Ok(("account", address.text().to_owned()))
        }
    }
}

fn show(config: &Config, home: &Home) -> Result<ShownKeys, CommandError> {
    let mut keys = Vec::new();
    for (role, path) in [
        ("covenant", &config.signer.key_file),
        ("account", &config.account.key_file),
    ] {
        let path = home.resolve(path);
        if path.exists() {
            let file = KeyFile::open(&path)?;
            keys.push(ShownKey {
                role,
                public: file.public().to_owned(),
                path,
            });
        }
    }
    if keys.is_empty() {
        return Err(
            CommandError::new(Exit::Configuration, "key-missing", "there are no keys yet")
                .with_hint("make them with `covenant keys new covenant` and `… account`"),
        );
    }
    Ok(ShownKeys { keys })
}

/// Draws a secret key from the operating system's randomness.
fn generate() -> SecretKey {
    let mut bytes = Zeroizing::new([0; 32]);
    // Zero and numbers above the group order, once in 2^128 draws, are no keys.
    loop {
        OsRng.fill_bytes(bytes.as_mut_slice());
        if let Ok(mut key) = secp256k1::SecretKey::from_slice(bytes.as_slice()) {
            key.non_secure_erase();
            return SecretKey::new(bytes);
        }
    }
}

/// Reads 64 hexadecimal digits from a private file or from stdin.
fn read_secret(from: Option<&Path>) -> Result<SecretKey, CommandError> {
    const LENGTH: usize = 64;
    let mut text = Zeroizing::new(String::with_capacity(2 * LENGTH));
    let refused = |message: &str| {
        CommandError::new(
            Exit::Usage,
            "invalid-secret-key",
            format!("the secret key {message}"),
        )
        .with_hint("it is 64 hexadecimal digits")
    };
    let limit = u64::try_from(2 * LENGTH).unwrap_or(u64::MAX);
    let unreadable = |error: io::Error| refused(&format!("cannot be read: {error}"));
    let read = match from {
        Some(path) => {
            let file = File::open(path).map_err(unreadable)?;
            check_private(path, file.metadata().map_err(unreadable)?.mode())?;
            file.take(limit).read_to_string(&mut text)
        }
        None => io::stdin().lock().take(limit).read_to_string(&mut text),
    };
    read.map_err(unreadable)?;
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim(), bytes.as_mut_slice())
        .map_err(|_| refused("is not 64 hexadecimal digits"))?;
    Ok(SecretKey::new(bytes))
}

/// Refuses a file with a secret that others than its owner can read.
fn check_private(path: &Path, mode: u32) -> Result<(), CommandError> {
    if mode & 0o077 != 0 {
        let message = format!(
            "others can read the secret key in {}: its mode is {:04o}",
            path.display(),
            mode & 0o7777
        );
        return Err(
            CommandError::new(Exit::Refused, "secret-not-private", message)
                .with_hint("run `chmod 600` on it, and ask yourself who has read it"),
        );
    }
    Ok(())
}
