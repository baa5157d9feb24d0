//! `signer`: the signer as a process of its own.

use std::sync::{Arc, OnceLock};

use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use daemon::readiness::Dependency;
use daemon::service::Service;
use tokio_util::sync::CancellationToken;

use super::status::Shown;
use super::{chain as connection, unlock};
use crate::cli::SignerPassphrase;
use crate::config::Config;
use crate::home::Home;
use crate::metrics::METRICS;
use crate::signer::{self, CovenantSecret, Embedded, PinnedParams, SigningHistory, TrustedParams};

pub(super) async fn serve(
    context: &Context,
    config: Config,
    home: Home,
    passphrase: SignerPassphrase,
) -> Result<Answer, CommandError> {
    let Some(endpoint) = config.signer.endpoint.clone() else {
        return Err(CommandError::new(
            Exit::Configuration,
            "config-invalid",
            "`signer.endpoint` is missing: where should the signer be reached?",
        )
        .with_hint("set it to a Unix socket such as unix:/run/covenant/signer.sock"));
    };
    let writes_down = !config.signer.trusted_params.is_empty() || config.stakers.is_some();
    if config.babylon.is_none() && !writes_down {
        return Err(CommandError::new(
            Exit::Configuration,
            "config-invalid",
            "the signer would trust no parameters: there is neither [babylon] nor `signer.trusted_params` nor [stakers]",
        )
        .with_hint("run `covenant params` where the chain can be reached, look at them, and pin them"));
    }
    let secret =
        unlock::covenant_key(&home, &config.signer, passphrase.passphrase_source.as_ref())?;
    let service = Service::start(context, &config.log, &config.http, METRICS).await?;
    let history = SigningHistory::open(&home, secret.key())?;
    let chain_health = service.dependency("chain");
    let running: Arc<OnceLock<Arc<Embedded>>> = Arc::default();
    let shown = Arc::clone(&running);
    service.show_status(move || {
        shown
            .get()
            .and_then(|signer| signer.status().ok())
            .map(Shown::Signer)
    });
    service.spawn_essential("signer", move |stop| async move {
        let Some(params) = trusted_params(&config, &chain_health, &stop).await? else {
            return Ok(());
        };
        let signer = open(history, secret, &config, params)?;
        // Nobody else sets it.
        let _ = running.set(Arc::clone(&signer));
        signer::serve(signer, &endpoint, stop.cancelled_owned())
            .await
            .map_err(|error| CommandError::caused_by(Exit::Failed, "signer-not-served", &error))
    });
    service.run().await
}

/// Puts together a signer of this process.
pub(super) fn open(
    history: SigningHistory,
    secret: CovenantSecret,
    config: &Config,
    params: TrustedParams,
) -> Result<Arc<Embedded>, CommandError> {
    Ok(Arc::new(Embedded::new(
        history,
        secret,
        config.bitcoin_network,
        params,
    )?))
}

/// The parameters that the operator wrote down: pinned ones, and the sets for stakers.
pub(super) fn pinned(config: &Config) -> Result<TrustedParams, CommandError> {
    let mut pinned = config.signer.trusted_params.clone();
    if let Some(stakers) = &config.stakers {
        pinned.extend(stakers.params_sets()?.iter().map(PinnedParams::of));
    }
    Ok(TrustedParams::pinned(pinned))
}

/// These, and those of the signer's own node where it has one; `None` where the service stops before that answers.
async fn trusted_params(
    config: &Config,
    health: &Dependency,
    stop: &CancellationToken,
) -> Result<Option<TrustedParams>, CommandError> {
    let pinned = pinned(config)?;
    let Some(babylon) = &config.babylon else {
        health.ok();
        return Ok(Some(pinned));
    };
    let connected = connection::watch(babylon, health, stop).await?;
    Ok(connected.map(|chain| pinned.or_of_chain(Arc::new(OnceLock::from(chain)))))
}
