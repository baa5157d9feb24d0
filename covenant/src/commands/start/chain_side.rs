//! What the chain lists: connecting, checking, serving.

use std::sync::{Arc, OnceLock};

use bitcoin_source::{BitcoinSource, Bitcoind};
use chain::Chain;
use chain::babylon::{AccountKey, Config as BabylonConfig};
use daemon::output::{CommandError, Exit};
use daemon::parked::ParkedDirectory;
use daemon::readiness::Dependency;
use daemon::service::Service as Daemon;
use tokio_util::sync::CancellationToken;

use super::{mismatch, pause};
use crate::cli::Passphrases;
use crate::commands::{chain as connection, failure, unlock};
use crate::config::Config;
use crate::home::Home;
use crate::service::{Health, Memory, Service};
use crate::signer::{ConnectedChain, CovenantSigner, Identity};
use crate::startup::{self, CheckError};

/// The chain and the account that pays there, once unlocked.
pub(super) struct Account {
    babylon: BabylonConfig,
    key: AccountKey,
}

/// Unlocks the account, where there is a chain.
pub(super) fn account(
    config: &Config,
    home: &Home,
    passphrases: &Passphrases,
) -> Result<Option<Account>, CommandError> {
    let Some(babylon) = &config.babylon else {
        return Ok(None);
    };
    let source = passphrases.account_passphrase_source.as_ref();
    Ok(Some(Account {
        babylon: babylon.clone(),
        key: unlock::account_key(home, &config.account, source)?,
    }))
}

/// Everything that serving a chain needs, before its node answers.
pub(super) struct ChainSide {
    account: Account,
    memory: Memory,
    health: Health,
    /// Looked at when the service starts only.
    bitcoin: Option<(Bitcoind, Dependency)>,
    running: Arc<OnceLock<Arc<Service>>>,
}

impl ChainSide {
    pub(super) fn new(
        account: Account,
        config: &Config,
        home: &Home,
        daemon: &Daemon,
        signer: &Dependency,
    ) -> Result<Self, CommandError> {
        let parked = ParkedDirectory::open(&home.parked())
            .map_err(|error| failure::file("the parked delegations", &error))?;
        let bitcoin = config
            .bitcoin
            .as_ref()
            .map(Bitcoind::new)
            .transpose()
            .map_err(|error| {
                CommandError::caused_by(Exit::Configuration, "config-invalid", &error)
            })?
            .map(|node| (node, daemon.dependency("bitcoin")));
        Ok(Self {
            account,
            memory: Memory::new(parked),
            health: Health {
                chain: daemon.dependency("chain"),
                signer: signer.clone(),
                account: daemon.dependency("account"),
            },
            bitcoin,
            running: Arc::default(),
        })
    }

    /// Where the service is, once it runs.
    pub(super) fn running(&self) -> Arc<OnceLock<Arc<Service>>> {
        Arc::clone(&self.running)
    }

    /// Serves until `stop` is cancelled; `connected` is told of the node.
    pub(super) async fn run(
        self,
        signer: Arc<dyn CovenantSigner>,
        identity: Identity,
        config: &Config,
        connected: &ConnectedChain,
        stop: &CancellationToken,
    ) -> Result<(), CommandError> {
        let Account { babylon, key } = &self.account;
        let answered = connection::connect(babylon, key, &self.health.chain, stop).await?;
        let Some(chain) = answered else {
            return Ok(());
        };
        // Nobody else sets it.
        let _ = connected.set(Arc::clone(&chain));
        if !self.check(chain.as_ref(), identity, config, stop).await? {
            return Ok(());
        }
        tracing::info!(key = %identity.key, chain = chain.chain_id(), account = chain.account(), "serving");
        let pace = config.service.pace();
        let service = Service::new(chain, signer, identity, pace, self.memory, self.health);
        // Nobody else sets it.
        let _ = self.running.set(Arc::clone(&service));
        service.run(stop.clone()).await;
        Ok(())
    }

    /// Makes the checks of [`startup`] as soon as everybody answers; `false` where the service stops before.
    async fn check(
        &self,
        chain: &dyn Chain,
        identity: Identity,
        config: &Config,
        stop: &CancellationToken,
    ) -> Result<bool, CommandError> {
        let source = self
            .bitcoin
            .as_ref()
            .map(|(node, _)| node as &dyn BitcoinSource);
        let mut failures = 0_u32;
        loop {
            match startup::check(chain, identity.key, config.bitcoin_network, source).await {
                Ok(()) => {
                    self.health.chain.ok();
                    self.bitcoin.iter().for_each(|(_, health)| health.ok());
                    return Ok(true);
                }
                Err(CheckError::Mismatch(error)) => return Err(mismatch(&error)),
                Err(CheckError::Chain(error)) => self.health.chain.degraded(error.to_string()),
                Err(CheckError::Bitcoin(error)) => {
                    let reason = error.to_string();
                    self.bitcoin
                        .iter()
                        .for_each(|(_, health)| health.degraded(reason.as_str()));
                }
            }
            failures = failures.saturating_add(1);
            if !pause(failures, stop).await {
                return Ok(false);
            }
        }
    }
}
