//! A second vote at one checkpoint of a partner chain, and how soon the stake burns.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bitcoin::Txid;
use bitcoin::hex::DisplayHex as _;
use bitcoincore_rpc::RpcApi as _;
use eots::PublicKey;
use serde_json::{Value, json};
use staking::keys::FinalityProviderKey;
use staking::units::{BitcoinHeight, ChainHeight};

use crate::network::audience::{told, wait};
use crate::network::story::{DEADLINE, Stake};
use crate::network::{Audience, ChainTransaction, Fact, Network, Partner, Provider};
use crate::partner_chain::number;
use crate::partner_chain::{self, Checkpoint, Mesh};

/// Hash of a header that is not the chain's.
const FORK: [u8; 32] = [0xfe; 32];

/// Somebody has sent a second vote of a provider at one checkpoint.
#[derive(Clone, Debug)]
pub struct DoubleVoted {
    /// Whose.
    pub provider: FinalityProviderKey,
    /// The chain.
    pub chain: &'static str,
    /// The checkpoint.
    pub checkpoint: u64,
    /// Hash of the chain's own block there, which the provider had voted for.
    pub canonical_hash: [u8; 32],
    /// The hash that the second vote is for.
    pub fork_hash: [u8; 32],
    /// The transaction with the second vote.
    pub transaction: ChainTransaction,
    /// When it was sent.
    pub sent: Instant,
    /// Bitcoin's height then.
    pub bitcoin_height: BitcoinHeight,
}

/// The transaction that burns the stake is on its way.
#[derive(Clone, Copy, Debug)]
pub struct BurnSent {
    /// The transaction.
    pub txid: Txid,
    /// How long after the second vote was sent bitcoind knew it.
    pub after: Duration,
    /// Blocks of the partner chain from the one with the second vote on.
    pub chain_blocks: u64,
    /// Blocks of Bitcoin meanwhile.
    pub bitcoin_blocks: u32,
}

impl Network {
    /// Votes once more with a provider's key, behind the back of its program: it never would.
    pub(super) async fn vote_twice(
        &self,
        partner: &Partner,
        provider: &Provider,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<DoubleVoted> {
        let mesh = partner.mesh().await?;
        let what = format!("a vote of {} on {}", provider.name, partner.name);
        let key = provider.key.to_string();
        let question = json!({ "votes": { "pk": key } });
        let newest = wait(audience, DEADLINE, &what, || async {
            let answer = mesh.query(question.clone()).await?;
            let votes = answer.get("votes").and_then(Value::as_array);
            let newest = votes.and_then(|votes| votes.last());
            number(newest.context("none is kept")?, "k")
        })
        .await?;
        let checkpoint = mesh.checkpoint(newest).await?;
        audience.progress(&format!(
            "signing a vote for another block of checkpoint {newest} with the key of {}",
            provider.name
        ));
        let vote = second_vote(&mesh, provider, &checkpoint).await?;
        let bitcoin_height = BitcoinHeight(self.bitcoind.height()?.try_into()?);
        let sent = Instant::now();
        let votes = json!({ "votes": { "items": [vote] } });
        let executed = mesh.execute(votes).await?;
        let slashed = executed.events.iter().any(|event| {
            event.kind == "wasm-slashed" && event.attribute("pk") == Some(key.as_str())
        });
        ensure!(
            slashed,
            "the second vote gave no key: {:?}",
            executed.events
        );
        Ok(told(
            audience,
            DoubleVoted {
                provider: provider.key,
                chain: partner.name,
                checkpoint: newest,
                canonical_hash: checkpoint.hash,
                fork_hash: FORK,
                transaction: partner.slashed_in(provider.key).await?,
                sent,
                bitcoin_height,
            },
        ))
    }

    /// Waits until bitcoind knows the transaction that burns a stake.
    pub(super) async fn see_burn_sent(
        &self,
        stake: &Stake,
        double_voted: &DoubleVoted,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<BurnSent> {
        let delegation = self.delegation(stake.txid()).await?;
        let txid = delegation.slashing_tx.compute_txid();
        let what = "the watchtower to compute the key and broadcast the slashing transaction";
        let (after, height) = wait(audience, DEADLINE, what, || async {
            self.bitcoind.rpc().get_raw_transaction(&txid, None)?;
            anyhow::Ok((double_voted.sent.elapsed(), self.bitcoind.height()?))
        })
        .await?;
        let name = double_voted.chain;
        let partner = self.partners.iter().find(|partner| partner.name == name);
        let ChainHeight(now) = partner.context("no such chain")?.height()?;
        let bitcoin_blocks = u32::try_from(height)?.checked_sub(double_voted.bitcoin_height.0);
        Ok(told(
            audience,
            BurnSent {
                txid,
                after,
                chain_blocks: now.saturating_sub(double_voted.transaction.height.0),
                bitcoin_blocks: bitcoin_blocks.context("Bitcoin went back")?,
            },
        ))
    }
}

/// A vote for a block of nobody's, under the randomness that the provider's program has committed to.
async fn second_vote(
    mesh: &Mesh<'_>,
    provider: &Provider,
    checkpoint: &Checkpoint,
) -> anyhow::Result<Value> {
    let table = mesh.table(checkpoint.head.term.epoch).await?;
    let key = PublicKey::from(provider.key);
    let entry = table.entries().iter().find(|entry| entry.provider == key);
    let commit = entry.context("the provider is in no table")?.commit;
    let secret = provider.secret.clone();
    partner_chain::Provider::committed(mesh.domain(), secret, &commit)?.vote_for(checkpoint, &FORK)
}

impl Fact for DoubleVoted {
    fn headline(&self) -> String {
        format!(
            "a second vote at one checkpoint is out on {}: together they give the provider's secret key away",
            self.chain
        )
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("finality provider", self.provider.to_string()),
            ("checkpoint", self.checkpoint.to_string()),
            ("voted for", self.canonical_hash.to_lower_hex_string()),
            ("and for", self.fork_hash.to_lower_hex_string()),
            ("transaction", self.transaction.to_string()),
        ]
    }
}

impl Fact for BurnSent {
    fn headline(&self) -> String {
        "the watchtower has broadcast the transaction that burns the stake".to_owned()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Bitcoin transaction", self.txid.to_string()),
            (
                "after the 2nd vote",
                format!(
                    "{:.1} s, {} blocks of the chain, {} of Bitcoin",
                    self.after.as_secs_f64(),
                    self.chain_blocks,
                    self.bitcoin_blocks
                ),
            ),
        ]
    }
}
