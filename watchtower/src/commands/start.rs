//! `start`: the roles of the configuration, until stopped.

use std::sync::Arc;

use bitcoin_source::{BitcoinSource, Bitcoind};
use chain::{Account, Connected, SecuredChain};
use daemon::attempts::Attempts;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use daemon::service::Service;
use daemon::supervisor::Supervisor;
use keystore::Seed;
use tokio_util::sync::CancellationToken;

use super::{no_address, not_made, setting, unlock};
use crate::chains::OfRole as _;
use crate::checkpoints::{CheckpointSubmitter, purse};
use crate::cli::StartOptions;
use crate::config::Config;
use crate::headers::HeaderReporter;
use crate::home::Home;
use crate::keys;
use crate::metrics::{self, METRICS};
use crate::pulse::{BitcoinPulse, ChainPulse};
use crate::revealed::{RevealedKeys, Revealing};
use crate::role::Crew;
use crate::slashing::Slasher;
use crate::stakes::{Activation, Book, Unbonding, Watch};
use crate::startup::{self, Link, Patience};
use crate::status::{Board, Cell, Status};
use crate::store::{self, Table};
use crate::upkeep::Upkeep;

/// The tasks, as `/ready` and the logs call them; those of a partner chain have its name in front.
const BITCOIN: &str = "bitcoin";
const CHAIN: &str = "chain";
const HEADERS: &str = "headers";
const STAKES: &str = "stakes";
const ACTIVATION: &str = "activation";
const UNBONDING: &str = "unbonding";
const SLASHING: &str = "slashing";
const KEYS: &str = "keys";
const UPKEEP: &str = "upkeep";
const CHECKPOINTS: &str = "checkpoints";

/// Everything that `start` has before any node answers.
struct Watchtower {
    shared: Arc<Shared>,
    /// The chains, each with where its roles write how they are doing.
    chains: Vec<(SecuredChain, Board)>,
    supervisor: Supervisor,
}

/// What all chains share.
struct Shared {
    config: Config,
    home: Home,
    seed: Seed,
    account: Account,
    crew: Crew,
    keys: Cell<RevealedKeys>,
}

/// One chain that answered, and what its roles work with.
struct Post {
    shared: Arc<Shared>,
    secured: SecuredChain,
    bitcoin: Arc<Bitcoind>,
    connected: Connected,
    database: sled::Db,
    board: Board,
}

/// Runs the roles, each in a task of its own.
pub async fn run(context: &Context, options: StartOptions) -> Result<Answer, CommandError> {
    let (config, home) = setting(context)?;
    let seed = unlock(&config, &home, &options.passphrase)?;
    let key = keys::account_key(&seed)?;
    let service = Service::start(context, &config.log, &config.http, METRICS).await?;
    let mut chains = Vec::new();
    let mut tasks = vec![BITCOIN.to_owned()];
    for secured in config.secured_chains() {
        metrics::register_chain(secured.name());
        tasks.extend(roles(&config, &secured).map(|role| secured.task(role)));
        let account = secured.address(&key).map_err(|error| no_address(&error))?;
        let board = Board::new(&secured, account.text(), config.useful_roles());
        chains.push((secured, board));
    }
    show(&service, &home, &chains);
    let watchtower = Watchtower {
        shared: Arc::new(Shared {
            crew: Crew::of(&service, tasks),
            account: Account::Unlocked(key),
            keys: Cell::default(),
            config,
            home,
            seed,
        }),
        chains,
        supervisor: service.supervisor().clone(),
    };
    // The service is up while it waits for its nodes, so that whoever asks is told what it waits for.
    service.spawn_essential("start", |stop| watchtower.start(stop));
    service.run().await
}

/// The roles that are switched on for a chain, and the task that watches its node.
fn roles(config: &Config, secured: &SecuredChain) -> impl Iterator<Item = &'static str> + use<> {
    let roles = config.useful_roles();
    let on_babylon = matches!(secured, SecuredChain::Babylon(_));
    [
        (CHAIN, true),
        (HEADERS, roles.headers),
        (STAKES, roles.activation || roles.unbonding),
        (ACTIVATION, roles.activation),
        (UNBONDING, roles.unbonding),
        (SLASHING, roles.slashing),
        (KEYS, roles.keys),
        (UPKEEP, roles.upkeep && !on_babylon),
        (CHECKPOINTS, roles.checkpoints && on_babylon),
    ]
    .into_iter()
    .filter_map(|(name, on)| on.then_some(name))
}

impl Watchtower {
    /// Connects, then starts the roles; chains do not wait for each other.
    async fn start(self, stop: CancellationToken) -> Result<(), CommandError> {
        let Some(health) = self.shared.crew.health(BITCOIN) else {
            return Ok(());
        };
        let bitcoin = startup::wait_for_bitcoin(&self.shared.config, &health, &stop).await?;
        let Some(bitcoin) = bitcoin else {
            return Ok(());
        };
        let source: Arc<dyn BitcoinSource> = Arc::<Bitcoind>::clone(&bitcoin);
        self.shared.crew.start(BITCOIN, BitcoinPulse(source));
        let database = store::open(&self.shared.home.state())?;
        // A chain that is not what it should be is no reason to leave the others.
        let patience = match self.chains.len() {
            1 => Patience::UntilAnswered,
            _ => Patience::Endless,
        };
        for (secured, board) in self.chains {
            let (shared, bitcoin) = (Arc::clone(&self.shared), Arc::clone(&bitcoin));
            let database = database.clone();
            let task = secured.task("start");
            self.supervisor.spawn_essential(task, |stop| async move {
                let Some(health) = shared.crew.health(&secured.task(CHAIN)) else {
                    return Ok(());
                };
                let account = &shared.account;
                let waiting =
                    startup::wait_for_chain(&*bitcoin, &secured, account, patience, &health, &stop);
                let Some(connected) = waiting.await? else {
                    return Ok(());
                };
                Post {
                    shared,
                    secured,
                    bitcoin,
                    connected,
                    database,
                    board,
                }
                .start()
            });
        }
        Ok(())
    }
}

impl Post {
    fn link(&self) -> Link {
        Link {
            bitcoin: Arc::<Bitcoind>::clone(&self.bitcoin),
            chain: self.connected.chain(),
            name: self.secured.name().to_owned(),
        }
    }

    fn has(&self, role: &str) -> bool {
        self.shared.crew.has(&self.secured.task(role))
    }

    /// Starts the chain's roles.
    fn start(&self) -> Result<(), CommandError> {
        let Shared { config, crew, .. } = &*self.shared;
        let task = |role| self.secured.task(role);
        let link = self.link();
        let (chain, account) = (link.chain.chain_id(), link.chain.account());
        tracing::info!(chain, account, name = link.name, roles = ?config.roles, "connected");
        crew.start(&task(CHAIN), ChainPulse(self.connected.chain()));
        if self.has(HEADERS) {
            let reporter = HeaderReporter::new(
                self.link(),
                config.headers.clone(),
                config.bitcoin.poll_interval(),
                self.board.headers.clone(),
            );
            crew.start(&task(HEADERS), reporter);
        }
        if self.has(STAKES) {
            self.watch_stakes()?;
        }
        if self.has(SLASHING) {
            let slasher = Slasher::new(
                self.link(),
                self.shared.keys.clone(),
                config.slashing.clone(),
                config.stakes.page_size,
                // A stake that escapes is lost for good, so nothing is given up on because of a full mempool.
                self.attempts(SLASHING)?.without_giving_up(),
                Table::open(&self.database, self.secured.table(SLASHING))?,
                self.board.slashing.clone(),
            );
            crew.start(&task(SLASHING), slasher);
        }
        if self.has(KEYS) {
            let revealing = Revealing::new(
                self.link(),
                config.slashing.check_interval(),
                self.shared.keys.clone(),
                self.board.keys.clone(),
            );
            crew.start(&task(KEYS), revealing);
        }
        self.start_own_roles()
    }

    /// Starts the roles that only one kind of chain has.
    fn start_own_roles(&self) -> Result<(), CommandError> {
        let Shared {
            config, crew, seed, ..
        } = &*self.shared;
        match &self.connected {
            Connected::Babylon(babylon) if self.has(CHECKPOINTS) => {
                let submitter = CheckpointSubmitter::new(
                    Arc::clone(&self.bitcoin),
                    Arc::clone(babylon),
                    purse::open(&self.database, seed, config.bitcoin.network)?,
                    &self.database,
                    config,
                    self.board.checkpoints.clone(),
                )?;
                crew.start(&self.secured.task(CHECKPOINTS), submitter);
            }
            Connected::Partner(mesh) if self.has(UPKEEP) => {
                let (mesh, board) = (Arc::clone(mesh), self.board.upkeep.clone());
                let upkeep = Upkeep::new(mesh, config.upkeep.clone(), board);
                crew.start(&self.secured.task(UPKEEP), upkeep);
            }
            Connected::Babylon(_) | Connected::Partner(_) => {}
        }
        Ok(())
    }

    /// Starts what reads stakes, and the roles that tell the chain of them.
    fn watch_stakes(&self) -> Result<(), CommandError> {
        let Shared { config, crew, .. } = &*self.shared;
        let task = |role| self.secured.task(role);
        let (interval, book) = (config.bitcoin.poll_interval(), Cell::<Book>::default());
        let status = &self.board.stakes;
        let watch = Watch::new(
            self.link(),
            book.clone(),
            config.stakes.clone(),
            interval,
            Table::open(&self.database, self.secured.table(STAKES))?,
            status.clone(),
        );
        crew.start(&task(STAKES), watch);
        let activation = Activation::new(
            self.link(),
            book.clone(),
            self.patient(self.attempts(ACTIVATION)?),
            interval,
            status.clone(),
        );
        crew.start(&task(ACTIVATION), activation);
        let unbonding = Unbonding::new(
            self.link(),
            book,
            self.patient(self.attempts(UNBONDING)?),
            interval,
            status.clone(),
        );
        crew.start(&task(UNBONDING), unbonding);
        Ok(())
    }

    /// On a partner chain most refusals pass with time: growth, pace, the thaw after a reorganisation.
    fn patient(&self, attempts: Attempts) -> Attempts {
        match &self.secured {
            SecuredChain::Babylon(_) => attempts,
            SecuredChain::Partner(_) => attempts.without_giving_up(),
        }
    }

    fn attempts(&self, role: &str) -> Result<Attempts, CommandError> {
        let directory = self.shared.home.parked();
        Attempts::open(&directory, self.secured.task(role))
            .map_err(|error| not_made(&directory.display().to_string(), &error))
    }
}

/// Publishes the status of the roles that are switched on.
fn show(service: &Service, home: &Home, chains: &[(SecuredChain, Board)]) {
    let parked = home.parked();
    let boards: Vec<_> = chains.iter().map(|(_, board)| board.clone()).collect();
    service.show_status(move || {
        let parked = daemon::parked::list(&parked).map_or(0, |parked| parked.len());
        Status::of(boards.iter().map(Board::status), parked)
    });
}
