//! `watchtower slash`, with a chain that is configured wrongly and a Bitcoin node that is silent about one of a chain's stakes.

use bitcoincore_rpc::RpcApi as _;
use serde_json::{Value, json};
use testenv::Port;
use testenv::partner_chain::{CHALLENGE, DEADLINE, DEPTH, PartnerChain, Stake};
use testenv::programs::WatchtowerProgram;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};

use super::TIMELOCK;
use super::side::{Side, random_key};
use crate::staking::absent;

/// Stands before a Bitcoin node and ends each connection on which somebody asks about one transaction.
struct Censor(Port);

impl Censor {
    async fn before(node: &str, txid: String) -> Self {
        let port = Port::reserve().unwrap();
        let listener = TcpListener::bind(port.address()).await.unwrap();
        let node = node.strip_prefix("http://").unwrap().to_owned();
        tokio::spawn(async move {
            while let Ok((program, _)) = listener.accept().await {
                tokio::spawn(carry(program, node.clone(), txid.clone()));
            }
        });
        Self(port)
    }

    fn url(&self) -> String {
        format!("http://{}", self.0.address())
    }
}

async fn carry(program: TcpStream, node: String, txid: String) {
    let Ok(node) = TcpStream::connect(node).await else {
        return;
    };
    let (mut questions, mut answers) = program.into_split();
    let (mut told, mut asked) = node.into_split();
    let ask = async {
        let mut seen = Vec::new();
        let mut part = [0; 4_096];
        while let Ok(length @ 1..) = questions.read(&mut part).await {
            seen.extend_from_slice(&part[..length]);
            let is_forbidden = String::from_utf8_lossy(&seen).contains(&txid);
            if is_forbidden || asked.write_all(&part[..length]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = ask => (),
        _ = copy(&mut told, &mut answers) => (),
    }
}

/// What `slash` shows, and its exit code, with settings overridden.
async fn slash(
    program: &WatchtowerProgram,
    culprit: &str,
    settings: &[(&str, &str)],
) -> (i32, Value) {
    let run = program
        .program()
        .unwrap()
        .args(["--json", "slash", culprit]);
    let run = settings
        .iter()
        .fold(run, |run, (name, value)| run.env(name, value));
    let finished = run.run(DEADLINE).await.unwrap();
    let shown = serde_json::from_str(&finished.stdout()).unwrap();
    (finished.status().code().unwrap(), shown)
}

fn slashing_of(stake: &Stake) -> String {
    let txid = stake.delegation.slashing_tx().compute_txid();
    txid.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_be_slashed_by_hand_is_shown_beside_what_was_in_the_way() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let bitcoind = &chain.bitcoind;
    let side = Side::begin(&chain, &[random_key().unwrap()]).await.unwrap();
    let mut stakes = [(); 3].map(|()| side.sign(0, TIMELOCK).unwrap());
    // The order in which they are looked at.
    stakes.sort_by_key(Stake::outpoint);
    let staked: Vec<_> = stakes.iter().map(|stake| &stake.transaction).collect();
    chain.confirm(&staked, DEPTH).await.unwrap();
    let shares = [(side.mesh.domain(), 10_000, &side.rewards)];
    side.mesh.show(&stakes, &shares).await.unwrap();
    chain.mine(CHALLENGE).await.unwrap();
    side.mesh.activate(&stakes).await.unwrap();
    side.mesh.govern(json!({ "start": {} })).await.unwrap();
    side.equivocate(0).await.unwrap();
    side.knows_the_key(0).await.unwrap();

    // The node of "wrong" is there, and is another chain's than the configuration says.
    let wrong = absent()
        .replace("\"absent\"", "\"wrong\"")
        .replace("http://127.0.0.1:9", &chain.wasmd.grpc_url());
    let chains = wrong + &side.mesh.configuration("x");
    let program = WatchtowerProgram::on(bitcoind, &chains, &[]).await.unwrap();
    let culprit = side.providers[0].public_key().to_string();
    let silent_about = stakes[1].outpoint().txid.to_string();
    let censor = Censor::before(&bitcoind.url(), silent_about).await;
    let through_it = [("WATCHTOWER__BITCOIN__RPC_URL", censor.url())];
    let through_it = through_it
        .each_ref()
        .map(|(name, url)| (*name, url.as_str()));

    let (exit, shown) = slash(&program, &culprit, &through_it).await;
    assert_eq!(exit, 8, "{shown}");
    let result = &shown["result"];
    let outcomes = result["delegations"].as_array().unwrap();
    assert_eq!(outcomes.len(), stakes.len(), "{shown}");
    for slashed in [0, 2] {
        let txid = slashing_of(&stakes[slashed]);
        assert_eq!(outcomes[slashed]["slashing_txid"], txid, "{shown}");
    }
    assert_eq!(outcomes[1]["slashing_txid"], Value::Null, "{shown}");
    let state = outcomes[1]["state"].as_str().unwrap();
    assert!(state.contains("did not answer"), "{shown}");
    let unanswered = result["unanswered"].as_array().unwrap();
    let names: Vec<_> = unanswered.iter().map(|it| it["chain"].clone()).collect();
    assert_eq!(names, ["wrong"], "{shown}");
    let reason = unanswered[0]["reason"].as_str().unwrap();
    assert!(reason.contains("absent-1"), "{shown}");

    // Once more, and the rest is done.
    let (exit, shown) = slash(&program, &culprit, &[]).await;
    assert_eq!(exit, 8, "{shown}");
    let result = &shown["result"];
    let outcomes = result["delegations"].as_array().unwrap().iter();
    let txids: Vec<_> = outcomes.map(|it| it["slashing_txid"].clone()).collect();
    assert_eq!(txids, stakes.each_ref().map(slashing_of), "{shown}");
    assert_eq!(result["unanswered"].as_array().unwrap().len(), 1, "{shown}");
    let mempool = bitcoind.rpc().get_raw_mempool().unwrap();
    for stake in &stakes {
        let slashing = stake.delegation.slashing_tx().compute_txid();
        assert!(mempool.contains(&slashing), "{mempool:?}");
    }
}
