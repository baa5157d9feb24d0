//! Stakes that leave: scenario 15, a key that comes out while the stake is unbonding; and a spend that no contract can be shown.

use bitcoincore_rpc::RpcApi as _;
use serde_json::{Value, json};
use testenv::partner_chain::{CHALLENGE, DEADLINE, DEPTH, PartnerChain, UNBONDING};
use testenv::scenario::Committee;

use super::TIMELOCK;
use super::side::{Side, confirm, random_key, spent};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s15_an_unbonding_stake_is_burnt_by_what_the_chain_shows_alone() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let bitcoind = &chain.bitcoind;
    let keys = [random_key().unwrap(), random_key().unwrap()];
    let side = Side::begin(&chain, &keys).await.unwrap();
    let stakes = [0, 1].map(|provider| side.sign(provider, TIMELOCK).unwrap());
    let [escaping, _] = &stakes;
    let first = side
        .watchtower(&["headers", "activation", "unbonding"])
        .await
        .unwrap();
    let mut daemon = first.start().unwrap();
    let shares = [(side.mesh.domain(), 10_000, &side.rewards)];
    side.bury_and_show(&stakes.each_ref(), &shares)
        .await
        .unwrap();
    bitcoind.mine(CHALLENGE).unwrap();
    for stake in &stakes {
        side.stake_becomes(stake, "active").await.unwrap();
    }
    side.mesh.govern(json!({ "start": {} })).await.unwrap();

    // The staker leaves, and everybody is told.
    let unbonding = escaping.unbonding().unwrap();
    confirm(bitcoind, &[&unbonding]).unwrap();
    let unbonded_at = bitcoind.height().unwrap();
    side.stake_becomes(escaping, "ended").await.unwrap();
    daemon.kill_nine();

    // Only then the provider votes twice. Who burns the stake has never heard of it.
    side.equivocate(0).await.unwrap();
    let second = side.watchtower(&["slashing"]).await.unwrap();
    let mut daemon = second.start().unwrap();
    daemon
        .wait_for_line("its key is out", DEADLINE)
        .await
        .unwrap();
    daemon.kill_nine();
    daemon.restart().unwrap();
    let slashing = escaping.delegation.unbonding_slashing_tx();
    let mined = spent(bitcoind, slashing).await.unwrap();
    assert!(bitcoind.height().unwrap() < unbonded_at + u64::from(UNBONDING));
    let input = &mined.input[0];
    assert_eq!(
        input.previous_output,
        escaping.delegation.unbonding_outpoint()
    );
    let unbonded = escaping.delegation.unbonding_output().value();
    assert!(mined.output[0].value >= unbonded / 10, "{mined:?}");

    // What the staker would have taken when the timelock is over is gone.
    bitcoind.mine(u64::from(UNBONDING)).unwrap();
    let withdrawal = escaping.withdrawal().unwrap();
    assert!(bitcoind.rpc().send_raw_transaction(&withdrawal).is_err());
    second
        .wait_for_status("the slashing to be final", DEADLINE, |status| {
            status["chains"][0]["slashing"]["finished"] == 1
        })
        .await
        .unwrap();
    assert!(daemon.terminate(DEADLINE).await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spend_that_cannot_be_proven_is_parked_with_its_reason_and_stops_no_other() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let bitcoind = &chain.bitcoind;
    let (side, hidden) = Side::with_a_stake(&chain, TIMELOCK).await.unwrap();
    let honest = side.sign(0, TIMELOCK).unwrap();
    let program = side
        .watchtower(&["headers", "activation", "unbonding"])
        .await
        .unwrap();
    let mut daemon = program.start().unwrap();
    let shares = [(side.mesh.domain(), 10_000, &side.rewards)];
    side.bury_and_show(&[&hidden, &honest], &shares)
        .await
        .unwrap();
    bitcoind.mine(CHALLENGE).unwrap();
    for stake in [&hidden, &honest] {
        side.stake_becomes(stake, "active").await.unwrap();
    }

    let exit = hidden.hidden_exit(&Committee::of_three()).unwrap();
    bitcoind.mine_only(&[exit]).unwrap();
    bitcoind.mine(DEPTH).unwrap();
    let nothing_is_left =
        |status: &Value| status["parked"] == 1 && status["chains"][0]["stakes"]["to_report"] == 0;
    program
        .wait_for_status("the spend to be given up on", DEADLINE, nothing_is_left)
        .await
        .unwrap();
    let listed = program.command(&["parked", "list"]).await.unwrap();
    let listed = listed.stdout();
    assert!(listed.contains("unreportable"), "{listed}");
    assert!(listed.contains("64 bytes"), "{listed}");
    daemon.kill_nine();
    daemon.restart().unwrap();
    let unbonding = honest.unbonding().unwrap();
    confirm(bitcoind, &[&unbonding]).unwrap();
    side.stake_becomes(&honest, "ended").await.unwrap();
    program
        .wait_for_status("nothing else to be given up on", DEADLINE, nothing_is_left)
        .await
        .unwrap();
    // It counts on until its time is over, as the manual says.
    side.stake_becomes(&hidden, "active").await.unwrap();
    assert!(daemon.terminate(DEADLINE).await.unwrap().success());
}
