//! What the chain believes of Bitcoin's headers: those with the work that the rules ask for.

use bitcoin::CompactTarget;
use bitcoin::block::Header;
use bitcoincore_rpc::RpcApi as _;
use serde_json::json;
use testenv::partner_chain::{PartnerChain, message_of_headers};

use super::scene::refusal;

/// Finds a nonce with which the header's hash meets its target, or does not.
pub(crate) fn mined(mut header: Header, meets: bool) -> Header {
    header.nonce = 0;
    while header.validate_pow(header.target()).is_ok() != meets {
        header.nonce += 1;
    }
    header
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
        let message = message_of_headers(parent_height, &[header]);
        let refused = refusal(chain.tell_light(&message).await);
        assert!(refused.contains(words), "{refused}");
    }
    // A branch of more headers than it would undo, of which one has no work, counts for none of them.
    let mut branch = vec![mined(
        Header {
            prev_blockhash: parent.prev_blockhash,
            time: parent.time + 1,
            ..parent
        },
        true,
    )];
    for meets in [true, false] {
        branch.push(mined(
            Header {
                prev_blockhash: branch[branch.len() - 1].block_hash(),
                time: next.time + 1,
                ..next
            },
            meets,
        ));
    }
    let message = message_of_headers(height - 1, &branch);
    let refused = refusal(chain.tell_light(&message).await);
    assert!(
        refused.contains("does not meet the proof of work"),
        "{refused}"
    );
    assert_eq!(chain.ask_light(&question).await.unwrap(), before);
}
