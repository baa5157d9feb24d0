//! Slashing: W19 (a bonded stake), W20 (an unbonding one), a kill, a lost mempool, a reorg, and slashing by hand.

use anyhow::ensure;
use bitcoin::{Amount, Transaction, Txid};
use bitcoincore_rpc::RpcApi as _;
use testenv::programs::WatchtowerProgram;
use testenv::scenario::{DEADLINE, Stage};
use testenv::{BabylondSettings, poll_until};

use super::support::{Provider, unbonding_tx};

const STAKED: Amount = Amount::from_sat(500_000);

/// Waits until the node's mempool has a transaction.
async fn in_mempool(stage: &Stage, txid: Txid) {
    poll_until(DEADLINE, &format!("{txid} in the mempool"), || async {
        let mempool = stage.bitcoind.rpc().get_raw_mempool()?;
        ensure!(mempool.contains(&txid), "it has {mempool:?}");
        anyhow::Ok(())
    })
    .await
    .unwrap();
}

fn confirmed(stage: &Stage, txid: Txid) -> Transaction {
    let rpc = stage.bitcoind.rpc();
    let info = rpc.get_raw_transaction_info(&txid, None).unwrap();
    assert!(info.confirmations > Some(0), "{txid} is not in a block");
    info.transaction().unwrap()
}

#[tokio::test]
async fn w19_w20_every_stake_of_an_equivocating_provider_is_slashed() {
    let settings = BabylondSettings {
        unbonding_time: 50,
        ..BabylondSettings::default()
    };
    let mut stage = Stage::launch(settings).await.unwrap();
    stage.mine(5).await.unwrap();
    let provider = Provider::register(&stage).await.unwrap();
    let committed_from = provider.commit(&stage).await.unwrap();
    stage.finalize_current_epoch().await.unwrap();
    let staker = stage.staker().await.unwrap();
    let bonded = stage
        .active_stake(&staker, provider.key, STAKED)
        .await
        .unwrap();
    let unbonding = stage
        .active_stake(&staker, provider.key, STAKED)
        .await
        .unwrap();
    let late = stage
        .register(&staker, provider.key, STAKED, 1_000)
        .await
        .unwrap();
    stage.cosign(&late).await.unwrap();
    let program = WatchtowerProgram::new(&stage.bitcoind, &stage.babylond, &["slashing"])
        .await
        .unwrap();
    let key = provider.key.to_string();
    let refused = program.command(&["slash", &key]).await.unwrap();
    assert_eq!(refused.error().unwrap()["code"], "no-evidence");

    provider
        .equivocate(&stage.chain, committed_from)
        .await
        .unwrap();
    // The staker tries to get away.
    let escape = unbonding_tx(&stage, &staker, &unbonding).unwrap();
    stage.bitcoind.rpc().send_raw_transaction(&escape).unwrap();
    stage.mine(1).await.unwrap();

    let mut daemon = program.start().unwrap();
    let slashing = bonded.delegation.slashing_tx().compute_txid();
    let unbonding_slashing = unbonding.delegation.unbonding_slashing_tx().compute_txid();
    daemon
        .wait_for_line("sent a slashing transaction", DEADLINE)
        .await
        .unwrap();
    daemon.kill_nine();
    // What was sent is lost, and so is the memory of it.
    stage.bitcoind.stop().await.unwrap();
    std::fs::remove_file(stage.bitcoind.folder().join("regtest/mempool.dat")).unwrap();
    daemon.restart().unwrap();
    stage.bitcoind.start().await.unwrap();
    in_mempool(&stage, slashing).await;
    in_mempool(&stage, unbonding_slashing).await;

    // A reorg takes the slashing back; it is not forgotten.
    stage.bitcoind.mine(1).unwrap();
    stage.bitcoind.reorganise(1).unwrap();
    in_mempool(&stage, slashing).await;
    stage.bitcoind.mine(3).unwrap();
    program
        .wait_for_status("both slashings to be final", DEADLINE, |status| {
            status["slashing"]["finished"] == 2
        })
        .await
        .unwrap();
    let slashing_script = BabylondSettings::default().slashing_script;
    for txid in [slashing, unbonding_slashing] {
        let burnt = confirmed(&stage, txid).output.into_iter().next().unwrap();
        assert_eq!(burnt.script_pubkey, slashing_script);
        assert!(burnt.value >= Amount::from_sat(49_900), "{}", burnt.value);
    }

    // A stake that comes only now is slashed by hand, beside the running watchtower.
    let rpc = stage.bitcoind.rpc();
    rpc.send_raw_transaction(&late.staking_tx).unwrap();
    stage.bitcoind.mine(1).unwrap();
    let slashed = program
        .command(&["slash", &key])
        .await
        .unwrap()
        .result()
        .unwrap();
    assert_eq!(slashed["delegations"].as_array().unwrap().len(), 3);
    let late_slashing = late.delegation.slashing_tx().compute_txid();
    in_mempool(&stage, late_slashing).await;
    stage.bitcoind.mine(3).unwrap();
    confirmed(&stage, late_slashing);
    assert!(daemon.terminate(DEADLINE).await.unwrap().success());
}
