//! Nodes that are not the configured ones, or not there: one clear error each, a documented exit code.

use std::process::{Child, Command, Stdio};

use testenv::programs::WatchtowerProgram;
use testenv::scenario::{DEADLINE, Stage};
use testenv::{Port, Scratch, poll_until, provision};

/// A bitcoind of another network, alone with its genesis block.
struct Signet {
    process: Child,
    port: Port,
    folder: Scratch,
}

impl Signet {
    async fn launch() -> Self {
        let bitcoind = tokio::task::spawn_blocking(|| provision::BITCOIND.locate()).await;
        let (folder, port) = (Scratch::new("signet").unwrap(), Port::reserve().unwrap());
        let process = Command::new(bitcoind.unwrap().unwrap())
            .arg(format!("-datadir={}", folder.path().display()))
            .arg(format!("-rpcport={}", port.number()))
            .args([
                "-signet",
                "-server",
                "-listen=0",
                "-connect=0",
                "-dbcache=16",
            ])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let signet = Self {
            process,
            port,
            folder,
        };
        poll_until(DEADLINE, "a cookie", || async {
            std::fs::read(signet.cookie_file())
        })
        .await
        .unwrap();
        signet
    }

    fn cookie_file(&self) -> String {
        self.folder
            .path()
            .join("signet/.cookie")
            .display()
            .to_string()
    }

    fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }
}

impl Drop for Signet {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Settings overridden by environment variables, and how each command that asks the nodes ends.
pub(crate) async fn nodes_of_another_world_are_refused(stage: &Stage, program: &WatchtowerProgram) {
    const CHAIN_ID: &str = "WATCHTOWER__BABYLON__CHAIN_ID";
    const GRPC_URL: &str = "WATCHTOWER__BABYLON__GRPC_URL";
    const NETWORK: &str = "WATCHTOWER__BITCOIN__NETWORK";
    const RPC_URL: &str = "WATCHTOWER__BITCOIN__RPC_URL";
    const COOKIE_FILE: &str = "WATCHTOWER__BITCOIN__COOKIE_FILE";
    const NOWHERE: &str = "http://127.0.0.1:9";

    let signet = Signet::launch().await;
    let (url, cookie_file) = (signet.url(), signet.cookie_file());
    // It writes the cookie before it answers.
    let other = [
        (NETWORK, "signet"),
        (RPC_URL, &url),
        (COOKIE_FILE, &cookie_file),
    ];
    poll_until(
        DEADLINE,
        "the node of the other network to answer",
        || async {
            let (exit, error) = refused(program, &["status"], &other).await;
            anyhow::ensure!(exit == 3, "{error}");
            Ok(())
        },
    )
    .await
    .unwrap();

    let key = "35c209685eea356af489a6ffcb655ade6ef09b3e30731e645bca3c9ac2e8235e";
    let services: [&[&str]; 3] = [&["status"], &["slash", key], &["start"]];
    // `start` waits for nodes that do not answer.
    let questions = &services[..2];
    for (settings, commands, exit, code, words) in [
        (
            &[(CHAIN_ID, "bbn-1")][..],
            &services[..],
            3,
            "wrong-chain",
            "bbn-1",
        ),
        (
            &[(NETWORK, "signet")],
            &services,
            3,
            "wrong-network",
            "regtest",
        ),
        (
            &other,
            &services,
            3,
            "other-bitcoin",
            stage.babylond.chain_id(),
        ),
        (
            &[(RPC_URL, NOWHERE)],
            questions,
            4,
            "bitcoin-unreachable",
            "127.0.0.1:9",
        ),
        (
            &[(GRPC_URL, NOWHERE)],
            questions,
            4,
            "chain-unreachable",
            "127.0.0.1:9",
        ),
    ] {
        for command in commands {
            let (ended, error) = refused(program, command, settings).await;
            assert_eq!(
                (ended, error["code"].as_str()),
                (exit, Some(code)),
                "{command:?}: {error}"
            );
            assert!(error.to_string().contains(words), "{command:?}: {error}");
        }
    }
}

async fn refused(
    program: &WatchtowerProgram,
    arguments: &[&str],
    settings: &[(&str, &str)],
) -> (i32, serde_json::Value) {
    let run = program.program().unwrap().arg("--json").args(arguments);
    let run = settings
        .iter()
        .fold(run, |run, (name, value)| run.env(name, value));
    let finished = run.run(DEADLINE).await.unwrap();
    (finished.status().code().unwrap(), finished.error().unwrap())
}
