//! `signer`: the EOTS keys in a process of their own.

use std::sync::Arc;
use std::time::Duration;

use chain::ChainError;
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use daemon::service::Service;
use proto::endpoint::ServeError;

use crate::cli::SignerOptions;
use crate::config::Config;
use crate::connect::{chain_domain, chain_without_account};
use crate::keys::passphrase;
use crate::metrics::SIGNER_METRICS;
use crate::provider::{Next, Worker};
use crate::record::{SigningRecord, UnknownVotes};
use crate::signer::{Embedded, EotsSigner, serve};
use crate::startup::{Admission, Refusals, Setting, StartError, spawn};
use crate::upkeep;

/// Serves the keys of all enabled providers until stopped.
pub async fn run(context: &Context, options: SignerOptions) -> Result<Answer, CommandError> {
    let config: Config = context.config()?;
    let endpoint = config.signer.endpoint.clone().ok_or_else(|| {
        CommandError::new(
            Exit::Configuration,
            "config-invalid",
            "`signer.endpoint` is missing: it says where the signer listens",
        )
        .with_hint("add [signer] endpoint = \"unix:/run/finality-provider/signer.sock\"")
    })?;
    let home = context.home()?;
    let passphrase = passphrase(&config)?;
    let setting = Setting::new(config, home, passphrase);
    let entries = setting.enabled()?;
    let config = &setting.config;

    let service = Service::start(context, &config.log, &config.http, SIGNER_METRICS).await?;
    let signer = Embedded::new(SigningRecord::open(home, chain_domain(config)?)?);
    upkeep::start(&service, &setting, signer.clone());
    let refusals = Refusals::watch(&service, entries.len());
    for entry in entries {
        let name = entry.name.clone();
        let unknown = UnknownVotes::from(options.record);
        let admission = Admission::new(Arc::clone(&setting), entry, signer.clone(), unknown);
        let start = Start {
            setting: Arc::clone(&setting),
            admission,
            refusals: refusals.clone(),
        };
        spawn(&service, &name, start);
    }
    let chain_id = config.babylon.chain_id.clone();
    let signer: Arc<dyn EotsSigner> = Arc::new(signer);
    service.spawn_essential("signer", |stop| async move {
        serve(&endpoint, signer, &chain_id, stop.cancelled_owned()).await?;
        Ok::<_, ServeError>(())
    });
    service.run().await
}

/// One key on its way into the signer.
struct Start {
    setting: Arc<Setting>,
    admission: Admission,
    refusals: Refusals,
}

impl Start {
    async fn start(&mut self) -> Result<(), StartError> {
        let chain = chain_without_account(&self.setting.config).await?;
        let key = self.admission.admit(&*chain).await?;
        tracing::info!(finality_provider = %key, "signs");
        Ok(())
    }
}

impl Worker for Start {
    type Error = ChainError;

    fn interval(&self) -> Duration {
        Duration::ZERO
    }

    async fn round(&mut self) -> Result<Next, ChainError> {
        let attempt = self.start().await;
        self.refusals.next(attempt)
    }
}
