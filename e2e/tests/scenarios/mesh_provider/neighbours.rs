//! A chain that halts, hangs, lies and returns beside one that is in order: votes on the latter go on at their pace.

use std::ops::RangeInclusive;

use anyhow::Context as _;
use eots::SecretKey;
use serde_json::{Value, json};
use testenv::partner_chain::{Mesh, PartnerChain, Provider, params};
use testenv::scenario::Committee;

use super::gate::Gate;
use super::life::{Life, PROVIDERS, VALUE, all_are_honest, end, next, wait_for_final};
use crate::mesh_fork::{count, sign};

/// Checkpoints that become final during each fault: an epoch, its hand-over, and more.
const CHECKPOINTS: u64 = 6;

/// Blocks by which a checkpoint may take longer than the slowest before the faults. A program that waited for the other chain's
/// answer would wait for 15 seconds, which are far more.
const SLACK: u64 = 20;

/// The height of the chain at which a checkpoint became final there.
async fn final_at(chain: &PartnerChain, mesh: &Mesh<'_>, checkpoint: u64) -> anyhow::Result<u64> {
    let address = mesh.address().text();
    let query = format!("wasm-final.k='{checkpoint}' AND wasm-final._contract_address='{address}'");
    let found = chain.wasmd.query(&["txs", "--query", &query]).await?;
    let height = found.pointer("/txs/0/height").and_then(Value::as_str);
    Ok(height.context("no such transaction")?.parse()?)
}

/// How many blocks of the chain there were at most from a height to the first of the checkpoints, or from one to the next.
async fn slowest(
    chain: &PartnerChain,
    mesh: &Mesh<'_>,
    begun: u64,
    checkpoints: RangeInclusive<u64>,
) -> anyhow::Result<u64> {
    let mut heights = vec![begun];
    for checkpoint in checkpoints {
        heights.push(final_at(chain, mesh, checkpoint).await?);
    }
    let blocks = heights.windows(2).map(|pair| pair[1] - pair[0]);
    blocks.max().context("no two checkpoints")
}

/// Registers these keys with an instance and commits them, has a stake count for each, and puts the first table in force.
async fn secure(chain: &PartnerChain, mesh: &Mesh<'_>, keys: &[SecretKey]) -> anyhow::Result<()> {
    let operator = chain.fresh_address()?;
    let mut messages = Vec::new();
    for key in keys {
        let provider = Provider::new(mesh.domain(), key.clone())?;
        messages.push(provider.registration(1, operator.text(), 500)?);
        messages.push(provider.commit(1)?);
    }
    mesh.must_accept(&messages).await?;
    stake(chain, mesh, keys).await
}

/// Has a stake count for each of these keys, and puts the first table in force.
async fn stake(chain: &PartnerChain, mesh: &Mesh<'_>, keys: &[SecretKey]) -> anyhow::Result<()> {
    let stakes = keys
        .iter()
        .map(|key| sign(chain, key, VALUE))
        .collect::<anyhow::Result<Vec<_>>>()?;
    count(chain, mesh, &stakes).await?;
    mesh.govern(json!({ "start": {} })).await?;
    Ok(())
}

/// The chain in order, the providers that vote there and on the other one, and what the votes took before there was a fault.
struct Watched<'a> {
    life: &'a Life<'a>,
    slowest: u64,
}

impl Watched<'_> {
    /// The next checkpoint to become final, and the height of the chain.
    async fn beginning(&self) -> anyhow::Result<(u64, u64)> {
        let Life { chain, meshes, .. } = self.life;
        let height = chain.wasmd.height()?;
        Ok((next(&meshes[0].1).await?, height))
    }

    /// Some checkpoints become final at the pace of before, while `status` of a provider on the other chain tells of the
    /// fault.
    async fn goes_on(&self, concern: &str, fault: &str) {
        let (_, mesh) = &self.life.meshes[0];
        let (from, begun) = self.beginning().await.unwrap();
        let told = |status: &Value| {
            let problem = status["problems"][concern].as_str();
            problem.is_some_and(|problem| problem.contains(fault))
        };
        let noticed = self.life.wait_for_status("two@y", fault, told);
        let (noticed, went_on) = tokio::join!(noticed, wait_for_final(mesh, from + CHECKPOINTS));
        noticed.unwrap();
        went_on.unwrap();
        let last = next(mesh).await.unwrap() - 1;
        let slowest = slowest(self.life.chain, mesh, begun, from..=last).await;
        let (slowest, before) = (slowest.unwrap(), self.slowest);
        assert!(
            slowest <= before + SLACK,
            "{fault}: a checkpoint took {slowest} blocks, {before} before"
        );
    }

    /// Both chains go on.
    async fn returns(&self, other: &Mesh<'_>) {
        let is_well = |status: &Value| status["problems"] == json!({});
        let well = self.life.wait_for_status("two@y", "the return", is_well);
        let from = next(other).await.unwrap();
        let (well, went_on) = tokio::join!(well, wait_for_final(other, from + CHECKPOINTS));
        well.unwrap();
        went_on.unwrap();
        for mesh in [&self.life.meshes[0].1, other] {
            all_are_honest(mesh).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_halts_lies_and_returns_delays_no_votes_on_another() {
    let (x, y) = PartnerChain::launch_two().await.unwrap();
    let committee = Committee::of_three();
    let beside = y.begin_mesh(&params(), &committee).await.unwrap();
    let gate = Gate::before(&y.wasmd.grpc_url()).await;
    let configuration = beside.configuration("y");
    let configuration = configuration.replace(&y.wasmd.grpc_url(), &gate.url());
    let life = Life::begin(&x, &x.bitcoind, &params(), &["x"], &configuration)
        .await
        .unwrap();
    life.register_beside(&y, "y").await.unwrap();
    let (_, mesh) = &life.meshes[0];
    let mut daemon = life.program.start().unwrap();
    life.start().await.unwrap();
    beside.wait_for_commits(PROVIDERS.len()).await.unwrap();
    stake(&y, &beside, &life.keys).await.unwrap();
    wait_for_final(mesh, 2 * CHECKPOINTS).await.unwrap();
    wait_for_final(&beside, CHECKPOINTS).await.unwrap();
    let begun = final_at(&x, mesh, 0).await.unwrap();
    let slowest = slowest(&x, mesh, begun, 1..=2 * CHECKPOINTS).await.unwrap();
    let watched = Watched {
        life: &life,
        slowest,
    };

    gate.close();
    watched.goes_on("votes", "did not answer: ").await;
    gate.lead_to(&y.wasmd.grpc_url());
    watched.returns(&beside).await;

    gate.fall_silent();
    watched.goes_on("votes", "timed out").await;
    gate.lead_to(&y.wasmd.grpc_url());
    watched.returns(&beside).await;

    // Its node is suddenly that of a network begun anew, with the same id, the contract at the same place, and the same providers
    // in its table. What it says is another domain's.
    let reset = y.begin_anew().await.unwrap();
    let lying = reset.begin_mesh(&params(), &committee).await.unwrap();
    assert_eq!(lying.address(), beside.address());
    secure(&reset, &lying, &life.keys).await.unwrap();
    gate.lead_to(&reset.wasmd.grpc_url());
    watched.goes_on("votes", "it is said to have").await;

    // Whoever is started meanwhile asks again until it is the right one.
    daemon.restart().unwrap();
    let from = next(mesh).await.unwrap();
    wait_for_final(mesh, from + 1).await.unwrap();
    let foreign = format!("the contract's domain is {}", lying.domain());
    watched.goes_on("start", &foreign).await;
    assert_eq!(lying.number("next").await.unwrap(), 0);
    all_are_honest(&lying).await.unwrap();
    gate.lead_to(&y.wasmd.grpc_url());
    watched.returns(&beside).await;
    end(daemon).await.unwrap();
}
