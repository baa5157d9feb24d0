//! Several callers of one account.

use std::collections::HashSet;

use bitcoincore_rpc::RpcApi as _;
use chain::babylon::{AccountKey, Babylon};
use chain::{Chain as _, ChainError, Message};
use futures::future::join_all;
use staking::units::BitcoinHeight;
use testenv::scenario::{Stage, babylon_config};

use super::money::{empty_account, held_by, landed};

/// Mines a Bitcoin block, and brings its header.
pub(crate) async fn next_header(stage: &Stage) -> Message {
    stage.bitcoind.mine(1).unwrap();
    let rpc = stage.bitcoind.rpc();
    let tip = rpc.get_best_block_hash().unwrap();
    Message::InsertHeaders {
        from: BitcoinHeight(stage.bitcoind.height().unwrap().try_into().unwrap()),
        headers: vec![rpc.get_block_header(&tip).unwrap()],
    }
}

pub(crate) async fn identical_messages_each_take_effect(stage: &Stage) {
    let (_, chain) = stage.account().await.unwrap();
    let receiver = empty_account(&stage.babylond).unwrap();
    let transfer = Message::Send {
        to: receiver.clone(),
        amount: 5,
    };
    let receipts = landed(&chain, vec![transfer; 3]).await;
    let transactions: HashSet<_> = receipts.iter().map(|one| &one.tx_hash).collect();
    assert_eq!(transactions.len(), 3);
    assert_eq!(held_by(&stage.babylond, &receiver).await.unwrap(), 15);
}

pub(crate) async fn submitters_side_by_side_share_an_account_and_its_transactions(stage: &Stage) {
    const SUBMITTERS: u128 = 8;
    const SUBMISSIONS: u128 = 5;
    let (_, chain) = stage.account().await.unwrap();
    let receiver = empty_account(&stage.babylond).unwrap();
    let transfer = |amount| Message::Send {
        to: receiver.clone(),
        amount,
    };
    let submitter = async |number: u128| {
        let mut receipts = Vec::new();
        for submission in 0..SUBMISSIONS {
            let amount = 1_000 * number + submission + 1;
            let answers = chain
                .submit(vec![
                    transfer(amount),
                    transfer(u128::MAX >> 1),
                    transfer(1),
                ])
                .await;
            let [first, bad, last] = answers.try_into().unwrap();
            assert!(matches!(bad, Err(ChainError::Rejected(_))), "{bad:?}");
            receipts.extend([(amount, first.unwrap()), (1, last.unwrap())]);
        }
        receipts
    };
    let receipts = join_all((0..SUBMITTERS).map(submitter)).await.concat();

    let sent: u128 = receipts.iter().map(|(amount, _)| amount).sum();
    assert_eq!(held_by(&stage.babylond, &receiver).await.unwrap(), sent);
    let transactions: HashSet<_> = receipts.iter().map(|(_, one)| &one.tx_hash).collect();
    assert!(
        transactions.len() < receipts.len(),
        "no two messages shared a transaction"
    );
}

pub(crate) async fn two_programs_on_one_account_lose_and_repeat_nothing(stage: &Stage) {
    const TRANSFERS: u128 = 8;
    const OTHERS: u128 = 1_000;
    let (secret, one) = stage.account().await.unwrap();
    let config = babylon_config(&stage.babylond).unwrap();
    let key = AccountKey::from_secret(&secret).unwrap();
    let other = Babylon::connect(config, key).await.unwrap();
    let receiver = empty_account(&stage.babylond).unwrap();
    let program = async |chain: &Babylon, amount| {
        for _ in 0..TRANSFERS {
            let transfer = Message::Send {
                to: receiver.clone(),
                amount,
            };
            landed(chain, vec![transfer]).await;
        }
    };
    tokio::join!(program(&one, 1), program(&other, OTHERS));
    let held = held_by(&stage.babylond, &receiver).await.unwrap();
    assert_eq!(held, TRANSFERS + OTHERS * TRANSFERS);
}
