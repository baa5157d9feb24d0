//! Kills and outages in the middle of everything: the outcome is the same, and nothing is done twice.

mod once;

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bitcoin::{Amount, OutPoint, Txid};
use bitcoincore_rpc::RpcApi as _;
use chain::{Chain as _, Delegation, DelegationStatus};
use serde_json::{Value, json};
use staking::units::ChainHeight;
use testenv::network::{Network, Provider, Settings};
use testenv::scenario::DEADLINE;
use testenv::{Daemon, poll_until};

use crate::captured_output::CapturedOutput;

/// What the staker's wallet starts with.
const COINS: Amount = Amount::from_sat(400_000_000);

const STAKE: Amount = Amount::from_sat(50_000_000);

/// How long a node is away.
const OUTAGE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_and_outages_change_nothing_about_the_outcome() {
    let settings = Settings::default();
    let mut network = Network::launch(settings, &mut CapturedOutput)
        .await
        .unwrap();

    let killed = active_through_kills(&mut network).await.unwrap();
    votes_through_kills(&mut network).await.unwrap();
    let waiting = active_through_outages(&mut network).await.unwrap();
    let fees = home_through_kills(&mut network, killed).await.unwrap();

    let left = COINS - fees - STAKE - network.mined(waiting).unwrap().fee;
    assert_eq!(
        balance(&network).await.unwrap(),
        left,
        "a satoshi is missing"
    );
    once::on_babylon(&network, &[killed, waiting])
        .await
        .unwrap();
    once::on_bitcoin(&network).unwrap();
}

/// The staker and the whole committee are killed as soon as a stake is registered, the staker once more and the
/// watchtower as soon as it is broadcast.
async fn active_through_kills(network: &mut Network) -> anyhow::Result<Txid> {
    let (mut staker, txid) = begin_to_stake(network, 0).await?;
    staker.kill_nine();
    for member in &mut network.committee {
        member.daemon.kill_nine();
    }
    for member in &mut network.committee {
        member.daemon.restart()?;
    }
    wait_for(network, txid, DelegationStatus::Verified).await?;

    let mut staker = network.staker.start(&["resume"])?;
    poll_until(DEADLINE, "the staking transaction", || async {
        network.bitcoind.rpc().get_raw_transaction(&txid, None)
    })
    .await?;
    staker.kill_nine();
    network.watchtower.daemon.kill_nine();
    network.watchtower.daemon.restart()?;
    let mut staker = network.staker.start(&["resume"])?;
    wait_for(network, txid, DelegationStatus::Active).await?;
    succeeded(&mut staker).await?;
    Ok(txid)
}

/// The finality providers are killed three times while they vote: every height has its vote and none has two.
async fn votes_through_kills(network: &mut Network) -> anyhow::Result<()> {
    let first = wait_for_vote_after(network, 0).await?;
    let mut newest = first;
    for _ in 0..3 {
        network
            .babylond
            .wait_for_height(newest + 1, DEADLINE)
            .await?;
        network.finality_provider.daemon.kill_nine();
        network.finality_provider.daemon.restart()?;
        newest = wait_for_vote_after(network, newest).await?;
    }
    let key = network.providers[0].key;
    for height in (first..=newest).map(ChainHeight) {
        poll_until(DEADLINE, &format!("a vote for height {height}"), || async {
            let votes = network.chain.votes(height).await?;
            ensure!(votes.contains(&key), "none yet");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// Each node is away for a while, with a stake on its way: everybody goes on by itself when it is back.
async fn active_through_outages(network: &mut Network) -> anyhow::Result<Txid> {
    let (mut staker, txid) = begin_to_stake(network, 1).await?;
    let before = processes(network);

    network.bitcoind_alone()?.stop().await?;
    tokio::time::sleep(OUTAGE).await;
    // Votes do not need Bitcoin.
    let height = ChainHeight(network.babylond.height()?);
    wait_until_final(network, height).await?;
    network.bitcoind_alone()?.start().await?;
    poll_until(DEADLINE, "the staking transaction in a block", || async {
        network.mined(txid)
    })
    .await?;

    network.babylond.stop().await?;
    tokio::time::sleep(OUTAGE).await;
    network.babylond.start().await?;
    wait_for(network, txid, DelegationStatus::Active).await?;
    succeeded(&mut staker).await?;
    wait_until_final(network, ChainHeight(network.babylond.height()?)).await?;
    poll_until(DEADLINE, "the headers", || async {
        let known = u64::from(network.chain.light_client_tip().await?.height.0);
        let tip = network.bitcoind.height()?;
        ensure!(known + 1 >= tip, "Babylon knows {known} of {tip}");
        anyhow::Ok(())
    })
    .await?;
    ensure!(processes(network) == before, "a process was replaced");
    ensure!(all_run(network), "a process has ended");
    Ok(txid)
}

/// The staker is killed after it has broadcast the unbonding transaction, with the watchtower, and after it has
/// broadcast the withdrawal. Returns all fees of the stake's life.
async fn home_through_kills(network: &mut Network, txid: Txid) -> anyhow::Result<Amount> {
    let delegation = network.chain.delegation(txid).await?.context("unknown")?;
    let unbonding_txid = delegation.unbonding_tx.compute_txid();
    let id = txid.to_string();
    let mut staker = network.staker.start(&["unbond", &id, "--yes"])?;
    poll_until(DEADLINE, "the unbonding transaction", || async {
        network
            .bitcoind
            .rpc()
            .get_raw_transaction(&unbonding_txid, None)
    })
    .await?;
    staker.kill_nine();
    network.watchtower.daemon.kill_nine();
    network.watchtower.daemon.restart()?;
    let mut staker = network.staker.start(&["unbond", &id, "--yes"])?;
    wait_for(network, txid, DelegationStatus::Unbonded).await?;
    succeeded(&mut staker).await?;

    let unbonding = network.mined(unbonding_txid)?;
    let free = u64::from(unbonding.height.0) + u64::from(delegation.unbonding_time.blocks());
    poll_until(DEADLINE, "the timelock to end", || async {
        let height = network.bitcoind.height()?;
        ensure!(height >= free, "height {height} of {free}");
        Ok(())
    })
    .await?;
    let output = OutPoint::new(unbonding_txid, 0);
    let mut staker = network.staker.start(&["withdraw", &id, "--yes"])?;
    let withdrawal: Txid = poll_until(DEADLINE, "the withdrawal", || async {
        match spender_in_mempool(network, output)? {
            Some(txid) => anyhow::Ok(txid),
            None => Ok(network.spend_of(output, unbonding.height)?.compute_txid()),
        }
    })
    .await?;
    staker.kill_nine();
    let mut staker = network.staker.start(&["withdraw", &id, "--yes"])?;
    succeeded(&mut staker).await?;
    let withdrawal = poll_until(DEADLINE, "the same withdrawal in a block", || async {
        network.mined(withdrawal)
    })
    .await?;
    Ok(network.mined(txid)?.fee + unbonding.fee + withdrawal.fee)
}

/// Starts `btc-staker stake` with one of the providers, and waits until the chain knows the stake.
async fn begin_to_stake(network: &Network, provider: usize) -> anyhow::Result<(Daemon, Txid)> {
    const PAGE: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);
    let Provider { key, .. } = &network.providers[provider];
    let amount = STAKE.to_sat().to_string();
    let (with, amount) = (key.to_string(), ["--amount", &amount]);
    let rest = [
        "--finality-provider",
        &with,
        "--staking-time",
        "5000",
        "--yes",
    ];
    let mut staker = network
        .staker
        .start(&[&["stake"], amount.as_slice(), &rest].concat())?;
    let txid = poll_until(DEADLINE, "the stake to be registered", || async {
        let page = network.chain.delegations_to(key, None, PAGE).await?;
        let found = page.delegations.first().map(Delegation::staking_txid);
        found.context("no delegation")
    })
    .await?;
    ensure!(staker.is_running(), "it ended: {}", staker.output()?);
    Ok((staker, txid))
}

async fn wait_for(network: &Network, txid: Txid, status: DelegationStatus) -> anyhow::Result<()> {
    poll_until(DEADLINE, &format!("{txid} to be {status:?}"), || async {
        let found = network.chain.delegation(txid).await?.context("unknown")?;
        ensure!(found.status == status, "it is {:?}", found.status);
        Ok(())
    })
    .await
}

/// Waits until provider 0 votes, with power, for a height above `height`; returns the height.
async fn wait_for_vote_after(network: &Network, height: u64) -> anyhow::Result<u64> {
    let provider = &network.providers[0];
    poll_until(DEADLINE, "a vote", || async {
        let known = network.chain.finality_provider(&provider.key).await?;
        let voted = known.and_then(|known| known.highest_voted_height);
        let voted = voted.context("it has not voted")?;
        ensure!(voted.0 > height, "its newest vote is for {voted}");
        Ok(voted.0)
    })
    .await
}

async fn wait_until_final(network: &Network, height: ChainHeight) -> anyhow::Result<()> {
    poll_until(DEADLINE, &format!("block {height} to be final"), || async {
        ensure!(network.is_finalized(height).await?, "it is not");
        Ok(())
    })
    .await
}

fn spender_in_mempool(network: &Network, output: OutPoint) -> anyhow::Result<Option<Txid>> {
    let asked = json!([{ "txid": output.txid, "vout": output.vout }]);
    let answer: Value = network
        .bitcoind
        .rpc()
        .call("gettxspendingprevout", &[asked])?;
    let txid = answer.pointer("/0/spendingtxid").cloned();
    Ok(txid.map(serde_json::from_value).transpose()?)
}

async fn succeeded(command: &mut Daemon) -> anyhow::Result<()> {
    let status = command.ended(DEADLINE).await?;
    ensure!(
        status.success(),
        "it ended with {status}: {}",
        command.output()?
    );
    Ok(())
}

fn processes(network: &Network) -> Vec<u32> {
    let members = network.committee.iter().map(|member| &member.daemon);
    let others = [
        &network.finality_provider.daemon,
        &network.watchtower.daemon,
    ];
    others.into_iter().chain(members).map(Daemon::id).collect()
}

fn all_run(network: &mut Network) -> bool {
    let members = network
        .committee
        .iter_mut()
        .map(|member| &mut member.daemon);
    let others = [
        &mut network.finality_provider.daemon,
        &mut network.watchtower.daemon,
    ];
    others.into_iter().chain(members).all(Daemon::is_running)
}

async fn balance(network: &Network) -> anyhow::Result<Amount> {
    let shown = network
        .staker
        .command(&["wallet", "balance"])
        .await?
        .result()?;
    let confirmed = shown.get("confirmed_sat").and_then(Value::as_u64);
    Ok(Amount::from_sat(confirmed.context("no balance")?))
}
