//! What a person can do with a network that is up.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use testenv::network::{Network, Stake};
use testenv::{Program, provision};

use crate::console::show;

/// Shows endpoints, homes, logs, and commands that can be pasted into another terminal.
pub(crate) fn print(network: &Network, stake: &Stake) -> anyhow::Result<()> {
    let text = format!(
        "\n=== The network is up, until Ctrl-C\n\n{}\n{}\nTry in another terminal:\n{}",
        nodes(network),
        programs(network),
        commands(network, stake)?
    );
    show(&text);
    Ok(())
}

fn nodes(network: &Network) -> String {
    let (bitcoind, babylond) = (&network.bitcoind, &network.babylond);
    let lines = [
        ("bitcoind RPC", bitcoind.url()),
        (
            "bitcoind cookie",
            bitcoind.cookie_file().display().to_string(),
        ),
        ("babylond chain id", babylond.chain_id().to_owned()),
        ("babylond gRPC", babylond.grpc_url()),
        ("babylond RPC", babylond.rpc_url()),
        ("babylond REST", babylond.rest_url()),
        ("babylond home", babylond.home().display().to_string()),
    ];
    lines.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "  {name:<22} {value}");
        text
    })
}

fn programs(network: &Network) -> String {
    let mut text = String::new();
    let mut line = |name: &str, what: &str, value: String| {
        let _ = writeln!(text, "  {:<22} {value}", format!("{name} {what}"));
    };
    let config = |home: &Path, program: &str| home.join(program).with_extension("toml");
    line(
        "btc-staker",
        "config",
        network.staker.config_file().display().to_string(),
    );
    for (index, member) in network.committee.iter().enumerate() {
        let name = format!("covenant {index}");
        line(
            &name,
            "config",
            config(member.home.home(), "covenant").display().to_string(),
        );
        line(&name, "status", status_page(&member.home.http_address()));
    }
    let provider = &network.finality_provider.home;
    line(
        "provider",
        "config",
        config(provider.home(), "finality-provider")
            .display()
            .to_string(),
    );
    line("provider", "status", status_page(&provider.http_address()));
    let watchtower = &network.watchtower.home;
    line(
        "watchtower",
        "config",
        config(watchtower.home(), "watchtower")
            .display()
            .to_string(),
    );
    line(
        "watchtower",
        "status",
        status_page(&watchtower.http_address()),
    );
    for (name, log) in network.logs() {
        line(&name, "log", log.display().to_string());
    }
    text
}

fn status_page(address: &str) -> String {
    format!("http://{address}/status (and /health /ready /metrics)")
}

fn commands(network: &Network, stake: &Stake) -> anyhow::Result<String> {
    let staker = at_home("btc-staker", network.staker.home())?;
    let provider = network.providers[0].key;
    let txid = stake.txid();
    let babylond = provision::BABYLOND.locate()?;
    let node = network.babylond.rpc_url().replace("http", "tcp");
    let mut lines = vec![
        ("the staker's coins", format!("{staker} wallet balance")),
        ("its stakes: one is active", format!("{staker} list")),
        (
            "stake some more",
            format!(
                "{staker} stake --amount '0.1 BTC' --finality-provider {provider} --staking-time 1000"
            ),
        ),
        ("end the active stake", format!("{staker} unbond {txid}")),
        ("and five blocks later", format!("{staker} withdraw {txid}")),
        (
            "what a committee member does",
            format!(
                "{} status",
                at_home("covenant", network.committee[0].home.home())?
            ),
        ),
        (
            "what the finality providers do",
            format!(
                "{} status",
                at_home("finality-provider", network.finality_provider.home.home())?
            ),
        ),
        (
            "what the watchtower does",
            format!(
                "{} status",
                at_home("watchtower", network.watchtower.home.home())?
            ),
        ),
        (
            "what babylond says of the stake",
            format!(
                "{} query btcstaking delegation {txid} --node {node}",
                babylond.display()
            ),
        ),
        (
            "the blocks that babylond holds final",
            format!(
                "{} query finality list-blocks --queried-block-status Finalized --reverse --limit 3 --node {node}",
                babylond.display()
            ),
        ),
    ];
    if let Some(bitcoin_cli) = bitcoin_cli()? {
        let folder = network.bitcoind.folder().display();
        lines.push((
            "a Bitcoin block more",
            format!("{} -datadir={folder} -generate 1", bitcoin_cli.display()),
        ));
    }
    Ok(lines.iter().fold(String::new(), |mut text, (what, line)| {
        let _ = write!(text, "\n  # {what}\n  {line}\n");
        text
    }))
}

fn at_home(program: &str, home: &Path) -> anyhow::Result<String> {
    let path = Program::ours(program)?.path().display().to_string();
    Ok(format!("{path} --home {}", home.display()))
}

/// Bitcoin's command line, which is installed beside the node.
fn bitcoin_cli() -> anyhow::Result<Option<PathBuf>> {
    let beside = provision::BITCOIND.locate()?.with_file_name("bitcoin-cli");
    Ok(beside.is_file().then_some(beside))
}
