//! A staker at work: files, nodes and, where something is signed, keys.

use std::io;
use std::path::Path;

use bitcoin::{FeeRate, Txid};
use bitcoin_source::{BitcoinSource as _, Bitcoind};
use chain::Account;
use chain::babylon::AccountKey;
use chain::mesh::Mesh;
use daemon::output::{CommandError, Exit};
use daemon::program::Context;
use daemon::progress::Progress;
use keystore::PassphraseSource;
use staking::proof_of_possession::AccountAddress;
use wallet::{SyncSummary, Wallet, WalletError};

use crate::config::Config;
use crate::error::Error;
use crate::home::Home;
use crate::journal::{Entry, StakeRecord};
use crate::ledger::{self, Ledger, Owner};
use crate::nodes::Nodes;
use crate::restake::{PartnerChains, RestakeError};
use crate::seed::{Identity, Keys, Networks, SeedError, SeedFile};

/// Configuration and files of one home.
#[derive(Debug, Clone)]
pub struct Staker {
    /// Where everything is.
    pub home: Home,
    /// The configuration, paths resolved.
    pub config: Config,
    /// Lines of progress for people who watch.
    pub progress: Progress,
}

/// A staker whose seed is there and whose nodes answered; locked until [`Self::keys`] are there.
#[derive(Clone)]
pub struct Connected {
    /// Configuration and files.
    pub staker: Staker,
    /// Whose stakes these are.
    pub identity: Identity,
    /// Bitcoin's node and the hub's.
    pub nodes: Nodes,
    /// The partner chains of the configuration.
    pub partners: PartnerChains,
    /// The unlocked seed; `None` where nothing is signed.
    pub keys: Option<Keys>,
}

impl Staker {
    /// Reads the configuration and makes sure that the directories are there.
    pub fn of(context: &Context) -> Result<Self, CommandError> {
        let home = context.home()?.to_owned();
        let config: Config = context.config()?;
        let staker = Self {
            config: config.below(&home),
            home: Home::new(home),
            progress: context.progress().clone(),
        };
        staker
            .home
            .create()
            .map_err(|error| not_created(staker.home.path(), &error))?;
        Ok(staker)
    }

    /// Brings the wallet up to date with the Bitcoin node.
    pub async fn sync(
        &self,
        wallet: &mut Wallet,
        bitcoin: &Bitcoind,
    ) -> Result<SyncSummary, Error> {
        let from = wallet.tip().height.max(wallet.birthday());
        let bar = self.progress.bar(0, "reading blocks");
        let summary = wallet
            .sync(&bitcoin.rpc_client(), |progress| {
                bar.set_length(progress.target.0.saturating_sub(from.0).into());
                bar.set_position(progress.height.0.saturating_sub(from.0).into());
            })
            .await?;
        bar.finish_and_clear();
        Ok(summary)
    }

    /// For which networks keys are derived.
    pub fn networks(&self) -> Networks<'_> {
        Networks {
            bitcoin: self.config.bitcoin.network,
            account_prefix: self.config.account_prefix(),
        }
    }

    /// Which ledger is its.
    pub fn owner(&self) -> Owner<'_> {
        Owner {
            network: self.config.bitcoin.network,
            chain_id: self.config.babylon_id(),
            fee_limit: self.config.fee_limit(),
        }
    }

    /// Opens wallet and journal.
    pub async fn ledger(&self) -> Result<Ledger, Error> {
        Ok(Ledger::open(&self.home, self.owner()).await?)
    }

    /// Writes a stake down, durably: one without a hub into its record first, since nothing else leads to it.
    pub fn write_down(&self, ledger: &Ledger, entry: &Entry) -> Result<(), Error> {
        if entry.hubless.is_some() {
            StakeRecord::open(&self.home)?.put(entry)?;
        }
        Ok(ledger.journal.put(entry)?)
    }

    /// One stake of the journal.
    pub async fn entry(&self, txid: Txid) -> Result<Option<Entry>, Error> {
        Ok(ledger::entry(&self.home, self.owner(), txid).await?)
    }

    /// All stakes of the journal.
    pub async fn entries(&self) -> Result<Vec<Entry>, Error> {
        Ok(ledger::entries(&self.home, self.owner()).await?)
    }

    /// Where the passphrase comes from: what the command line says, or the configuration.
    pub fn passphrase_source(&self, asked_for: Option<&PassphraseSource>) -> PassphraseSource {
        asked_for.unwrap_or(&self.config.keys.passphrase).clone()
    }

    /// Whose seed is in this home, without unlocking it.
    pub fn identity(&self) -> Result<Identity, Error> {
        let Identity { staker, account } =
            SeedFile::open(&self.home.seed_file())?.identity().clone();
        // As this configuration spells it; the file was written under another one, perhaps.
        let account = AccountAddress::new(self.config.account_prefix(), account.bytes())
            .map_err(SeedError::from)?;
        Ok(Identity { staker, account })
    }

    /// Unlocks the seed with the passphrase from `source`.
    pub fn unlock(&self, source: &PassphraseSource) -> Result<Keys, Error> {
        Ok(SeedFile::open(&self.home.seed_file())?.unlock(source, self.networks())?)
    }

    /// Connects to the nodes to look at the stakes of this home.
    pub async fn watch(&self) -> Result<Connected, Error> {
        let identity = self.identity()?;
        let account = Account::Watched(identity.account.clone());
        let nodes = Nodes::connect(&self.config, account).await?;
        Ok(Connected {
            staker: self.clone(),
            identity,
            nodes,
            partners: PartnerChains::watched(self.config.chains.clone()),
            keys: None,
        })
    }

    /// Connects to the nodes with unlocked keys, to make stakes.
    pub async fn connect(&self, keys: Keys) -> Result<Connected, Error> {
        let account: AccountKey = keys.account_key()?;
        let nodes = Nodes::connect(&self.config, Account::Unlocked(account)).await?;
        let identity = keys.identity().clone();
        Ok(Connected {
            staker: self.clone(),
            identity,
            nodes,
            partners: PartnerChains::told_by(self.config.chains.clone(), keys.clone()),
            keys: Some(keys),
        })
    }

    /// Connects to a partner chain of the configuration, to ask it something.
    pub async fn partner(&self, name: &str) -> Result<Mesh, Error> {
        let mut chains = self.config.chains.iter();
        let config = chains
            .find(|config| config.name == name)
            .ok_or_else(|| RestakeError::UnknownChain(name.to_owned()))?;
        Ok(Mesh::watch(config.clone()).await?)
    }

    /// Connects to the nodes to ask about the hub; a home without a seed will do.
    pub async fn ask(&self) -> Result<Nodes, Error> {
        let account = match self.identity() {
            Ok(identity) => identity.account,
            Err(_) => AccountAddress::new(self.networks().account_prefix, &[0; 20])
                .map_err(SeedError::from)?,
        };
        Ok(Nodes::connect(&self.config, Account::Watched(account)).await?)
    }
}

impl Connected {
    /// Brings the wallet up to date with the Bitcoin node.
    pub async fn sync(&self, wallet: &mut Wallet) -> Result<SyncSummary, Error> {
        self.staker.sync(wallet, &self.nodes.bitcoin).await
    }

    /// The fee rate that was asked for, or what the node estimates for the configured target.
    pub async fn fee_rate(&self, asked_for: Option<FeeRate>) -> Result<FeeRate, Error> {
        if let Some(rate) = asked_for {
            return Ok(rate);
        }
        let target = self.staker.config.staking.fee_target_blocks;
        Ok(self.nodes.bitcoin.fee_rate(target).await?.rate)
    }

    /// The unlocked seed.
    ///
    /// # Errors
    ///
    /// Fails where the command did not unlock it.
    pub fn keys(&self) -> Result<&Keys, Error> {
        self.keys.as_ref().ok_or_else(|| WalletError::Locked.into())
    }
}

pub(crate) fn not_created(path: &Path, error: &io::Error) -> CommandError {
    CommandError::new(
        Exit::Failed,
        "home-not-created",
        format!(
            "directories below {} cannot be created: {error}",
            path.display()
        ),
    )
}
