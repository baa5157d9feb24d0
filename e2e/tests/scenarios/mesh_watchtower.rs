//! `watchtower` on partner chains: one process serves two of them, beside a third that does not answer. Whatever anybody may
//! do is done by it alone; the test stakes, votes, mines and governs.

mod babylon;
mod by_hand;
mod old_blocks;
mod outage;
mod private_chain;
mod share;
mod side;
mod unbonding;
mod undone;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use bitcoin::{Amount, Transaction};
use eots::SecretKey;
use serde_json::{Value, json};
use testenv::Bitcoind;
use testenv::partner_chain::{CHALLENGE, DEADLINE, PartnerChain, Stake};
use testenv::programs::WatchtowerProgram;
use testenv::scenario::Committee;

use crate::staking::absent;
use side::{Side, confirm, random_key, spent};

/// Of each stake, in sat.
const VALUE: u64 = 1 << 20;

/// What slashing burns of it, sat: a tenth, rounded up.
const PENALTY: u64 = VALUE.div_ceil(10);

/// Timelock of each stake, blocks.
const TIMELOCK: u16 = 1_000;

/// Half of each stake counts on either chain.
const SHARE: u16 = 5_000;

const ROLES: [&str; 6] = [
    "headers",
    "activation",
    "unbonding",
    "slashing",
    "keys",
    "upkeep",
];

/// Two chains and stakes that both count.
struct Life<'a> {
    bitcoind: Arc<Bitcoind>,
    sides: [Side<'a>; 2],
    stakes: Vec<Stake>,
}

impl<'a> Life<'a> {
    async fn begin(x: &'a PartnerChain, y: &'a PartnerChain) -> anyhow::Result<Self> {
        let keys: Vec<SecretKey> = (0..3).map(|_| random_key()).collect::<Result<_, _>>()?;
        let sides = [Side::begin(x, &keys).await?, Side::begin(y, &keys).await?];
        let bitcoind = Arc::clone(&x.bitcoind);
        let committee = Committee::of_three();
        let value = Amount::from_sat(VALUE);
        let stakes = keys
            .iter()
            .map(|key| Stake::sign(&bitcoind, &committee, &key.public_key(), value, TIMELOCK))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            bitcoind,
            sides,
            stakes,
        })
    }

    fn confirm(&self, transactions: &[&Transaction]) -> anyhow::Result<()> {
        confirm(&self.bitcoind, transactions)
    }

    async fn headers_arrive(&self) -> anyhow::Result<()> {
        for side in &self.sides {
            side.headers_arrive().await?;
        }
        Ok(())
    }

    async fn becomes(&self, stake: usize, status: &str) -> anyhow::Result<()> {
        for side in &self.sides {
            side.stake_becomes(&self.stakes[stake], status).await?;
        }
        Ok(())
    }

    /// Shows the stakes to both chains.
    async fn show_stakes(&self) -> anyhow::Result<()> {
        let shares = self
            .sides
            .each_ref()
            .map(|side| (side.mesh.domain(), SHARE, &side.rewards));
        for side in &self.sides {
            side.mesh.show(&self.stakes, &shares).await?;
        }
        Ok(())
    }

    /// Waits until the first stake's slashing transaction is on the network, and has it mined.
    async fn the_stake_is_burnt(&self) -> anyhow::Result<()> {
        let slashing = self.stakes[0].delegation.slashing_tx();
        let mined = spent(&self.bitcoind, slashing).await?;
        assert_eq!(mined.output[0].value, Amount::from_sat(PENALTY));
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_looks_after_two_chains_while_a_third_is_down() {
    let (x, y) = PartnerChain::launch_two().await.unwrap();
    let bitcoind = &x.bitcoind;
    let life = Life::begin(&x, &y).await.unwrap();
    let chains = format!(
        "{}{}{}",
        absent(),
        life.sides[0].mesh.configuration("x"),
        life.sides[1].mesh.configuration("y")
    );
    let program = WatchtowerProgram::on(bitcoind, &chains, &ROLES)
        .await
        .unwrap();
    for chain in [&x, &y] {
        chain.fund(program.account()).await.unwrap();
    }
    let mut daemon = program.start().unwrap();

    // Headers, and stakes that count after their challenge.
    let staked: Vec<_> = life.stakes.iter().map(|stake| &stake.transaction).collect();
    life.confirm(&staked).unwrap();
    life.headers_arrive().await.unwrap();
    life.show_stakes().await.unwrap();
    bitcoind.mine(CHALLENGE - 1).unwrap();
    life.headers_arrive().await.unwrap();
    life.becomes(0, "pending").await.unwrap();
    daemon.kill_nine();
    bitcoind.reorganise(1).unwrap();
    bitcoind.mine(1).unwrap();
    daemon.restart().unwrap();
    for stake in 0..life.stakes.len() {
        life.becomes(stake, "active").await.unwrap();
    }

    // Tables and rewards.
    let side = &life.sides[0];
    side.mesh.fund(1_000_000).await.unwrap();
    for side in &life.sides {
        side.mesh.govern(json!({ "start": {} })).await.unwrap();
    }
    side.finish_the_epoch().await.unwrap();
    side.rewards_are_settled().await.unwrap();

    // A spend.
    let unbonding = life.stakes[1].unbonding().unwrap();
    life.confirm(&[&unbonding]).unwrap();
    life.becomes(1, "ended").await.unwrap();

    // Scenarios 13 and 14: a key that comes out on X is shown to Y, and burns the stake from the slash kit alone.
    side.equivocate(0).await.unwrap();
    for side in &life.sides {
        side.knows_the_key(0).await.unwrap();
    }
    life.the_stake_is_burnt().await.unwrap();
    life.becomes(0, "ended").await.unwrap();

    let culprit = side.providers[0].public_key().to_string();
    let status = program
        .wait_for_status("all of it to be told", DEADLINE, |status| {
            let known = |chain: &Value| chain["keys"]["out"] == json!([culprit]);
            let chains = status["chains"].as_array().unwrap();
            chains.iter().filter(|chain| known(chain)).count() == 2
                && chains
                    .iter()
                    .any(|chain| chain["slashing"]["finished"] == 1)
        })
        .await
        .unwrap();
    let names = status["chains"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|chain| chain["name"].clone()).collect();
    assert_eq!(names, ["absent", "x", "y"], "{status}");
    assert_eq!(status["chains"][2]["keys"]["shown"], 1, "{status}");
    assert_eq!(status["parked"], 0, "{status}");
    what_is_slashed_by_hand_is_shown_of_every_chain(&program, &culprit, &life).await;
    let stopped = daemon.terminate(Duration::from_mins(1)).await.unwrap();
    assert!(stopped.success());
}

/// Beside the service, and with one chain that does not answer.
async fn what_is_slashed_by_hand_is_shown_of_every_chain(
    program: &WatchtowerProgram,
    culprit: &str,
    life: &Life<'_>,
) {
    let finished = program.command(&["slash", culprit]).await.unwrap();
    assert_eq!(finished.status().code(), Some(8));
    let shown: Value = serde_json::from_str(&finished.stdout()).unwrap();
    let slashing = life.stakes[0].delegation.slashing_tx().compute_txid();
    let outcomes = shown["result"]["delegations"].as_array().unwrap();
    let of_chains: Vec<_> = outcomes.iter().map(|it| it["chain"].clone()).collect();
    assert_eq!(of_chains, ["x", "y"], "{shown}");
    for outcome in outcomes {
        let staked = life.stakes[0].outpoint();
        assert_eq!(outcome["staking_txid"], staked.txid.to_string(), "{shown}");
        assert_eq!(outcome["staking_output_index"], staked.vout, "{shown}");
        assert_eq!(outcome["slashing_txid"], slashing.to_string(), "{shown}");
    }
    let silent = &shown["result"]["unanswered"];
    assert_eq!(silent.as_array().unwrap().len(), 1, "{shown}");
    assert_eq!(silent[0]["chain"], "absent", "{shown}");

    let honest = life.sides[0].providers[1].public_key().to_string();
    let finished = program.command(&["slash", &honest]).await.unwrap();
    assert_eq!(finished.status().code(), Some(4));
    let error = finished.error().unwrap();
    assert_eq!(error["code"], "no-evidence");
    assert!(
        error["message"].as_str().unwrap().contains("absent"),
        "{error}"
    );
}
