//! `finality-provider` on partner chains: one process votes on two instances of `btc-mesh`, beside a chain that does not
//! answer.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bitcoin::Amount;
use eots::SecretKey;
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;
use testenv::partner_chain::{
    CHALLENGE, DEADLINE, DEPTH, Mesh, PartnerChain, Stake, bitcoin_with_coins, params,
};
use testenv::poll_until;
use testenv::programs::FinalityProviderProgram;
use testenv::scenario::Committee;

use crate::staking::absent;

/// Names of the providers; all have the same stake.
const PROVIDERS: [&str; 3] = ["one", "two", "three"];

/// Of each stake, in sat.
const VALUE: Amount = Amount::from_sat(1 << 20);

/// The providers' process and what it votes on.
struct Life<'a> {
    chain: &'a PartnerChain,
    meshes: [Mesh<'a>; 2],
    program: FinalityProviderProgram,
    keys: Vec<SecretKey>,
    rewards: AccountAddress,
}

impl<'a> Life<'a> {
    /// Two instances, and the process's providers registered on both.
    async fn begin(chain: &'a PartnerChain) -> anyhow::Result<Self> {
        let committee = Committee::of_three();
        let meshes = [
            chain.begin_mesh(&params(), &committee).await?,
            chain.begin_mesh(&params(), &committee).await?,
        ];
        let chains = format!(
            "{}{}{}",
            absent(),
            meshes[0].configuration("x"),
            meshes[1].configuration("y")
        );
        let program = FinalityProviderProgram::on(&chains, &PROVIDERS)?;
        let mut keys = Vec::new();
        for name in PROVIDERS {
            let secret = SecretKey::from_bytes(&rand::random())?;
            let (_, account) = program.import_key(name, &secret).await?;
            let account = AccountAddress::new("wasm", account.parse::<AccountAddress>()?.bytes())?;
            chain.anybody.send(&account, 1_000_000).await?;
            for chain in ["x", "y"] {
                program.register_on(chain, name).await?;
            }
            keys.push(secret);
        }
        let rewards = chain.fresh_address()?;
        Ok(Self {
            chain,
            meshes,
            program,
            keys,
            rewards,
        })
    }

    /// One stake for each provider, shared by both instances, counts on both.
    async fn stake(&self) -> anyhow::Result<()> {
        let committee = Committee::of_three();
        let stakes = self
            .keys
            .iter()
            .map(|key| {
                let bitcoind = &self.chain.bitcoind;
                Stake::sign(bitcoind, &committee, &key.public_key(), VALUE, 1_000)
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let transactions: Vec<_> = stakes.iter().map(|stake| &stake.transaction).collect();
        self.chain.confirm(&transactions, DEPTH).await?;
        let mut shares: Vec<_> = self
            .meshes
            .iter()
            .map(|mesh| (mesh.domain(), 5_000, &self.rewards))
            .collect();
        shares.sort_by_key(|(domain, ..)| *domain.as_bytes());
        for mesh in &self.meshes {
            let shown = stakes
                .iter()
                .map(|stake| {
                    let inclusion = self.chain.inclusion(stake.transaction.compute_txid())?;
                    stake.message(&inclusion, &stake.consent(1, &shares)?)
                })
                .collect::<anyhow::Result<Vec<_>>>()?;
            accepted(mesh, &shown).await?;
        }
        self.chain.mine(CHALLENGE).await?;
        for mesh in &self.meshes {
            let activations: Vec<_> = stakes.iter().map(Stake::activation).collect();
            accepted(mesh, &activations).await?;
        }
        Ok(())
    }

    /// Waits until every provider has committed to randomness on an instance.
    async fn wait_for_commits(&self, mesh: &Mesh<'_>) -> anyhow::Result<()> {
        poll_until(DEADLINE, "commitments of all providers", || async {
            let answer = mesh.query(json!({ "providers": {} })).await?;
            let providers = answer["providers"].as_array().context("no list")?;
            let committed = providers
                .iter()
                .filter(|provider| provider["commits"] != json!([]));
            let count = committed.count();
            ensure!(count == PROVIDERS.len(), "{count} so far");
            anyhow::Ok(())
        })
        .await
    }

    /// Waits until a checkpoint is final on an instance, and makes the tables that are due on the way.
    async fn wait_for_final(&self, mesh: &Mesh<'_>, checkpoint: u64) -> anyhow::Result<()> {
        poll_until(DEADLINE, "a checkpoint to become final", || async {
            let status = mesh.status().await?;
            let number = |name: &str| status[name].as_u64().context("no number");
            let (next, last) = (number("next")?, number("last")?);
            if status["next_table_ready"] == false && next + 2 > last {
                mesh.execute(json!({ "roll": {} })).await?;
            }
            ensure!(next > checkpoint, "the next one is {next}: {status}");
            anyhow::Ok(())
        })
        .await
    }
}

async fn accepted(mesh: &Mesh<'_>, messages: &[Value]) -> anyhow::Result<()> {
    for answer in mesh.execute_all(messages).await {
        answer?;
    }
    Ok(())
}

/// No key is out, and nobody's vote was left out of what is final.
async fn all_are_honest(mesh: &Mesh<'_>) -> anyhow::Result<()> {
    let answer = mesh.query(json!({ "providers": {} })).await?;
    let providers = answer["providers"].as_array().context("no list")?;
    ensure!(
        providers
            .iter()
            .all(|provider| provider["status"] == "active"),
        "{answer}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_makes_two_chains_final_while_a_third_is_down() {
    let chain = PartnerChain::launch(bitcoin_with_coins().await.unwrap())
        .await
        .unwrap();
    let life = Life::begin(&chain).await.unwrap();
    let mut daemon = life.program.start().unwrap();
    for mesh in &life.meshes {
        life.wait_for_commits(mesh).await.unwrap();
    }
    life.stake().await.unwrap();
    for mesh in &life.meshes {
        mesh.govern(json!({ "start": {} })).await.unwrap();
    }
    // Two hand-overs: the first table is that of checkpoints 0 to 3.
    for mesh in &life.meshes {
        life.wait_for_final(mesh, 9).await.unwrap();
        all_are_honest(mesh).await.unwrap();
    }
    let status = life.program.status_of("one@x").await.unwrap();
    assert_eq!(status["power"], VALUE.to_sat() / 2, "{status}");
    assert!(status["votes"].as_u64().unwrap() >= 9, "{status}");
    let absent = life.program.status_of("one@absent").await.unwrap();
    let problem = absent["problems"]["start"].as_str().unwrap();
    assert!(problem.contains("did not answer"), "{problem}");

    // Whatever was under way when it was killed is voted for again with the same bytes, or was never signed.
    daemon.kill_nine();
    daemon.restart().unwrap();
    for mesh in &life.meshes {
        let next = mesh.status().await.unwrap()["next"].as_u64().unwrap();
        life.wait_for_final(mesh, next + 6).await.unwrap();
        all_are_honest(mesh).await.unwrap();
    }
    daemon.terminate(Duration::from_secs(30)).await.unwrap();
}
