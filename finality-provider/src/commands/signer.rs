//! `signer`: the EOTS keys in a process of their own.

use std::sync::Arc;

use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use daemon::service::Service;
use proto::endpoint::ServeError;

use super::start::until_connected;
use crate::cli::SignerOptions;
use crate::config::Config;
use crate::connect::{self, MissingRecord};
use crate::keys::passphrase;
use crate::metrics::METRICS;
use crate::signer::{EotsSigner, serve};

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
    let service = Service::start(context, &config.log, &config.http, METRICS).await?;
    let chain = until_connected(&service, || connect::chain_without_account(&config)).await?;
    let missing = MissingRecord::from(options.record);
    let signer: Arc<dyn EotsSigner> =
        Arc::new(connect::embedded_signer(&config, home, &passphrase, &*chain, missing).await?);
    let chain_id = config.babylon.chain_id.clone();
    service.spawn_essential("signer", |stop| async move {
        serve(&endpoint, signer, &chain_id, stop.cancelled_owned()).await?;
        Ok::<_, ServeError>(())
    });
    service.run().await
}
