//! What stakers bring: listening, checking, serving.

use std::sync::{Arc, OnceLock};

use daemon::output::{CommandError, Exit};
use daemon::readiness::Dependency;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::mismatch;
use crate::signer::{CovenantSigner, Identity, PinnedParams};
use crate::stakers::{self, Stakers};
use crate::startup;

/// Everything that serving stakers needs, before the signer answers.
pub(super) struct StakersSide {
    section: stakers::Config,
    listener: TcpListener,
    running: Arc<OnceLock<Arc<Stakers>>>,
}

impl StakersSide {
    /// Takes the address.
    pub(super) async fn bind(section: &stakers::Config) -> Result<Self, CommandError> {
        let listen = section.listen;
        let listener = TcpListener::bind(listen).await.map_err(|error| {
            let message = format!("cannot listen for stakers on {listen}: {error}");
            CommandError::new(Exit::Failed, "cannot-listen", message)
                .with_hint("set `listen` in [stakers] to an address of this machine that is free")
        })?;
        Ok(Self {
            section: section.clone(),
            listener,
            running: Arc::default(),
        })
    }

    /// Where the service is, once it runs.
    pub(super) fn running(&self) -> Arc<OnceLock<Arc<Stakers>>> {
        Arc::clone(&self.running)
    }

    /// Serves until `stop` is cancelled.
    pub(super) async fn run(
        self,
        signer: Arc<dyn CovenantSigner>,
        signer_health: Dependency,
        identity: Identity,
        stop: &CancellationToken,
    ) -> Result<(), CommandError> {
        let sets = self.section.params_sets()?;
        startup::check_sets(&sets, identity.key).map_err(|error| mismatch(&error))?;
        let params: Vec<String> = sets
            .iter()
            .map(|set| PinnedParams::of(set).to_string())
            .collect();
        tracing::info!(key = %identity.key, listen = %self.section.listen, ?params, "serving stakers");
        let service = Stakers::new(
            signer,
            signer_health,
            identity,
            sets,
            self.section.place_limits(),
            self.section.hourly_limits(),
        );
        // Nobody else sets it.
        let _ = self.running.set(Arc::clone(&service));
        let failed = |error| CommandError::caused_by(Exit::Failed, "stakers-not-served", &error);
        stakers::serve(service, self.listener, stop.clone().cancelled_owned())
            .await
            .map_err(failed)
    }
}
