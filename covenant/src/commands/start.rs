//! `start`: the service.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bitcoin_source::{BitcoinSource, Bitcoind};
use chain::Chain;
use chain::babylon::{AccountKey, Config as BabylonConfig};
use daemon::output::{Answer, CommandError, Exit};
use daemon::parked::ParkedDirectory;
use daemon::program::Context;
use daemon::readiness::Dependency;
use daemon::retry::Backoff;
use daemon::service::Service as Daemon;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::status::Shown;
use super::{chain as connection, failure, signer, unlock};
use crate::cli::Passphrases;
use crate::config::Config;
use crate::home::Home;
use crate::metrics::METRICS;
use crate::service::{Health, Memory, Service};
use crate::signer::{
    CovenantSecret, CovenantSigner, Identity, Remote, SignerError, SigningHistory, TrustedParams,
};
use crate::startup::{self, CheckError};

/// Pauses between tries to reach signer and nodes at the start.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(500),
    longest: Duration::from_secs(30),
};

/// Everything that `start` has before any node answers.
struct Member {
    config: Config,
    babylon: BabylonConfig,
    account: AccountKey,
    key: Key,
    memory: Memory,
}

/// Where the covenant key is.
enum Key {
    Here {
        secret: CovenantSecret,
        history: SigningHistory,
    },
    Elsewhere(Remote),
}

/// What the member depends on.
struct World {
    service: Health,
    /// Looked at when the service starts only.
    bitcoin: Option<Dependency>,
}

pub(super) async fn start(
    context: &Context,
    config: Config,
    home: Home,
    passphrases: Passphrases,
) -> Result<Answer, CommandError> {
    let babylon = connection::configured(&config)?.clone();
    let account = unlock::account_key(
        &home,
        &config.account,
        passphrases.account_passphrase_source.as_ref(),
    )?;
    let source = passphrases.signer.passphrase_source.as_ref();
    let secret = match &config.signer.endpoint {
        None => Some(unlock::covenant_key(&home, &config.signer, source)?),
        Some(_) => None,
    };
    let daemon = Daemon::start(context, &config.log, &config.http, METRICS).await?;
    let key = match (secret, &config.signer.endpoint) {
        (Some(secret), _) => {
            let history = SigningHistory::open(&home, secret.key())?;
            Key::Here { secret, history }
        }
        (None, Some(endpoint)) => {
            Key::Elsewhere(Remote::new(endpoint.clone()).map_err(|error| {
                CommandError::caused_by(Exit::Configuration, "config-invalid", &error)
            })?)
        }
        // The key was unlocked because there is no endpoint.
        (None, None) => return Err(CommandError::new(Exit::Failed, "no-key", "no covenant key")),
    };
    let parked = ParkedDirectory::open(&home.parked())
        .map_err(|error| failure::file("the parked delegations", &error))?;
    let world = World {
        service: Health {
            chain: daemon.dependency("chain"),
            signer: daemon.dependency("signer"),
            account: daemon.dependency("account"),
        },
        bitcoin: config
            .bitcoin
            .as_ref()
            .map(|_| daemon.dependency("bitcoin")),
    };
    let member = Member {
        config,
        babylon,
        account,
        key,
        memory: Memory::new(parked),
    };
    let running: Arc<OnceLock<Arc<Service>>> = Arc::default();
    let shown = Arc::clone(&running);
    daemon.show_status(move || {
        shown
            .get()
            .map(|service| Shown::Running(Box::new(service.status())))
    });
    daemon.spawn_essential("service", move |stop| run(member, world, running, stop));
    daemon.run().await
}

async fn run(
    member: Member,
    world: World,
    running: Arc<OnceLock<Arc<Service>>>,
    stop: CancellationToken,
) -> Result<(), CommandError> {
    let Member {
        config,
        babylon,
        account,
        key,
        memory,
    } = member;
    let connected = connection::connect(&babylon, &account, &world.service.chain, &stop).await?;
    let Some(chain) = connected else {
        return Ok(());
    };
    let signer: Arc<dyn CovenantSigner> = match key {
        Key::Here { secret, history } => {
            let params = TrustedParams::of_chain(Arc::clone(&chain));
            signer::open(history, secret, &config, params)?
        }
        Key::Elsewhere(remote) => Arc::new(remote),
    };
    let checked = check(chain.as_ref(), signer.as_ref(), &config, &world, &stop).await?;
    let Some(identity) = checked else {
        return Ok(());
    };
    tracing::info!(key = %identity.key, chain = chain.chain_id(), account = chain.account(), "serving");
    let service = Service::new(
        chain,
        signer,
        identity,
        config.service.pace(),
        memory,
        world.service,
    );
    // Nobody else sets it.
    let _ = running.set(Arc::clone(&service));
    service.run(stop).await;
    Ok(())
}

/// Makes the checks of [`startup`] as soon as everybody answers; `None` where the service stops before.
async fn check(
    chain: &dyn Chain,
    signer: &dyn CovenantSigner,
    config: &Config,
    world: &World,
    stop: &CancellationToken,
) -> Result<Option<Identity>, CommandError> {
    let bitcoin = config
        .bitcoin
        .as_ref()
        .map(Bitcoind::new)
        .transpose()
        .map_err(|error| CommandError::caused_by(Exit::Configuration, "config-invalid", &error))?;
    let mut failures = 0_u32;
    loop {
        match check_once(chain, signer, config, bitcoin.as_ref()).await {
            Ok(identity) => {
                world.service.signer.ok();
                world.service.chain.ok();
                world.bitcoin.iter().for_each(Dependency::ok);
                return Ok(Some(identity));
            }
            Err(Unchecked::Signer(error)) => world.service.signer.degraded(error.to_string()),
            Err(Unchecked::World(CheckError::Mismatch(error))) => {
                return Err(CommandError::caused_by(
                    Exit::Configuration,
                    "mismatch",
                    &error,
                ));
            }
            Err(Unchecked::World(CheckError::Chain(error))) => {
                world.service.chain.degraded(error.to_string());
            }
            Err(Unchecked::World(CheckError::Bitcoin(error))) => {
                let reason = error.to_string();
                world
                    .bitcoin
                    .iter()
                    .for_each(|health| health.degraded(reason.as_str()));
            }
        }
        failures = failures.saturating_add(1);
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            () = sleep(BACKOFF.pause(failures, rand::random())) => {}
        }
    }
}

enum Unchecked {
    Signer(SignerError),
    World(CheckError),
}

async fn check_once(
    chain: &dyn Chain,
    signer: &dyn CovenantSigner,
    config: &Config,
    bitcoin: Option<&Bitcoind>,
) -> Result<Identity, Unchecked> {
    let identity = signer.identity().await.map_err(Unchecked::Signer)?;
    let bitcoin = bitcoin.map(|bitcoin| bitcoin as &dyn BitcoinSource);
    startup::check(chain, identity, config.bitcoin_network, bitcoin)
        .await
        .map_err(Unchecked::World)?;
    Ok(identity)
}
