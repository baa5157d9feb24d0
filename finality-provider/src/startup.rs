//! Bringing providers to work, each on its own: what is wrong with one keeps no other from starting.
//!
//! Keys are unlocked once; then the chain is asked, again and again while it does not answer. What waiting cannot heal
//! (a wrong passphrase, a missing signing record) takes that provider out. A node that is another chain's may be the right one
//! again, so it is asked again while others are served. The service ends only where nothing is left that could start.

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
    /// The node is not that of the chain which the configuration names: a mistake, or a lie or a reset that may pass.
    #[error(transparent)]
    Foreign(ChainError),
    /// Asking again does not help.
    #[error(transparent)]
    Refused(#[from] CommandError),
}

impl From<ChainError> for StartError {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::WrongChain { .. } | ChainError::OtherInstance { .. } => {
                Self::Foreign(error)
            }
            ChainError::InvalidMessage { .. } => Self::Refused(error.into()),
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

/// Which providers cannot be started at present, in the order in which that was heard.
#[derive(Debug, Default)]
struct Refused(Vec<(String, CommandError)>);

impl Refused {
    /// Notes how the last attempt to start a provider went; returns why the first cannot be started where none of all
    /// `providers` can be.
    fn hear(&mut self, attempt: Attempt, providers: usize) -> Option<CommandError> {
        let Attempt { provider, refusal } = attempt;
        match refusal {
            Some(_) if self.0.iter().any(|(refused, _)| *refused == provider) => {}
            Some(error) => self.0.push((provider, error)),
            None => self.0.retain(|(refused, _)| *refused != provider),
        }
        let all = self.0.len() >= providers;
        let first = self.0.first().filter(|_| all);
        first.map(|(_, error)| error.clone())
    }
}

/// How an attempt to start a provider went: `refusal` is what only somebody else can change.
#[derive(Debug)]
struct Attempt {
    provider: String,
    refusal: Option<CommandError>,
}

/// Hears which providers cannot be started.
#[derive(Debug, Clone)]
pub struct Refusals(mpsc::UnboundedSender<Attempt>);

impl Refusals {
    /// Ends the service once none of all its `providers` can be started, with the reason of the first.
    pub fn watch(service: &Service, providers: usize) -> Self {
        let (sender, mut attempts) = mpsc::unbounded_channel();
        service.spawn_essential("providers", move |stop| async move {
            let mut refused = Refused::default();
            // Ends with the last attempt to start, or the stop.
            while let Some(Some(attempt)) = stop.run_until_cancelled(attempts.recv()).await {
                if let Some(error) = refused.hear(attempt, providers) {
                    return Err(error);
                }
            }
            Ok(())
        });
        Self(sender)
    }

    /// What follows an attempt to start a provider.
    pub fn next(
        &self,
        provider: &str,
        attempt: Result<(), StartError>,
    ) -> Result<Next, ChainError> {
        let (refusal, next) = match attempt {
            Ok(()) => (None, Ok(Next::End(None))),
            Err(StartError::Chain(error)) => (None, Err(error)),
            Err(StartError::Foreign(error)) => (Some(error.clone().into()), Err(error)),
            Err(StartError::Refused(error)) => {
                tracing::error!(
                    code = error.code,
                    reason = error.message,
                    hint = error.hint,
                    "not started"
                );
                let reason = error.message.clone();
                (Some(error), Ok(Next::End(Some(reason))))
            }
        };
        let provider = provider.to_owned();
        // Nobody listens any more where the service is stopping.
        let _ = self.0.send(Attempt { provider, refusal });
        next
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

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(chain: &str) -> StartError {
        StartError::from(ChainError::OtherInstance {
            chain: chain.to_owned(),
            expected: "01".to_owned(),
            actual: "02".to_owned(),
        })
    }

    fn unreachable() -> StartError {
        StartError::from(ChainError::Unreachable {
            endpoint: "x".to_owned(),
            reason: "it is down".to_owned(),
        })
    }

    fn passphrase() -> StartError {
        StartError::Refused(CommandError::new(Exit::Failed, "wrong-passphrase", "wrong"))
    }

    /// What follows for each provider, and why the service ends.
    fn after(
        attempts: Vec<(&str, Result<(), StartError>)>,
        providers: usize,
    ) -> (Vec<bool>, Option<String>) {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let refusals = Refusals(sender);
        let mut goes_on = Vec::new();
        for (provider, attempt) in attempts {
            goes_on.push(refusals.next(provider, attempt).is_err());
        }
        let mut refused = Refused::default();
        let mut ends = None;
        while let Ok(attempt) = receiver.try_recv() {
            ends = ends.or(refused.hear(attempt, providers));
        }
        (goes_on, ends.map(|error| error.message))
    }

    #[test]
    fn a_node_of_another_network_is_asked_again_while_others_are_served() {
        let (goes_on, ends) = after(
            vec![
                ("one@x", Ok(())),
                ("one@y", Err(foreign("y"))),
                ("one@y", Err(foreign("y"))),
                ("one@y", Ok(())),
            ],
            2,
        );
        assert_eq!((goes_on, ends), (vec![false, true, true, false], None));
        // One that does not answer may be in order when it does.
        let (goes_on, ends) = after(
            vec![("one@x", Err(unreachable())), ("one@y", Err(foreign("y")))],
            2,
        );
        assert_eq!((goes_on, ends), (vec![true, true], None));
    }

    #[test]
    fn the_service_ends_where_nothing_can_be_started() {
        let (_, ends) = after(
            vec![("one@x", Err(foreign("x"))), ("two@x", Err(passphrase()))],
            2,
        );
        let reason = ends.unwrap();
        assert!(
            reason.contains("chain `x`: the contract's domain is 02"),
            "{reason}"
        );
        // Twice the same is not two of them, and what passes is no refusal any more.
        let (_, ends) = after(
            vec![
                ("one@x", Err(foreign("x"))),
                ("one@x", Err(foreign("x"))),
                ("one@x", Err(unreachable())),
                ("one@y", Err(foreign("y"))),
            ],
            2,
        );
        assert_eq!(ends, None);
    }
}
