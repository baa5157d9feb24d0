//! A command of `btc-staker` that goes on while the story watches what it brings about.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::network::{Audience, Network};

/// Longer than any wait of the story.
const DEADLINE: Duration = Duration::from_mins(5);

/// A running command; killed when dropped.
pub(super) struct Errand {
    running: JoinHandle<anyhow::Result<Value>>,
    result: Option<Value>,
}

impl Errand {
    /// Starts `btc-staker <arguments>`, and tells so.
    pub(super) fn start(
        network: &Network,
        arguments: &[&str],
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Self> {
        let quoted = arguments.iter().map(|argument| {
            if argument.contains(' ') {
                format!("'{argument}'")
            } else {
                (*argument).to_owned()
            }
        });
        audience.progress(&format!(
            "btc-staker {}",
            quoted.collect::<Vec<_>>().join(" ")
        ));
        let program = network.staker.program()?.arg("--json").args(arguments);
        let running = tokio::spawn(async move { program.run(DEADLINE).await?.result() });
        Ok(Self {
            running,
            result: None,
        })
    }

    /// Waits for `event`, which the command is to bring about; fails with the command.
    pub(super) async fn bring_about<T>(
        &mut self,
        event: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let mut event = pin!(event);
        if self.result.is_none() {
            tokio::select! {
                happened = &mut event => return happened,
                ended = &mut self.running => self.result = Some(ended??),
            }
        }
        event.await
    }

    /// Waits until the command has ended; returns its result.
    pub(super) async fn end(mut self) -> anyhow::Result<Value> {
        match self.result.take() {
            Some(result) => Ok(result),
            None => (&mut self.running)
                .await
                .context("the command was cancelled")?,
        }
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        self.running.abort();
    }
}
