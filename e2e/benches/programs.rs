//! How much memory each program takes at its work, and how long it takes to start.
//!
//! ```text
//! cargo bench --package e2e --bench programs
//! ```
//!
//! Starts a whole network (two real nodes, all programs, blocks of a second and of two), stakes with `btc-staker`, and
//! lets everybody work for a minute: headers, checkpoints and proofs are carried, the stake is co-signed and voted with.
//! Then asks the kernel for the largest resident size of each process, and starts each service once more, until its
//! `/ready` says that it works: that includes decrypting its keys and checking both nodes.

#![allow(clippy::print_stdout, missing_docs)]

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use testenv::Daemon;
use testenv::network::{Audience, Fact, Network, Settings};
use testenv::programs::BtcStakerProgram;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, sleep_until};

/// How long everybody works.
const WORK: Duration = Duration::from_mins(1);

/// How long the stake may take to become active, and a service to be ready.
const DEADLINE: Duration = Duration::from_mins(3);

/// Between two looks at a process that will end by itself, or be ready soon.
const LOOK: Duration = Duration::from_millis(5);

/// How often a command is run to see how long one takes.
const RUNS: usize = 21;

/// Hears nothing.
struct Nobody;

impl Audience for Nobody {
    fn chapter(&mut self, _: &str) {}

    fn progress(&mut self, _: &str) {}

    fn fact(&mut self, _: &dyn Fact) {}

    fn table(&mut self, _: &dyn Display) {}
}

/// One line of the table.
struct Line {
    program: &'static str,
    work: &'static str,
    memory_kib: u64,
    started_in: Duration,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut network = Network::launch(Settings::default(), &mut Nobody).await?;
    let end = tokio::time::Instant::now() + WORK;
    let staker = Line {
        program: "btc-staker",
        work: "`stake`, from the wallet to voting power",
        memory_kib: stake(&network).await?,
        started_in: shortest_command(&network.staker).await?,
    };
    sleep_until(end).await;

    let member = network.committee.first_mut().context("no committee")?;
    let mut lines = vec![staker];
    for (program, work, daemon, address) in [
        (
            "covenant",
            "`start`, signer embedded",
            &mut member.daemon,
            member.home.http_address(),
        ),
        (
            "finality-provider",
            "`start`, two providers, signer embedded",
            &mut network.finality_provider.daemon,
            network.finality_provider.home.http_address(),
        ),
        (
            "watchtower",
            "`start`, all roles",
            &mut network.watchtower.daemon,
            network.watchtower.home.http_address(),
        ),
    ] {
        let memory_kib = peak_memory(daemon)?;
        lines.push(Line {
            program,
            work,
            memory_kib,
            started_in: ready_again(daemon, &address).await?,
        });
    }
    print(&lines);
    network.stop().await
}

fn print(lines: &[Line]) {
    println!("| program | at work | peak memory | start-up |\n|---|---|---|---|");
    for line in lines {
        println!(
            "| `{}` | {} | {} MiB | {} ms |",
            line.program,
            line.work,
            line.memory_kib.div_ceil(1024),
            line.started_in.as_millis()
        );
    }
}

/// Stakes, and returns the command's largest resident size in KiB.
async fn stake(network: &Network) -> anyhow::Result<u64> {
    let provider = network.providers.first().context("no provider")?;
    let arguments = [
        "stake",
        "--amount",
        "50000000",
        "--finality-provider",
        &provider.key.to_string(),
        "--staking-time",
        "5000",
        "--yes",
    ];
    let mut command = network.staker.start(&arguments)?;
    let began = Instant::now();
    let mut largest = 0;
    while command.is_running() {
        ensure!(began.elapsed() < DEADLINE, "`stake` still runs");
        // The kernel forgets it when the process ends.
        if let Ok(memory) = peak_memory(&command) {
            largest = memory;
        }
        sleep(LOOK).await;
    }
    let status = command.ended(LOOK).await?;
    ensure!(
        status.success(),
        "`stake` ended with {status}: {}",
        command.output()?
    );
    Ok(largest)
}

/// What a command takes that only reads the configuration; the median of some runs.
async fn shortest_command(staker: &BtcStakerProgram) -> anyhow::Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let began = Instant::now();
        staker.command(&["config", "validate"]).await?.result()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times.get(RUNS / 2).copied().context("no runs")
}

/// Stops a service and starts it again; returns how long it took to be ready.
async fn ready_again(daemon: &mut Daemon, address: &str) -> anyhow::Result<Duration> {
    daemon.terminate(DEADLINE).await?;
    let began = Instant::now();
    daemon.restart()?;
    while !is_ready(address).await.unwrap_or(false) {
        ensure!(
            began.elapsed() < DEADLINE,
            "not ready: {}",
            daemon.output()?
        );
        sleep(LOOK).await;
    }
    Ok(began.elapsed())
}

async fn is_ready(address: &str) -> anyhow::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /ready HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.split_whitespace().nth(1) == Some("200"))
}

/// The largest resident size of a running process so far, in KiB.
fn peak_memory(process: &Daemon) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let size = line.context("the kernel shows no peak")?.trim();
    Ok(size.trim_end_matches(" kB").parse()?)
}
