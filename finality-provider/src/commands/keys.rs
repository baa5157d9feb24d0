//! `keys …`.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, stdin};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use eots::SecretKey;
use keystore::KeyFile;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::KeysCommand;
use crate::config::{Config, ProviderConfig};
use crate::keys::{check_absent, create, new_passphrase, provider, public_key, random_secret};

/// Longest file that can hold 64 hex digits and some white space.
const MOST_BYTES: usize = 1024;

#[derive(Serialize)]
struct Keys {
    name: String,
    public_key: String,
    account: String,
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.name)?;
        writeln!(f, "  public key  {}", self.public_key)?;
        write!(f, "  account     {}", self.account)
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct KeyList(Vec<Keys>);

impl fmt::Display for KeyList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no providers: add a [[provider]] to the configuration");
        }
        self.0.iter().try_for_each(|keys| writeln!(f, "{keys}"))
    }
}

/// Carries out one `keys` command.
pub fn run(context: &Context, command: KeysCommand) -> Result<Answer, CommandError> {
    let config: Config = context.config()?;
    let home = context.home()?;
    match command {
        KeysCommand::New { name } => {
            let secret =
                SecretKey::from_bytes(&random_secret()).map_err(|error| unusable(&error))?;
            make(&config, &name, home, &secret)
        }
        KeysCommand::Import { name, secret_file } => {
            let secret = read_secret(&secret_file)?;
            make(&config, &name, home, &secret)
        }
        KeysCommand::Show { name } => Ok(show(provider(&config, &name)?, home)?.into()),
        KeysCommand::List => {
            let keys: Result<Vec<_>, _> = config
                .providers
                .iter()
                .map(|provider| show(provider, home))
                .collect();
            Ok(KeyList(keys?).into())
        }
    }
}

fn make(
    config: &Config,
    name: &str,
    home: &Path,
    secret: &SecretKey,
) -> Result<Answer, CommandError> {
    let provider = provider(config, name)?;
    // Before anybody is asked for a passphrase.
    check_absent(&provider.key_file(home))?;
    let passphrase = new_passphrase(config)?;
    let (public, account) = create(config, provider, home, secret, &passphrase)?;
    Ok(Keys {
        name: name.to_owned(),
        public_key: public.to_string(),
        account,
    }
    .into())
}

fn show(provider: &ProviderConfig, home: &Path) -> Result<Keys, CommandError> {
    let account = KeyFile::open(&provider.account_key_file(home))?;
    Ok(Keys {
        name: provider.name.clone(),
        public_key: public_key(provider, home)?.to_string(),
        account: account.public().to_owned(),
    })
}

/// Reads 64 hex digits; what they are never appears in an error.
fn read_secret(path: &Path) -> Result<SecretKey, CommandError> {
    // Reserved at once: growing would leave copies behind that nobody wipes.
    let mut text = Zeroizing::new(String::with_capacity(2 * MOST_BYTES));
    let most = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX);
    let read = if path == Path::new("-") {
        stdin().lock().take(most).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| {
            let mode = file.metadata()?.permissions().mode() & 0o7777;
            if mode & 0o077 != 0 {
                let problem =
                    format!("its mode is {mode:04o}, so others may have read it; make it 0600");
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, problem));
            }
            file.take(most).read_to_string(&mut text)
        })
    };
    read.map_err(|error| {
        let message = format!("{} cannot be read: {error}", path.display());
        let exit = match error.kind() {
            io::ErrorKind::PermissionDenied => Exit::Refused,
            _ => Exit::Failed,
        };
        CommandError::new(exit, "secret-not-read", message)
    })?;
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim(), bytes.as_mut_slice()).map_err(|_| {
        let message = format!("{} does not hold 64 hex digits", path.display());
        CommandError::new(Exit::Failed, "secret-malformed", message)
    })?;
    SecretKey::from_bytes(&bytes).map_err(|error| unusable(&error))
}

fn unusable(error: &eots::InvalidSecret) -> CommandError {
    CommandError::caused_by(Exit::Failed, "key-unusable", error)
}
