//! A chain that halts, lies and returns beside one that is in order: votes on the latter go on.

use serde_json::{Value, json};
use testenv::Port;
use testenv::partner_chain::{PartnerChain, params};
use testenv::scenario::Committee;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::life::{Life, PROVIDERS, VALUE, all_are_honest, end, next, wait_for_final};
use crate::mesh_fork::{count, sign};

/// Stands between a program and a node. The test says whose node that is, or that there is none.
struct Gate {
    port: Port,
    target: watch::Sender<Option<String>>,
}

impl Gate {
    async fn before(node: &str) -> Self {
        let port = Port::reserve().unwrap();
        let listener = TcpListener::bind(port.address()).await.unwrap();
        let (target, targets) = watch::channel(Some(address(node)));
        tokio::spawn(async move {
            while let Ok((program, _)) = listener.accept().await {
                tokio::spawn(carry(program, targets.clone()));
            }
        });
        Self { port, target }
    }

    fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }

    /// Ends all connections. Later ones lead to this node.
    fn lead_to(&self, node: Option<&str>) {
        self.target.send_replace(node.map(address));
    }
}

fn address(url: &str) -> String {
    url.strip_prefix("http://").unwrap().to_owned()
}

async fn carry(mut program: TcpStream, mut targets: watch::Receiver<Option<String>>) {
    let target = targets.borrow_and_update().clone();
    let Some(target) = target else { return };
    let Ok(mut node) = TcpStream::connect(target).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut program, &mut node) => (),
        _ = targets.changed() => (),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_halts_lies_and_returns_delays_no_votes_on_another() {
    let (x, y) = PartnerChain::launch_two().await.unwrap();
    let bitcoind = &x.bitcoind;
    let committee = Committee::of_three();
    let beside = y.begin_mesh(&params(), &committee).await.unwrap();
    let gate = Gate::before(&y.wasmd.grpc_url()).await;
    let configuration = beside.configuration("y");
    let configuration = configuration.replace(&y.wasmd.grpc_url(), &gate.url());
    let life = Life::begin(&x, bitcoind, &params(), &["x"], &configuration)
        .await
        .unwrap();
    life.register_beside(&y, "y").await.unwrap();
    let (_, mesh) = &life.meshes[0];
    let daemon = life.program.start().unwrap();
    life.start().await.unwrap();
    beside.wait_for_commits(PROVIDERS.len()).await.unwrap();
    let stakes: Vec<_> = life
        .keys
        .iter()
        .map(|key| sign(&y, key, VALUE).unwrap())
        .collect();
    count(&y, &beside, &stakes).await.unwrap();
    beside.govern(json!({ "start": {} })).await.unwrap();
    wait_for_final(mesh, 3).await.unwrap();
    wait_for_final(&beside, 3).await.unwrap();
    let problem = |status: &Value| status["problems"]["votes"].is_string();

    gate.lead_to(None);
    life.wait_for_status("two@y", "the halt to be noticed", problem)
        .await
        .unwrap();
    let from = next(mesh).await.unwrap();
    wait_for_final(mesh, from + 5).await.unwrap();

    // Its node is suddenly that of a network begun anew, with the same id and the contract at the same place.
    let reset = y.begin_anew().await.unwrap();
    let lying = reset.begin_mesh(&params(), &committee).await.unwrap();
    assert_eq!(lying.address(), beside.address());
    gate.lead_to(Some(&reset.wasmd.grpc_url()));
    let from = next(mesh).await.unwrap();
    wait_for_final(mesh, from + 5).await.unwrap();
    life.wait_for_status("two@y", "the lie to be noticed", problem)
        .await
        .unwrap();

    gate.lead_to(Some(&y.wasmd.grpc_url()));
    let from = next(&beside).await.unwrap();
    wait_for_final(&beside, from + 5).await.unwrap();
    for mesh in [mesh, &beside] {
        all_are_honest(mesh).await.unwrap();
    }
    end(daemon).await.unwrap();
}
