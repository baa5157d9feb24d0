//! What the chain believes of Bitcoin: headers with their work, and transactions deep enough at one place.

use bitcoin::block::Header;
use bitcoin::consensus::serialize;
use bitcoin::hashes::Hash as _;
use bitcoin::{Amount, CompactTarget, ScriptBuf, TxOut, WPubkeyHash};
use bitcoincore_rpc::RpcApi as _;
use serde_json::{Value, json};
use testenv::partner_chain::{DEPTH, PartnerChain, base64, params};

use crate::scene::{LONG, Scene, fresh_key, refusal};

/// Finds a nonce with which the header's hash meets its target, or does not.
fn mined(mut header: Header, meets: bool) -> Header {
    header.nonce = 0;
    while header.validate_pow(header.target()).is_ok() != meets {
        header.nonce += 1;
    }
    header
}

fn brought(parent_height: u64, header: &Header) -> Value {
    json!({ "headers": { "parent_height": parent_height, "raw": base64(serialize(header)) } })
}

pub(crate) async fn s04_headers_that_break_bitcoins_rules_are_refused(chain: &PartnerChain) {
    let rpc = chain.bitcoind.rpc();
    let height = chain.bitcoind.height().unwrap();
    let tip = rpc.get_block_header_info(&rpc.get_best_block_hash().unwrap());
    let tip = tip.unwrap();
    let parent = rpc.get_block_header(&tip.hash).unwrap();
    let next = Header {
        prev_blockhash: tip.hash,
        time: parent.time + 1,
        ..parent
    };
    let median = u32::try_from(tip.median_time.unwrap()).unwrap();
    let question = json!({ "tip": {} });
    let before = chain.ask_light(&question).await.unwrap();

    let of_tip = |header: Header| (height, header);
    let cases = [
        (
            of_tip(mined(next, false)),
            "does not meet the proof of work of its difficulty bits 0x207fffff",
        ),
        (
            of_tip(mined(
                Header {
                    bits: CompactTarget::from_consensus(0x207f_fffe),
                    ..next
                },
                true,
            )),
            "has difficulty bits 0x207ffffe, the rules ask for 0x207fffff",
        ),
        (
            of_tip(mined(
                Header {
                    time: median,
                    ..next
                },
                true,
            )),
            "the median of the last 11 headers",
        ),
        (
            of_tip(mined(
                Header {
                    time: parent.time + 3 * 60 * 60,
                    ..next
                },
                true,
            )),
            "more than two hours after this chain's",
        ),
        (
            (
                height - 1,
                mined(
                    Header {
                        prev_blockhash: parent.prev_blockhash,
                        time: parent.time + 1,
                        ..parent
                    },
                    true,
                ),
            ),
            "no more work than the tip",
        ),
    ];
    for ((parent_height, header), words) in cases {
        let message = brought(parent_height, &header);
        let refused = refusal(chain.tell_light(&message).await);
        assert!(refused.contains(words), "{refused}");
    }
    assert_eq!(chain.ask_light(&question).await.unwrap(), before);
}

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
