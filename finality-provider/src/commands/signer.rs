//! `signer`: the EOTS keys in a process of their own.

use std::sync::Arc;
use std::time::Duration;

use chain::{ChainError, SecuredChain};
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use daemon::service::Service;
use proto::endpoint::ServeError;

use crate::cli::SignerOptions;
use crate::config::Config;
use crate::keys::passphrase;
use crate::metrics::SIGNER_METRICS;
use crate::provider::{Next, Worker};
use crate::record::UnknownVotes;
use crate::signer::{Signers, serve};
use crate::startup::{Admission, Refusals, Setting, StartError, embedded, seat, spawn};
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
    let chains = config.secured_chains();
    let signers = embedded(home, &chains)?;
    let refusals = Refusals::watch(&service, entries.len() * chains.len());
    let mut served = Signers::new();
    for (chain, signer) in chains.into_iter().zip(signers) {
        upkeep::start(&service, &setting, &chain, signer.clone());
        served.insert(chain.domain().to_string(), Arc::new(signer.clone()));
        for entry in &entries {
            let name = seat(&entry.name, &chain);
            let unknown = UnknownVotes::from(options.record);
            let setting = Arc::clone(&setting);
            let start = Start {
                name: name.clone(),
                chain: chain.clone(),
                admission: Admission::new(setting, entry.clone(), signer.clone(), unknown),
                refusals: refusals.clone(),
            };
            spawn(&service, &name, start);
        }
    }
    service.spawn_essential("signer", |stop| async move {
        serve(&endpoint, served, stop.cancelled_owned()).await?;
        Ok::<_, ServeError>(())
    });
    service.run().await
}

/// One key on its way into the signer for one chain.
struct Start {
    /// What it is called there.
    name: String,
    chain: SecuredChain,
    admission: Admission,
    refusals: Refusals,
}

impl Start {
    async fn start(&mut self) -> Result<(), StartError> {
        let chain = self.chain.watch().await?.chain();
        let key = self.admission.admit(&*chain).await?;
        tracing::info!(finality_provider = %key, chain = self.chain.name(), "signs");
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
        self.refusals.next(&self.name, attempt)
    }
}
