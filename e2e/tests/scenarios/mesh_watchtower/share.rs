//! A share that grows: its holder shows the new list, and the watchtower lets it count.

use testenv::partner_chain::{CHALLENGE, CONSENT_DELAY, DEADLINE, PartnerChain};
use testenv::poll_until;

use super::side::Side;
use super::{TIMELOCK, VALUE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_larger_share_counts_once_it_has_waited_without_its_holder() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let bitcoind = &chain.bitcoind;
    let (side, stake) = Side::with_a_stake(&chain, TIMELOCK).await.unwrap();
    let program = side.watchtower(&["headers", "activation"]).await.unwrap();
    let mut daemon = program.start().unwrap();
    let share = |basis_points| [(side.mesh.domain(), basis_points, &side.rewards)];
    side.bury_and_show(&[&stake], &share(2_500)).await.unwrap();
    bitcoind.mine(CHALLENGE).unwrap();
    side.stake_becomes(&stake, "active").await.unwrap();

    let larger = stake.consent(2, &share(5_000)).unwrap();
    side.mesh
        .execute(stake.consent_message(&larger))
        .await
        .unwrap();
    program
        .wait_for_status("the increase to be known", DEADLINE, |status| {
            status["chains"][0]["stakes"]["to_activate"] == 1
        })
        .await
        .unwrap();
    daemon.kill_nine();
    bitcoind.mine(CONSENT_DELAY - 1).unwrap();
    daemon.restart().unwrap();
    side.headers_arrive().await.unwrap();
    let known = side.stake(&stake).await.unwrap();
    assert_eq!(known["weight"], VALUE / 4, "{known}");
    bitcoind.mine(1).unwrap();
    poll_until(DEADLINE, "the larger share to count", || async {
        let known = side.stake(&stake).await?;
        anyhow::ensure!(known["weight"] == VALUE / 2, "{known}");
        anyhow::Ok(())
    })
    .await
    .unwrap();
    let status = program
        .wait_for_status("nothing to be left", DEADLINE, |status| {
            status["chains"][0]["stakes"]["to_activate"] == 0
        })
        .await
        .unwrap();
    assert_eq!(status["parked"], 0, "{status}");
    assert!(daemon.terminate(DEADLINE).await.unwrap().success());
}
