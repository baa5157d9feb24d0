//! `start`: the roles of the configuration, until stopped.

use chain::Chain as _;
use chain::babylon::AccountKey;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use daemon::service::Service;
use keystore::Seed;
use tokio_util::sync::CancellationToken;

use super::{address_of, not_made, setting, unlock};
use crate::attempts::Attempts;
use crate::checkpoints::{CheckpointSubmitter, purse};
use crate::cli::StartOptions;
use crate::config::{Config, Roles};
use crate::headers::HeaderReporter;
use crate::home::Home;
use crate::keys;
use crate::metrics::METRICS;
use crate::pulse::{BitcoinPulse, ChainPulse};
use crate::role::Crew;
use crate::slashing::Slasher;
use crate::stakes::{Activation, Book, Unbonding, Watch};
use crate::startup::{Account, Health, Nodes};
use crate::status::{Cell, CheckpointsStatus, HeadersStatus, SlashingStatus, StakesStatus, Status};
use crate::store;

/// The tasks, as `/ready` and the logs call them.
const BITCOIN: &str = "bitcoin";
const CHAIN: &str = "chain";
const HEADERS: &str = "headers";
const STAKES: &str = "stakes";
const ACTIVATION: &str = "activation";
const UNBONDING: &str = "unbonding";
const SLASHING: &str = "slashing";
const CHECKPOINTS: &str = "checkpoints";

/// Where the roles write how they are doing.
#[derive(Clone, Default)]
struct Board {
    headers: Cell<HeadersStatus>,
    stakes: Cell<StakesStatus>,
    checkpoints: Cell<CheckpointsStatus>,
    slashing: Cell<SlashingStatus>,
}

/// Everything that `start` has before any node answers.
struct Watchtower {
    config: Config,
    home: Home,
    seed: Seed,
    key: AccountKey,
    board: Board,
    crew: Crew,
    health: Health,
}

/// Runs the roles, each in a task of its own.
pub async fn run(context: &Context, options: StartOptions) -> Result<Answer, CommandError> {
    let (config, home) = setting(context)?;
    let seed = unlock(&config, &home, &options.passphrase)?;
    let account = address_of(&config, &seed)?;
    let service = Service::start(context, &config.log, &config.http, METRICS).await?;
    let board = Board::default();
    show(&service, &config, &home, account.text(), &board);
    let watchtower = Watchtower {
        key: keys::account_key(&seed)?,
        crew: Crew::of(&service, tasks(config.roles)),
        health: Health {
            bitcoin: service.dependency(BITCOIN),
            chain: service.dependency(CHAIN),
        },
        config,
        home,
        seed,
        board,
    };
    // The service is up while it waits for its nodes, so that whoever asks is told what it waits for.
    service.spawn_essential("start", |stop| watchtower.start(stop));
    service.run().await
}

/// The tasks: those of the roles that are switched on, and two that watch the nodes.
fn tasks(roles: Roles) -> impl Iterator<Item = &'static str> {
    [
        (BITCOIN, true),
        (CHAIN, true),
        (HEADERS, roles.headers),
        (STAKES, roles.activation || roles.unbonding),
        (ACTIVATION, roles.activation),
        (UNBONDING, roles.unbonding),
        (SLASHING, roles.slashing),
        (CHECKPOINTS, roles.checkpoints),
    ]
    .into_iter()
    .filter_map(|(name, on)| on.then_some(name))
}

impl Watchtower {
    /// Connects, then starts the roles.
    async fn start(self, stop: CancellationToken) -> Result<(), CommandError> {
        let account = Account::Unlocked(self.key.clone());
        let nodes = Nodes::wait(&self.config, &account, &self.health, &stop).await?;
        let Some(nodes) = nodes else {
            return Ok(());
        };
        let (chain, account) = (nodes.chain.chain_id(), nodes.chain.account());
        tracing::info!(chain, account, roles = ?self.config.roles, "connected");
        self.crew.start(BITCOIN, BitcoinPulse(nodes.bitcoin()));
        self.crew.start(CHAIN, ChainPulse(nodes.chain()));
        let database = store::open(&self.home.state())?;
        if self.crew.has(HEADERS) {
            let reporter = HeaderReporter::new(
                nodes.bitcoin(),
                nodes.chain(),
                self.config.headers.clone(),
                self.config.bitcoin.poll_interval(),
                self.board.headers.clone(),
            );
            self.crew.start(HEADERS, reporter);
        }
        if self.crew.has(STAKES) {
            self.watch_stakes(&nodes, &database)?;
        }
        if self.crew.has(SLASHING) {
            let slasher = Slasher::new(
                nodes.bitcoin(),
                nodes.chain(),
                self.config.slashing.clone(),
                self.config.stakes.page_size,
                // A stake that escapes is lost for good, so nothing is given up on because of a full mempool.
                self.attempts(SLASHING)?.without_giving_up(),
                &database,
                self.board.slashing.clone(),
            )?;
            self.crew.start(SLASHING, slasher);
        }
        if self.crew.has(CHECKPOINTS) {
            let purse = purse::open(&database, &self.seed, self.config.bitcoin.network)?;
            let submitter = CheckpointSubmitter::new(
                nodes.bitcoin.clone(),
                nodes.chain.clone(),
                purse,
                &database,
                &self.config,
                self.board.checkpoints.clone(),
            )?;
            self.crew.start(CHECKPOINTS, submitter);
        }
        Ok(())
    }

    /// Starts what reads stakes, and the roles that tell the chain of them.
    fn watch_stakes(&self, nodes: &Nodes, database: &sled::Db) -> Result<(), CommandError> {
        let (interval, book) = (self.config.bitcoin.poll_interval(), Cell::<Book>::default());
        let status = &self.board.stakes;
        let watch = Watch::new(
            nodes.bitcoin(),
            nodes.chain(),
            book.clone(),
            self.config.stakes.clone(),
            interval,
            database,
            status.clone(),
        )?;
        self.crew.start(STAKES, watch);
        let activation = Activation::new(
            nodes.chain(),
            book.clone(),
            self.attempts(ACTIVATION)?,
            interval,
            status.clone(),
        );
        self.crew.start(ACTIVATION, activation);
        let unbonding = Unbonding::new(
            nodes.bitcoin(),
            nodes.chain(),
            book,
            self.attempts(UNBONDING)?,
            interval,
            status.clone(),
        );
        self.crew.start(UNBONDING, unbonding);
        Ok(())
    }

    fn attempts(&self, kind: &'static str) -> Result<Attempts, CommandError> {
        let directory = self.home.parked();
        Attempts::open(&directory, kind)
            .map_err(|error| not_made(&directory.display().to_string(), &error))
    }
}

/// Publishes the status of the roles that are switched on.
fn show(service: &Service, config: &Config, home: &Home, account: &str, board: &Board) {
    let (chain_id, account) = (config.babylon.chain_id.clone(), account.to_owned());
    let (roles, parked, board) = (config.roles, home.parked(), board.clone());
    service.show_status(move || Status {
        chain_id: chain_id.clone(),
        account: account.clone(),
        headers: roles.headers.then(|| board.headers.get()),
        stakes: (roles.activation || roles.unbonding).then(|| board.stakes.get()),
        checkpoints: roles.checkpoints.then(|| board.checkpoints.get()),
        slashing: roles.slashing.then(|| board.slashing.get()),
        parked: daemon::parked::list(&parked).map_or(0, |parked| parked.len()),
    });
}
