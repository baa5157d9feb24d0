//! A node that answers anything at all: whatever it says is an answer or an error, never a panic.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroU16;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::constants::genesis_block;
use bitcoin::hashes::Hash as _;
use bitcoin::transaction::Version;
use bitcoin::{Amount, Network, OutPoint, Transaction, Txid};
use bitcoin_source::{BitcoinSource as _, Bitcoind, Config, SourceError};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use staking::units::BitcoinHeight;
use tempfile::TempDir;

/// What is said next, in turns: an answer or, where it is an error, a refusal.
type Script = Arc<Mutex<Vec<Value>>>;

struct Node {
    config: Config,
    script: Script,
    /// One test at a time has the node.
    turn: Mutex<()>,
    _folder: TempDir,
}

static NODE: LazyLock<Node> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let cookie = folder.path().join(".cookie");
    fs::write(&cookie, "__cookie__:secret").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let script = Script::default();
    let lines = Arc::clone(&script);
    thread::spawn(move || {
        let mut said = 0;
        for connection in listener.incoming().flatten() {
            // Who hangs up gets no answer.
            let _ = serve(&connection, &lines, &mut said);
        }
    });
    Node {
        config: Config::new(Network::Regtest, url, cookie),
        script,
        turn: Mutex::default(),
        _folder: folder,
    }
});

fn serve(connection: &TcpStream, script: &Script, said: &mut usize) -> io::Result<()> {
    let mut reader = BufReader::new(connection);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut answer = |request: &Value| {
        let script = script.lock().unwrap_or_else(PoisonError::into_inner);
        let next = script.get(*said % script.len().max(1)).cloned();
        *said = said.wrapping_add(1);
        match next.unwrap_or_default() {
            Value::Object(refusal) if refusal.contains_key("code") => {
                json!({"result": null, "error": refusal, "id": request["id"]})
            }
            result => json!({"result": result, "error": null, "id": request["id"]}),
        }
    };
    let answer = match serde_json::from_slice(&body)? {
        Value::Array(requests) => requests.iter().map(&mut answer).collect(),
        request => answer(&request),
    };
    let answer = answer.to_string();
    let mut connection = connection;
    write!(
        connection,
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
        answer.len()
    )
}

impl Node {
    /// The node, which says these things in turns.
    fn saying(&self, script: Vec<Value>) -> (Bitcoind, MutexGuard<'_, ()>) {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = script;
        (Bitcoind::new(&self.config).unwrap(), turn)
    }
}

fn transaction() -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: Vec::new(),
        output: Vec::new(),
    }
}

/// Asks everything there is to ask; what fails says what was asked.
async fn ask_everything(node: &Bitcoind) -> Vec<Result<(), SourceError>> {
    let hash = genesis_block(Network::Regtest).block_hash();
    let three = NonZeroU16::new(3).unwrap();
    let (txid, outpoint) = (Txid::all_zeros(), OutPoint::null());
    let transactions = [transaction(), transaction()];
    vec![
        node.check().await.map(drop),
        node.tip().await.map(drop),
        node.block_hash(BitcoinHeight(7)).await.map(drop),
        node.headers(BitcoinHeight(0), three).await.map(drop),
        node.headers(BitcoinHeight(u32::MAX), three).await.map(drop),
        node.block(hash).await.map(drop),
        node.transaction(txid).await.map(drop),
        node.transaction_in(hash, txid).await.map(drop),
        node.unspent_output(outpoint).await.map(drop),
        node.mempool_spenders(&[outpoint, outpoint]).await.map(drop),
        node.fee_rate(three).await.map(drop),
        node.test_mempool_accept(&transactions).await.map(drop),
        node.broadcast(&transactions[0], Amount::ONE_SAT)
            .await
            .map(drop),
        node.locate(&transactions[0]).await.map(drop),
    ]
}

fn answered(script: Vec<Value>) -> Vec<Result<(), SourceError>> {
    let (node, _turn) = NODE.saying(script);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(ask_everything(&node))
}

#[test]
fn a_node_that_makes_sense_is_understood() {
    let genesis = genesis_block(Network::Regtest);
    let info = json!({
        "chain": "regtest", "blocks": 0, "headers": 0, "bestblockhash": genesis.block_hash(),
        "initialblockdownload": false,
    });
    let (node, _turn) = NODE.saying(vec![info]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let tip = runtime.block_on(node.tip()).unwrap();
    assert_eq!(
        (tip.height, tip.hash),
        (BitcoinHeight(0), genesis.block_hash())
    );
}

#[test]
fn an_answer_about_something_else_is_refused() {
    let genesis = serialize_hex(&genesis_block(Network::Regtest));
    // A block, when a transaction was asked for, and the other way round.
    for script in [
        genesis.clone(),
        serialize_hex(&transaction()),
        genesis[..160].to_owned(),
    ] {
        for (question, answer) in answered(vec![json!(script)]).iter().enumerate() {
            let right = script == genesis && question == 5;
            assert_eq!(answer.is_ok(), right, "{question}: {answer:?}");
        }
    }
}

/// Fields that any of the answers has.
const FIELDS: [&str; 22] = [
    "chain",
    "blocks",
    "headers",
    "bestblockhash",
    "initialblockdownload",
    "pruneheight",
    "height",
    "confirmations",
    "hex",
    "blockhash",
    "bestblock",
    "value",
    "scriptPubKey",
    "coinbase",
    "feerate",
    "mempoolminfee",
    "allowed",
    "vsize",
    "fees",
    "base",
    "reject-reason",
    "spendingtxid",
];

fn leaf() -> impl Strategy<Value = Value> {
    let genesis = genesis_block(Network::Regtest);
    let sensible = vec![
        json!("regtest"),
        json!(genesis.block_hash()),
        json!(serialize_hex(&genesis)),
        json!(serialize_hex(&genesis.header)),
        json!(serialize_hex(&transaction())),
        json!(0),
        json!(1),
        json!(-1),
        json!(i64::MIN),
        json!(u32::MAX),
        json!(u64::MAX),
        json!(1e300),
        json!(21_000_001.0),
        json!(0.000_000_001),
    ];
    prop_oneof![
        4 => select(sensible),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => "[0-9a-f]{0,80}".prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
    ]
}

fn answer() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 64, 24, |inner| {
        let field = prop_oneof![8 => select(&FIELDS[..]).prop_map(str::to_owned), 1 => any::<String>()];
        prop_oneof![
            3 => prop::collection::vec((field, inner.clone()), 0..24)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            1 => (any::<i32>(), any::<String>()).prop_map(|(code, message)| json!({"code": code, "message": message})),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn whatever_a_node_answers_is_read_or_refused(script in prop::collection::vec(answer(), 1..6)) {
        for answer in answered(script) {
            if let Err(error) = answer {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
