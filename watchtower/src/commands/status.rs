//! `status`: from the running watchtower, or else from both chains.

use std::fmt;

use bitcoin_source::BitcoinSource as _;
use chain::Chain as _;
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use serde::Serialize;

use super::{setting, watched_account};
use crate::startup::{Account, Nodes};
use crate::status::{HeadersStatus, Status};

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
                "the watchtower is not running; this is what both nodes say"
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
    let account = Account::Watched(watched_account(&config, &home)?);
    let nodes = Nodes::connect(&config, account).await?;
    let parked = daemon::parked::list(&home.parked()).map_or(0, |parked| parked.len());
    let headers = HeadersStatus {
        bitcoin_tip: nodes.bitcoin.tip().await?.height,
        chain_tip: nodes.chain.light_client_tip().await?.height,
        reported: 0,
    };
    let status = Status {
        chain_id: config.babylon.chain_id.clone(),
        account: nodes.chain.account().to_owned(),
        headers: Some(headers),
        parked,
        ..Status::default()
    };
    Ok(Report {
        running: false,
        status,
    }
    .into())
}
