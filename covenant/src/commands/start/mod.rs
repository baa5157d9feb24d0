//! `start`: the service. It signs what the chain lists, where one is configured, and what stakers bring, where that is;
//! neither waits for the other.

mod chain_side;
mod stakers_side;

use std::sync::Arc;
use std::time::Duration;

use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use daemon::readiness::Dependency;
use daemon::retry::Backoff;
use daemon::service::Service as Daemon;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::chain_side::ChainSide;
use self::stakers_side::StakersSide;
use super::status::{Running, Shown};
use super::{signer, unlock};
use crate::cli::Passphrases;
use crate::config::Config;
use crate::home::Home;
use crate::metrics::METRICS;
use crate::signer::{
    ConnectedChain, CovenantSecret, CovenantSigner, Identity, Remote, SigningHistory,
};
use crate::startup;

/// Pauses between tries to reach signer and nodes at the start.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(500),
    longest: Duration::from_secs(30),
};

/// Everything that `start` has before anybody answers.
struct Member {
    config: Config,
    key: Key,
    signer_health: Dependency,
    chain: Option<ChainSide>,
    stakers: Option<StakersSide>,
}

/// Where the covenant key is.
enum Key {
    Here {
        secret: CovenantSecret,
        history: SigningHistory,
    },
    Elsewhere(Remote),
}

pub(super) async fn start(
    context: &Context,
    config: Config,
    home: Home,
    passphrases: Passphrases,
) -> Result<Answer, CommandError> {
    if config.babylon.is_none() && config.stakers.is_none() {
        return Err(CommandError::new(
            Exit::Configuration,
            "config-invalid",
            "there is nobody to sign for: neither [babylon] nor [stakers] is there",
        )
        .with_hint("name the chain's id and a node's gRPC address in [babylon]"));
    }
    let account = chain_side::account(&config, &home, &passphrases)?;
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
    let signer_health = daemon.dependency("signer");
    let chain = match account {
        Some(account) => Some(ChainSide::new(
            account,
            &config,
            &home,
            &daemon,
            &signer_health,
        )?),
        None => None,
    };
    let stakers = match &config.stakers {
        Some(section) => Some(StakersSide::bind(section).await?),
        None => None,
    };
    show_status(&daemon, chain.as_ref(), stakers.as_ref());
    let member = Member {
        config,
        key,
        signer_health,
        chain,
        stakers,
    };
    daemon.spawn_essential("service", move |stop| run(member, stop));
    daemon.run().await
}

fn show_status(daemon: &Daemon, chain: Option<&ChainSide>, stakers: Option<&StakersSide>) {
    let chain = chain.map(ChainSide::running);
    let stakers = stakers.map(StakersSide::running);
    daemon.show_status(move || {
        let chain = chain.as_ref().and_then(|running| running.get());
        let stakers = stakers.as_ref().and_then(|running| running.get());
        (chain.is_some() || stakers.is_some()).then(|| {
            Shown::Running(Box::new(Running {
                chain: chain.map(|service| service.status()),
                stakers: stakers.map(|service| service.status()),
            }))
        })
    });
}

async fn run(member: Member, stop: CancellationToken) -> Result<(), CommandError> {
    let Member {
        config,
        key,
        signer_health,
        chain,
        stakers,
    } = member;
    // Filled when the node answers; stakers are served before that.
    let connected: ConnectedChain = Arc::default();
    let signer: Arc<dyn CovenantSigner> = match key {
        Key::Here { secret, history } => {
            let params = signer::pinned(&config)?;
            let params = match &chain {
                Some(_) => params.or_of_chain(Arc::clone(&connected)),
                None => params,
            };
            signer::open(history, secret, &config, params)?
        }
        Key::Elsewhere(remote) => Arc::new(remote),
    };
    let checked = identity(signer.as_ref(), &config, &signer_health, &stop).await?;
    let Some(identity) = checked else {
        return Ok(());
    };
    let for_chain = async {
        match chain {
            Some(side) => {
                let signer = Arc::clone(&signer);
                side.run(signer, identity, &config, &connected, &stop).await
            }
            None => Ok(()),
        }
    };
    let for_stakers = async {
        match stakers {
            Some(side) => {
                let signer = Arc::clone(&signer);
                side.run(signer, signer_health, identity, &stop).await
            }
            None => Ok(()),
        }
    };
    tokio::try_join!(for_chain, for_stakers)?;
    Ok(())
}

/// Who the signer signs for, as soon as it answers; `None` where the service stops before.
async fn identity(
    signer: &dyn CovenantSigner,
    config: &Config,
    health: &Dependency,
    stop: &CancellationToken,
) -> Result<Option<Identity>, CommandError> {
    let mut failures = 0_u32;
    loop {
        match signer.identity().await {
            Ok(identity) => {
                startup::check_signer(identity, config.bitcoin_network)
                    .map_err(|error| mismatch(&error))?;
                health.ok();
                return Ok(Some(identity));
            }
            Err(error) => health.degraded(error.to_string()),
        }
        failures = failures.saturating_add(1);
        if !pause(failures, stop).await {
            return Ok(None);
        }
    }
}

/// Waits until the next try; `false` where the service stops before.
async fn pause(failures: u32, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        () = sleep(BACKOFF.pause(failures, rand::random())) => true,
    }
}

fn mismatch(error: &startup::Mismatch) -> CommandError {
    CommandError::caused_by(Exit::Configuration, "mismatch", error)
}
