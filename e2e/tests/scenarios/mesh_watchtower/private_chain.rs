//! Scenario 6: whoever brings headers is cut off, and somebody brings those of a slow chain of their own instead.
//!
//! The instance's limits are hours, and nobody waits for them: blocks are dated back, so that within a minute most of the common
//! chain is a day old, and its newest block too old to be fresh.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use bitcoin::hashes::Hash as _;
use bitcoin::{ScriptBuf, Transaction, WPubkeyHash};
use bitcoincore_rpc::RpcApi as _;
use mesh_core::Domain;
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;
use testenv::partner_chain::{
    CHALLENGE, DEADLINE, DEPTH, PartnerChain, Stake, THAW, headers_message, inclusion, params,
};
use testenv::scenario::Committee;
use testenv::{Bitcoind, poll_until};

use super::side::{Side, confirm, random_key};
use super::{ROLES, TIMELOCK, VALUE};

const DAY: Duration = Duration::from_hours(24);

/// How far Bitcoin may be behind the chain's clock, for activations and for finality.
const MAX_LAG: Duration = Duration::from_hours(3);

/// How long the beginning may take, before the common chain is old. It takes a few seconds.
const BEGINNING: Duration = Duration::from_secs(75);

/// Blocks of 24 hours that activations ask for.
const PACE: u64 = 24;

/// Blocks that bury a stake and let it count.
const RIPE: u64 = 1 + DEPTH + CHALLENGE;

/// Between two blocks of the private chain, which fall short of the pace together with those that bury stakes.
const SLOW: Duration = Duration::from_mins(20);

/// The same of the honest chain.
const USUAL: Duration = Duration::from_mins(10);

/// Blocks of the honest chain in the time of [`RIPE`] of the private one.
const HONEST: u64 = 2 * RIPE;

/// A node with coins from days ago.
async fn old_bitcoin() -> anyhow::Result<Arc<Bitcoind>> {
    let bitcoind = Bitcoind::launch().await?;
    bitcoind.stop_clock(3 * DAY)?;
    bitcoind.mine_first_coins()?;
    // The wallet is younger, and passes over blocks from before its time.
    bitcoind.rpc().rescan_blockchain(None, None)?;
    Ok(Arc::new(bitcoind))
}

/// A new instance with one provider, which asks for blocks of today.
async fn on_guard(chain: &PartnerChain) -> anyhow::Result<Side<'_>> {
    let mut numbers = params();
    numbers["pace_min"] = PACE.into();
    numbers["max_lag"] = MAX_LAG.as_secs().into();
    numbers["max_stale"] = MAX_LAG.as_secs().into();
    let mesh = chain.begin_mesh(&numbers, &Committee::of_three()).await?;
    Side::with(chain, mesh, &[random_key()?]).await
}

/// Mines a block with this transaction alone and so many after it, the last of which is dated now.
fn mine_spaced(
    bitcoind: &Bitcoind,
    transaction: &Transaction,
    following: u64,
    spacing: Duration,
) -> anyhow::Result<()> {
    let following = u32::try_from(following)?;
    bitcoind.stop_clock(spacing * following)?;
    bitcoind.mine_only(std::slice::from_ref(transaction))?;
    for left in (0..following).rev() {
        bitcoind.stop_clock(spacing * left)?;
        bitcoind.mine(1)?;
    }
    Ok(())
}

/// Another transaction of the miner's that spends the same coins.
fn other_spend(bitcoind: &Bitcoind, transaction: &Transaction) -> anyhow::Result<Transaction> {
    let mut other = transaction.clone();
    for input in &mut other.input {
        input.witness.clear();
    }
    for output in &mut other.output {
        output.script_pubkey = ScriptBuf::new_p2wpkh(&WPubkeyHash::all_zeros());
    }
    bitcoind.sign(&other)
}

impl Side<'_> {
    async fn health(&self) -> anyhow::Result<Value> {
        Ok(self.chain.ask_light(&json!({ "health": {} })).await?)
    }

    /// Waits until the chain's view of Bitcoin is too old, and all is a day old but the blocks that buried stakes.
    async fn view_becomes_old(&self) -> anyhow::Result<()> {
        poll_until(BEGINNING + DEADLINE, "Bitcoin to be old", || async {
            let health = self.health().await?;
            let is_old = health["lag"].as_u64() > Some(MAX_LAG.as_secs());
            ensure!(is_old && health["blocks_24h"] == RIPE, "{health}");
            anyhow::Ok(())
        })
        .await
    }

    /// Brings all blocks that a private node has mined on the common chain, and shows a stake in the first of them as soon
    /// as it is believed.
    async fn feed(
        &self,
        private: &Bitcoind,
        stake: &Stake,
        shares: &[(Domain, u16, &AccountAddress)],
    ) -> anyhow::Result<()> {
        let tip = private.height()?;
        let believed = tip - CHALLENGE;
        let first = believed - DEPTH;
        let headers = headers_message(private, first..=believed)?;
        self.chain.tell_light(&headers).await?;
        let place = inclusion(private, stake.outpoint().txid)?;
        let shown = stake.message(&place, &stake.consent(1, shares)?)?;
        self.mesh.execute(shown).await?;
        let headers = headers_message(private, believed + 1..=tip)?;
        self.chain.tell_light(&headers).await?;
        Ok(())
    }

    async fn refuses_to_activate(&self, stake: &Stake, reason: &str) {
        let refused = self.mesh.execute(stake.activation()).await.unwrap_err();
        assert!(refused.to_string().contains(reason), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s06_a_slow_private_chain_activates_nothing_and_the_honest_one_does_again_by_itself() {
    let (bitcoind, private) = tokio::try_join!(old_bitcoin(), Bitcoind::launch()).unwrap();
    let chain = PartnerChain::launch(bitcoind).await.unwrap();
    let bitcoind = &chain.bitcoind;
    let side = on_guard(&chain).await.unwrap();
    let shares = [(side.mesh.domain(), 10_000, &side.rewards)];
    let program = side.watchtower(&ROLES).await.unwrap();
    let mut daemon = program.start().unwrap();

    // Blocks came as usual, a day ago, less a moment. One stake counts, another waits for blocks.
    let hours_ago = MAX_LAG.saturating_sub(BEGINNING);
    let yesterday = DAY.saturating_sub(BEGINNING);
    bitcoind.stop_clock(yesterday).unwrap();
    bitcoind.mine(PACE).unwrap();
    bitcoind.stop_clock(hours_ago).unwrap();
    let [counting, waiting, invented] = [(); 3].map(|()| side.sign(0, TIMELOCK).unwrap());
    confirm(bitcoind, &[&counting.transaction, &waiting.transaction]).unwrap();
    side.headers_arrive().await.unwrap();
    side.mesh.show([&counting], &shares).await.unwrap();
    bitcoind.mine(CHALLENGE).unwrap();
    side.stake_becomes(&counting, "active").await.unwrap();
    side.mesh.show([&waiting], &shares).await.unwrap();
    side.mesh.govern(json!({ "start": {} })).await.unwrap();
    side.finalise_next().await.unwrap();

    // Headers come no more.
    daemon.kill_nine();
    private.copy_blocks_of(bitcoind).unwrap();
    side.view_becomes_old().await.unwrap();
    side.refuses_to_activate(&waiting, "behind").await;
    let voted = side.vote_for_next().await.unwrap();
    let status = side.mesh.status().await.unwrap();
    assert_eq!(status["next"], voted, "{status}");
    assert!(status["halted"].is_string(), "{status}");

    // Then those of a miner with little work, as new as any, with a stake of coins that are spent otherwise elsewhere.
    mine_spaced(&private, &invented.transaction, RIPE - 1, SLOW).unwrap();
    side.feed(&private, &invented, &shares).await.unwrap();
    let health = side.health().await.unwrap();
    let lag = health["lag"].as_u64();
    assert!(lag.is_some_and(|lag| lag < SLOW.as_secs()), "{health}");
    assert_eq!(health["blocks_24h"], 2 * RIPE, "{health}");
    let pace = format!("fewer than {PACE} blocks of Bitcoin are dated within the last 24 hours");
    for stake in [&waiting, &invented] {
        side.refuses_to_activate(stake, &pace).await;
        let known = side.stake(stake).await.unwrap();
        assert!(known["status"].get("pending").is_some(), "{known}");
    }
    // What counted before is as good as it was.
    side.mesh.execute(json!({ "poke": {} })).await.unwrap();
    let status = side.mesh.status().await.unwrap();
    assert_eq!(status["next"], voted + 1, "{status}");
    assert!(status["halted"].is_null(), "{status}");

    // Nobody governs: the chain with more work comes.
    let spend = other_spend(bitcoind, &invented.transaction).unwrap();
    mine_spaced(bitcoind, &spend, HONEST - 1, USUAL).unwrap();
    daemon.restart().unwrap();
    side.headers_arrive().await.unwrap();
    side.stake_becomes(&invented, "unproven").await.unwrap();
    bitcoind.mine(THAW).unwrap();
    side.stake_becomes(&waiting, "active").await.unwrap();
    for _ in 0..2 {
        side.finish_the_epoch().await.unwrap();
    }
    let table = side.mesh.table(2).await.unwrap();
    assert_eq!(table.head().total, 2 * VALUE);
    side.refuses_to_activate(&invented, "undone").await;
    side.stake_becomes(&invented, "unproven").await.unwrap();
    let status = program.command(&["status"]).await.unwrap();
    assert_eq!(status.result().unwrap()["parked"], 0);
    assert!(daemon.terminate(DEADLINE).await.unwrap().success());
}
