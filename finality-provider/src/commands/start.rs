//! `start`: all enabled providers of the configuration, until stopped.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bitcoin_source::{Bitcoind, SourceError};
use chain::babylon::AccountKey;
use chain::{Account, Chain, ChainError, Connected, SecuredChain};
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use daemon::readiness::Dependency;
use daemon::service::Service;
use daemon::supervisor::Supervisor;
use keystore::Passphrase;
use staking::keys::FinalityProviderKey;
use tracing::info_span;

use super::remote_signer;
use crate::cli::StartOptions;
use crate::config::{Config, ProviderConfig};
use crate::keys::{account_key, passphrase, public_key};
use crate::metrics::{METRICS, register};
use crate::provider::{
    Committer, Concern, Next, Provider, StatusCell, Voter, Worker, spawn as spawn_worker,
};
use crate::record::UnknownVotes;
use crate::reporting::{Reporting, Seat};
use crate::signer::{Embedded, EotsSigner};
use crate::startup::{Admission, Refusals, Setting, StartError, embedded, seat, spawn};
use crate::tables::{Auditor, Verdicts};
use crate::upkeep;

/// Runs the providers, each in tasks of its own for each chain: what fails there is retried there and touches no other.
pub async fn run(context: &Context, options: StartOptions) -> Result<Answer, CommandError> {
    let config: Config = context.config()?;
    let home = context.home()?;
    let unknown = UnknownVotes::from(options.record);
    if config.signer.endpoint.is_some() && unknown == UnknownVotes::AdoptChainWatermark {
        return Err(CommandError::new(
            Exit::Usage,
            "record-elsewhere",
            "--adopt-chain-watermark is about the signing record, which `signer.endpoint` puts into another process",
        )
        .with_hint("give it to `finality-provider signer`"));
    }
    let passphrase = passphrase(&config)?;
    let setting = Setting::new(config, home, passphrase);
    let entries = setting.enabled()?;
    let config = &setting.config;

    let service = Service::start(context, &config.log, &config.http, METRICS).await?;
    let chains = config.secured_chains();
    let holders = holders(config, home, &chains)?;
    let refusals = Refusals::watch(&service, entries.len() * chains.len());
    let bitcoin = own_bitcoin(config, home)?;
    let reported_by = bitcoin.as_ref().filter(|_| config.reporting.enabled);
    let reporting = reported_by
        .map(|(node, _)| Reporting::begin(&service, Arc::clone(node), &config.reporting, home));
    let mut statuses = Vec::new();
    for (chain, holder) in chains.iter().zip(holders) {
        if let Holder::Here(signer) = &holder {
            upkeep::start(&service, &setting, chain, signer.clone());
        }
        let tables = Verdicts::default();
        let mut seats = Vec::new();
        for entry in &entries {
            let name = seat(&entry.name, chain);
            register(&name);
            let key = public_key(entry, home).ok();
            let status = StatusCell::new(&name, key.map(|key| key.to_string()));
            statuses.push(status.clone());
            seats.push(status.clone());
            let source = match &holder {
                Holder::Elsewhere(signer) => Source::Elsewhere(Arc::clone(signer)),
                Holder::Here(signer) => {
                    let setting = Arc::clone(&setting);
                    let admission = Admission::new(setting, entry.clone(), signer.clone(), unknown);
                    Source::Here(Box::new(admission), signer.clone())
                }
            };
            let start = Start {
                setting: Arc::clone(&setting),
                chain: chain.clone(),
                source,
                account: None,
                refusals: refusals.clone(),
                tables: tables.clone(),
                status,
                supervisor: service.supervisor().clone(),
                randomness: service.dependency(format!("{name} randomness")),
                votes: service.dependency(format!("{name} votes")),
                reporting: reporting.clone().map(|reporting| {
                    let health = service.dependency(format!("{name} reporting"));
                    (reporting, health)
                }),
                name: name.clone(),
                entry: entry.clone(),
            };
            spawn(&service, &name, start);
        }
        if let (SecuredChain::Partner(chain), Some((node, interval))) = (chain, &bitcoin) {
            let node = Arc::clone(node);
            let auditor = Auditor::new(chain.clone(), node, *interval, tables, seats);
            audit_tables(&service, &chain.name, auditor);
        }
    }
    service.show_status(move || statuses.iter().map(StatusCell::get).collect::<Vec<_>>());
    service.run().await
}

/// The Bitcoin node that partner chains are compared with and reported by, and how often to look for a new block; `None`
/// where there are no such chains.
fn own_bitcoin(
    config: &Config,
    home: &Path,
) -> Result<Option<(Arc<Bitcoind>, Duration)>, CommandError> {
    let bitcoin = config.bitcoin_below(home);
    let Some(bitcoin) = bitcoin.filter(|_| !config.chains.is_empty()) else {
        return Ok(None);
    };
    let node = Bitcoind::new(&bitcoin).map_err(SourceError::from)?;
    Ok(Some((Arc::new(node), bitcoin.poll_interval())))
}

/// Has the tables of a partner chain compared with the own Bitcoin node.
fn audit_tables(service: &Service, chain: &str, auditor: Auditor) {
    let name = format!("tables@{chain}");
    let health = service.dependency(&name);
    let span = info_span!(parent: None, "tables", name = chain);
    spawn_worker(service.supervisor(), span, name, health, auditor);
}

/// Where the keys of all providers are that vote on one chain.
enum Holder {
    Here(Embedded),
    Elsewhere(Arc<dyn EotsSigner>),
}

/// In the order of `chains`.
fn holders(
    config: &Config,
    home: &Path,
    chains: &[SecuredChain],
) -> Result<Vec<Holder>, CommandError> {
    let Some(endpoint) = &config.signer.endpoint else {
        let signers = embedded(home, chains)?;
        return Ok(signers.into_iter().map(Holder::Here).collect());
    };
    chains
        .iter()
        .map(|chain| {
            let remote = remote_signer(chain, endpoint)?;
            Ok(Holder::Elsewhere(Arc::new(remote)))
        })
        .collect()
}

/// Where one provider's key comes from.
enum Source {
    Here(Box<Admission>, Embedded),
    Elsewhere(Arc<dyn EotsSigner>),
}

/// One provider on its way to work on one chain.
struct Start {
    setting: Arc<Setting>,
    chain: SecuredChain,
    /// What it is called there.
    name: String,
    entry: ProviderConfig,
    source: Source,
    account: Option<AccountKey>,
    refusals: Refusals,
    tables: Verdicts,
    status: StatusCell,
    supervisor: Supervisor,
    randomness: Dependency,
    votes: Dependency,
    reporting: Option<(Reporting, Dependency)>,
}

impl Start {
    async fn start(&mut self) -> Result<(), StartError> {
        let account = self.account().await?;
        let connected = self.chain.connect(Account::Unlocked(account)).await?;
        let chain = connected.chain();
        let (key, signer) = match &mut self.source {
            Source::Elsewhere(signer) => {
                let key = public_key(&self.entry, &self.setting.home)?;
                (key, Arc::clone(signer))
            }
            Source::Here(admission, signer) => {
                let key = admission.admit(&*chain).await?;
                (key, Arc::new(signer.clone()) as Arc<dyn EotsSigner>)
            }
        };
        self.work(key, chain, signer);
        self.report(key, connected);
        Ok(())
    }

    async fn account(&mut self) -> Result<AccountKey, CommandError> {
        if let Some(account) = &self.account {
            return Ok(account.clone());
        }
        let (entry, home) = (self.entry.clone(), self.setting.home.clone());
        let open = move |passphrase: &Passphrase| account_key(&entry, &home, passphrase);
        let account = self.setting.unlock(open).await?;
        Ok(self.account.insert(account).clone())
    }

    /// Reports stake besides, where that is wanted; votes do not depend on it.
    fn report(&self, provider: FinalityProviderKey, connected: Connected) {
        let Some((reporting, health)) = &self.reporting else {
            return;
        };
        let name = &self.name;
        let seat = Seat {
            name: name.clone(),
            provider,
            connected,
            status: self.status.clone(),
        };
        match reporting.reporter(seat) {
            Ok(reporter) => spawn_worker(
                &self.supervisor,
                info_span!(parent: None, "provider", name),
                format!("{name} reporting"),
                health.clone(),
                reporter,
            ),
            Err(error) => {
                health.degraded(error.message.as_str());
                self.status
                    .set_problem(Concern::Reporting, Some(error.message));
            }
        }
    }

    fn work(&self, key: FinalityProviderKey, chain: Arc<dyn Chain>, signer: Arc<dyn EotsSigner>) {
        let config = &self.setting.config;
        let name = &self.name;
        tracing::info!(finality_provider = %key, account = chain.account(), "starts to work");
        let (tables, status) = (self.tables.clone(), self.status.clone());
        let provider = Provider::new(key, chain, signer, tables, status);
        // Not inside that of the start, which ends here.
        let span = info_span!(parent: None, "provider", name);
        let randomness = &config.randomness;
        spawn_worker(
            &self.supervisor,
            span.clone(),
            format!("{name} randomness"),
            self.randomness.clone(),
            Committer::new(
                provider.clone(),
                randomness.policy(),
                randomness.check_interval(),
            ),
        );
        spawn_worker(
            &self.supervisor,
            span,
            format!("{name} votes"),
            self.votes.clone(),
            Voter::new(provider, config.voting.poll_interval()),
        );
    }
}

impl Worker for Start {
    type Error = ChainError;

    fn interval(&self) -> Duration {
        Duration::ZERO
    }

    async fn round(&mut self) -> Result<Next, ChainError> {
        let attempt = self.start().await;
        self.refusals.next(&self.name, attempt)
    }

    fn ended(&mut self, problem: Option<String>) {
        self.status.set_problem(Concern::Start, problem);
    }
}
