//! A withdrawal that is to be replaced while the Bitcoin node goes away: whichever of the two is mined is the stake's.

use std::fs;

use bitcoin::Txid;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::scene::Scene;

/// What is asked right before a transaction is sent.
const QUESTION: &[u8] = b"testmempoolaccept";

/// Sends a withdrawal and begins to replace it; the node is gone when the replacement is to be sent, so that the
/// first one is mined.
pub(super) async fn a_withdrawal_is_not_forgotten_for_one_that_never_left(
    scene: &Scene<'_>,
    stake: Txid,
) {
    let id = stake.to_string();
    let withdraw = async |rate: &str| {
        let arguments = ["withdraw", &id, "--fee-rate", rate, "--yes", "--no-wait"];
        scene.program.command(&arguments).await.unwrap()
    };
    let sent = withdraw("2").await.result().unwrap();
    let sent = sent["stake"]["withdrawal_txid"].clone();
    let waiting = vec![sent.clone()];
    assert_eq!(mempool(scene), waiting);

    let file = scene.program.config_file();
    let configured = fs::read_to_string(&file).unwrap();
    let url = scene.chain.bitcoind.url();
    let leaving = leaving_node(&url).await.unwrap();
    fs::write(&file, configured.replace(&url, &leaving)).unwrap();
    let interrupted = withdraw("20").await;
    let error = interrupted.error().unwrap();
    assert_eq!(error["code"], "bitcoin-unreachable", "{error}");
    fs::write(&file, configured).unwrap();
    assert_eq!(mempool(scene), waiting);

    let status = scene.program.status(stake).await.unwrap();
    assert_eq!(status["state"], "withdrawing", "{status}");
    assert_eq!(status["withdrawal_txid"], sent);
    let replace = ["withdraw", &id, "--fee-rate", "20", "--dry-run"];
    let replace = scene.program.command(&replace).await.unwrap();
    let replace = replace.result().unwrap();
    assert!(replace["summary"]["fee_sat"].is_u64(), "{replace}");

    scene.chain.mine(1).await.unwrap();
    let mined = scene.program.status(stake).await.unwrap();
    assert_eq!(mined["state"], "withdrawn", "{mined}");
    assert_eq!(mined["withdrawal_txid"], sent);
    // So deep that it is noted for good.
    scene.chain.mine(6).await.unwrap();
    let resume = scene.program.command(&["resume", &id]).await.unwrap();
    resume.result().unwrap();
    let buried = scene.program.status(stake).await.unwrap();
    assert_eq!(buried["state"], "withdrawn", "{buried}");
    assert_eq!(buried["withdrawal_txid"], sent);
}

fn mempool(scene: &Scene<'_>) -> Vec<Value> {
    let waiting = scene.mempool().into_iter();
    waiting.map(|txid| Value::from(txid.to_string())).collect()
}

/// A stand-in for the node at `url`: it passes on every request until it is asked [`QUESTION`], which it does not answer.
async fn leaving_node(url: &str) -> anyhow::Result<String> {
    let node = url.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let node = node.clone();
            tokio::spawn(async move { pass_on(client, &node).await });
        }
    });
    Ok(format!("http://{address}"))
}

/// Each request has a connection of its own.
async fn pass_on(mut client: TcpStream, node: &str) -> anyhow::Result<()> {
    let mut request = Vec::new();
    while !is_whole(&request) {
        let read = client.read_buf(&mut request).await?;
        anyhow::ensure!(read > 0, "the request ends early");
    }
    if contains(&request, QUESTION) {
        return Ok(());
    }
    let mut node = TcpStream::connect(node).await?;
    node.write_all(&request).await?;
    copy_bidirectional(&mut client, &mut node).await?;
    Ok(())
}

/// Whether an HTTP request has come with all of its body.
fn is_whole(request: &[u8]) -> bool {
    let body = || {
        let text = std::str::from_utf8(request).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let head = head.to_lowercase();
        let (_, length) = head.split_once("content-length:")?;
        let length: usize = length.lines().next()?.trim().parse().ok()?;
        Some(body.len() >= length)
    };
    body().unwrap_or(false)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
