//! Stakes: W10 (unbonding), W11 (activation), W12 (both in one block), W14 (two watchtowers), and a kill in between.

use bitcoin::Amount;
use bitcoincore_rpc::RpcApi as _;
use chain::DelegationStatus;
use serde_json::Value;
use testenv::BabylondSettings;
use testenv::programs::WatchtowerProgram;
use testenv::scenario::{DEADLINE, Stage};

use super::support::{Provider, unbonding_tx};

const STAKED: Amount = Amount::from_sat(500_000);
const STAKING_TIME: u16 = 1_000;
const ROLES: [&str; 3] = ["headers", "activation", "unbonding"];

async fn settled(program: &WatchtowerProgram) -> Value {
    program
        .wait_for_status("nothing to be left to do", DEADLINE, |status| {
            let stakes = &status["stakes"];
            stakes["to_activate"] == 0 && stakes["to_report"] == 0
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn w10_w11_w12_w14_stakes_are_activated_and_their_spends_reported() {
    let stage = Stage::launch(BabylondSettings::default()).await.unwrap();
    // Coins for as many stakes that wait for the committee at once.
    stage.mine(5).await.unwrap();
    let provider = Provider::register(&stage).await.unwrap();
    let staker = stage.staker().await.unwrap();
    let program = WatchtowerProgram::new(&stage.bitcoind, &stage.babylond, &ROLES)
        .await
        .unwrap();
    let mut daemon = program.start().unwrap();
    let rpc = stage.bitcoind.rpc();

    // W11: verified, mined, deep: active without anybody else's help.
    let mut stakes = Vec::new();
    for _ in 0..3 {
        let stake = stage
            .register(&staker, provider.key, STAKED, STAKING_TIME)
            .await
            .unwrap();
        stage.cosign(&stake).await.unwrap();
        stakes.push(stake);
    }
    let [first, second, third] = stakes.as_slice() else {
        unreachable!("three were made")
    };
    rpc.send_raw_transaction(&first.staking_tx).unwrap();
    stage.bitcoind.mine(3).unwrap();
    stage
        .wait_for(first, DelegationStatus::Active)
        .await
        .unwrap();

    // W10: the spend of an active stake.
    let unbonding = unbonding_tx(&stage, &staker, first).unwrap();
    rpc.send_raw_transaction(&unbonding).unwrap();
    stage.bitcoind.mine(1).unwrap();
    stage
        .wait_for(first, DelegationStatus::Unbonded)
        .await
        .unwrap();

    // W12: staked and unbonded in the same block.
    rpc.send_raw_transaction(&second.staking_tx).unwrap();
    let unbonding = unbonding_tx(&stage, &staker, second).unwrap();
    rpc.send_raw_transaction(&unbonding).unwrap();
    stage.bitcoind.mine(1).unwrap();
    stage
        .wait_for(second, DelegationStatus::Unbonded)
        .await
        .unwrap();

    // W14: two watchtowers see the same; neither is left with anything to do or parked.
    let other = WatchtowerProgram::new(&stage.bitcoind, &stage.babylond, &ROLES)
        .await
        .unwrap();
    let mut other_daemon = other.start().unwrap();
    other
        .wait_for_status("the other to read blocks", DEADLINE, |status| {
            status["stakes"]["scanned"].is_number()
        })
        .await
        .unwrap();
    rpc.send_raw_transaction(&third.staking_tx).unwrap();
    stage.bitcoind.mine(3).unwrap();
    stage
        .wait_for(third, DelegationStatus::Active)
        .await
        .unwrap();
    let unbonding = unbonding_tx(&stage, &staker, third).unwrap();
    rpc.send_raw_transaction(&unbonding).unwrap();
    stage.bitcoind.mine(1).unwrap();
    stage
        .wait_for(third, DelegationStatus::Unbonded)
        .await
        .unwrap();
    for program in [&program, &other] {
        assert_eq!(settled(program).await["parked"], 0);
    }
    assert!(other_daemon.terminate(DEADLINE).await.unwrap().success());
    assert!(daemon.terminate(DEADLINE).await.unwrap().success());
}

#[tokio::test]
async fn what_happened_during_a_downtime_is_caught_up_with() {
    let stage = Stage::launch(BabylondSettings::default()).await.unwrap();
    // Coins for as many stakes that wait for the committee at once.
    stage.mine(5).await.unwrap();
    let provider = Provider::register(&stage).await.unwrap();
    let staker = stage.staker().await.unwrap();
    let program = WatchtowerProgram::new(&stage.bitcoind, &stage.babylond, &ROLES)
        .await
        .unwrap();
    let mut daemon = program.start().unwrap();
    let rpc = stage.bitcoind.rpc();
    let mut stakes = Vec::new();
    for _ in 0..3 {
        let stake = stage
            .register(&staker, provider.key, STAKED, STAKING_TIME)
            .await
            .unwrap();
        stage.cosign(&stake).await.unwrap();
        stakes.push(stake);
    }
    let [active, activated, spent] = stakes.as_slice() else {
        unreachable!("three were made")
    };
    rpc.send_raw_transaction(&active.staking_tx).unwrap();
    stage.bitcoind.mine(3).unwrap();
    stage
        .wait_for(active, DelegationStatus::Active)
        .await
        .unwrap();

    daemon.kill_nine();
    // While it is away: one stake unbonds, one is made, one is made and unbonds; a reorg undoes and repeats it all.
    let unbonding = unbonding_tx(&stage, &staker, active).unwrap();
    rpc.send_raw_transaction(&unbonding).unwrap();
    rpc.send_raw_transaction(&activated.staking_tx).unwrap();
    rpc.send_raw_transaction(&spent.staking_tx).unwrap();
    stage.bitcoind.mine(1).unwrap();
    let unbonding = unbonding_tx(&stage, &staker, spent).unwrap();
    rpc.send_raw_transaction(&unbonding).unwrap();
    stage.bitcoind.mine(1).unwrap();
    stage.bitcoind.reorganise(2).unwrap();
    stage.bitcoind.mine(30).unwrap();
    daemon.restart().unwrap();
    for (stake, status) in [
        (active, DelegationStatus::Unbonded),
        (spent, DelegationStatus::Unbonded),
        (activated, DelegationStatus::Active),
    ] {
        stage.wait_for(stake, status).await.unwrap();
    }

    // A watchtower that starts only now finds a spend of a time that it has not seen.
    daemon.kill_nine();
    let unbonding = unbonding_tx(&stage, &staker, activated).unwrap();
    rpc.send_raw_transaction(&unbonding).unwrap();
    stage.bitcoind.mine(200).unwrap();
    let late = WatchtowerProgram::new(&stage.bitcoind, &stage.babylond, &ROLES)
        .await
        .unwrap();
    let mut late_daemon = late.start().unwrap();
    stage
        .wait_for(activated, DelegationStatus::Unbonded)
        .await
        .unwrap();
    assert_eq!(settled(&late).await["parked"], 0);
    assert!(late_daemon.terminate(DEADLINE).await.unwrap().success());
}
