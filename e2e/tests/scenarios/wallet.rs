//! The wallet against a real node: receiving, paying, replacing, reserving, restoring.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bip39::Mnemonic;
use bitcoin::secp256k1::Secp256k1;
use bitcoin::{Address, Amount, FeeRate, Network, OutPoint, ScriptBuf, Transaction, TxOut};
use bitcoin_source::{BitcoinSource, Bitcoind as Source, Config, Location, RpcClient, SourceError};
use bitcoincore_rpc::RpcApi as _;
use staking::units::BitcoinHeight;
use testenv::Bitcoind;
use wallet::{
    Balance, CoinState, Draft, FeeLimit, NotReplaceable, Spendable, TransactionRequest, Wallet,
    WalletError,
};

const COIN: Amount = Amount::from_sat(1_000_000);
const LIMIT: FeeLimit = FeeLimit {
    rate: FeeRate::from_sat_per_vb_u32(100),
    total: Amount::from_sat(100_000),
};

fn rate(sat_per_vb: u32) -> FeeRate {
    FeeRate::from_sat_per_vb_u32(sat_per_vb)
}

/// A node with coins, a source and a client of it, and a folder for the wallet.
struct Setting {
    node: Bitcoind,
    source: Source,
    client: Arc<RpcClient>,
    folder: tempfile::TempDir,
    mnemonic: Mnemonic,
}

impl Setting {
    async fn new() -> Self {
        let node = Bitcoind::launch().await.unwrap();
        node.mine_first_coins().unwrap();
        let config = Config::new(Network::Regtest, node.url(), node.cookie_file());
        let source = Source::connect(&config).await.unwrap();
        let client = source.rpc_client();
        let folder = tempfile::tempdir().unwrap();
        Self {
            node,
            source,
            client,
            folder,
            mnemonic: Mnemonic::generate(12).unwrap(),
        }
    }

    /// A setting whose wallet has so many confirmed coins of [`COIN`].
    async fn with_coins(coins: usize) -> (Self, Wallet) {
        let setting = Self::new().await;
        let mut wallet = setting.create();
        let address = wallet.next_address().unwrap();
        for _ in 0..coins {
            setting.node.send(&address, COIN).unwrap();
        }
        setting.node.mine(1).unwrap();
        wallet.sync(&setting.client, |_| {}).await.unwrap();
        (setting, wallet)
    }

    fn create(&self) -> Wallet {
        Wallet::create(
            tree(self.folder.path()),
            &self.mnemonic,
            Network::Regtest,
            BitcoinHeight(0),
        )
        .unwrap()
    }

    /// The wallet as a new process would find it.
    fn reopen(&self, wallet: Wallet) -> Wallet {
        drop(wallet);
        let mut wallet = Wallet::open(tree(self.folder.path()), Network::Regtest).unwrap();
        wallet.unlock(&self.mnemonic).unwrap();
        wallet
    }

    /// Signs, sends and tells the wallet.
    async fn send(&self, wallet: &mut Wallet, draft: &Draft) -> Transaction {
        let signed = wallet.sign(draft).unwrap();
        self.source.broadcast(&signed, Amount::ZERO).await.unwrap();
        wallet.record_broadcast(&signed).unwrap();
        signed
    }

    async fn sync(&self, wallet: &mut Wallet) -> Balance {
        wallet.sync(&self.client, |_| {}).await.unwrap();
        wallet.balance()
    }

    async fn mine_and_sync(&self, wallet: &mut Wallet) -> Balance {
        self.node.mine(1).unwrap();
        self.sync(wallet).await
    }
}

fn tree(folder: &Path) -> sled::Tree {
    sled::open(folder.join("state"))
        .unwrap()
        .open_tree("wallet")
        .unwrap()
}

/// Somebody else's script; different numbers are different people.
fn stranger(number: u8) -> ScriptBuf {
    Address::p2wsh(&ScriptBuf::from_bytes(vec![number]), Network::Regtest).script_pubkey()
}

fn pay(values: &[u64], fee_rate: FeeRate) -> TransactionRequest {
    let outputs = (0..)
        .zip(values)
        .map(|(number, value)| TxOut {
            value: Amount::from_sat(*value),
            script_pubkey: stranger(number),
        })
        .collect();
    TransactionRequest {
        outputs,
        fee_rate,
        fee_limit: LIMIT,
        spendable: Spendable::Confirmed,
    }
}

#[tokio::test]
async fn a_payment_has_its_outputs_in_order_and_the_fee_rate_asked_for() {
    let (setting, mut wallet) = Setting::with_coins(2).await;
    let draft = wallet.build(&pay(&[900_000, 30_000], rate(7))).unwrap();
    let signed = wallet.sign(&draft).unwrap();

    assert_eq!(signed.compute_txid(), draft.txid());
    assert_eq!(signed.output[0].value, Amount::from_sat(900_000));
    assert_eq!(signed.output[1].script_pubkey, stranger(1));
    assert_eq!(draft.change(), signed.output.last());
    assert!(signed.is_explicitly_rbf());
    assert!(
        signed
            .input
            .iter()
            .all(|input| input.script_sig.is_empty() && !input.witness.is_empty())
    );

    let verdict = setting
        .source
        .test_mempool_accept(std::slice::from_ref(&signed))
        .await
        .unwrap();
    let verdict = verdict[0].as_ref().unwrap();
    assert_eq!(verdict.fee, draft.fee());
    assert_eq!(verdict.virtual_size, draft.signed_weight().to_vbytes_ceil());
    assert!(
        draft.fee_rate() >= rate(7) && draft.fee_rate() < rate(8),
        "{}",
        draft.fee()
    );

    setting.send(&mut wallet, &draft).await;
    let balance = setting.mine_and_sync(&mut wallet).await;
    let paid = Amount::from_sat(930_000) + draft.fee();
    assert_eq!(
        balance,
        Balance {
            confirmed: COIN + COIN - paid,
            ..Balance::default()
        }
    );
}

#[tokio::test]
async fn a_replacement_is_accepted_and_mined_in_the_place_of_the_first() {
    let (setting, mut wallet) = Setting::with_coins(1).await;
    let draft = wallet.build(&pay(&[600_000], rate(2))).unwrap();
    wallet.reserve(&draft).unwrap();
    let first = setting.send(&mut wallet, &draft).await;

    let error = wallet
        .bump_fee(first.compute_txid(), rate(2), LIMIT)
        .unwrap_err();
    assert!(
        matches!(error, WalletError::ReplacementFeeTooLow { .. }),
        "{error}"
    );
    let bumped = wallet
        .bump_fee(first.compute_txid(), rate(20), LIMIT)
        .unwrap();
    wallet.reserve(&bumped).unwrap();
    let second = setting.send(&mut wallet, &bumped).await;
    assert_eq!(
        second.input[0].previous_output,
        first.input[0].previous_output
    );
    assert_eq!(second.output[0], first.output[0]);
    assert!(bumped.fee() > draft.fee());

    let balance = setting.mine_and_sync(&mut wallet).await;
    let paid = Amount::from_sat(600_000) + bumped.fee();
    assert_eq!(
        balance,
        Balance {
            confirmed: COIN - paid,
            ..Balance::default()
        }
    );
    let mined = setting
        .node
        .rpc()
        .get_raw_transaction_info(&second.compute_txid(), None)
        .unwrap();
    assert_eq!(mined.confirmations, Some(1));

    let error = wallet
        .bump_fee(second.compute_txid(), rate(50), LIMIT)
        .unwrap_err();
    let reason = NotReplaceable::Confirmed;
    assert!(
        matches!(error, WalletError::NotReplaceable { reason: given, .. } if given == reason),
        "{error}"
    );
}

#[tokio::test]
async fn a_transaction_that_others_build_on_is_not_replaced() {
    let (setting, mut wallet) = Setting::with_coins(1).await;
    let parent = wallet.build(&pay(&[100_000], rate(2))).unwrap();
    let parent = setting.send(&mut wallet, &parent).await;
    let chained = TransactionRequest {
        spendable: Spendable::ConfirmedAndChange,
        ..pay(&[200_000], rate(2))
    };
    let error = wallet.build(&pay(&[200_000], rate(2))).unwrap_err();
    assert!(
        matches!(error, WalletError::InsufficientFunds { unconfirmed, .. } if unconfirmed > Amount::ZERO),
        "{error}"
    );
    let child = wallet.build(&chained).unwrap();
    let child = setting.send(&mut wallet, &child).await;
    assert_eq!(child.input[0].previous_output.txid, parent.compute_txid());

    let error = wallet
        .bump_fee(parent.compute_txid(), rate(20), LIMIT)
        .unwrap_err();
    assert!(
        matches!(
            error,
            WalletError::NotReplaceable {
                reason: NotReplaceable::HasDescendants,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn reserved_coins_are_never_spent_twice_also_after_reopening() {
    let (setting, mut wallet) = Setting::with_coins(2).await;
    let first = wallet.build(&pay(&[700_000], rate(2))).unwrap();
    wallet.reserve(&first).unwrap();
    let first_coins: Vec<OutPoint> = first.inputs().collect();
    assert_eq!(wallet.reserved(), first_coins);

    let mut wallet = setting.reopen(wallet);
    assert_eq!(wallet.reserved(), first_coins);
    assert_eq!(
        wallet.balance(),
        Balance {
            confirmed: COIN,
            reserved: COIN,
            ..Balance::default()
        }
    );
    let second = wallet.build(&pay(&[700_000], rate(2))).unwrap();
    assert!(second.inputs().all(|coin| !first_coins.contains(&coin)));
    wallet.reserve(&second).unwrap();
    let error = wallet.build(&pay(&[700_000], rate(2))).unwrap_err();
    assert!(
        matches!(error, WalletError::InsufficientFunds { reserved, .. } if reserved == COIN + COIN),
        "{error}"
    );

    // Both can be sent, in any order; neither disturbs the other.
    setting.send(&mut wallet, &second).await;
    setting.send(&mut wallet, &first).await;
    setting.mine_and_sync(&mut wallet).await;

    // A buried spend needs no reservation any more, and the list does not grow for ever.
    assert_eq!(wallet.reserved().len(), 2);
    setting.node.mine(100).unwrap();
    setting.sync(&mut wallet).await;
    assert!(wallet.reserved().is_empty());
}

#[tokio::test]
async fn a_transaction_from_a_journal_is_signed_as_if_it_had_just_been_built() {
    let (setting, mut wallet) = Setting::with_coins(2).await;
    let draft = wallet.build(&pay(&[1_200_000], rate(3))).unwrap();
    wallet.reserve(&draft).unwrap();
    let (transaction, fee) = (draft.transaction().clone(), draft.fee());
    let mut wallet = setting.reopen(wallet);

    let revived = wallet.revive(&transaction, LIMIT).unwrap();
    assert_eq!((revived.transaction(), revived.fee()), (&transaction, fee));
    assert_eq!(revived.change(), transaction.output.last());
    let signed = setting.send(&mut wallet, &revived).await;

    // Also where it is on its way already, signed as it is.
    let again = wallet.revive(&signed, LIMIT).unwrap();
    assert_eq!(wallet.sign(&again).unwrap().compute_txid(), revived.txid());
    let balance = setting.mine_and_sync(&mut wallet).await;
    assert_eq!(
        balance.confirmed,
        COIN + COIN - Amount::from_sat(1_200_000) - fee
    );

    let cap = FeeLimit {
        total: fee - Amount::ONE_SAT,
        ..LIMIT
    };
    let error = wallet.revive(&transaction, cap).unwrap_err();
    assert!(matches!(error, WalletError::FeeAboveCap { .. }), "{error}");
    let mut foreign = transaction;
    foreign.input[0].previous_output.vout += 7;
    let error = wallet.revive(&foreign, LIMIT).unwrap_err();
    assert!(
        matches!(error, WalletError::UnknownCoin(coin) if coin.vout >= 7),
        "{error}"
    );
}

#[tokio::test]
async fn a_given_up_draft_gives_its_coins_back() {
    let (setting, mut wallet) = Setting::with_coins(1).await;
    let draft = wallet.build(&pay(&[700_000], rate(2))).unwrap();
    wallet.reserve(&draft).unwrap();
    wallet.release(draft.inputs()).unwrap();
    let mut wallet = setting.reopen(wallet);
    assert_eq!(wallet.balance().reserved, Amount::ZERO);
    let again = wallet.build(&pay(&[700_000], rate(2))).unwrap();
    assert_eq!(
        again.inputs().collect::<Vec<_>>(),
        draft.inputs().collect::<Vec<_>>()
    );
    assert_eq!(
        again.change(),
        draft.change(),
        "an unused change address is not lost"
    );
}

#[tokio::test]
async fn a_transaction_that_never_reached_the_mempool_blocks_no_coins() {
    let (setting, mut wallet) = Setting::with_coins(1).await;
    let draft = wallet.build(&pay(&[400_000], rate(2))).unwrap();
    let signed = wallet.sign(&draft).unwrap();
    wallet.record_broadcast(&signed).unwrap();
    assert_eq!(wallet.balance().confirmed, Amount::ZERO);
    assert_eq!(
        setting.sync(&mut wallet).await,
        Balance {
            confirmed: COIN,
            ..Balance::default()
        }
    );

    // And if it is sent after all, it counts again.
    setting
        .source
        .broadcast(&signed, Amount::ZERO)
        .await
        .unwrap();
    let balance = setting.sync(&mut wallet).await;
    let change = draft.change().unwrap().value;
    assert_eq!(
        balance,
        Balance {
            unconfirmed_change: change,
            ..Balance::default()
        }
    );
}

#[tokio::test]
async fn a_wallet_restored_from_its_mnemonic_finds_every_coin() {
    let (setting, mut wallet) = Setting::with_coins(2).await;
    for _ in 0..3 {
        let address = wallet.next_address().unwrap();
        setting.node.send(&address, COIN).unwrap();
        setting.mine_and_sync(&mut wallet).await;
    }
    let draft = wallet.build(&pay(&[1_500_000], rate(3))).unwrap();
    setting.send(&mut wallet, &draft).await;
    let expected = setting.mine_and_sync(&mut wallet).await;
    let address = wallet.next_address().unwrap();

    let elsewhere = tempfile::tempdir().unwrap();
    let birthday = BitcoinHeight(100);
    let mut restored = Wallet::create(
        tree(elsewhere.path()),
        &setting.mnemonic,
        Network::Regtest,
        birthday,
    )
    .unwrap();
    let mut heights = Vec::new();
    let summary = restored
        .sync(&setting.client, |progress| heights.push(progress.height.0))
        .await
        .unwrap();
    assert_eq!(restored.balance(), expected);
    assert_eq!(restored.next_address().unwrap(), address);
    assert_eq!(summary.tip, wallet.tip());
    assert_eq!(
        heights,
        (100..=summary.tip.height.0).collect::<Vec<_>>(),
        "from the birthday on"
    );
    assert_eq!(setting.sync(&mut restored).await, expected);
}

#[tokio::test]
async fn a_birthday_above_the_tip_is_waited_for() {
    let setting = Setting::new().await;
    let birthday = BitcoinHeight(150);
    let tree = tree(setting.folder.path());
    let mut wallet = Wallet::create(tree, &setting.mnemonic, Network::Regtest, birthday).unwrap();
    setting.sync(&mut wallet).await;
    let address = wallet.next_address().unwrap();
    setting.node.send(&address, COIN).unwrap();
    let balance = setting.mine_and_sync(&mut wallet).await;
    assert_eq!(balance.confirmed, COIN);
}

#[tokio::test]
async fn a_reorg_takes_confirmations_back() {
    let setting = Setting::new().await;
    let mut wallet = setting.create();
    let address = wallet.next_address().unwrap();
    setting.node.send(&address, COIN).unwrap();
    let incoming = Balance {
        incoming: COIN,
        ..Balance::default()
    };
    assert_eq!(setting.sync(&mut wallet).await, incoming);
    let confirmed = Balance {
        confirmed: COIN,
        ..Balance::default()
    };
    assert_eq!(setting.mine_and_sync(&mut wallet).await, confirmed);

    setting.node.reorganise(1).unwrap();
    assert_eq!(setting.sync(&mut wallet).await, incoming);
    assert_eq!(wallet.coins()[0].state, CoinState::Incoming);
    assert_eq!(setting.mine_and_sync(&mut wallet).await, confirmed);
    assert_eq!(
        wallet.tip().hash,
        setting.node.rpc().get_best_block_hash().unwrap()
    );
}

#[tokio::test]
async fn mined_coins_wait_for_a_hundred_blocks() {
    let setting = Setting::new().await;
    let mut wallet = setting.create();
    let address = wallet.next_address().unwrap();
    setting.node.mine_to(1, &address).unwrap();
    let balance = setting.sync(&mut wallet).await;
    assert!(
        balance.immature > Amount::ZERO && balance.confirmed == Amount::ZERO,
        "{balance:?}"
    );
    setting.node.mine(99).unwrap();
    let later = setting.sync(&mut wallet).await;
    assert_eq!(
        later,
        Balance {
            confirmed: balance.immature,
            ..Balance::default()
        }
    );
    let draft = wallet.build(&pay(&[10_000], rate(2))).unwrap();
    setting.send(&mut wallet, &draft).await;
}

#[tokio::test]
async fn what_cannot_be_paid_is_refused_with_the_numbers() {
    let (setting, mut wallet) = Setting::with_coins(1).await;
    setting
        .node
        .send(&wallet.next_address().unwrap(), COIN)
        .unwrap();
    setting.sync(&mut wallet).await;
    let before = wallet.balance();

    match wallet.build(&pay(&[1_200_000], rate(5))).unwrap_err() {
        WalletError::InsufficientFunds {
            available,
            needed,
            fee,
            reserved,
            unconfirmed,
        } => {
            assert_eq!(available, COIN);
            assert_eq!(needed, Amount::from_sat(1_200_000) + fee);
            assert!(fee > Amount::ZERO);
            assert_eq!((reserved, unconfirmed), (Amount::ZERO, COIN));
        }
        other => panic!("{other}"),
    }
    match wallet.build(&pay(&[50_000, 100], rate(5))).unwrap_err() {
        WalletError::Dust {
            index,
            value,
            minimum,
        } => {
            assert_eq!((index, value), (1, Amount::from_sat(100)));
            assert_eq!(minimum, stranger(1).minimal_non_dust());
        }
        other => panic!("{other}"),
    }
    let error = wallet.build(&pay(&[50_000], rate(101))).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("101 sat/vB is above the cap of 100 sat/vB"),
        "{error}"
    );
    let mut capped = pay(&[50_000], rate(5));
    capped.fee_limit.total = Amount::from_sat(100);
    let error = wallet.build(&capped).unwrap_err();
    assert!(matches!(error, WalletError::FeeAboveCap { .. }), "{error}");
    let error = wallet.build(&pay(&[], rate(5))).unwrap_err();
    assert!(matches!(error, WalletError::NoOutputs), "{error}");
    assert_eq!(wallet.balance(), before);
}

#[tokio::test]
async fn a_locked_wallet_shows_everything_and_signs_nothing() {
    let (setting, wallet) = Setting::with_coins(1).await;
    let (pair, _) = wallet.staker_keypair().unwrap().x_only_public_key();
    drop(wallet);

    let mut wallet = Wallet::open(tree(setting.folder.path()), Network::Regtest).unwrap();
    assert!(wallet.is_locked());
    assert_eq!(setting.sync(&mut wallet).await.confirmed, COIN);
    assert_eq!(wallet.staker_key().unwrap().0, pair);
    let draft = wallet.build(&pay(&[50_000], rate(2))).unwrap();
    assert!(matches!(wallet.sign(&draft), Err(WalletError::Locked)));
    assert!(matches!(wallet.staker_keypair(), Err(WalletError::Locked)));

    let other = Mnemonic::generate(12).unwrap();
    assert!(matches!(wallet.unlock(&other), Err(WalletError::WrongSeed)));
    assert!(wallet.is_locked());
    wallet.unlock(&setting.mnemonic).unwrap();
    assert!(wallet.sign(&draft).is_ok());
    wallet.lock();
    assert!(matches!(wallet.sign(&draft), Err(WalletError::Locked)));
}

#[tokio::test]
async fn the_first_address_is_the_staker_key_tweaked() {
    let (_, wallet) = Setting::with_coins(1).await;
    let key = wallet.staker_key().unwrap().0;
    let address = Address::p2tr(&Secp256k1::verification_only(), key, None, Network::Regtest);
    assert_eq!(
        wallet.coins()[0].output.script_pubkey,
        address.script_pubkey()
    );
}

#[tokio::test]
async fn wallets_are_neither_overwritten_nor_invented_nor_mixed_up() {
    let folder = tempfile::tempdir().unwrap();
    let tree = tree(folder.path());
    let mnemonic = Mnemonic::generate(12).unwrap();
    let error = Wallet::open(tree.clone(), Network::Regtest).unwrap_err();
    assert!(matches!(error, WalletError::Missing), "{error}");
    Wallet::create(tree.clone(), &mnemonic, Network::Regtest, BitcoinHeight(7)).unwrap();
    let other = Mnemonic::generate(12).unwrap();
    let error =
        Wallet::create(tree.clone(), &other, Network::Regtest, BitcoinHeight(0)).unwrap_err();
    assert!(matches!(error, WalletError::Exists), "{error}");
    let error = Wallet::open(tree.clone(), Network::Signet).unwrap_err();
    assert!(matches!(error, WalletError::WrongNetwork { .. }), "{error}");
    assert_eq!(
        Wallet::open(tree, Network::Regtest).unwrap().birthday(),
        BitcoinHeight(7)
    );
}

#[tokio::test]
async fn an_outage_fails_one_sync_and_the_next_goes_on() {
    let (mut setting, mut wallet) = Setting::with_coins(1).await;
    setting.node.stop().await.unwrap();
    let error = wallet.sync(&setting.client, |_| {}).await.unwrap_err();
    assert!(
        matches!(error, WalletError::Source(SourceError::Unreachable { .. })),
        "{error}"
    );
    assert_eq!(wallet.balance().confirmed, COIN);
    setting.node.start().await.unwrap();
    setting.node.mine(1).unwrap();
    // On a task of its own, as programs sync.
    let client = Arc::clone(&setting.client);
    let syncing = tokio::spawn(async move {
        let summary = wallet.sync(&client, |_| {}).await.unwrap();
        (wallet, summary)
    });
    let (wallet, summary) = syncing.await.unwrap();
    assert_eq!((summary.blocks, wallet.balance().confirmed), (1, COIN));
}

#[tokio::test]
async fn a_cancelled_sync_keeps_what_it_read() {
    let setting = Setting::new().await;
    setting.node.mine(150).unwrap();
    let mut wallet = setting.create();
    let mut seen = 0;
    for _ in 0..1_000 {
        let interrupted = wallet.sync(&setting.client, |_| seen += 1);
        if tokio::time::timeout(Duration::from_millis(30), interrupted)
            .await
            .is_ok()
        {
            break;
        }
    }
    assert_eq!(
        wallet.tip().hash,
        setting.node.rpc().get_best_block_hash().unwrap()
    );
    assert_eq!(seen, 251, "no block was read twice");
}

#[tokio::test]
async fn a_transaction_is_where_the_last_sync_saw_it() {
    let (setting, mut wallet) = Setting::with_coins(1).await;
    let draft = wallet.build(&pay(&[100_000], rate(5))).unwrap();
    assert_eq!(wallet.location(draft.txid()), None);
    setting.send(&mut wallet, &draft).await;
    assert_eq!(wallet.location(draft.txid()), Some(Location::Mempool));

    setting.mine_and_sync(&mut wallet).await;
    let tip = wallet.tip();
    let expected = Location::Block {
        block: tip,
        confirmations: 1,
    };
    assert_eq!(wallet.location(draft.txid()), Some(expected));

    setting.node.reorganise(1).unwrap();
    setting.sync(&mut wallet).await;
    assert_eq!(wallet.location(draft.txid()), Some(Location::Mempool));
}
