//! Scenario 6: whoever brings headers stops for a while. The instance's limits are seconds here, not hours.

use std::time::Duration;

use anyhow::ensure;
use serde_json::json;
use testenv::partner_chain::{CHALLENGE, DEADLINE, PartnerChain, Stake, params};
use testenv::poll_until;
use testenv::scenario::Committee;

use super::side::{Side, confirm, random_key};
use super::{ROLES, TIMELOCK};

/// Seconds behind the chain's clock from which on Bitcoin is too old to activate stakes.
const MAX_LAG: u64 = 40;

/// The same to make anything final.
const MAX_STALE: u64 = 70;

impl Side<'_> {
    /// Waits until Bitcoin, as the chain knows it, is so many seconds behind the chain's clock.
    async fn lags(&self, seconds: u64) -> anyhow::Result<()> {
        let deadline = Duration::from_secs(seconds) + DEADLINE;
        poll_until(deadline, "Bitcoin to be old", || async {
            let health = self.chain.ask_light(&json!({ "health": {} })).await?;
            ensure!(health["lag"].as_u64() > Some(seconds), "{health}");
            anyhow::Ok(())
        })
        .await
    }

    /// Waits until a stake counts, while blocks go on coming.
    async fn counts(&self, stake: &Stake) -> anyhow::Result<()> {
        poll_until(DEADLINE, "a stake to count", || async {
            let health = self.chain.ask_light(&json!({ "health": {} })).await?;
            if health["lag"].as_u64() > Some(MAX_LAG / 2) {
                self.chain.bitcoind.mine(1)?;
            }
            let known = self.stake(stake).await?;
            ensure!(known["status"].get("active").is_some(), "{known}");
            anyhow::Ok(())
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s06_without_headers_activations_stop_then_finality_and_both_go_on_by_themselves() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let bitcoind = &chain.bitcoind;
    let key = random_key().unwrap();
    let mut numbers = params();
    numbers["max_lag"] = MAX_LAG.into();
    numbers["max_stale"] = MAX_STALE.into();
    let committee = Committee::of_three();
    let mesh = chain.begin_mesh(&numbers, &committee).await.unwrap();
    let side = Side::with(&chain, mesh, &[key]).await.unwrap();
    let [counting, waiting] = [(); 2].map(|()| side.sign(0, TIMELOCK).unwrap());
    let program = side.watchtower(&ROLES).await.unwrap();
    let mut daemon = program.start().unwrap();
    confirm(bitcoind, &[&counting.transaction, &waiting.transaction]).unwrap();
    side.headers_arrive().await.unwrap();
    let shares = [(side.mesh.domain(), 10_000, &side.rewards)];
    side.mesh.show([&counting], &shares).await.unwrap();
    bitcoind.mine(CHALLENGE).unwrap();
    side.counts(&counting).await.unwrap();
    side.mesh.govern(json!({ "start": {} })).await.unwrap();
    side.mesh.show([&waiting], &shares).await.unwrap();

    // The relayer stops when the second stake is about to count.
    daemon.kill_nine();
    chain.mine(CHALLENGE).await.unwrap();
    side.lags(MAX_LAG).await.unwrap();
    let refused = side.mesh.execute(waiting.activation()).await.unwrap_err();
    assert!(refused.to_string().contains("behind"), "{refused}");
    let final_now = side.vote_for_next().await.unwrap();
    assert_eq!(side.mesh.number("next").await.unwrap(), final_now + 1);

    side.lags(MAX_STALE).await.unwrap();
    let voted = side.vote_for_next().await.unwrap();
    let status = side.mesh.status().await.unwrap();
    assert_eq!(status["next"], voted, "{status}");
    assert!(status["halted"].is_string(), "{status}");

    // Nobody governs: headers come again, and the votes that are there count.
    bitcoind.mine(1).unwrap();
    daemon.restart().unwrap();
    side.headers_arrive().await.unwrap();
    poll_until(DEADLINE, "what has a quorum to be final", || async {
        let status = side.mesh.status().await?;
        ensure!(status["next"] == voted + 1, "{status}");
        anyhow::Ok(())
    })
    .await
    .unwrap();
    side.counts(&waiting).await.unwrap();
    assert!(daemon.terminate(DEADLINE).await.unwrap().success());
}
