//! `status`: from the running watchtower, or else from the nodes.

use std::fmt;

use bitcoin_source::{BitcoinSource as _, Bitcoind};
use chain::Account;
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use serde::Serialize;

use super::{setting, watched_account};
use crate::startup::connect;
use crate::status::{ChainStatus, HeadersStatus, Status};

#[derive(Serialize)]
struct Report {
    running: bool,
    #[serde(flatten)]
    status: Status,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.running {
            writeln!(
                f,
                "the watchtower is not running; this is what the nodes say"
            )?;
        }
        self.status.fmt(f)
    }
}

/// Shows how the watchtower is doing.
pub async fn run(context: &Context) -> Result<Answer, CommandError> {
    let (config, home) = setting(context)?;
    if let Some(value) = daemon::status::ask(config.http.listen).await? {
        let status = serde_json::from_value(value).map_err(|error| {
            let message = format!("the watchtower's status cannot be read: {error}");
            CommandError::new(Exit::Failed, "status-unreadable", message)
                .with_hint("is it still starting, or of another version?")
        })?;
        return Ok(Report {
            running: true,
            status,
        }
        .into());
    }
    let bitcoin = Bitcoind::connect(&config.bitcoin).await?;
    let bitcoin_tip = bitcoin.tip().await?.height;
    let mut chains = Vec::new();
    for secured in config.secured_chains() {
        let address = watched_account(&secured, &home)?;
        let account = address.text().to_owned();
        let connected = connect(&bitcoin, &secured, Account::Watched(address)).await?;
        chains.push(ChainStatus {
            name: secured.name().to_owned(),
            chain_id: secured.chain_id().to_owned(),
            account,
            headers: Some(HeadersStatus {
                bitcoin_tip,
                chain_tip: connected.chain().light_client_tip().await?.height,
                reported: 0,
            }),
            ..ChainStatus::default()
        });
    }
    let parked = daemon::parked::list(&home.parked()).map_or(0, |parked| parked.len());
    Ok(Report {
        running: false,
        status: Status::of(chains, parked),
    }
    .into())
}
