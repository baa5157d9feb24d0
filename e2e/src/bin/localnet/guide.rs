//! What a person can do with a network that is up.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
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
    let named = |name: &str, value: String| (name.to_owned(), value);
    let mut lines = vec![
        named("bitcoind RPC", bitcoind.url()),
        named(
            "bitcoind cookie",
            bitcoind.cookie_file().display().to_string(),
        ),
        named("babylond chain id", babylond.chain_id().to_owned()),
        named("babylond gRPC", babylond.grpc_url()),
        named("babylond RPC", babylond.rpc_url()),
        named("babylond REST", babylond.rest_url()),
        named("babylond home", babylond.home().display().to_string()),
    ];
    for partner in &network.partners {
        let (name, wasmd) = (partner.name, &partner.chain.wasmd);
        lines.extend([
            (format!("{name} chain id"), wasmd.chain_id().to_owned()),
            (format!("{name} gRPC"), wasmd.grpc_url()),
            (format!("{name} RPC"), wasmd.rpc_url()),
            (format!("{name} REST"), wasmd.rest_url()),
            (format!("{name} home"), wasmd.home().display().to_string()),
            (
                format!("{name} btc-mesh"),
                partner.contract().text().to_owned(),
            ),
        ]);
    }
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
    let provider = network.providers.first().context("no provider")?.key;
    let txid = stake.txid();
    let babylond = provision::BABYLOND.locate()?;
    let node = network.babylond.rpc_url().replace("http", "tcp");
    let mut lines = vec![
        ("the staker's coins", format!("{staker} wallet balance")),
        ("its stakes", format!("{staker} list")),
        (
            "stake some more",
            format!(
                "{staker} stake --amount '0.1 BTC' --finality-provider {provider} --staking-time 1000"
            ),
        ),
        ("end the active stake", format!("{staker} unbond {txid}")),
        (
            "and once the unbonding time is over",
            format!("{staker} withdraw {txid}"),
        ),
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
    lines.extend(of_partners(network, &staker)?);
    Ok(lines.iter().fold(String::new(), |mut text, (what, line)| {
        let _ = write!(text, "\n  # {what}\n  {line}\n");
        text
    }))
}

/// What there is to try with partner chains.
fn of_partners(network: &Network, staker: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
    let Some(partner) = network.partners.first() else {
        return Ok(Vec::new());
    };
    let wasmd = provision::WASMD.locate()?;
    let (name, contract) = (partner.name, partner.contract().text());
    let node = partner.chain.wasmd.rpc_url().replace("http", "tcp");
    let ask = |question: &str| {
        let wasmd = wasmd.display();
        format!(
            "{wasmd} query wasm contract-state smart {contract} '{question}' --output json --node {node}"
        )
    };
    Ok(vec![
        (
            "where the stakes count, and what is at risk",
            format!("{staker} exposure"),
        ),
        (
            "what the partner chains owe, and have it paid",
            format!("{staker} rewards --claim"),
        ),
        (
            "where finality stands on a partner chain",
            ask(r#"{"status":{}}"#),
        ),
        ("who votes there", ask(r#"{"providers":{}}"#)),
        (
            "show a stake made just now to one partner chain alone",
            format!("{staker} restake <STAKING TXID> --share {name}=100%"),
        ),
    ])
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
