//! `start`: the roles of the configuration, until stopped.

use std::sync::Arc;

use chain::Chain as _;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use daemon::service::Service;

use super::{address_of, not_made, setting, unlock};
use crate::attempts::Attempts;
use crate::checkpoints::{CheckpointSubmitter, purse};
use crate::cli::StartOptions;
use crate::config::{Config, Roles};
use crate::headers::HeaderReporter;
use crate::home::Home;
use crate::keys;
use crate::metrics::METRICS;
use crate::role::spawn;
use crate::slashing::Slasher;
use crate::stakes::{Activation, Book, Unbonding, Watch};
use crate::startup::{Account, Nodes};
use crate::status::{Cell, CheckpointsStatus, HeadersStatus, SlashingStatus, StakesStatus, Status};
use crate::store;

/// Where the roles write how they are doing.
#[derive(Clone, Default)]
struct Board {
    headers: Cell<HeadersStatus>,
    stakes: Cell<StakesStatus>,
    checkpoints: Cell<CheckpointsStatus>,
    slashing: Cell<SlashingStatus>,
}

/// Runs the roles, each in a task of its own.
pub async fn run(context: &Context, options: StartOptions) -> Result<Answer, CommandError> {
    let (config, home) = setting(context)?;
    let seed = unlock(&config, &home, &options.passphrase)?;
    let account = address_of(&config, &seed)?;
    let service = Service::start(context, &config.log, &config.http, METRICS).await?;
    let board = Board::default();
    show(&service, &config, &home, account.text(), &board);

    let key = Account::Unlocked(keys::account_key(&seed)?);
    let Some(nodes) = Nodes::wait(&service, &config, &key).await? else {
        return service.run().await;
    };
    tracing::info!(chain = nodes.chain.chain_id(), %account, roles = ?config.roles, "connected");
    let database = store::open(&home.state())?;
    if config.roles.headers {
        let reporter = HeaderReporter::new(
            nodes.bitcoin(),
            nodes.chain(),
            config.headers.clone(),
            config.bitcoin.poll_interval(),
            board.headers.clone(),
        );
        spawn(&service, "headers", reporter);
    }
    if config.roles.activation || config.roles.unbonding {
        watch_stakes(&service, &config, &home, &nodes, &database, &board)?;
    }
    if config.roles.slashing {
        let slasher = Slasher::new(
            nodes.bitcoin(),
            nodes.chain(),
            config.slashing.clone(),
            config.stakes.page_size,
            attempts(&home, "slashing")?,
            &database,
            board.slashing.clone(),
        )?;
        spawn(&service, "slashing", slasher);
    }
    if config.roles.checkpoints {
        let purse = purse::open(&database, &seed, config.bitcoin.network)?;
        let submitter = CheckpointSubmitter::new(
            Arc::clone(&nodes.bitcoin),
            Arc::clone(&nodes.chain),
            purse,
            &database,
            &config,
            board.checkpoints.clone(),
        )?;
        spawn(&service, "checkpoints", submitter);
    }
    service.run().await
}

/// Starts what reads stakes, and the roles that tell the chain of them.
fn watch_stakes(
    service: &Service,
    config: &Config,
    home: &Home,
    nodes: &Nodes,
    database: &sled::Db,
    board: &Board,
) -> Result<(), CommandError> {
    let (bitcoin, chain) = (nodes.bitcoin(), nodes.chain());
    let (interval, book) = (config.bitcoin.poll_interval(), Cell::<Book>::default());
    let watch = Watch::new(
        Arc::clone(&bitcoin),
        Arc::clone(&chain),
        book.clone(),
        config.stakes.clone(),
        interval,
        database,
        board.stakes.clone(),
    )?;
    spawn(service, "stakes", watch);
    if config.roles.activation {
        let (chain, attempts) = (Arc::clone(&chain), attempts(home, "activation")?);
        let (book, status) = (book.clone(), board.stakes.clone());
        let role = Activation::new(chain, book, attempts, interval, status);
        spawn(service, "activation", role);
    }
    if config.roles.unbonding {
        let attempts = attempts(home, "unbonding")?;
        let status = board.stakes.clone();
        let role = Unbonding::new(bitcoin, chain, book, attempts, interval, status);
        spawn(service, "unbonding", role);
    }
    Ok(())
}

fn attempts(home: &Home, kind: &'static str) -> Result<Attempts, CommandError> {
    Attempts::open(&home.parked(), kind)
        .map_err(|error| not_made(&home.parked().display().to_string(), &error))
}

/// Publishes the status of the roles that are switched on.
fn show(service: &Service, config: &Config, home: &Home, account: &str, board: &Board) {
    let (chain_id, account) = (config.babylon.chain_id.clone(), account.to_owned());
    let (roles, parked, board) = (config.roles, home.parked(), board.clone());
    service.show_status(move || {
        let Roles {
            headers,
            checkpoints,
            activation,
            unbonding,
            slashing,
        } = roles;
        Status {
            chain_id: chain_id.clone(),
            account: account.clone(),
            headers: headers.then(|| board.headers.get()),
            stakes: (activation || unbonding).then(|| board.stakes.get()),
            checkpoints: checkpoints.then(|| board.checkpoints.get()),
            slashing: slashing.then(|| board.slashing.get()),
            parked: daemon::parked::list(&parked).map_or(0, |parked| parked.len()),
        }
    });
}
