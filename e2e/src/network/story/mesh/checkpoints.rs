//! Checkpoints of a partner chain become final.

use anyhow::{Context as _, ensure};
use bitcoin::Amount;
use serde_json::{Value, json};
use staking::units::ChainHeight;

use crate::network::audience::{told, wait};
use crate::network::story::DEADLINE;
use crate::network::{Audience, Fact, Network, Partner};
use crate::partner_chain::number;

/// Checkpoints in a row that have to become final.
const FINAL_CHECKPOINTS: u64 = 3;

/// Checkpoints in a row that are final on a partner chain.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    /// The chain.
    pub chain: &'static str,
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// The block of the last.
    pub height: ChainHeight,
    /// The hash that is final, which is that of the node's own block.
    pub hash: String,
    /// What had voted for it.
    pub voted: Amount,
    /// What could.
    pub total: Amount,
}

impl Network {
    /// Waits until the next checkpoints of a partner chain are final.
    pub(super) async fn see_checkpoints(
        &self,
        partner: &Partner,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Checkpoints> {
        let (chain, mesh) = (partner.name, partner.mesh().await?);
        let first = number(&mesh.status().await?, "next")?;
        let last = first + FINAL_CHECKPOINTS - 1;
        let what = format!("the checkpoints {first} to {last} of {chain} to be final");
        wait(audience, DEADLINE, &what, || async {
            let status = mesh.status().await?;
            ensure!(number(&status, "next")? > last, "{status}");
            anyhow::Ok(())
        })
        .await?;
        let found = partner.ask(&json!({ "finalized": { "k": last } })).await?;
        let height = number(&found, "height")?;
        let hash = found.get("hash").and_then(Value::as_str);
        let hash = hash.context("a checkpoint without hash")?.to_owned();
        let own = partner.chain.header_hash(height).await?;
        let own = bitcoin::hex::DisplayHex::to_lower_hex_string(&own);
        ensure!(
            hash == own,
            "{hash} is final at height {height} of {chain}, its block is {own}"
        );
        Ok(told(
            audience,
            Checkpoints {
                chain,
                first,
                last,
                height: ChainHeight(height),
                hash,
                voted: Amount::from_sat(number(&found, "voted")?),
                total: Amount::from_sat(number(&found, "total")?),
            },
        ))
    }
}

impl Fact for Checkpoints {
    fn headline(&self) -> String {
        format!("checkpoints are final on {}", self.chain)
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("checkpoints", format!("{} to {}", self.first, self.last)),
            ("last block", format!("{} {}", self.height, self.hash)),
            ("voted", format!("{} of {}", self.voted, self.total)),
        ]
    }
}
