//! A provider restored without its record, and two of one (rules S2 and S3).

use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;

use anyhow::{Context as _, ensure};
use testenv::partner_chain::{DEADLINE, Mesh, PartnerChain, params};
use testenv::poll_until;

use super::life::{Life, all_are_honest, end, next, votes, wait_for_final};

/// The checkpoints near the next one for which an instance keeps a provider's vote.
async fn voted(mesh: &Mesh<'_>, pk: &str) -> anyhow::Result<BTreeSet<u64>> {
    let votes = votes(mesh, pk).await?;
    let numbers = votes.iter().map(|vote| vote["k"].as_u64());
    numbers
        .collect::<Option<_>>()
        .context("a vote without number")
}

/// The number after a word in a line of the log.
fn number_after(line: &str, word: &str) -> u64 {
    let (_, rest) = line.split_once(word).unwrap();
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s31_without_its_record_a_provider_is_silent_until_no_vote_can_be_a_second_one() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let mut life = Life::begin(&chain, &chain.bitcoind, &params(), &["x"], "")
        .await
        .unwrap();
    let fourth = life.join(&chain.bitcoind, "four").await.unwrap();
    let pk = life.keys[3].public_key().to_string();
    let (_, mesh) = &life.meshes[0];
    let three = life.program.start().unwrap();
    let mut daemon = fourth.start().unwrap();
    life.start().await.unwrap();
    wait_for_final(mesh, 5).await.unwrap();
    poll_until(DEADLINE, "the fourth to vote", || async {
        let voted = voted(mesh, &pk).await?;
        ensure!(voted.len() > 2, "{voted:?}");
        anyhow::Ok(())
    })
    .await
    .unwrap();

    // Restored from a backup of its keys.
    daemon.kill_nine();
    fs::remove_file(fourth.record_file()).unwrap();
    let mut refused = fourth.start().unwrap();
    let status = refused.ended(DEADLINE).await.unwrap();
    assert_eq!(status.code(), Some(6));
    let output = refused.output().unwrap();
    assert!(
        output.contains("has no record of what it signed"),
        "{output}"
    );

    let before = voted(mesh, &pk).await.unwrap();
    let restored_at = next(mesh).await.unwrap();
    let mut daemon = fourth.start_with(&["--adopt-chain-watermark"]).unwrap();
    let line = daemon
        .wait_for_line("adopted the chain's height", DEADLINE)
        .await
        .unwrap();
    let watermark = number_after(&line, "above=");
    // Its own votes on the chain are far below what may have been signed.
    assert!(watermark > restored_at, "{line}");
    let seen = Mutex::new(BTreeSet::new());
    poll_until(DEADLINE, "votes above the watermark", || async {
        // The others make the checkpoints final meanwhile.
        wait_for_final(mesh, next(mesh).await?).await?;
        let voted = voted(mesh, &pk).await?;
        let mut seen = seen.lock().unwrap();
        seen.extend(voted);
        let last = seen.last();
        ensure!(last.is_some_and(|last| *last > watermark + 2), "{last:?}");
        anyhow::Ok(())
    })
    .await
    .unwrap();
    let seen = seen.into_inner().unwrap();
    let new: Vec<_> = seen.difference(&before).collect();
    assert!(new.iter().all(|number| **number > watermark), "{new:?}");
    all_are_honest(mesh).await.unwrap();
    end(daemon).await.unwrap();
    end(three).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s31_two_copies_of_a_provider_give_nothing_away() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let life = Life::begin(&chain, &chain.bitcoind, &params(), &["x"], "")
        .await
        .unwrap();
    let (_, mesh) = &life.meshes[0];
    let daemon = life.program.start().unwrap();
    life.start().await.unwrap();
    wait_for_final(mesh, 4).await.unwrap();
    end(daemon).await.unwrap();

    let copy = life.program.copy().unwrap();
    let daemons = [life.program.start().unwrap(), copy.start().unwrap()];
    // What both sign is the same bytes; who falls behind sees votes that it has not signed, and stops.
    let next = next(mesh).await.unwrap();
    wait_for_final(mesh, next + 12).await.unwrap();
    let mut votes = 0;
    for program in [&life.program, &copy] {
        for name in ["one@x", "two@x", "three@x"] {
            let status = program.status_of(name).await.unwrap();
            assert_eq!(status["refused"], 0, "{status}");
            votes += status["votes"].as_u64().unwrap();
        }
    }
    assert!(votes >= 36, "{votes}");
    all_are_honest(mesh).await.unwrap();
    for daemon in daemons {
        end(daemon).await.unwrap();
    }
}
