//! Bringing providers to work, each on its own: what is wrong with one keeps no other from starting.
//!
//! Keys are unlocked once; then the chain is asked, again and again while it does not answer. What waiting cannot heal
//! (a wrong passphrase, a missing signing record) takes that provider out, and the service ends only where it takes
//! out all of them.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chain::{Chain, ChainError, SecuredChain};
use daemon::output::{CommandError, Exit};
use daemon::service::Service;
use eots::SecretKey;
use keystore::Passphrase;
use staking::keys::FinalityProviderKey;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tracing::{Instrument, info_span};

use crate::config::{Config, ProviderConfig};
use crate::keys::eots_key;
use crate::provider::{Next, Worker, repeat};
use crate::record::{OnChain, SigningRecord, UnknownVotes};
use crate::signer::Embedded;

/// What all providers of a process start with.
pub struct Setting {
    /// The configuration.
    pub config: Config,
    /// The home directory.
    pub home: PathBuf,
    passphrase: Arc<Passphrase>,
    /// Unlocking takes much memory on purpose, so one key at a time.
    turn: Semaphore,
}

/// The signers of this process, in the order of `chains`; all write to the record of `home`.
pub fn embedded(home: &Path, chains: &[SecuredChain]) -> Result<Vec<Embedded>, CommandError> {
    let mut first: Option<SigningRecord> = None;
    let mut signers = Vec::new();
    for chain in chains {
        let record = match &first {
            Some(first) => first.beside(chain.domain())?,
            None => SigningRecord::open(home, chain.domain())?,
        };
        signers.push(Embedded::new(record.beside(chain.domain())?));
        first.get_or_insert(record);
    }
    Ok(signers)
}

/// What logs, `/ready` and metrics call something on a chain: by its own name on Babylon, else `name@chain`.
pub fn seat(name: &str, chain: &SecuredChain) -> String {
    match chain {
        SecuredChain::Babylon(_) => name.to_owned(),
        SecuredChain::Partner(config) => format!("{name}@{}", config.name),
    }
}

/// Why a provider is not at work yet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The chain did not answer; asking again may help.
    #[error(transparent)]
    Chain(ChainError),
    /// Asking again does not help.
    #[error(transparent)]
    Refused(#[from] CommandError),
}

impl From<ChainError> for StartError {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::WrongChain { .. }
            | ChainError::OtherInstance { .. }
            | ChainError::InvalidMessage { .. } => Self::Refused(error.into()),
            error => Self::Chain(error),
        }
    }
}

impl Setting {
    /// Key files open with `passphrase`.
    pub fn new(config: Config, home: &Path, passphrase: Passphrase) -> Arc<Self> {
        Arc::new(Self {
            config,
            home: home.to_owned(),
            passphrase: Arc::new(passphrase),
            turn: Semaphore::new(1),
        })
    }

    /// The providers to start.
    ///
    /// # Errors
    ///
    /// Refuses a configuration without any.
    pub fn enabled(&self) -> Result<Vec<ProviderConfig>, CommandError> {
        let enabled: Vec<_> = self
            .config
            .providers
            .iter()
            .filter(|provider| provider.enabled)
            .cloned()
            .collect();
        if enabled.is_empty() {
            return Err(CommandError::new(
                Exit::Configuration,
                "no-provider",
                "the configuration has no enabled [[provider]]: there is nothing to do",
            )
            .with_hint(
                "add [[provider]] name = \"main\", then `finality-provider keys new --name main`",
            ));
        }
        Ok(enabled)
    }

    /// Unlocks a key file.
    pub async fn unlock<T: Send + 'static>(
        &self,
        open: impl FnOnce(&Passphrase) -> Result<T, CommandError> + Send + 'static,
    ) -> Result<T, CommandError> {
        // The semaphore is never closed, so only a permit comes.
        let _turn = self.turn.acquire().await;
        let passphrase = Arc::clone(&self.passphrase);
        spawn_blocking(move || open(&passphrase))
            .await
            .map_err(|error| {
                let message = format!("a key file could not be unlocked: {error}");
                CommandError::new(Exit::Failed, "key-unusable", message)
            })?
    }
}

/// An EOTS key on its way into the signer of this process for one chain.
pub struct Admission {
    setting: Arc<Setting>,
    entry: ProviderConfig,
    signer: Embedded,
    unknown: UnknownVotes,
    unlocked: Option<(FinalityProviderKey, SecretKey)>,
}

impl Admission {
    /// Of the key of `entry` into `signer`.
    pub fn new(
        setting: Arc<Setting>,
        entry: ProviderConfig,
        signer: Embedded,
        unknown: UnknownVotes,
    ) -> Self {
        Self {
            setting,
            entry,
            signer,
            unknown,
            unlocked: None,
        }
    }

    /// Unlocks the key, and has it signing if record and chain allow it.
    pub async fn admit(&mut self, chain: &dyn Chain) -> Result<FinalityProviderKey, StartError> {
        let (key, secret) = self.unlock().await?;
        let tip = chain.signable_height().await?;
        let known = chain.finality_provider(&key).await?;
        let on_chain = OnChain {
            tip,
            voted: known.and_then(|known| known.highest_voted_height),
        };
        let admitted = self.signer.admit(key, secret, on_chain, self.unknown).await;
        admitted.map_err(CommandError::from)?;
        Ok(key)
    }

    async fn unlock(&mut self) -> Result<(FinalityProviderKey, SecretKey), CommandError> {
        if let Some(unlocked) = &self.unlocked {
            return Ok(unlocked.clone());
        }
        let (entry, home) = (self.entry.clone(), self.setting.home.clone());
        let open = move |passphrase: &Passphrase| eots_key(&entry, &home, passphrase);
        let unlocked = self.setting.unlock(open).await?;
        Ok(self.unlocked.insert(unlocked).clone())
    }
}

/// Hears which providers cannot be started.
#[derive(Debug, Clone)]
pub struct Refusals(mpsc::UnboundedSender<CommandError>);

impl Refusals {
    /// Ends the service once all its `providers` have been refused, with the reason of the first.
    pub fn watch(service: &Service, providers: usize) -> Self {
        let (sender, mut refused) = mpsc::unbounded_channel();
        service.spawn_essential("providers", move |stop| async move {
            let mut first = None;
            for _ in 0..providers {
                let next = stop.run_until_cancelled(refused.recv()).await;
                // As long as one provider works, its sender or the stop keeps this waiting.
                let Some(Some(error)) = next else {
                    return Ok(());
                };
                first.get_or_insert(error);
            }
            first.map_or(Ok(()), Err)
        });
        Self(sender)
    }

    /// What follows an attempt to start.
    pub fn next(&self, attempt: Result<(), StartError>) -> Result<Next, ChainError> {
        match attempt {
            Ok(()) => Ok(Next::End(None)),
            Err(StartError::Chain(error)) => Err(error),
            Err(StartError::Refused(error)) => {
                tracing::error!(
                    code = error.code,
                    reason = error.message,
                    hint = error.hint,
                    "not started"
                );
                let reason = error.message.clone();
                // Nobody listens any more where the service is stopping.
                let _ = self.0.send(error);
                Ok(Next::End(Some(reason)))
            }
        }
    }
}

/// Starts a provider; the service is not ready until it is at work.
pub fn spawn<W: Worker>(service: &Service, provider: &str, mut start: W) {
    let health = service.dependency(provider);
    let span = info_span!("provider", name = provider);
    service.spawn_essential(format!("{provider} start"), move |stop| {
        let starting = async move {
            repeat(&mut start, &health, &stop).await;
            Ok::<_, Infallible>(())
        };
        starting.instrument(span)
    });
}
