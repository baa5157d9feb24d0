//! How many delegations a second a committee member lands on a chain, from their registration to its signatures.
//!
//! ```text
//! cargo bench --package e2e --bench covenant -- --delegations 300
//! ```
//!
//! Starts a `babylond` with blocks of one second, registers the delegations, starts `covenant` and measures until the
//! chain has its signatures of all of them. The signer is embedded; record and audit log are on the machine's disk.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, dead_code)]

#[path = "../tests/scenarios/covenant/pending.rs"]
mod pending;

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Parser;
use pending::{Registrar, committee, key, member};
use serde_json::{Value, json};
use testenv::programs::CovenantProgram;
use testenv::{Babylond, poll_until};

/// Time for all delegations of a run.
const DEADLINE: Duration = Duration::from_mins(10);

#[derive(Parser)]
struct Arguments {
    /// How many delegations
    #[arg(long, default_value_t = 300)]
    delegations: usize,

    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { delegations, .. } = Arguments::parse();
    let alice = member("alice");
    let babylond = Babylond::launch(&committee(&[&alice], 1)).await?;
    let registrar = Registrar::new(&babylond).await?;
    let home = CovenantProgram::member(&babylond, &alice).await?;
    println!("registering {delegations} delegations");
    let delegations = registrar.register(delegations).await?;

    // The start counts: unlocking the key takes most of a second.
    let began = Instant::now();
    let service = home.start()?;
    let from = babylond.height()?;
    let all = delegations.len();
    poll_until(DEADLINE, "all to have landed", || async {
        let status = home.command(&["status"]).await?.result()?;
        let landed = status
            .get("landed")
            .and_then(Value::as_u64)
            .context("no number")?;
        ensure!(
            landed >= u64::try_from(all)?,
            "{landed} of {all} have landed"
        );
        Ok::<_, anyhow::Error>(())
    })
    .await?;
    let seconds = began.elapsed().as_secs_f64();
    let to = babylond.height()?;
    let blocks = to - from;
    let signed = registrar.signed_once_by(&delegations, key(&alice)).await?;
    ensure!(signed == all, "the chain has {signed} of {all} signatures");
    let memory = peak_memory(service.id())?;
    let gas = gas_used(&babylond, from + 1..=to)? / u64::try_from(all)?;
    drop(service);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = all as f64 / seconds;
    println!(
        "{all} delegations in {seconds:.1} s and {blocks} blocks: {rate:.1} delegations/s, {gas} gas each, \
         peak memory {memory}"
    );
    Ok(())
}

/// What all transactions of these blocks used together; nobody but the member sends any meanwhile.
fn gas_used(babylond: &Babylond, heights: RangeInclusive<u64>) -> anyhow::Result<u64> {
    let mut sum = 0;
    for height in heights {
        let results = babylond.rpc("block_results", &json!({ "height": height.to_string() }))?;
        let transactions = results.get("txs_results").and_then(Value::as_array);
        for transaction in transactions.into_iter().flatten() {
            let gas = transaction.get("gas_used").and_then(Value::as_str);
            sum += gas.context("no gas")?.parse::<u64>()?;
        }
    }
    Ok(sum)
}

/// The largest resident size so far, in the kernel's words.
fn peak_memory(process: u32) -> anyhow::Result<String> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.context("no VmHWM")?.trim().to_owned())
}
