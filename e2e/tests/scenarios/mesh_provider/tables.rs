//! No vote hands over to a table that the providers' own Bitcoin node does not agree with (rule S4).

use bitcoin::Amount;
use bitcoin::hex::DisplayHex as _;
use bitcoincore_rpc::RpcApi as _;
use chain::{ChainError, Rejection};
use serde_json::{Value, json};
use testenv::Bitcoind;
use testenv::partner_chain::{
    CHALLENGE, DEADLINE, DEPTH, Mesh, PartnerChain, Stake, UNBONDING, params,
};

use crate::partner_chain::burn::slashing;

use super::life::{
    Life, VALUE, all_are_honest, end, next, stands_still, wait_for_final, wait_for_next,
};

/// The last checkpoints of the first two epochs.
const LAST: u64 = 3;
const SECOND_LAST: u64 = 7;

/// A Bitcoin node beside the one that the chain is shown, with the same blocks.
async fn node_of_our_own(other: &Bitcoind) -> Bitcoind {
    let own = Bitcoind::launch().await.unwrap();
    own.copy_blocks_of(other).unwrap();
    own
}

async fn roll(mesh: &Mesh<'_>) {
    mesh.execute(json!({ "roll": {} })).await.unwrap();
}

/// What is wrong with the next table, in the status of a provider.
fn problem(status: &Value) -> &str {
    status["problems"]["tables"].as_str().unwrap_or_default()
}

/// A voter reads what was found about the table in its next round only.
async fn wait_for_withheld(life: &Life<'_>, name: &str, checkpoint: u64) {
    let expected = format!("no vote for checkpoint {checkpoint}");
    life.wait_for_status(name, "a provider to withhold its vote", |status| {
        let votes = status["problems"]["votes"].as_str();
        votes.is_some_and(|votes| votes.contains(&expected))
    })
    .await
    .unwrap();
}

/// Stakes of these values that were withdrawn before anybody was shown them.
async fn withdrawn<const N: usize>(life: &Life<'_>, values: [Amount; N]) -> [Stake; N] {
    let chain = life.chain;
    let stakes = values.map(|value| life.sign(0, value).unwrap());
    let staked = stakes.each_ref().map(|stake| &stake.transaction);
    chain.confirm(&staked, 0).await.unwrap();
    let unbondings = stakes.each_ref().map(|stake| stake.unbonding().unwrap());
    let blocks = u64::from(UNBONDING) - 1;
    chain.confirm(&unbondings.each_ref(), blocks).await.unwrap();
    let withdrawals = stakes.each_ref().map(|stake| stake.withdrawal().unwrap());
    chain.confirm(&withdrawals.each_ref(), 0).await.unwrap();
    stakes
}

/// To a proof of inclusion such a stake looks perfect.
async fn count(life: &Life<'_>, mesh: &Mesh<'_>, stake: &Stake) {
    let stakes = std::slice::from_ref(stake);
    life.show(mesh, stakes).await.unwrap();
    life.chain.mine(CHALLENGE).await.unwrap();
    mesh.activate(stakes).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s28_a_withdrawn_stake_that_nobody_reported_counts_to_the_tolerance() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let life = Life::begin(&chain, &chain.bitcoind, &params(), &["x"], "")
        .await
        .unwrap();
    let (_, mesh) = &life.meshes[0];
    let (small, large) = (Amount::from_sat(1 << 17), Amount::from_sat(1 << 19));
    let [one, two] = withdrawn(&life, [small, large]).await;
    let mut daemon = life.program.start().unwrap();
    life.start().await.unwrap();

    // Four hundredths of the table: a stale stake stops no finality.
    wait_for_next(mesh, LAST).await.unwrap();
    count(&life, mesh, &one).await;
    roll(mesh).await;
    wait_for_next(mesh, SECOND_LAST).await.unwrap();
    let status = life.status("two@x").await.unwrap();
    let expected = json!({
        "epoch": 1,
        "total": 3 * VALUE.to_sat() + small.to_sat(),
        "unbacked": small.to_sat(),
        "removed": 0,
        "agrees": true,
    });
    assert_eq!(status["next_table"], expected, "{status}");

    // Seventeen hundredths do.
    count(&life, mesh, &two).await;
    roll(mesh).await;
    let unbacked = small + large;
    for again in [true, false] {
        let what = "the providers to refuse the table";
        let status = life
            .wait_for_status("two@x", what, |status| {
                problem(status).contains("% are tolerated")
            })
            .await
            .unwrap();
        let table = &status["next_table"];
        assert_eq!(table["unbacked"], unbacked.to_sat(), "{status}");
        assert_eq!(table["agrees"], false, "{status}");
        wait_for_withheld(&life, "two@x", SECOND_LAST).await;
        stands_still(&chain, mesh).await.unwrap();
        assert_eq!(next(mesh).await.unwrap(), SECOND_LAST);
        if again {
            daemon.kill_nine();
            daemon.restart().unwrap();
        }
    }
    all_are_honest(mesh).await.unwrap();
    end(daemon).await.unwrap();
}

/// The message that shows a transaction which spends a stake with its first input.
fn report(chain: &PartnerChain, stake: &Stake) -> Value {
    let spend = stake.unbonding().unwrap();
    let txid = spend.compute_txid();
    // The signatures of another making are other bytes, the transaction is the same.
    stake.report(&spend, &chain.inclusion(txid).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s29_spends_in_blocks_that_nobody_else_has_stop_finality_until_everybody_has_them() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let own = node_of_our_own(&chain.bitcoind).await;
    let life = Life::begin(&chain, &own, &params(), &["x"], "")
        .await
        .unwrap();
    let (_, mesh) = &life.meshes[0];
    let daemon = life.program.start().unwrap();
    let stakes = life.start().await.unwrap();
    own.copy_blocks_of(&chain.bitcoind).unwrap();
    wait_for_next(mesh, LAST).await.unwrap();

    // The chain is shown a branch on which all stakes but one are spent; Bitcoin goes on otherwise, and as far.
    let spends = [&stakes[1], &stakes[2]];
    let unbondings = spends.map(|stake| stake.unbonding().unwrap());
    chain
        .confirm(&unbondings.each_ref(), DEPTH - 1)
        .await
        .unwrap();
    for stake in spends {
        let refused = mesh.execute(report(&chain, stake)).await;
        let Err(ChainError::Rejected(Rejection { log, .. })) = refused else {
            panic!("{refused:?}")
        };
        assert!(log.contains("is 3 deep, it is believed from 4 on"), "{log}");
    }
    chain.mine(1).await.unwrap();
    own.mine(1 + DEPTH).unwrap();
    assert_eq!(own.height().unwrap(), chain.bitcoind.height().unwrap());
    for stake in spends {
        mesh.execute(report(&chain, stake)).await.unwrap();
    }
    roll(mesh).await;
    assert_eq!(mesh.table(1).await.unwrap().entries().len(), 1);

    let what = "the providers to refuse the table";
    let status = life
        .wait_for_status("one@x", what, |status| {
            problem(status).contains("taken out")
        })
        .await
        .unwrap();
    assert!(problem(&status).contains("is not on its chain"), "{status}");
    let expected = json!({
        "epoch": 1,
        "total": VALUE.to_sat(),
        "unbacked": 0,
        "removed": 2 * VALUE.to_sat(),
        "agrees": false,
    });
    assert_eq!(status["next_table"], expected, "{status}");
    stands_still(&chain, mesh).await.unwrap();
    // What is final was so before.
    assert_eq!(next(mesh).await.unwrap(), LAST);

    // The branch turns out to be Bitcoin's: what it says of the stakes is true then, and the votes go on by themselves.
    chain.mine(2).await.unwrap();
    own.copy_blocks_of(&chain.bitcoind).unwrap();
    let tip = chain.bitcoind.rpc().get_best_block_hash().unwrap();
    assert_eq!(own.rpc().get_best_block_hash().unwrap(), tip);
    wait_for_final(mesh, LAST).await.unwrap();
    let status = life
        .wait_for_status("one@x", "no problem", |status| problem(status).is_empty())
        .await
        .unwrap();
    assert_eq!(status["next_table"]["removed"], 0, "{status}");
    all_are_honest(mesh).await.unwrap();
    end(daemon).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stake_that_was_burnt_counts_once_its_provider_is_known_to_be_slashed() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let life = Life::begin(&chain, &chain.bitcoind, &params(), &["x"], "")
        .await
        .unwrap();
    let (_, mesh) = &life.meshes[0];
    let daemon = life.program.start().unwrap();
    let stakes = life.start().await.unwrap();
    wait_for_next(mesh, LAST).await.unwrap();

    // Its key came out elsewhere, and the next table is made before this chain hears of it.
    let outpoint = stakes[2].outpoint().to_string();
    let kit = mesh.query(json!({ "slash_kit": { "outpoint": outpoint } }));
    let burn = slashing(&kit.await.unwrap(), &life.keys[2]);
    chain.confirm(&[&burn], 0).await.unwrap();
    roll(mesh).await;
    assert_eq!(mesh.table(1).await.unwrap().entries().len(), 3);
    let key = life.keys[2].public_key().to_string();
    let what = "the provider to be named whose key is out";
    let status = life
        .wait_for_status("one@x", what, |status| problem(status).contains(&key))
        .await
        .unwrap();
    assert_eq!(status["next_table"]["unbacked"], VALUE.to_sat(), "{status}");
    assert_eq!(next(mesh).await.unwrap(), LAST);

    // From then on the chain takes no vote of that key: the table is as good as it was.
    let secret = life.keys[2].to_bytes().to_lower_hex_string();
    let slash = json!({ "slash": { "pk": key, "sk": secret } });
    mesh.execute(slash).await.unwrap();
    let status = life
        .wait_for_status("one@x", "no problem", |status| problem(status).is_empty())
        .await
        .unwrap();
    assert_eq!(status["next_table"]["epoch"], 1, "{status}");
    assert_eq!(status["next_table"]["unbacked"], 0, "{status}");
    assert_eq!(status["next_table"]["agrees"], true, "{status}");
    end(daemon).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_bitcoin_node_no_vote_hands_over_and_all_others_go_on() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let mut own = node_of_our_own(&chain.bitcoind).await;
    let life = Life::begin(&chain, &own, &params(), &["x", "y"], "")
        .await
        .unwrap();
    let [(_, x), (_, y)] = &life.meshes[..] else {
        panic!("two instances")
    };
    let mut daemon = life.program.start().unwrap();
    for mesh in [x, y] {
        mesh.wait_for_commits(life.keys.len()).await.unwrap();
    }
    life.stake().await.unwrap();
    own.copy_blocks_of(&chain.bitcoind).unwrap();
    x.govern(json!({ "start": {} })).await.unwrap();
    wait_for_next(x, LAST).await.unwrap();

    own.stop().await.unwrap();
    roll(x).await;
    life.wait_for_status("one@x", "the node to be missed", |status| {
        problem(status).contains("did not answer")
    })
    .await
    .unwrap();
    // Neither another chain waits, nor a checkpoint that is not the last of its epoch.
    y.govern(json!({ "start": {} })).await.unwrap();
    wait_for_next(y, LAST).await.unwrap();
    stands_still(&chain, x).await.unwrap();
    assert_eq!(next(x).await.unwrap(), LAST);

    // A kill while it looks at the stakes leaves nothing behind: it looks again.
    own.start().await.unwrap();
    daemon
        .wait_for_line("looks at the stakes", DEADLINE)
        .await
        .unwrap();
    daemon.kill_nine();
    daemon.restart().unwrap();
    for mesh in [x, y] {
        wait_for_final(mesh, SECOND_LAST).await.unwrap();
        all_are_honest(mesh).await.unwrap();
    }
    end(daemon).await.unwrap();
}
