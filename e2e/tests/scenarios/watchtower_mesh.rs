//! `watchtower` on partner chains: one process serves two of them, beside a third that does not answer. Whatever anybody may
//! do is done by it alone; the test stakes, votes, mines and governs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bitcoin::{Amount, Transaction};
use bitcoincore_rpc::RpcApi as _;
use eots::SecretKey;
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;
use testenv::partner_chain::{
    CHALLENGE, DEADLINE, DEPTH, Mesh, PartnerChain, Provider, Stake, bitcoin_with_coins, params,
};
use testenv::programs::WatchtowerProgram;
use testenv::scenario::Committee;
use testenv::{Bitcoind, poll_until};

/// Of each stake, in sat.
const VALUE: u64 = 1 << 20;

/// What slashing burns of it, sat: a tenth, rounded up.
const PENALTY: u64 = VALUE.div_ceil(10);

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

/// A chain whose node is down.
fn absent() -> String {
    format!(
        "[[chain]]\nname = \"absent\"\ncontract = \"{}\"\ndomain = \"{}\"\n\
         [chain.node]\nchain_id = \"absent-1\"\ngrpc_url = \"http://127.0.0.1:9\"\naccount_prefix = \"wasm\"\n\
         fee_denomination = \"stake\"\ngas_price = \"0\"\nmax_fee = 1\n",
        AccountAddress::new("wasm", &[7; 32]).unwrap().text(),
        "07".repeat(32),
    )
}

/// One chain with its instance and everybody's part there.
struct Side<'a> {
    chain: &'a PartnerChain,
    mesh: Mesh<'a>,
    providers: Vec<Provider>,
    rewards: AccountAddress,
}

async fn accepted(mesh: &Mesh<'_>, messages: &[Value]) -> anyhow::Result<()> {
    for answer in mesh.execute_all(messages).await {
        answer?;
    }
    Ok(())
}

impl<'a> Side<'a> {
    async fn begin(chain: &'a PartnerChain, keys: &[SecretKey]) -> anyhow::Result<Self> {
        let mesh = chain.begin_mesh(&params(), &Committee::of_three()).await?;
        let providers = keys
            .iter()
            .map(|key| Provider::new(mesh.domain(), key.clone()))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let operator = chain.fresh_address()?;
        let mut messages = Vec::new();
        for provider in &providers {
            messages.push(provider.registration(1, operator.text(), 1_000)?);
            messages.push(provider.commit(1)?);
        }
        accepted(&mesh, &messages).await?;
        Ok(Self {
            chain,
            mesh,
            providers,
            rewards: chain.fresh_address()?,
        })
    }

    /// Waits until the chain knows Bitcoin's tip, which nobody but the watchtower tells it.
    async fn headers_arrive(&self) -> anyhow::Result<()> {
        poll_until(DEADLINE, "the headers to arrive", || async {
            let tip = self.chain.bitcoind.rpc().get_best_block_hash()?.to_string();
            let known = self.chain.ask_light(&json!({ "tip": {} })).await?;
            ensure!(known["hash"] == tip.as_str(), "{known}, not {tip}");
            anyhow::Ok(())
        })
        .await
    }

    /// Waits for a status of a stake.
    async fn stake_becomes(&self, stake: &Stake, status: &str) -> anyhow::Result<()> {
        let question = json!({ "stake": { "outpoint": stake.outpoint().to_string() } });
        poll_until(DEADLINE, &format!("a stake to be {status}"), || async {
            let known = self.mesh.query(question.clone()).await?;
            ensure!(known["status"].get(status).is_some(), "{known}");
            anyhow::Ok(())
        })
        .await
    }

    async fn number(&self, name: &str) -> anyhow::Result<u64> {
        let status = self.mesh.status().await?;
        status[name].as_u64().with_context(|| name.to_owned())
    }

    /// All providers make the next checkpoint final.
    async fn finalise_next(&self) -> anyhow::Result<()> {
        let next = self.number("next").await?;
        let checkpoint = self.mesh.checkpoint(next).await?;
        let votes = self
            .providers
            .iter()
            .map(|provider| provider.vote(&checkpoint))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let votes = json!({ "votes": { "items": votes } });
        self.mesh.execute(votes).await?;
        ensure!(self.number("next").await? == next + 1, "not final");
        Ok(())
    }

    /// Brings the second table into force, which the watchtower has made.
    async fn finish_the_epoch(&self) -> anyhow::Result<()> {
        let (epoch, last) = (self.number("epoch").await?, self.number("last").await?);
        while self.number("next").await? < last {
            self.finalise_next().await?;
        }
        poll_until(DEADLINE, "the next table to be made", || async {
            let status = self.mesh.status().await?;
            ensure!(status["next_table_ready"] == true, "{status}");
            anyhow::Ok(())
        })
        .await?;
        self.finalise_next().await?;
        ensure!(self.number("epoch").await? == epoch + 1, "no hand-over");
        Ok(())
    }

    /// Waits until the providers' rewards are credited.
    async fn rewards_are_settled(&self) -> anyhow::Result<()> {
        poll_until(DEADLINE, "the epoch to be settled", || async {
            let rewards = self.mesh.query(json!({ "rewards": {} })).await?;
            ensure!(rewards["owed"] != "0", "{rewards}");
            anyhow::Ok(())
        })
        .await
    }

    /// Waits until the chain knows a provider's key.
    async fn knows_the_key(&self, provider: usize) -> anyhow::Result<()> {
        let provider = &self.providers[provider];
        let question = json!({ "slashed": { "pk": provider.public_key().to_string() } });
        poll_until(DEADLINE, "the key to be known", || async {
            self.mesh.query(question.clone()).await.map(|_| ())
        })
        .await
    }
}

/// Two chains and stakes that both count.
struct Life<'a> {
    bitcoind: Arc<Bitcoind>,
    sides: [Side<'a>; 2],
    stakes: Vec<Stake>,
}

impl<'a> Life<'a> {
    async fn begin(x: &'a PartnerChain, y: &'a PartnerChain) -> anyhow::Result<Self> {
        let keys: Vec<_> = (0..3)
            .map(|_| SecretKey::from_bytes(&rand::random()))
            .collect::<Result<_, _>>()?;
        let sides = [Side::begin(x, &keys).await?, Side::begin(y, &keys).await?];
        let bitcoind = Arc::clone(&x.bitcoind);
        let committee = Committee::of_three();
        let value = Amount::from_sat(VALUE);
        let stakes = keys
            .iter()
            .map(|key| Stake::sign(&bitcoind, &committee, &key.public_key(), value, 1_000))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            bitcoind,
            sides,
            stakes,
        })
    }

    fn confirm(&self, transactions: &[&Transaction], depth: u64) -> anyhow::Result<()> {
        for transaction in transactions {
            self.bitcoind.rpc().send_raw_transaction(*transaction)?;
        }
        self.bitcoind.mine(1 + depth)?;
        Ok(())
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
            let shown = self
                .stakes
                .iter()
                .map(|stake| {
                    let inclusion = side.chain.inclusion(stake.transaction.compute_txid())?;
                    stake.message(&inclusion, &stake.consent(1, &shares)?)
                })
                .collect::<anyhow::Result<Vec<_>>>()?;
            accepted(&side.mesh, &shown).await?;
        }
        Ok(())
    }

    /// The first provider votes for two blocks at one checkpoint of the first chain.
    async fn equivocate(&self) -> anyhow::Result<()> {
        let side = &self.sides[0];
        let provider = &side.providers[0];
        let checkpoint = side.mesh.checkpoint(side.number("next").await?).await?;
        let items = [
            provider.vote(&checkpoint)?,
            provider.vote_for(&checkpoint, &[0xab; 32])?,
        ];
        side.mesh
            .execute(json!({ "votes": { "items": items } }))
            .await?;
        Ok(())
    }

    /// Waits until the first stake's slashing transaction is on the network, and has it mined.
    async fn the_stake_is_burnt(&self) -> anyhow::Result<()> {
        let slashing = self.stakes[0].delegation.slashing_tx().compute_txid();
        poll_until(DEADLINE, "the slashing transaction", || async {
            let mempool = self.bitcoind.rpc().get_raw_mempool()?;
            ensure!(mempool.contains(&slashing), "{mempool:?}");
            anyhow::Ok(())
        })
        .await?;
        self.bitcoind.mine(1 + DEPTH)?;
        let rpc = self.bitcoind.rpc();
        let mined = rpc.get_raw_transaction_info(&slashing, None)?;
        ensure!(mined.confirmations > Some(0), "it is in no block");
        let burnt = mined.transaction()?.output.into_iter().next();
        let burnt = burnt.context("no output")?;
        ensure!(burnt.value == Amount::from_sat(PENALTY), "{burnt:?}");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_looks_after_two_chains_while_a_third_is_down() {
    let bitcoind = bitcoin_with_coins().await.unwrap();
    let (x, y) = tokio::try_join!(
        PartnerChain::launch(Arc::clone(&bitcoind)),
        PartnerChain::launch(Arc::clone(&bitcoind)),
    )
    .unwrap();
    let life = Life::begin(&x, &y).await.unwrap();
    let chains = format!(
        "{}{}{}",
        absent(),
        life.sides[0].mesh.configuration("x"),
        life.sides[1].mesh.configuration("y")
    );
    let program = WatchtowerProgram::on(&bitcoind, &chains, &ROLES)
        .await
        .unwrap();
    let account: AccountAddress = program.account().parse().unwrap();
    for chain in [&x, &y] {
        chain.anybody.send(&account, 1_000_000).await.unwrap();
    }
    let mut daemon = program.start().unwrap();

    // Headers, and stakes that count after their challenge.
    let staked: Vec<_> = life.stakes.iter().map(|stake| &stake.transaction).collect();
    life.confirm(&staked, DEPTH).unwrap();
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
    life.confirm(&[&unbonding], DEPTH).unwrap();
    life.becomes(1, "ended").await.unwrap();

    // Scenarios 13 and 14: a key that comes out on X is shown to Y, and burns the stake from the slash kit alone.
    life.equivocate().await.unwrap();
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
    let stopped = daemon.terminate(Duration::from_mins(1)).await.unwrap();
    assert!(stopped.success());
}
