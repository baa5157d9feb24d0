//! A provider restored without its record, and two of one (rules S2 and S3).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use sign_guard::{ChainDomain, Identity, SameData, SignGuard, Verdict, Vote};
use testenv::partner_chain::{DEADLINE, Mesh, PartnerChain, bitcoin_with_coins, params};
use testenv::poll_until;
use testenv::programs::FinalityProviderProgram;

use super::life::{
    Life, PROVIDERS, all_are_honest, end, next, votes, wait_for_final, wait_for_next,
};

/// Rest between two blocks of a chain on which two processes see the same block before either one's vote is in the next.
const SLOW: Duration = Duration::from_secs(1);

/// What a copy that has fallen behind the other one says.
const FELL_BEHIND: &str = "another machine votes with the same key";

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

/// Of one provider and checkpoint, SHA-256 of what was signed and the signature.
type Signed = BTreeMap<(usize, u64), ([u8; 32], [u8; 32])>;

/// Adds the votes that an instance keeps at present, of all providers.
async fn collect(life: &Life<'_>, mesh: &Mesh<'_>, signed: &mut Signed) -> anyhow::Result<()> {
    for (provider, key) in life.keys.iter().enumerate() {
        for vote in votes(mesh, &key.public_key().to_string()).await? {
            let bytes = |field: &str| {
                let text = vote[field].as_str().context("no text")?;
                let bytes: Result<[u8; 32], _> = hex::decode(text)?.try_into();
                bytes.map_err(|_| anyhow::anyhow!("{text} are not 32 bytes"))
            };
            let checkpoint = vote["k"].as_u64().context("no number")?;
            signed.insert(
                (provider, checkpoint),
                (bytes("message_hash")?, bytes("s")?),
            );
        }
    }
    Ok(())
}

/// Waits until a checkpoint is final, and tells what all providers signed until then.
async fn signed_until(life: &Life<'_>, mesh: &Mesh<'_>, checkpoint: u64) -> anyhow::Result<Signed> {
    let mut signed = Signed::new();
    while next(mesh).await? <= checkpoint {
        // Each at a time, so that none is forgotten before it is seen.
        wait_for_final(mesh, next(mesh).await?).await?;
        collect(life, mesh, &mut signed).await?;
    }
    Ok(signed)
}

/// A provider of an instance as the record of a home names it.
fn identity(life: &Life<'_>, mesh: &Mesh<'_>, provider: usize) -> anyhow::Result<Identity> {
    let chain: ChainDomain = mesh.domain().to_string().parse()?;
    Ok(Identity {
        public_key: *life.keys[provider].public_key().as_bytes(),
        chain,
    })
}

/// The newest checkpoint that the record of a home, which is not running, has of each provider.
fn newest(
    life: &Life<'_>,
    mesh: &Mesh<'_>,
    home: &FinalityProviderProgram,
) -> anyhow::Result<Vec<Option<u64>>> {
    let record = SignGuard::open(&home.record_file())?;
    (0..life.keys.len())
        .map(|provider| {
            let status = record.status(&identity(life, mesh, provider)?)?;
            Ok(status.and_then(|status| status.highest_record))
        })
        .collect()
}

/// How many of these votes a home, which is not running, has signed itself; all it has are the very same bytes.
fn signed_alike(
    life: &Life<'_>,
    mesh: &Mesh<'_>,
    home: &FinalityProviderProgram,
    signed: &Signed,
) -> anyhow::Result<BTreeSet<(usize, u64)>> {
    let record = SignGuard::open(&home.record_file())?;
    let mut alike = BTreeSet::new();
    for ((provider, checkpoint), (content, signature)) in signed {
        let vote = Vote {
            identity: identity(life, mesh, *provider)?,
            // Places of a record begin with 1, checkpoints with 0.
            height: checkpoint + 1,
            content: *content,
        };
        match record.check_and_record(&vote) {
            Ok(Verdict::SameData(SameData::Signed(recorded))) => {
                ensure!(
                    recorded == *signature,
                    "two signatures for checkpoint {checkpoint}"
                );
                alike.insert((*provider, *checkpoint));
            }
            // It left this one to the other copy.
            Ok(Verdict::New(_)) | Err(sign_guard::Refusal::BelowWatermark { .. }) => {}
            other => anyhow::bail!("checkpoint {checkpoint}: {other:?}"),
        }
    }
    Ok(alike)
}

/// What a running home says of a provider on chain x. What a chain says of it does not do.
async fn told(home: &FinalityProviderProgram, name: &str) -> anyhow::Result<Value> {
    let status = home.command(&["status"]).await?.result()?;
    ensure!(status["running"] == true, "{status}");
    let name = Value::from(format!("{name}@x"));
    let mut providers = status["providers"].as_array().context("no list")?.iter();
    let found = providers.find(|provider| provider["name"] == name);
    found.cloned().context("no such provider")
}

/// Waits until all providers of both homes have seen a checkpoint that takes votes, and have nothing to complain of.
async fn wait_until_at_work(
    homes: [&FinalityProviderProgram; 2],
    holds: impl Fn(&Value) -> bool,
) -> anyhow::Result<()> {
    poll_until(DEADLINE, "both copies to be at work", || async {
        for home in homes {
            for name in PROVIDERS {
                let status = told(home, name).await?;
                ensure!(
                    holds(&status) && status["problems"] == json!({}),
                    "{status}"
                );
            }
        }
        anyhow::Ok(())
    })
    .await
}

/// A chain on which two copies have the time to vote for the same checkpoints.
async fn slow_chain() -> PartnerChain {
    let bitcoind = bitcoin_with_coins().await.unwrap();
    PartnerChain::launch_at(bitcoind, SLOW).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s31_two_copies_of_a_provider_give_nothing_away() {
    let chain = slow_chain().await;
    let life = Life::begin(&chain, &chain.bitcoind, &params(), &["x"], "")
        .await
        .unwrap();
    let (_, mesh) = &life.meshes[0];
    let daemon = life.program.start().unwrap();
    life.start().await.unwrap();
    wait_for_final(mesh, 4).await.unwrap();
    // The last checkpoint of the second epoch waits for the table that follows.
    wait_for_next(mesh, 7).await.unwrap();
    end(daemon).await.unwrap();

    let copy = life.program.copy().unwrap();
    let homes = [&life.program, &copy];
    let before = newest(&life, mesh, &copy).unwrap();
    let daemons = homes.map(|home| home.start().unwrap());
    wait_until_at_work(homes, |status| status["tip"] == 6)
        .await
        .unwrap();
    // What both sign is the same bytes; who falls behind sees votes that it has not signed, and stops.
    let signed = signed_until(&life, mesh, 19).await.unwrap();
    let (mut votes, mut stopped) = (0, Vec::new());
    for home in homes {
        for name in PROVIDERS {
            let status = told(home, name).await.unwrap();
            assert_eq!(status["refused"], 0, "{status}");
            votes += status["votes"].as_u64().unwrap();
            let problem = status["problems"]["votes"].as_str().unwrap_or_default();
            stopped.push(problem.contains(FELL_BEHIND));
        }
    }
    assert!(votes >= 36, "{votes}");
    all_are_honest(mesh).await.unwrap();
    for daemon in daemons {
        end(daemon).await.unwrap();
    }
    let mut stopped = stopped.into_iter();
    for home in homes {
        signed_alike(&life, mesh, home, &signed).unwrap();
        let after = newest(&life, mesh, home).unwrap();
        for ((before, after), stopped) in before.iter().zip(after).zip(&mut stopped) {
            assert!(after > *before || stopped, "{after:?}, {before:?} before");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s31_two_fresh_copies_of_one_key_sign_the_same_bytes() {
    let chain = slow_chain().await;
    let life = Life::begin(&chain, &chain.bitcoind, &params(), &["x"], "")
        .await
        .unwrap();
    let (_, mesh) = &life.meshes[0];
    // Neither has a record: no vote is on the chain, so both are taken in.
    let copy = life.program.copy().unwrap();
    assert!(!copy.record_file().exists());
    let homes = [&life.program, &copy];
    let daemons = homes.map(|home| home.start().unwrap());
    mesh.wait_for_commits(PROVIDERS.len()).await.unwrap();
    wait_until_at_work(homes, |status| status["standing"] == "registered")
        .await
        .unwrap();
    life.start().await.unwrap();
    let signed = signed_until(&life, mesh, 9).await.unwrap();
    for home in homes {
        for name in PROVIDERS {
            let status = told(home, name).await.unwrap();
            assert_eq!(status["refused"], 0, "{status}");
        }
    }
    all_are_honest(mesh).await.unwrap();
    for daemon in daemons {
        end(daemon).await.unwrap();
    }
    let [first, second] = homes.map(|home| signed_alike(&life, mesh, home, &signed).unwrap());
    let by_either: BTreeSet<_> = first.union(&second).copied().collect();
    assert_eq!(by_either, signed.keys().copied().collect());
    let by_both: Vec<_> = first.intersection(&second).collect();
    assert!(!by_both.is_empty(), "{first:?}, {second:?}");
}
