//! `bitcoin-source` against a real node: what it reads, what it refuses, and that outages and reorgs are only delays.

use std::num::{NonZeroU16, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use bitcoin::script::PushBytesBuf;
use bitcoin::{
    Address, Amount, FeeRate, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut,
    Txid, absolute, transaction,
};
use bitcoin_source::{
    BitcoinSource, Bitcoind as Source, BlockId, ChainEvent, Checkpoints, Config, ConfirmedOutput,
    FeeOrigin, Follower, FollowerConfig, Location, RejectionKind, SourceError, SpendIndex, Start,
};
use bitcoincore_rpc::RpcApi as _;
use bitcoincore_rpc::json::AddressType;
use staking::units::BitcoinHeight;
use testenv::Bitcoind;

const POLL: Duration = Duration::from_millis(50);
const DEADLINE: Duration = Duration::from_mins(1);
const COIN: Amount = Amount::from_sat(10_000_000);
const FEE: Amount = Amount::from_sat(1_000);

fn config(node: &Bitcoind) -> Config {
    Config::new(Network::Regtest, node.url(), node.cookie_file())
}

async fn node_with_coins() -> (Bitcoind, Arc<Source>) {
    let node = Bitcoind::launch().await.unwrap();
    node.mine_first_coins().unwrap();
    let source = Source::connect(&config(&node)).await.unwrap();
    (node, Arc::new(source))
}

fn follow(source: &Arc<Source>, start: Start) -> Follower {
    let source: Arc<dyn BitcoinSource> = Arc::<Source>::clone(source);
    Follower::new(source, start, FollowerConfig::new(POLL))
}

async fn next(follower: &mut Follower) -> ChainEvent {
    tokio::time::timeout(DEADLINE, follower.next_event())
        .await
        .expect("an event")
        .unwrap()
}

fn id_at(node: &Bitcoind, height: u64) -> BlockId {
    let hash = node.rpc().get_block_hash(height).unwrap();
    BlockId {
        height: BitcoinHeight(u32::try_from(height).unwrap()),
        hash,
    }
}

/// The blocks the node has from a height to its tip.
fn chain_from(node: &Bitcoind, height: u64) -> Vec<BlockId> {
    (height..=node.height().unwrap())
        .map(|height| id_at(node, height))
        .collect()
}

/// Applies events until the follower has heard of the node's tip; fails on any event out of order.
async fn hear_all(node: &Bitcoind, follower: &mut Follower, heard: &mut Vec<BlockId>) {
    let tip = id_at(node, node.height().unwrap());
    while heard.last() != Some(&tip) {
        match next(follower).await {
            ChainEvent::Connected { id, block } => {
                assert_eq!(block.block_hash(), id.hash);
                if let Some(last) = heard.last() {
                    assert_eq!(block.header.prev_blockhash, last.hash);
                }
                heard.push(id);
            }
            ChainEvent::Disconnected { id } => assert_eq!(heard.pop(), Some(id)),
        }
    }
}

/// An output of the miner's own, confirmed.
fn miner_coin(node: &Bitcoind) -> (OutPoint, Address) {
    let address = node
        .rpc()
        .get_new_address(None, Some(AddressType::Bech32))
        .unwrap()
        .assume_checked();
    let txid = node.send(&address, COIN).unwrap();
    node.mine(1).unwrap();
    let transaction = node.rpc().get_raw_transaction(&txid, None).unwrap();
    let script = address.script_pubkey();
    let vout = transaction
        .output
        .iter()
        .position(|output| output.script_pubkey == script)
        .unwrap();
    (OutPoint::new(txid, u32::try_from(vout).unwrap()), address)
}

fn spend(node: &Bitcoind, coin: OutPoint, sequence: Sequence, outputs: Vec<TxOut>) -> Transaction {
    let unsigned = Transaction {
        version: transaction::Version::TWO,
        lock_time: absolute::LockTime::ZERO,
        input: vec![TxIn {
            previous_output: coin,
            sequence,
            ..TxIn::default()
        }],
        output: outputs,
    };
    let signed = node
        .rpc()
        .sign_raw_transaction_with_wallet(&unsigned, None, None)
        .unwrap();
    assert!(signed.complete, "{:?}", signed.errors);
    signed.transaction().unwrap()
}

fn pay_back(address: &Address, fee: Amount) -> Vec<TxOut> {
    vec![TxOut {
        value: COIN - fee,
        script_pubkey: address.script_pubkey(),
    }]
}

fn kind_of(error: &SourceError) -> Option<RejectionKind> {
    match error {
        SourceError::Rejected(rejection) => Some(rejection.kind()),
        _ => None,
    }
}

#[tokio::test]
async fn a_node_on_another_network_and_wrong_credentials_are_refused_by_name() {
    let node = Bitcoind::launch().await.unwrap();

    let mut wrong = config(&node);
    wrong.network = Network::Bitcoin;
    let error = Source::connect(&wrong).await.unwrap_err();
    assert!(matches!(error, SourceError::WrongNetwork { .. }), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "not-the-password").unwrap();
    let mut wrong = config(&node);
    wrong.cookie_file = None;
    wrong.rpc_user = Some("somebody".to_owned());
    wrong.rpc_password_file = Some(password);
    let error = Source::connect(&wrong).await.unwrap_err();
    assert!(matches!(error, SourceError::Auth { .. }), "{error}");
    assert!(!error.to_string().contains("not-the-password"));

    let mut wrong = config(&node);
    wrong.rpc_url = "http://127.0.0.1:1".to_owned();
    assert!(Source::connect(&wrong).await.unwrap_err().is_transient());
}

#[tokio::test]
async fn a_restart_with_a_new_cookie_needs_no_reconnecting() {
    let (mut node, source) = node_with_coins().await;
    node.stop().await.unwrap();
    let error = source.tip().await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    node.start().await.unwrap();
    assert_eq!(source.tip().await.unwrap(), id_at(&node, 101));
}

#[tokio::test]
async fn headers_come_in_linked_steps_of_at_most_2000() {
    let node = Bitcoind::launch().await.unwrap();
    // To nobody: the miner's wallet would slow it down.
    let nobody = Address::p2wsh(&ScriptBuf::new(), Network::Regtest);
    node.mine_to(2_100, &nobody).unwrap();
    let source = Source::connect(&config(&node)).await.unwrap();

    let mut heights = Vec::new();
    let mut from = BitcoinHeight(0);
    let mut parent = None;
    loop {
        let headers = source.headers(from, NonZeroU16::MAX).await.unwrap();
        if headers.is_empty() {
            break;
        }
        for header in &headers {
            assert!(parent.is_none_or(|parent| parent == header.prev_blockhash));
            parent = Some(header.block_hash());
        }
        heights.push(headers.len());
        from = from
            .checked_add(u32::try_from(headers.len()).unwrap())
            .unwrap();
    }
    assert_eq!(heights, [2_000, 101]);
    assert_eq!(parent, Some(node.rpc().get_best_block_hash().unwrap()));

    let one = source
        .headers(BitcoinHeight(7), NonZeroU16::MIN)
        .await
        .unwrap();
    assert_eq!(one.len(), 1);
    assert_eq!(
        one[0].block_hash(),
        source.block_hash(BitcoinHeight(7)).await.unwrap()
    );
    let error = source.block_hash(BitcoinHeight(3_000)).await.unwrap_err();
    assert!(matches!(error, SourceError::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn reorgs_of_one_to_six_blocks_are_followed() {
    let (node, source) = node_with_coins().await;
    let mut follower = follow(&source, Start::At(BitcoinHeight(90)));
    let mut heard = Vec::new();
    hear_all(&node, &mut follower, &mut heard).await;
    for depth in 1..=6 {
        let stale = id_at(&node, node.height().unwrap());
        node.reorganise(depth).unwrap();
        hear_all(&node, &mut follower, &mut heard).await;
        assert!(!heard.contains(&stale), "depth {depth}");
        assert_eq!(heard, chain_from(&node, 90), "depth {depth}");
    }
    assert_eq!(follower.checkpoints().collect::<Vec<_>>(), heard);
}

#[tokio::test]
async fn a_node_that_is_away_and_comes_back_reorganised_is_followed_on() {
    let (mut node, source) = node_with_coins().await;
    let mut follower = follow(&source, Start::At(BitcoinHeight(100)));
    let mut heard = Vec::new();
    hear_all(&node, &mut follower, &mut heard).await;

    node.stop().await.unwrap();
    let away = tokio::time::timeout(Duration::from_secs(2), follower.next_event()).await;
    assert!(
        away.is_err(),
        "an outage is no event and no error: {away:?}"
    );
    node.start().await.unwrap();
    node.reorganise(1).unwrap();
    hear_all(&node, &mut follower, &mut heard).await;
    assert_eq!(heard, chain_from(&node, 100));
}

#[tokio::test]
async fn a_follower_resumes_from_stored_checkpoints_across_a_reorg() {
    let (node, source) = node_with_coins().await;
    let mut first = follow(&source, Start::At(BitcoinHeight(95)));
    let mut heard = Vec::new();
    hear_all(&node, &mut first, &mut heard).await;
    let stored = Checkpoints::new(first.checkpoints().collect()).unwrap();
    drop(first);

    node.reorganise(3).unwrap();
    node.mine(2).unwrap();
    let mut second = follow(&source, Start::After(stored));
    hear_all(&node, &mut second, &mut heard).await;
    assert_eq!(heard, chain_from(&node, 95));
}

#[tokio::test]
async fn spends_of_watched_outputs_are_found_in_the_block_that_has_them() {
    let (node, source) = node_with_coins().await;
    let (coin, address) = miner_coin(&node);
    let (other, _) = miner_coin(&node);
    let mut watched: SpendIndex<&str> = [(coin, "the stake"), (other, "another")]
        .into_iter()
        .collect();
    let mut follower = follow(
        &source,
        Start::At(id_at(&node, node.height().unwrap()).height),
    );
    assert!(matches!(
        next(&mut follower).await,
        ChainEvent::Connected { .. }
    ));

    let spending = spend(&node, coin, Sequence::MAX, pay_back(&address, FEE));
    assert_eq!(
        source.mempool_spenders(&[coin, other]).await.unwrap(),
        [None, None]
    );
    let txid = source.broadcast(&spending, Amount::ZERO).await.unwrap();
    assert_eq!(
        source.mempool_spenders(&[coin, other]).await.unwrap(),
        [Some(txid), None]
    );
    node.mine(1).unwrap();

    let ChainEvent::Connected { block, .. } = next(&mut follower).await else {
        panic!("no reorg here");
    };
    let spends: Vec<_> = watched.spends_in(&block).collect();
    assert_eq!(spends.len(), 1);
    assert_eq!(
        (spends[0].watched, spends[0].outpoint),
        (&"the stake", coin)
    );
    assert_eq!(*spends[0].transaction, spending);
    assert_eq!(block.txdata[spends[0].transaction_index], spending);
    assert_eq!(watched.remove(&coin), Some("the stake"));
}

#[tokio::test]
async fn sending_a_transaction_again_is_a_success_wherever_it_is_by_then() {
    let (node, source) = node_with_coins().await;
    let (coin, address) = miner_coin(&node);
    let transaction = spend(&node, coin, Sequence::MAX, pay_back(&address, FEE));
    let txid = transaction.compute_txid();

    assert_eq!(source.locate(&transaction).await.unwrap(), None);
    for _ in 0..2 {
        assert_eq!(
            source.broadcast(&transaction, Amount::ZERO).await.unwrap(),
            txid
        );
        assert_eq!(
            source.locate(&transaction).await.unwrap(),
            Some(Location::Mempool)
        );
    }

    let hash = node.mine(1).unwrap()[0];
    let block = id_at(&node, node.height().unwrap());
    assert_eq!(block.hash, hash);
    assert_eq!(
        source.broadcast(&transaction, Amount::ZERO).await.unwrap(),
        txid
    );
    let confirmed = Location::Block {
        block,
        confirmations: 1,
    };
    assert_eq!(source.locate(&transaction).await.unwrap(), Some(confirmed));
    assert_eq!(
        source.transaction_in(hash, txid).await.unwrap(),
        transaction
    );

    // Once its outputs are spent, only an index of transactions still knows it; this node has one.
    let spent = OutPoint::new(txid, 0);
    let onwards = spend(
        &node,
        spent,
        Sequence::MAX,
        vec![TxOut {
            value: COIN - FEE - FEE,
            script_pubkey: address.script_pubkey(),
        }],
    );
    source.broadcast(&onwards, Amount::ZERO).await.unwrap();
    node.mine(1).unwrap();
    assert_eq!(source.unspent_output(spent).await.unwrap(), None);
    assert_eq!(
        source.broadcast(&transaction, Amount::ZERO).await.unwrap(),
        txid
    );
}

#[tokio::test]
async fn an_unspent_output_tells_its_block_without_an_index() {
    let (node, source) = node_with_coins().await;
    let (coin, address) = miner_coin(&node);
    let block = id_at(&node, node.height().unwrap());
    node.mine(4).unwrap();

    let unspent = source.unspent_output(coin).await.unwrap().expect("unspent");
    assert_eq!(
        unspent.output,
        TxOut {
            value: COIN,
            script_pubkey: address.script_pubkey()
        }
    );
    assert_eq!(
        unspent.location,
        Location::Block {
            block,
            confirmations: 5
        }
    );
    assert!(!unspent.coinbase);

    let spending = spend(&node, coin, Sequence::MAX, pay_back(&address, FEE));
    let txid = source.broadcast(&spending, Amount::ZERO).await.unwrap();
    assert_eq!(source.unspent_output(coin).await.unwrap(), None);
    let unspent = source
        .unspent_output(OutPoint::new(txid, 0))
        .await
        .unwrap()
        .expect("in the mempool");
    assert_eq!(unspent.location.confirmations(), 0);
}

#[tokio::test]
async fn confirmed_outputs_are_those_of_blocks_whatever_the_mempool_spends() {
    let (node, source) = node_with_coins().await;
    let (coin, address) = miner_coin(&node);
    node.mine(4).unwrap();
    let spending = spend(&node, coin, Sequence::MAX, pay_back(&address, FEE));
    let txid = source.broadcast(&spending, Amount::ZERO).await.unwrap();
    let next = OutPoint::new(txid, 0);

    // More than one request takes.
    let mut asked = vec![next; 250];
    asked.push(coin);
    let confirmed = source.confirmed_outputs(&asked).await.unwrap();
    let output = |value, confirmations| ConfirmedOutput {
        value,
        confirmations,
    };
    assert_eq!(confirmed.len(), asked.len());
    assert!(confirmed[..250].iter().all(Option::is_none));
    assert_eq!(confirmed[250], Some(output(COIN, 5)));

    node.mine(1).unwrap();
    let confirmed = source.confirmed_outputs(&[coin, next]).await.unwrap();
    assert_eq!(confirmed, [None, Some(output(COIN - FEE, 1))]);
    assert_eq!(source.confirmed_outputs(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn refusals_are_sorted_and_keep_the_nodes_words() {
    let (node, source) = node_with_coins().await;
    let (coin, address) = miner_coin(&node);
    let refused = async |transaction: &Transaction| {
        source
            .broadcast(transaction, Amount::ZERO)
            .await
            .expect_err("must be refused")
    };

    let early = spend(
        &node,
        coin,
        Sequence::from_height(50),
        pay_back(&address, FEE),
    );
    let error = refused(&early).await;
    assert_eq!(kind_of(&error), Some(RejectionKind::NotFinal), "{error}");
    assert!(error.to_string().contains("non-BIP68-final"), "{error}");

    let free = spend(&node, coin, Sequence::MAX, pay_back(&address, Amount::ZERO));
    assert_eq!(
        kind_of(&refused(&free).await),
        Some(RejectionKind::FeeTooLow)
    );

    let mut unsigned = spend(&node, coin, Sequence::MAX, pay_back(&address, FEE));
    unsigned.input[0].witness.clear();
    assert_eq!(
        kind_of(&refused(&unsigned).await),
        Some(RejectionKind::InvalidScript)
    );

    let final_ = Sequence::ENABLE_RBF_NO_LOCKTIME;
    let first = spend(&node, coin, final_, pay_back(&address, FEE + FEE));
    source.broadcast(&first, Amount::ZERO).await.unwrap();
    let cheaper = spend(&node, coin, final_, pay_back(&address, FEE));
    assert_eq!(
        kind_of(&refused(&cheaper).await),
        Some(RejectionKind::ReplacementRefused)
    );
    node.mine(1).unwrap();
    assert_eq!(
        kind_of(&refused(&cheaper).await),
        Some(RejectionKind::MissingInputs)
    );
}

#[tokio::test]
async fn coins_are_burnt_only_as_far_as_the_sender_allows() {
    let (node, source) = node_with_coins().await;
    let (coin, _) = miner_coin(&node);
    let data = PushBytesBuf::try_from(b"slashed".to_vec()).unwrap();
    let burnt = COIN - FEE;
    let burning = spend(
        &node,
        coin,
        Sequence::MAX,
        vec![TxOut {
            value: burnt,
            script_pubkey: ScriptBuf::new_op_return(data),
        }],
    );
    for allowed in [Amount::ZERO, burnt - Amount::ONE_SAT] {
        let error = source.broadcast(&burning, allowed).await.unwrap_err();
        assert_eq!(
            kind_of(&error),
            Some(RejectionKind::BurnTooLarge),
            "{error}"
        );
    }
    let txid = source.broadcast(&burning, burnt).await.unwrap();
    assert_eq!(txid, burning.compute_txid());
}

#[tokio::test]
async fn the_mempools_verdict_is_known_before_sending_also_for_chains() {
    let (node, source) = node_with_coins().await;
    let (coin, address) = miner_coin(&node);
    let parent = spend(&node, coin, Sequence::MAX, pay_back(&address, FEE));
    let child = Transaction {
        version: transaction::Version::TWO,
        lock_time: absolute::LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(parent.compute_txid(), 0),
            ..TxIn::default()
        }],
        output: vec![TxOut {
            value: COIN - FEE - FEE,
            script_pubkey: address.script_pubkey(),
        }],
    };
    let verdicts = source
        .test_mempool_accept(&[parent.clone(), child.clone()])
        .await
        .unwrap();
    assert_eq!(verdicts[0].as_ref().unwrap().fee, FEE);
    let unsigned = verdicts[1].as_ref().unwrap_err();
    assert_eq!(unsigned.kind(), RejectionKind::InvalidScript, "{unsigned}");

    let orphan = source.test_mempool_accept(&[child]).await.unwrap();
    assert_eq!(
        orphan[0].as_ref().unwrap_err().kind(),
        RejectionKind::MissingInputs
    );
    assert_eq!(
        source.locate(&parent).await.unwrap(),
        None,
        "testing sends nothing"
    );
}

#[tokio::test]
async fn without_an_estimate_the_fallback_is_paid_and_never_the_maximum() {
    let (node, source) = node_with_coins().await;
    let estimate = source.fee_rate(NonZeroU16::new(3).unwrap()).await.unwrap();
    assert_eq!(estimate.origin, FeeOrigin::Fallback);
    assert_eq!(estimate.rate, FeeRate::from_sat_per_vb_u32(10));
    assert!(estimate.rate < config(&node).fees.max());
}

#[tokio::test]
async fn what_the_node_does_not_have_is_named() {
    let (node, source) = node_with_coins().await;
    let missing: Txid = "11".repeat(32).parse().unwrap();
    let error = source.transaction(missing).await.unwrap_err();
    assert!(matches!(&error, SourceError::NotFound { .. }), "{error}");
    assert!(error.to_string().contains(&missing.to_string()), "{error}");
    assert_eq!(
        source
            .unspent_output(OutPoint::new(missing, 0))
            .await
            .unwrap(),
        None
    );

    let mined = node.rpc().get_block(&id_at(&node, 1).hash).unwrap();
    let coinbase = source
        .transaction(mined.txdata[0].compute_txid())
        .await
        .unwrap();
    assert_eq!(coinbase.transaction, mined.txdata[0]);
    assert_eq!(
        coinbase.location,
        Location::Block {
            block: id_at(&node, 1),
            confirmations: 101
        }
    );
}

#[tokio::test]
async fn more_questions_than_connections_wait_for_their_turn() {
    let (node, _) = node_with_coins().await;
    let mut config = config(&node);
    config.parallel_requests = std::num::NonZeroU32::MIN;
    config.request_timeout_seconds = NonZeroU64::new(60).unwrap();
    let source = Arc::new(Source::connect(&config).await.unwrap());
    let questions: Vec<_> = (0..100)
        .map(|height| {
            let source = Arc::clone(&source);
            tokio::spawn(async move { source.block_hash(BitcoinHeight(height)).await })
        })
        .collect();
    for (height, answer) in (0..).zip(questions) {
        assert_eq!(answer.await.unwrap().unwrap(), id_at(&node, height).hash);
    }
}
