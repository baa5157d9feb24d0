//! One module for each command.

pub mod init;
pub mod slash;
pub mod start;
pub mod status;
pub mod wallet;

use chain::SecuredChain;
use daemon::output::{CommandError, Exit};
use daemon::program::Context;
use keystore::{PassphraseSource, Seed};
use staking::proof_of_possession::{AccountAddress, AccountAddressError};

use crate::cli::PassphraseOptions;
use crate::config::Config;
use crate::home::Home;
use crate::keys;
use crate::store::StoreError;

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        Self::caused_by(Exit::Failed, "store", &error)
    }
}

/// The configuration, with paths below the home, and the home.
fn setting(context: &Context) -> Result<(Config, Home), CommandError> {
    let home = Home::new(context.home()?);
    let config: Config = context.config()?;
    Ok((config.below(home.path()), home))
}

/// Where the passphrase comes from: the option, or else the configuration.
fn source(config: &Config, options: &PassphraseOptions) -> PassphraseSource {
    options
        .passphrase_source
        .clone()
        .unwrap_or_else(|| config.keys.passphrase.clone())
}

/// Unlocks the seed.
fn unlock(config: &Config, home: &Home, options: &PassphraseOptions) -> Result<Seed, CommandError> {
    keys::unlock(home, &source(config, options))
}

/// The seed's account on a chain, to ask questions with; where there is no seed yet, nobody's.
fn watched_account(secured: &SecuredChain, home: &Home) -> Result<AccountAddress, CommandError> {
    if let Ok(address) = keys::account_address(home)
        && let Ok(address) = address.parse::<AccountAddress>()
    {
        return secured
            .same_address(&address)
            .map_err(|error| no_address(&error));
    }
    secured.nobody().map_err(|error| no_address(&error))
}

/// A chain's prefix is one that no address can have.
fn no_address(error: &AccountAddressError) -> CommandError {
    CommandError::caused_by(Exit::Configuration, "config-invalid", error)
}

fn not_made(what: &str, error: &std::io::Error) -> CommandError {
    CommandError::new(
        Exit::Failed,
        "directory-not-created",
        format!("{what} cannot be created: {error}"),
    )
}
