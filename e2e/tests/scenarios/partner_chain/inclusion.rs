//! That a transaction is in a block: at one place, deep enough, and not mistaken for a node of the tree.

use bitcoin::absolute::LockTime;
use bitcoin::block::Header;
use bitcoin::consensus::{deserialize, serialize};
use bitcoin::hashes::Hash as _;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxMerkleNode, TxOut, Txid,
    WPubkeyHash, Witness,
};
use bitcoincore_rpc::RpcApi as _;
use serde_json::{Value, json};
use testenv::partner_chain::{DEPTH, PartnerChain, base64, message_of_headers, params};

use super::bitcoin_view::mined;
use super::scene::{LONG, Scene, fresh_key, refusal};

pub(crate) async fn s07_a_proof_of_another_place_is_refused(chain: &PartnerChain) {
    let scene = Scene::with_providers(chain, &params(), &[fresh_key()]).await;
    let stake = scene.sign(0, LONG);
    let payment = chain.bitcoind.fund(&TxOut {
        value: Amount::from_sat(100_000),
        script_pubkey: ScriptBuf::new_p2wpkh(&WPubkeyHash::all_zeros()),
    });
    // Three transactions: the stake is the last of a level of odd length.
    let transactions = [payment.unwrap(), stake.transaction.clone()];
    chain.bitcoind.mine_only(&transactions).unwrap();
    chain.mine(DEPTH - 1).await.unwrap();
    let shown = scene.shown(&stake);
    let place = &shown["stake"]["inclusion"];
    assert_eq!(place["index"], 2);
    let height = place["height"].as_u64().unwrap();
    assert_eq!(
        refusal(scene.mesh.execute(shown.clone()).await),
        format!("the block at height {height} is 3 deep, it is believed from 4 on")
    );
    chain.mine(1).await.unwrap();

    let tip = height + DEPTH;
    let claimed = |height: u64, index: u64| {
        let mut shown = shown.clone();
        shown["stake"]["inclusion"]["height"] = json!(height);
        shown["stake"]["inclusion"]["index"] = json!(index);
        shown
    };
    let mut cut = shown.clone();
    cut["stake"]["inclusion"]["branch"] = json!(base64([7; 33]));
    let cases = [
        (
            claimed(height, 3),
            "index 3 points at the duplicate of the last node on level 0".to_owned(),
        ),
        (
            claimed(height, 6),
            "index 6 is outside a Merkle tree of 2 levels".to_owned(),
        ),
        (
            claimed(height - 1, 2),
            "the Merkle path leads to ".to_owned(),
        ),
        (
            claimed(height, 0),
            "is the coinbase of its block".to_owned(),
        ),
        (
            claimed(tip + 1, 2),
            format!(
                "no header of Bitcoin's best chain is known at height {}",
                tip + 1
            ),
        ),
        (
            cut,
            "a Merkle path of 33 bytes is no sequence of 32-byte hashes".to_owned(),
        ),
    ];
    for (message, words) in cases {
        let refused = refusal(scene.mesh.execute(message).await);
        assert!(refused.contains(&words), "{refused}");
    }
    scene.mesh.execute(shown).await.unwrap();
    assert_eq!(
        scene.known(&stake).await["status"],
        json!({ "pending": { "since": tip } })
    );
}

/// A transaction with an output script of this length and no more than the least of everything else.
fn least(number: u32, script_length: usize) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::from_consensus(number),
        input: vec![TxIn {
            previous_output: OutPoint::new(Txid::all_zeros(), number),
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::new(),
        }],
        output: vec![TxOut {
            value: Amount::from_sat(number.into()),
            script_pubkey: ScriptBuf::from(vec![0x51; script_length]),
        }],
    }
}

fn verify(height: u64, transaction: &Transaction, index: u64, branch: &str) -> Value {
    json!({ "verify_tx": {
        "height": height,
        "tx": base64(serialize(transaction)),
        "index": index,
        "branch": branch,
    }})
}

/// What a Merkle tree hashes for an inner node has 64 bytes, and so may a transaction.
pub(crate) async fn s07_a_transaction_of_sixty_four_bytes_proves_nothing(chain: &PartnerChain) {
    one_that_was_mined_is_not_proven(chain).await;
    nothing_is_proven_below_one(chain).await;
}

async fn one_that_was_mined_is_not_proven(chain: &PartnerChain) {
    let value = Amount::from_sat(100_000);
    let (before, coin) = chain.bitcoind.coin(value).unwrap();
    let mut transaction = least(0, 4);
    transaction.input[0].previous_output = coin;
    transaction.output[0].value = value;
    let transaction = chain.bitcoind.sign(&transaction).unwrap();
    assert_eq!(transaction.base_size(), 64);
    // Nodes relay none of these, and accept a block with one.
    let block = [before.clone(), transaction.clone()];
    chain.bitcoind.mine_only(&block).unwrap();
    chain.mine(DEPTH).await.unwrap();

    let question = |transaction: &Transaction| {
        let place = chain.inclusion(transaction.compute_txid()).unwrap();
        let height = place["height"].as_u64().unwrap();
        let index = place["index"].as_u64().unwrap();
        verify(
            height,
            transaction,
            index,
            place["branch"].as_str().unwrap(),
        )
    };
    let refused = refusal(chain.ask_light(&question(&transaction)).await);
    assert_eq!(
        refused,
        format!(
            "transaction {} has 64 bytes, which cannot be told from an inner node of the Merkle tree",
            transaction.compute_txid()
        )
    );
    // The one beside it is.
    let verified = chain.ask_light(&question(&before)).await.unwrap();
    assert_eq!(verified["depth"], DEPTH);
}

async fn nothing_is_proven_below_one(chain: &PartnerChain) {
    // Its id reads as the second half of a transaction of 64 bytes, which was found by trying numbers. One that is valid
    // would take 2^70 of them; the contract cannot see that this one is not.
    let stranger = least(660_535, 22);
    let mut halves = [0; 64];
    halves[0] = 2;
    halves[4] = 1;
    halves[32..].copy_from_slice(&stranger.compute_txid().to_byte_array());
    let forged: Transaction = deserialize(&halves).unwrap();
    assert_eq!(forged.base_size(), 64);

    // A block with real work that has the forged one beside its coinbase. Nobody else sees it.
    let rpc = chain.bitcoind.rpc();
    let height = chain.bitcoind.height().unwrap();
    let parent = rpc.get_block_header(&rpc.get_best_block_hash().unwrap());
    let parent = parent.unwrap();
    let coinbase = least(1, 22).compute_txid().to_byte_array();
    let pair = [coinbase, forged.compute_txid().to_byte_array()].concat();
    let private = Header {
        prev_blockhash: parent.block_hash(),
        merkle_root: TxMerkleNode::hash(&pair),
        time: parent.time + 1,
        ..parent
    };
    let message = message_of_headers(height, &[mined(private, true)]);
    chain.tell_light(&message).await.unwrap();
    let branch = base64([&halves[..32], &coinbase].concat());
    let question = verify(height + 1, &stranger, 3, &branch);
    assert_eq!(
        refusal(chain.ask_light(&question).await),
        "the node on level 1 of the Merkle path reads as a transaction of 64 bytes"
    );
    // The work of others takes it away.
    chain.mine(2).await.unwrap();
    let refused = refusal(chain.ask_light(&question).await);
    assert!(refused.contains("the Merkle path leads to "), "{refused}");
}
