//! Parts of a scenario that the test plays itself, through the library crates.
//!
//! A test about one program needs stakes, signatures, headers and checkpoints to exist; who makes them does not
//! matter to it. Here is each as one call on a [`Stage`]: a Bitcoin node, a Babylon node, and the keys of a committee.
//! Tests about the interplay of the programs use the programs.

mod checkpoint;
mod committee;
mod headers;
mod stake;

use std::sync::Arc;
use std::time::Duration;

use chain::babylon::{AccountKey, Babylon, Config};

use crate::{Babylond, BabylondSettings, Bitcoind};

pub use committee::Committee;
pub use stake::{Stake, Staker};

/// How long anything on these small chains may take.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// What an account starts with: 100 BABY.
const ACCOUNT_FUNDS: u64 = 100_000_000;

/// The nodes of a scenario and the committee that its chain believes in.
pub struct Stage {
    /// A regtest Bitcoin node.
    pub bitcoind: Bitcoind,
    /// A Babylon node.
    pub babylond: Babylond,
    /// The covenant committee.
    pub committee: Committee,
    /// A funded account of the test's own.
    pub chain: Arc<Babylon>,
}

impl Stage {
    /// Starts the nodes; the chain knows Bitcoin up to its tip, whose coins can be spent.
    pub async fn launch(settings: BabylondSettings) -> anyhow::Result<Self> {
        let committee = Committee::of_three();
        let settings = BabylondSettings {
            covenant_keys: committee.keys()?,
            covenant_quorum: committee.quorum(),
            ..settings
        };
        let (bitcoind, babylond) =
            tokio::try_join!(Bitcoind::launch(), Babylond::launch(&settings))?;
        bitcoind.mine_first_coins()?;
        let chain = account(&babylond).await?.1;
        let stage = Self {
            bitcoind,
            babylond,
            committee,
            chain,
        };
        stage.bring_headers().await?;
        Ok(stage)
    }

    /// A new account with coins for fees, and its secret key.
    pub async fn account(&self) -> anyhow::Result<([u8; 32], Arc<Babylon>)> {
        account(&self.babylond).await
    }
}

/// The section of our programs' configurations that says how to reach the node.
pub fn babylon_config(babylond: &Babylond) -> anyhow::Result<Config> {
    Ok(Config::new(
        babylond.chain_id(),
        babylond.grpc_url().try_into()?,
    ))
}

/// A new account with coins for fees, and its secret key.
pub(crate) async fn account(babylond: &Babylond) -> anyhow::Result<([u8; 32], Arc<Babylon>)> {
    let secret: [u8; 32] = rand::random();
    let key = AccountKey::from_secret(&secret)?;
    let config = babylon_config(babylond)?;
    babylond
        .fund(key.address(&config.account_prefix)?.text(), ACCOUNT_FUNDS)
        .await?;
    Ok((secret, Arc::new(Babylon::connect(config, key).await?)))
}
