//! Headers of Bitcoin's main network, as miners found them, and what costs no work in their place.

use bitcoin::CompactTarget;
use bitcoin::block::Header;
use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::hex::FromHex as _;
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;
use testenv::partner_chain::{Beginning, PartnerChain, message_of_headers};

use super::bitcoin_view::mined;
use super::scene::refusal;

/// Headers that a beginning of `btc-light` takes.
const TRUSTED: usize = 11;

/// A change of difficulty.
struct Change {
    /// Height of the first header with the new difficulty.
    height: u64,
    /// The eleven headers before it, it, and some that follow.
    headers: Vec<Header>,
    /// Time of the header with which the period before began.
    period_began: u32,
    /// Work of the chain up to the last header before it, as nodes print it.
    chainwork: &'static str,
    /// Difficulty bits before and after.
    bits: [u32; 2],
}

fn read(lines: &str) -> Vec<Header> {
    let headers = lines.lines().map(deserialize_hex);
    headers.collect::<Result<_, _>>().unwrap()
}

/// One in which it rose, and the next one, in which it fell.
fn changes() -> [Change; 2] {
    // Begins three headers before what is needed.
    let rise = read(include_str!(
        "../../../../contracts/btc-light/tests/light/data/mainnet-headers-824530-to-824548.hex"
    ));
    let rise = rise[3..].to_vec();
    let first_of_period = rise[TRUSTED].time;
    [
        Change {
            height: 824_544,
            headers: rise,
            period_began: 1_703_311_464,
            chainwork: "0000000000000000000000000000000000000000644fd5016eefcff2e182c740",
            bits: [0x1703_e8b3, 0x1703_d869],
        },
        Change {
            height: 826_560,
            headers: read(include_str!("data/mainnet-headers-826549-to-826562.hex")),
            period_began: first_of_period,
            chainwork: "0000000000000000000000000000000000000000665c19f0b62f3be9b3a93820",
            bits: [0x1703_d869, 0x1704_005a],
        },
    ]
}

/// A `btc-light` that follows the main network from a change of difficulty on.
struct Light<'a> {
    chain: &'a PartnerChain,
    address: AccountAddress,
    parent: u64,
}

impl<'a> Light<'a> {
    async fn begin(chain: &'a PartnerChain, change: &Change) -> Self {
        let parent = change.height - 1;
        let beginning = Beginning {
            network: "bitcoin",
            height: parent,
            headers: &change.headers[..TRUSTED],
            epoch_start_time: change.period_began.into(),
            chainwork: &<[u8; 32]>::from_hex(change.chainwork).unwrap(),
        };
        Self {
            chain,
            address: chain.begin_light(&beginning).await.unwrap(),
            parent,
        }
    }

    async fn tip(&self) -> Value {
        let question = json!({ "tip": {} });
        let anybody = &self.chain.anybody;
        anybody.query(&self.address, &question).await.unwrap()
    }

    /// Brings headers that follow the last one before the change; they are refused with these words.
    async fn refuses(&self, headers: &[Header], words: &str) {
        let refused = refusal(self.bring(headers).await);
        assert!(refused.contains(words), "{refused}\nis not: {words}");
    }

    async fn bring(&self, headers: &[Header]) -> Result<chain::wasm::Executed, chain::ChainError> {
        let message = message_of_headers(self.parent, headers);
        let anybody = &self.chain.anybody;
        self.chain.tell(anybody, &self.address, &message, 0).await
    }
}

/// A branch of so many headers on top of one, each of which `find` gives its nonce.
fn branch(
    parent: &Header,
    first: Header,
    length: u32,
    find: impl Fn(Header) -> Header,
) -> Vec<Header> {
    let mut parent = *parent;
    (1..=length)
        .map(|number| {
            parent = find(Header {
                prev_blockhash: parent.block_hash(),
                time: first.time + number,
                ..first
            });
            parent
        })
        .collect()
}

pub(crate) async fn s04_only_real_work_counts_on_the_main_network(chain: &PartnerChain) {
    for change in changes() {
        let light = Light::begin(chain, &change).await;
        let before = light.tip().await;
        assert_eq!(before["chainwork"], change.chainwork);
        let (trusted, new) = change.headers.split_at(TRUSTED);
        let [bits_before, bits] = change.bits;
        assert_eq!(trusted[TRUSTED - 1].bits.to_consensus(), bits_before);
        let first = new[0];
        assert_eq!(first.bits.to_consensus(), bits);

        let with_bits = |bits| Header {
            bits: CompactTarget::from_consensus(bits),
            ..first
        };
        for wrong in [bits - 1, bits + 1, bits_before] {
            let words =
                format!("has difficulty bits {wrong:#010x}, the rules ask for {bits:#010x}");
            light.refuses(&[with_bits(wrong)], &words).await;
        }
        let no_work =
            format!("does not meet the proof of work of its difficulty bits {bits:#010x}");
        let another_nonce = Header {
            nonce: first.nonce ^ 1,
            ..first
        };
        light.refuses(&[another_nonce], &no_work).await;
        // A time is under the hash, too.
        let later = Header {
            time: first.time + 1,
            ..first
        };
        light.refuses(&[later], &no_work).await;
        assert_eq!(light.tip().await, before);

        light.bring(new).await.unwrap();
        let tip = light.tip().await;
        let height = light.parent + new.len() as u64;
        let last = new[new.len() - 1].block_hash();
        assert_eq!(
            (&tip["height"], &tip["hash"], &tip["test_only"]),
            (&json!(height), &json!(last.to_string()), &json!(false))
        );

        // Twice as many headers, which say that they have the work, or that they need none.
        let length = 2 * u32::try_from(new.len()).unwrap();
        let parent = &trusted[TRUSTED - 1];
        let claimed = branch(parent, first, length, |header| header);
        light.refuses(&claimed, &no_work).await;
        let easy = 0x207f_ffff;
        let cheap = branch(parent, with_bits(easy), length, |header| {
            mined(header, true)
        });
        let words = format!("has difficulty bits {easy:#010x}, the rules ask for {bits:#010x}");
        light.refuses(&cheap, &words).await;
        assert_eq!(light.tip().await, tip);
    }
}
