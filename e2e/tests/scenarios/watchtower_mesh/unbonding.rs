//! Scenario 15: a key that comes out while the stake is unbonding.

use bitcoin::Amount;
use bitcoincore_rpc::RpcApi as _;
use serde_json::json;
use testenv::partner_chain::{
    CHALLENGE, DEADLINE, PartnerChain, Stake, UNBONDING, bitcoin_with_coins,
};
use testenv::scenario::Committee;

use super::side::{Side, confirm, random_key, spent};
use super::{TIMELOCK, VALUE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s15_an_unbonding_stake_is_burnt_by_what_the_chain_shows_alone() {
    let bitcoind = bitcoin_with_coins().await.unwrap();
    let chain = PartnerChain::launch(bitcoind.clone()).await.unwrap();
    let keys = [random_key().unwrap(), random_key().unwrap()];
    let side = Side::begin(&chain, &keys).await.unwrap();
    let committee = Committee::of_three();
    let stakes = keys.each_ref().map(|key| {
        let value = Amount::from_sat(VALUE);
        Stake::sign(&bitcoind, &committee, &key.public_key(), value, TIMELOCK).unwrap()
    });
    let [escaping, _] = &stakes;
    let first = side
        .watchtower(&["headers", "activation", "unbonding"])
        .await
        .unwrap();
    let mut daemon = first.start().unwrap();
    confirm(&bitcoind, &stakes.each_ref().map(|it| &it.transaction)).unwrap();
    side.headers_arrive().await.unwrap();
    let shares = [(side.mesh.domain(), 10_000, &side.rewards)];
    side.show(&stakes.each_ref(), &shares).await.unwrap();
    bitcoind.mine(CHALLENGE).unwrap();
    for stake in &stakes {
        side.stake_becomes(stake, "active").await.unwrap();
    }
    side.mesh.govern(json!({ "start": {} })).await.unwrap();

    // The staker leaves, and everybody is told.
    let unbonding = escaping.unbonding().unwrap();
    confirm(&bitcoind, &[&unbonding]).unwrap();
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
    let mined = spent(&bitcoind, slashing).await.unwrap();
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
