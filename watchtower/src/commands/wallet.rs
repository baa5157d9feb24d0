//! `wallet …`: the seed, the wallet that pays for checkpoints and the account that reports.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read as _, stdin};

use bitcoin::Amount;
use bitcoin_source::{BitcoinSource as _, Bitcoind};
use chain::SecuredChain;
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use keystore::Seed;
use serde::Serialize;
use serde_json::Value;
use staking::proof_of_possession::AccountAddress;
use staking::units::BitcoinHeight;
use zeroize::Zeroizing;

use super::{no_address, not_made, setting, source, unlock};
use crate::checkpoints::purse::{self, Purse, wallet_error};
use crate::cli::{PassphraseOptions, WalletCommand};
use crate::config::Config;
use crate::home::Home;
use crate::keys;
use crate::store;

/// Longest text that can hold 24 words.
const MOST_BYTES: u64 = 1024;

#[derive(Serialize)]
struct Made {
    account: String,
    #[serde(flatten)]
    partners: Partners,
    address: String,
    /// Shown once, where the seed is new.
    words: Option<String>,
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(words) = &self.words {
            writeln!(f, "write these words down, they are not shown again:\n")?;
            writeln!(f, "  {words}\n")?;
        }
        writeln!(f, "wallet   {}", self.address)?;
        write!(f, "account  {}{}", self.account, self.partners)
    }
}

/// The account's addresses on partner chains.
#[derive(Serialize)]
struct Partners {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    accounts: BTreeMap<String, String>,
}

impl fmt::Display for Partners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accounts = &mut self.accounts.iter();
        accounts.try_for_each(|(chain, account)| write!(f, "\naccount  {account} on {chain}"))
    }
}

#[derive(Serialize)]
struct Addresses {
    address: String,
    account: String,
    #[serde(flatten)]
    partners: Partners,
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "wallet   {}", self.address)?;
        write!(f, "account  {}{}", self.account, self.partners)
    }
}

#[derive(Serialize)]
struct Coins {
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    spendable: Amount,
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    balance: Amount,
}

impl fmt::Display for Coins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to spend, {} in all", self.spendable, self.balance)
    }
}

/// Carries out one `wallet` command.
pub async fn run(context: &Context, command: WalletCommand) -> Result<Answer, CommandError> {
    let (config, home) = setting(context)?;
    home.create()
        .map_err(|error| not_made(&home.path().display().to_string(), &error))?;
    match command {
        WalletCommand::New { passphrase } => {
            // Asked before anything is made: a new wallet has no coins below this height.
            let birthday = Bitcoind::connect(&config.bitcoin)
                .await?
                .tip()
                .await?
                .height;
            let seed = Seed::generate();
            let words = seed.expose().to_string();
            make(&config, &home, &seed, birthday, &passphrase, Some(words))
        }
        WalletCommand::Restore { passphrase } => {
            let seed = read_words()?;
            make(&config, &home, &seed, BitcoinHeight(0), &passphrase, None)
        }
        WalletCommand::Address { passphrase } => {
            let account = keys::account_address(&home)?;
            let partners = partners(&config, &account)?;
            let answer = |address| Addresses {
                address,
                account,
                partners,
            };
            if let Some(status) = running(&config).await?
                && let Some(address) = status["checkpoints"]["address"].as_str()
            {
                let address = address.to_owned();
                return Ok(answer(address).into());
            }
            let address = open(&config, &home, &passphrase)?
                .address()
                .map_err(wallet_error)?
                .to_string();
            Ok(answer(address).into())
        }
        WalletCommand::Balance { passphrase } => {
            if let Some(status) = running(&config).await? {
                let satoshi =
                    |field: &str| status["checkpoints"][field].as_u64().map(Amount::from_sat);
                if let (Some(spendable), Some(balance)) = (satoshi("spendable"), satoshi("balance"))
                {
                    return Ok(Coins { spendable, balance }.into());
                }
            }
            let mut purse = open(&config, &home, &passphrase)?;
            let node = Bitcoind::connect(&config.bitcoin).await?;
            purse.sync(&node.rpc_client()).await.map_err(wallet_error)?;
            let (spendable, balance) = purse.balance();
            Ok(Coins { spendable, balance }.into())
        }
    }
}

fn make(
    config: &Config,
    home: &Home,
    seed: &Seed,
    birthday: BitcoinHeight,
    options: &PassphraseOptions,
    words: Option<String>,
) -> Result<Answer, CommandError> {
    let key = keys::account_key(seed)?;
    let chains = config.secured_chains();
    let first = chains
        .first()
        .ok_or_else(|| CommandError::new(Exit::Configuration, "no-chain", "no chain is served"))?;
    let account = first
        .address(&key)
        .map_err(|error| no_address(&error))?
        .text()
        .to_owned();
    keys::create(home, seed, &account, &source(config, options))?;
    let database = store::open(&home.state())?;
    let mut purse = Purse::create(&database, seed, config.bitcoin.network, birthday)?;
    Ok(Made {
        partners: partners(config, &account)?,
        account,
        address: purse.address().map_err(wallet_error)?.to_string(),
        words,
    }
    .into())
}

/// The addresses on partner chains of the account that is `account` on the first chain.
fn partners(config: &Config, account: &str) -> Result<Partners, CommandError> {
    let account: AccountAddress = account
        .parse()
        .map_err(|error| CommandError::caused_by(Exit::Failed, "key-unusable", &error))?;
    let chains = config.secured_chains();
    let partners = chains
        .iter()
        .filter(|chain| matches!(chain, SecuredChain::Partner(_)));
    let accounts = partners
        .map(|chain| {
            let address = chain
                .same_address(&account)
                .map_err(|error| no_address(&error))?;
            Ok((chain.name().to_owned(), address.text().to_owned()))
        })
        .collect::<Result<_, CommandError>>()?;
    Ok(Partners { accounts })
}

/// The wallet of a watchtower that does not run.
fn open(config: &Config, home: &Home, options: &PassphraseOptions) -> Result<Purse, CommandError> {
    let seed = unlock(config, home, options)?;
    let database = store::open(&home.state())?;
    Ok(purse::open(&database, &seed, config.bitcoin.network)?)
}

/// What the running watchtower shows; it alone can use the wallet while it runs.
async fn running(config: &Config) -> Result<Option<Value>, CommandError> {
    daemon::status::ask(config.http.listen).await
}

/// Reads the words of a seed; what they are never appears in an error.
fn read_words() -> Result<Seed, CommandError> {
    let mut words = Zeroizing::new(String::new());
    stdin()
        .lock()
        .take(MOST_BYTES)
        .read_to_string(&mut words)
        .map_err(|error| CommandError::caused_by(Exit::Failed, "words-not-read", &error))?;
    Ok(Seed::from_phrase(words.trim())?)
}
