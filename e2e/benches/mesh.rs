//! What it takes to make partner chains final: one `finality-provider` on 1, 3 and 10 chains, blocks until a checkpoint is
//! final, and what its votes cost with 4 and with 60 providers.
//!
//! ```text
//! cargo bench --package e2e --bench mesh
//! ```
//!
//! Four providers of one process, with a stake each on a regtest `bitcoind`, vote on instances of `btc-mesh`. Instances are
//! as good as chains to them, but that those on one `wasmd` share its node and the providers' accounts: ten are spread over
//! three nodes. Sixty providers are keys of this program.

#![allow(clippy::print_stdout, missing_docs)]

#[path = "mesh/transactions.rs"]
mod transactions;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bitcoin::Amount;
use eots::{PublicKey, SecretKey};
use futures::future::try_join_all;
use mesh_core::Domain;
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;
use testenv::partner_chain::{
    CHALLENGE, DEADLINE, DEPTH, Mesh, PartnerChain, Provider, Stake, bitcoin_with_coins, params,
};
use testenv::programs::FinalityProviderProgram;
use testenv::scenario::Committee;
use testenv::{Daemon, poll_until};

/// The providers of the process.
const PROVIDERS: [&str; 4] = ["one", "two", "three", "four"];

/// How many chains the process votes on, run by run.
const CHAINS: [usize; 3] = [1, 3, 10];

/// Nodes that the instances are spread over.
const NODES: usize = 3;

/// Providers that are simulated by their keys.
const MANY: usize = 60;

/// Rest between two blocks of a chain.
const BLOCK_INTERVAL: Duration = Duration::from_millis(500);

/// Checkpoints of an epoch: more than are made here, so that nobody has to make tables.
const EPOCH: u64 = 400;

/// Blocks between two checkpoints.
const INTERVAL: u64 = 4;

/// How long a run is looked at.
const WORK: Duration = Duration::from_mins(1);

/// Worth of a stake.
const VALUE: Amount = Amount::from_sat(1_000_000);

/// Timelock of a stake, beyond the end.
const TIMELOCK: u16 = 10_000;

/// Ticks of the kernel's clock in a second, as it counts processor time on all platforms that are built for.
const TICKS: u64 = 100;

/// An instance with its chain.
struct Served<'a> {
    chain: &'a PartnerChain,
    mesh: Mesh<'a>,
}

/// Stakes of some providers, and the one list of shares that their owner signs.
struct Staked<'a> {
    stakes: Vec<Stake>,
    shares: Vec<(Domain, u16, &'a AccountAddress)>,
}

/// A run of the process.
struct Run {
    chains: usize,
    checkpoints: u64,
    processor: Duration,
    memory_kib: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let bitcoind = bitcoin_with_coins().await?;
    // A coin for each stake.
    bitcoind.mine(u64::try_from(MANY)?)?;
    let launches =
        (0..NODES).map(|_| PartnerChain::launch_at(Arc::clone(&bitcoind), BLOCK_INTERVAL));
    let nodes = try_join_all(launches).await?;
    let first = nodes.first().context("no nodes")?;
    let owner = first.fresh_address()?;
    let mut instances = Vec::new();
    for count in CHAINS {
        let mut served = Vec::new();
        for chain in nodes.iter().cycle().take(count) {
            served.push(Served::begin(chain).await?);
        }
        instances.push(served);
    }
    let secrets = (0..PROVIDERS.len()).map(|_| SecretKey::from_bytes(&rand::random()));
    let secrets = secrets.collect::<Result<Vec<_>, _>>()?;
    let keys: Vec<_> = secrets.iter().map(SecretKey::public_key).collect();
    let all: Vec<_> = instances.iter().flatten().collect();
    let staked = Staked::bury(&nodes, &all, &keys, &owner).await?;

    let mut runs = Vec::new();
    for served in &instances {
        runs.push(run(served, &secrets, &staked).await?);
    }
    print(&runs);
    let alone = instances.first().and_then(|served| served.first());
    let Served { chain, mesh } = alone.context("no instance")?;
    transactions::of_the_process(chain, mesh).await?;
    many(&nodes, first, &owner).await
}

fn print(runs: &[Run]) {
    let seconds = WORK.as_secs();
    println!(
        "\n| chains | checkpoints final in {seconds} s | processor | memory, at most |\n|---|---|---|---|"
    );
    for run in runs {
        println!(
            "| {} | {} | {:.1} % of a core | {} MiB |",
            run.chains,
            run.checkpoints,
            run.processor.as_secs_f64() / WORK.as_secs_f64() * 100.0,
            run.memory_kib.div_ceil(1024)
        );
    }
}

impl<'a> Served<'a> {
    /// Begins an instance whose first epoch does not end here.
    async fn begin(chain: &'a PartnerChain) -> anyhow::Result<Self> {
        let mut params = params();
        params["epoch_len"] = EPOCH.into();
        params["interval"] = INTERVAL.into();
        Self::begin_with(chain, &params).await
    }

    async fn begin_with(chain: &'a PartnerChain, params: &Value) -> anyhow::Result<Self> {
        let mesh = chain.begin_mesh(params, &Committee::of_three()).await?;
        Ok(Self { chain, mesh })
    }

    /// The next checkpoint to become final.
    async fn next(&self) -> anyhow::Result<u64> {
        self.mesh.number("next").await
    }

    /// Makes stakes count, and begins.
    async fn start(&self, staked: &Staked<'_>) -> anyhow::Result<()> {
        self.mesh.show(&staked.stakes, &staked.shares).await?;
        self.chain.mine(CHALLENGE).await?;
        self.mesh.activate(&staked.stakes).await?;
        self.mesh.govern(json!({ "start": {} })).await?;
        Ok(())
    }
}

impl<'a> Staked<'a> {
    /// Stakes with each provider, shared out evenly to instances, as deep in Bitcoin as they want it.
    async fn bury(
        nodes: &[PartnerChain],
        instances: &[&Served<'_>],
        providers: &[PublicKey],
        owner: &'a AccountAddress,
    ) -> anyhow::Result<Self> {
        let (first, others) = nodes.split_first().context("no nodes")?;
        let committee = Committee::of_three();
        let stakes = providers
            .iter()
            .map(|key| Stake::sign(&first.bitcoind, &committee, key, VALUE, TIMELOCK))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let transactions: Vec<_> = stakes.iter().map(|stake| &stake.transaction).collect();
        first.confirm(&transactions, DEPTH).await?;
        for node in others {
            node.bring_headers().await?;
        }
        let share = 10_000_usize.checked_div(instances.len());
        let share = u16::try_from(share.context("no instances")?)?;
        let instances = instances.iter();
        let shares = instances.map(|served| (served.mesh.domain(), share, owner));
        Ok(Self {
            stakes,
            shares: shares.collect(),
        })
    }
}

/// One process votes on these instances for a while.
async fn run(
    served: &[Served<'_>],
    secrets: &[SecretKey],
    staked: &Staked<'_>,
) -> anyhow::Result<Run> {
    println!("… {} chains", served.len());
    let named: Vec<_> = (0..).zip(served).collect();
    let name = |number: usize| format!("chain-{number}");
    let sections: String = named
        .iter()
        .map(|(number, served)| served.mesh.configuration(&name(*number)))
        .collect();
    let bitcoind = &served.first().context("no chain")?.chain.bitcoind;
    let program = FinalityProviderProgram::on(bitcoind, &sections, &PROVIDERS)?;
    for (provider, secret) in PROVIDERS.iter().zip(secrets) {
        let (_, account) = program.import_key(provider, secret).await?;
        for (number, served) in &named {
            served.chain.fund(&account).await?;
            program.register_on(&name(*number), provider).await?;
        }
    }
    let mut daemon = program.start()?;
    for served in served {
        served.mesh.wait_for_commits(PROVIDERS.len()).await?;
        served.start(staked).await?;
    }
    for served in served {
        poll_until(DEADLINE, "the first checkpoints to be final", || async {
            let next = served.next().await?;
            ensure!(next > 2, "the next one is {next}");
            anyhow::Ok(())
        })
        .await?;
    }
    let (before, began) = (final_together(served).await?, processor(&daemon)?);
    tokio::time::sleep(WORK).await;
    let (after, ended) = (final_together(served).await?, processor(&daemon)?);
    let run = Run {
        chains: served.len(),
        checkpoints: after.saturating_sub(before),
        processor: ended.saturating_sub(began),
        memory_kib: peak_memory(&daemon)?,
    };
    daemon.terminate(DEADLINE).await?;
    Ok(run)
}

/// Checkpoints that are final on all instances together.
async fn final_together(served: &[Served<'_>]) -> anyhow::Result<u64> {
    let next = try_join_all(served.iter().map(Served::next)).await?;
    Ok(next.iter().sum())
}

/// What checkpoints cost with many providers: each vote in a transaction of its own, as their programs send it, and all in
/// one message, as anybody may.
async fn many(
    nodes: &[PartnerChain],
    chain: &PartnerChain,
    owner: &AccountAddress,
) -> anyhow::Result<()> {
    let served = Served::begin_with(chain, &params()).await?;
    let providers = (0..MANY)
        .map(|_| {
            Provider::new(
                served.mesh.domain(),
                SecretKey::from_bytes(&rand::random())?,
            )
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut messages = Vec::new();
    for provider in &providers {
        messages.push(provider.registration(1, owner.text(), 1_000)?);
        messages.push(provider.commit(1)?);
    }
    served.mesh.must_accept(&messages).await?;
    let keys: Vec<_> = providers.iter().map(Provider::public_key).collect();
    let staked = Staked::bury(nodes, &[&served], &keys, owner).await?;
    served.start(&staked).await?;
    for at_once in [1, MANY] {
        let checkpoint = served.mesh.checkpoint(served.next().await?).await?;
        let (mut gas, mut transactions) = (0, 0_u32);
        for voters in providers.chunks(at_once) {
            let votes = voters
                .iter()
                .map(|provider| provider.vote(&checkpoint))
                .collect::<anyhow::Result<Vec<_>>>()?;
            let votes = json!({ "votes": { "items": votes } });
            gas += served.mesh.execute(votes).await?.gas_used;
            transactions += 1;
        }
        let next = served.next().await?;
        ensure!(next == checkpoint.number + 1, "it is not final");
        println!(
            "{MANY} providers: {at_once} votes in each of {transactions} transactions, {gas} gas a checkpoint"
        );
    }
    Ok(())
}

/// The processor time of a process so far.
fn processor(process: &Daemon) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id()))?;
    // Its name, which is in brackets, may have spaces in it.
    let (_, fields) = stat
        .rsplit_once(')')
        .context("the kernel names no process")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || -> anyhow::Result<u64> { Ok(fields.next().context("no time")?.parse()?) };
    let sum = ticks()? + ticks()?;
    Ok(Duration::from_millis(sum * 1_000 / TICKS))
}

/// The largest resident size of a running process so far, in KiB.
fn peak_memory(process: &Daemon) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let size = line.context("the kernel shows no peak")?.trim();
    Ok(size.trim_end_matches(" kB").parse()?)
}
