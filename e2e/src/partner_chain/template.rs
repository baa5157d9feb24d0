//! Chains with the contracts' code on them, whose nodes are stopped. The chains of scenarios go on from copies of them: a node
//! compiles code each time that it sees it, which takes longer than all else that begins a chain.
//!
//! There are two, of different ids, because a scenario may need two chains. Each is made at its first use and is there for
//! as long as a copy is.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Weak};

use anyhow::Context as _;
use chain::wasm::{CodeId, Contracts};
use tokio::sync::Mutex;

use super::nodes::{accounts, settings};
use crate::{Wasmd, provision};

/// Numbers of the contracts' code on a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Codes {
    pub(super) light: CodeId,
    pub(super) mesh: CodeId,
    pub(super) escrow: CodeId,
}

impl Codes {
    /// Stores the code, in the same order on every chain.
    pub(super) async fn store(account: &Contracts) -> anyhow::Result<Self> {
        let folder = tokio::task::spawn_blocking(provision::contracts).await??;
        Ok(Self {
            light: store(account, &folder, "btc_light.wasm").await?,
            mesh: store(account, &folder, "btc_mesh.wasm").await?,
            escrow: store(account, &folder, "escrow.wasm").await?,
        })
    }
}

/// Stores the code in a file.
pub(super) async fn store(
    account: &Contracts,
    folder: &Path,
    name: &str,
) -> anyhow::Result<CodeId> {
    let code = fs::read(folder.join(name)).with_context(|| format!("no {name}"))?;
    let stored = account.store_code(code).await;
    stored.with_context(|| format!("{name} is refused"))
}

/// A stopped node.
#[derive(Debug)]
pub(super) struct Template {
    wasmd: Wasmd,
    pub(super) codes: Codes,
}

/// Which of the two.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which {
    First,
    Second,
}

static FIRST: Mutex<Weak<Template>> = Mutex::const_new(Weak::new());
static SECOND: Mutex<Weak<Template>> = Mutex::const_new(Weak::new());

impl Template {
    /// The template, made where it is not there.
    pub(super) async fn provide(which: Which) -> anyhow::Result<Arc<Self>> {
        let place = match which {
            Which::First => &FIRST,
            Which::Second => &SECOND,
        };
        // Whoever comes meanwhile waits for it.
        let mut place = place.lock().await;
        if let Some(made) = place.upgrade() {
            return Ok(made);
        }
        let made = Arc::new(Self::make().await?);
        *place = Arc::downgrade(&made);
        Ok(made)
    }

    async fn make() -> anyhow::Result<Self> {
        let mut wasmd = Wasmd::launch(&settings(None, super::nodes::BLOCK_INTERVAL)).await?;
        let [governance, ..] = accounts(&wasmd).await?;
        let codes = Codes::store(&governance).await?;
        wasmd.stop().await?;
        Ok(Self { wasmd, codes })
    }

    /// A running copy.
    pub(super) async fn copy(&self) -> anyhow::Result<Wasmd> {
        let mut wasmd = self.wasmd.fork()?;
        wasmd.start().await?;
        Ok(wasmd)
    }
}
