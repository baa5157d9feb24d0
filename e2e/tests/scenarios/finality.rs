//! Finality providers at work on a real chain: they vote, catch up, survive, and never sign a height twice.
//!
//! Scenarios that leave the chain as they found it share one chain and follow each other.

mod operator;
mod provider;

use std::cell::RefCell;
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bitcoin::Amount;
use chain::Chain as _;
use eots::SecretKey;
use serde_json::{Value, json};
use staking::keys::FinalityProviderKey;
use staking::units::ChainHeight;
use testenv::programs::FinalityProviderProgram;
use testenv::scenario::{DEADLINE, Stage};
use testenv::{BabylondSettings, Daemon, poll_until};

use provider::{
    Provider, STAKE, assert_no_gap, tip, wait_for_height, wait_for_vote, wait_until_final,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_votes_through_restarts_kills_and_refusals() {
    let stage = Stage::launch(BabylondSettings::default()).await.unwrap();
    let mut provider = f01_life_cycle(&stage).await.context("F01").unwrap();
    f04_catching_up(&stage, &mut provider)
        .await
        .context("F04")
        .unwrap();
    operator::a_provider_is_looked_after_while_it_runs(&stage, &provider)
        .await
        .unwrap();
    operator::what_cannot_be_done_for_a_provider_is_refused(&stage)
        .await
        .unwrap();
    kill_nine_leaves_neither_gap_nor_second_vote(&stage, &mut provider)
        .await
        .unwrap();
    f16_votes_that_are_there_do_not_stop_the_others(&stage, &mut provider)
        .await
        .context("F16")
        .unwrap();
    a_second_process_on_the_same_home_refuses(&provider)
        .await
        .unwrap();
    the_same_key_without_its_record_refuses(&stage, &provider)
        .await
        .unwrap();
    f02_a_refused_height_is_skipped(&stage, &mut provider)
        .await
        .context("F02")
        .unwrap();
    let moved = a_key_that_has_moved_signs_in_one_place_only(&stage, &mut provider)
        .await
        .unwrap();
    of_two_intact_copies_one_stops_and_no_height_is_signed_twice(&stage, &moved, provider.key)
        .await
        .unwrap();
    assert_eq!(stage.chain.double_votes(ChainHeight(0)).await.unwrap(), []);
}

async fn f01_life_cycle(stage: &Stage) -> anyhow::Result<Provider> {
    let provider = Provider::with_power(stage, STAKE).await?;
    let next = ChainHeight(tip(stage).await?.0 + 1);
    wait_for_vote(stage, provider.key, next).await?;
    wait_until_final(stage, next).await?;
    let status = provider.status().await?;
    ensure!(
        status.get("standing") == Some(&json!("registered")),
        "status: {status}"
    );
    ensure!(
        status.get("power") == Some(&json!(STAKE.to_sat())),
        "status: {status}"
    );
    ensure!(
        status.get("runway").and_then(Value::as_u64) > Some(300),
        "status: {status}"
    );
    Ok(provider)
}

async fn f04_catching_up(stage: &Stage, provider: &mut Provider) -> anyhow::Result<()> {
    provider.daemon.terminate(DEADLINE).await?;
    let stopped = tip(stage).await?;
    wait_for_height(stage, ChainHeight(stopped.0 + 8)).await?;
    provider.daemon.restart()?;
    let target = tip(stage).await?;
    wait_until_final(stage, target).await?;
    assert_no_gap(stage, provider.key, target).await
}

async fn kill_nine_leaves_neither_gap_nor_second_vote(
    stage: &Stage,
    provider: &mut Provider,
) -> anyhow::Result<()> {
    for _ in 0..3 {
        let next = ChainHeight(tip(stage).await?.0 + 1);
        wait_for_height(stage, next).await?;
        provider.daemon.kill_nine();
        provider.daemon.restart()?;
        wait_for_vote(stage, provider.key, next).await?;
    }
    let target = tip(stage).await?;
    assert_no_gap(stage, provider.key, target).await?;
    ensure!(
        stage.chain.double_votes(ChainHeight(0)).await?.is_empty(),
        "a second vote got out"
    );
    Ok(())
}

async fn f16_votes_that_are_there_do_not_stop_the_others(
    stage: &Stage,
    provider: &mut Provider,
) -> anyhow::Result<()> {
    provider.daemon.terminate(DEADLINE).await?;
    let first = ChainHeight(tip(stage).await?.0 + 1);
    let last = ChainHeight(first.0 + 5);
    wait_for_height(stage, ChainHeight(last.0 + 1)).await?;
    // As if it had been killed after sending: the votes are in the record and on the chain, and it does not know.
    let mut votes = Vec::new();
    for height in [ChainHeight(first.0 + 1), ChainHeight(first.0 + 3)] {
        let block = stage
            .chain
            .finality_block(height)
            .await?
            .context("not indexed")?;
        let app_hash = block.content.app_hash().context("no app hash")?;
        provider.record(stage, height, app_hash)?;
        votes.push(provider.vote(stage, height, app_hash).await?);
    }
    // The duplicate is refused alone, within one submission too.
    let again = votes[0].clone();
    let mut outcomes = stage.chain.submit(votes).await.into_iter();
    ensure!(
        outcomes.all(|outcome| outcome.is_ok()),
        "the votes were not taken"
    );
    let fresh = stage
        .chain
        .finality_block(first)
        .await?
        .context("not indexed")?;
    let app_hash = fresh.content.app_hash().context("no app hash")?;
    let fresh = provider.vote(stage, first, app_hash).await?;
    let outcomes = stage.chain.submit(vec![again, fresh]).await;
    ensure!(
        outcomes[0].is_err() && outcomes[1].is_ok(),
        "outcomes: {outcomes:?}"
    );

    provider.daemon.restart()?;
    assert_no_gap(stage, provider.key, last).await
}

async fn a_second_process_on_the_same_home_refuses(provider: &Provider) -> anyhow::Result<()> {
    let second = provider.program.command(&["start"]).await?;
    ensure!(second.status().code() == Some(6), "{second}");
    let error = second.error()?;
    let message = error
        .get("message")
        .and_then(Value::as_str)
        .unwrap_or_default();
    ensure!(message.contains("another process"), "error: {error}");
    Ok(())
}

/// The key goes to a new home whose record is lost; then the old home, whose record is intact, is started by mistake.
async fn a_key_that_has_moved_signs_in_one_place_only(
    stage: &Stage,
    provider: &mut Provider,
) -> anyhow::Result<FinalityProviderProgram> {
    provider.daemon.terminate(DEADLINE).await?;
    let moved = FinalityProviderProgram::new(&stage.babylond, &["main"])?;
    moved.import_key("main", &provider.secret).await?;
    fs::copy(
        provider.program.home().join("keys/main-account.key"),
        moved.home().join("keys/main-account.key"),
    )?;
    let mut adopting = moved.start_with(&["--adopt-chain-watermark"])?;
    let next = ChainHeight(tip(stage).await?.0 + 2);
    wait_for_vote(stage, provider.key, next).await?;

    let behind = provider.program.command(&["start"]).await?;
    ensure!(behind.status().code() == Some(6), "{behind}");
    ensure!(
        behind.error()?.get("code") == Some(&json!("signing-record-behind")),
        "{behind}"
    );
    adopting.terminate(DEADLINE).await?;
    Ok(moved)
}

/// Keys, account and record are copied while nothing runs, so neither home is behind, and both are started.
async fn of_two_intact_copies_one_stops_and_no_height_is_signed_twice(
    stage: &Stage,
    original: &FinalityProviderProgram,
    key: FinalityProviderKey,
) -> anyhow::Result<()> {
    let copy = FinalityProviderProgram::new(&stage.babylond, &["main"])?;
    fs::create_dir_all(copy.home().join("data"))?;
    for file in [
        "keys/main.key",
        "keys/main-account.key",
        "data/signing-record.redb",
    ] {
        fs::copy(original.home().join(file), copy.home().join(file))?;
    }
    let copies = [
        (original, RefCell::new(original.start()?)),
        (&copy, RefCell::new(copy.start()?)),
    ];
    let start = tip(stage).await?;
    for (home, daemon) in &copies {
        poll_until(DEADLINE, "both to vote", || async {
            if has_stopped(home, daemon).await? {
                return anyhow::Ok(());
            }
            let status = home.command(&["status"]).await?.result()?;
            let last = status.pointer("/providers/0/last_vote");
            let last = last.and_then(Value::as_u64);
            ensure!(
                status["running"] == true && last >= Some(start.0),
                "status: {status}"
            );
            Ok(())
        })
        .await?;
    }

    // As long as both see every block at once they sign the same. One that falls behind sees votes that are not its own.
    // Either may have done so already on a busy machine, even at its start; now the second does for certain.
    if !one_has_stopped(&copies).await? {
        let (first, second) = (&copies[0], copies[1].1.borrow().id());
        signal(second, "STOP")?;
        let missed = ChainHeight(tip(stage).await?.0 + 2);
        poll_until(DEADLINE, "a vote that the second misses", || async {
            let voted = stage.chain.votes(missed).await?.contains(&key);
            ensure!(voted || has_stopped(first.0, &first.1).await?, "not yet");
            anyhow::Ok(())
        })
        .await?;
        signal(second, "CONT")?;
    }
    poll_until(DEADLINE, "the one that was behind to stop", || async {
        ensure!(one_has_stopped(&copies).await?, "both go on");
        anyhow::Ok(())
    })
    .await?;
    // The other goes on alone.
    let next = ChainHeight(tip(stage).await?.0 + 1);
    wait_for_vote(stage, key, next).await?;
    ensure!(
        stage.chain.double_votes(ChainHeight(0)).await?.is_empty(),
        "a second vote got out"
    );
    Ok(())
}

type Running<'a> = (&'a FinalityProviderProgram, RefCell<Daemon>);

async fn one_has_stopped(copies: &[Running<'_>; 2]) -> anyhow::Result<bool> {
    for (home, daemon) in copies {
        if has_stopped(home, daemon).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a process has seen votes that its record does not have: when it started, or at work.
async fn has_stopped(
    home: &FinalityProviderProgram,
    daemon: &RefCell<Daemon>,
) -> anyhow::Result<bool> {
    if !daemon.borrow_mut().is_running() {
        let output = daemon.borrow().output()?;
        ensure!(
            output.contains("signing-record-behind"),
            "it ended: {output}"
        );
        return Ok(true);
    }
    let status = home.command(&["status"]).await?.result()?;
    Ok(sees_another_machine(&status))
}

fn sees_another_machine(status: &Value) -> bool {
    let problem = status.pointer("/providers/0/problems/votes");
    problem
        .and_then(Value::as_str)
        .is_some_and(|problem| problem.contains("another machine votes with the same key"))
}

fn signal(process: u32, name: &str) -> anyhow::Result<()> {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}")).arg(process.to_string());
    ensure!(kill.status()?.success(), "{kill:?}");
    Ok(())
}

async fn the_same_key_without_its_record_refuses(
    stage: &Stage,
    provider: &Provider,
) -> anyhow::Result<()> {
    let copy = FinalityProviderProgram::new(&stage.babylond, &["main"])?;
    copy.import_key("main", &provider.secret).await?;
    let refused = copy.command(&["start"]).await?;
    ensure!(
        refused.status().code() == Some(6),
        "it ended with {:?}",
        refused.status()
    );
    let error = refused.error()?;
    ensure!(
        error.get("code") == Some(&json!("signing-record-missing")),
        "error: {error}"
    );
    Ok(())
}

async fn f02_a_refused_height_is_skipped(
    stage: &Stage,
    provider: &mut Provider,
) -> anyhow::Result<()> {
    provider.daemon.terminate(DEADLINE).await?;
    let height = ChainHeight(tip(stage).await?.0 + 2);
    provider.record(stage, height, [0xab; 32])?;
    provider.daemon.restart()?;
    wait_for_vote(stage, provider.key, ChainHeight(height.0 + 1)).await?;
    wait_for_vote(stage, provider.key, ChainHeight(height.0 + 3)).await?;
    ensure!(
        !stage.chain.votes(height).await?.contains(&provider.key),
        "it voted all the same"
    );
    let status = provider.status().await?;
    ensure!(status.get("refused") == Some(&json!(1)), "status: {status}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f03_an_equivocating_provider_is_slashed_and_stops_and_a_neighbour_goes_on() {
    let stage = Stage::launch(BabylondSettings::default()).await.unwrap();
    // Strong enough for two thirds of the power without the other: a height that falls short never becomes final.
    let honest = Provider::start(&stage).await.unwrap();
    let provider = Provider::with_power(&stage, STAKE).await.unwrap();
    let staker = stage.staker().await.unwrap();
    stage
        .active_stake(&staker, honest.key, STAKE * 10)
        .await
        .unwrap();
    let height = ChainHeight(tip(&stage).await.unwrap().0 + 1);
    wait_for_vote(&stage, provider.key, height).await.unwrap();

    let fork = provider.vote(&stage, height, [0xfe; 32]).await.unwrap();
    stage.submit(fork).await.unwrap();

    let evidence = poll_until(DEADLINE, "evidence with both votes", || async {
        let evidences = stage.chain.double_votes(ChainHeight(0)).await?;
        let found = evidences
            .into_iter()
            .find(|evidence| evidence.canonical_signature.is_some());
        found.context("none yet")
    })
    .await
    .unwrap();
    assert_eq!(evidence.finality_provider, provider.key);
    let votes = json!({
        "public_key": evidence.finality_provider.to_string(),
        "height": evidence.height.0,
        "public_randomness": evidence.public_randomness.to_string(),
        "app_hash": hex::encode(evidence.canonical_app_hash),
        "signature": evidence.canonical_signature.unwrap().to_string(),
        "fork_app_hash": hex::encode(evidence.fork_app_hash),
        "fork_signature": evidence.fork_signature.to_string(),
    });
    let extracted = testenv::Program::ours("finality-provider")
        .unwrap()
        .args(["extract-key", "--json"])
        .input(votes.to_string())
        .run(Duration::from_secs(10))
        .await
        .unwrap()
        .result()
        .unwrap();
    let secret: [u8; 32] = hex::decode(extracted["extracted_key"].as_str().unwrap())
        .unwrap()
        .try_into()
        .unwrap();
    let secret = SecretKey::from_bytes(&secret).unwrap();
    assert_eq!(secret.public_key().to_bytes(), provider.key.to_bytes());

    poll_until(
        DEADLINE,
        "the program to see that it is slashed",
        || async {
            let status = provider.status().await?;
            ensure!(
                status.get("standing") == Some(&json!("slashed")),
                "status: {status}"
            );
            anyhow::Ok(())
        },
    )
    .await
    .unwrap();
    let later = ChainHeight(tip(&stage).await.unwrap().0 + 2);
    wait_until_final(&stage, later).await.unwrap();
    assert!(
        stage
            .chain
            .votes(later)
            .await
            .unwrap()
            .contains(&honest.key)
    );
    assert!(
        !stage
            .chain
            .votes(later)
            .await
            .unwrap()
            .contains(&provider.key)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f10_outdated_heights_are_dropped_and_a_separate_signer_goes_on() {
    let stage = Stage::launch(BabylondSettings::default()).await.unwrap();
    let mut late = Provider::start(&stage).await.unwrap();
    let strong = Provider::with_power(&stage, Amount::from_sat(100_000_000))
        .await
        .unwrap();
    let staker = stage.staker().await.unwrap();
    stage.active_stake(&staker, late.key, STAKE).await.unwrap();
    let height = ChainHeight(tip(&stage).await.unwrap().0 + 1);
    wait_for_vote(&stage, late.key, height).await.unwrap();

    late.daemon.terminate(DEADLINE).await.unwrap();
    let missed = ChainHeight(tip(&stage).await.unwrap().0 + 1);
    wait_for_vote(&stage, strong.key, ChainHeight(missed.0 + 3))
        .await
        .unwrap();
    wait_until_final(&stage, ChainHeight(missed.0 + 3))
        .await
        .unwrap();
    stage.finalize_current_epoch().await.unwrap();

    // From here on its keys and their record are in a process of their own.
    let signer_home = late
        .program
        .split_off_signer(&stage.babylond, late.key)
        .unwrap();
    let _signer = signer_home.start_signer().unwrap();
    late.daemon.restart().unwrap();
    let next = ChainHeight(tip(&stage).await.unwrap().0 + 1);
    wait_for_vote(&stage, late.key, next).await.unwrap();
    assert!(!stage.chain.votes(missed).await.unwrap().contains(&late.key));
    // The chain has the vote before the round that cast it ends.
    poll_until(DEADLINE, "a status without problems", || async {
        let status = late.status().await?;
        ensure!(
            status.get("problems") == Some(&json!({})),
            "status: {status}"
        );
        anyhow::Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_cannot_start_keeps_no_other_from_voting() {
    let stage = Stage::launch(BabylondSettings::default()).await.unwrap();
    let names = ["good", "damaged", "keyless", "elsewhere"];
    let program = FinalityProviderProgram::new(&stage.babylond, &names).unwrap();
    let secret = SecretKey::from_bytes(&rand::random()).unwrap();
    let (key, account) = program.import_key("good", &secret).await.unwrap();
    stage.babylond.fund(&account, 100_000_000).await.unwrap();
    program.register("good").await.unwrap();
    // Not registered, and one of them without an account that exists.
    program.make_keys("damaged").await.unwrap();
    fs::write(program.home().join("keys/damaged.key"), "{}").unwrap();
    program.make_keys("elsewhere").await.unwrap();

    let _daemon = program.start().unwrap();
    poll_until(DEADLINE, "a commitment to public randomness", || async {
        let commits = stage.chain.public_randomness_commits(&key).await?;
        ensure!(!commits.is_empty(), "none yet");
        anyhow::Ok(())
    })
    .await
    .unwrap();
    stage.finalize_current_epoch().await.unwrap();
    let staker = stage.staker().await.unwrap();
    stage.active_stake(&staker, key, STAKE).await.unwrap();
    let next = ChainHeight(tip(&stage).await.unwrap().0 + 1);
    wait_for_vote(&stage, key, next).await.unwrap();

    poll_until(DEADLINE, "the good one without problems", || async {
        let status = program.command(&["status"]).await?.result()?;
        ensure!(
            status.pointer("/providers/0/problems") == Some(&json!({})),
            "status: {status}"
        );
        anyhow::Ok(())
    })
    .await
    .unwrap();
    let status = program.command(&["status"]).await.unwrap();
    let status = status.result().unwrap();
    let problem = |index: usize, concern: &str| {
        let problem = &status["providers"][index]["problems"][concern];
        problem.as_str().unwrap_or_default().to_owned()
    };
    assert!(problem(1, "start").contains("damaged.key"), "{status}");
    assert!(problem(2, "start").contains("keyless"), "{status}");
    assert!(problem(3, "votes").contains("register"), "{status}");
}
