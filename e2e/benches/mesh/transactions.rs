//! What a node's own command line says of an instance's transactions.

use anyhow::Context as _;
use serde_json::{Value, json};
use testenv::partner_chain::{Mesh, PartnerChain};

/// Checkpoints that are looked at.
const CHECKPOINTS: u64 = 20;

/// Transactions of an answer.
const PAGE: usize = 50;

/// Transactions of an instance.
#[derive(Default)]
struct Sum {
    transactions: usize,
    votes: usize,
    gas: u64,
}

/// Says how many blocks after its own a checkpoint was final, and what it took, on an instance that a process voted on.
pub(crate) async fn of_the_process(chain: &PartnerChain, mesh: &Mesh<'_>) -> anyhow::Result<()> {
    let status = mesh.status().await?;
    let newest = status["next"].as_u64().and_then(|next| next.checked_sub(1));
    let newest = newest.context("nothing is final")?;
    let first = newest.saturating_sub(CHECKPOINTS);
    let mut waits = Vec::new();
    let (mut from, mut to) = (0, 0);
    for checkpoint in first..=newest {
        let found = mesh
            .query(json!({ "finalized": { "k": checkpoint } }))
            .await?;
        let height = found["height"].as_u64().context("no height")?;
        to = final_in(chain, mesh, checkpoint).await?;
        if checkpoint == first {
            from = to;
        }
        waits.push(to.saturating_sub(height));
    }
    waits.sort_unstable();
    let sum = sum(chain, mesh, from, to).await?;
    let [least, .., most] = waits.as_slice() else {
        anyhow::bail!("too few checkpoints are final");
    };
    let median = waits.get(waits.len() / 2).context("no checkpoint")?;
    let Sum {
        transactions,
        votes,
        gas,
    } = sum;
    let each = gas.checked_div(newest - first).unwrap_or_default();
    println!(
        "\n4 providers: final {median} blocks after the checkpoint's own (median of {}; {least} to {most}); {votes} votes in \
         {transactions} transactions, {each} gas a checkpoint",
        waits.len()
    );
    Ok(())
}

/// Height at which a checkpoint became final.
async fn final_in(chain: &PartnerChain, mesh: &Mesh<'_>, checkpoint: u64) -> anyhow::Result<u64> {
    let contract = mesh.address().text();
    let query =
        format!("wasm-final._contract_address='{contract}' AND wasm-final.k='{checkpoint}'");
    let found = chain.wasmd.query(&["txs", "--query", &query]).await?;
    let height = found.pointer("/txs/0/height").and_then(Value::as_str);
    Ok(height.context("no transaction made it final")?.parse()?)
}

/// The instance's transactions in the blocks above `from` up to `to`.
async fn sum(chain: &PartnerChain, mesh: &Mesh<'_>, from: u64, to: u64) -> anyhow::Result<Sum> {
    let contract = mesh.address().text();
    let query =
        format!("execute._contract_address='{contract}' AND tx.height>{from} AND tx.height<={to}");
    let limit = PAGE.to_string();
    let mut sum = Sum::default();
    for page in 1_u32.. {
        let page = page.to_string();
        let arguments = ["txs", "--query", &query, "--limit", &limit, "--page", &page];
        let found = chain.wasmd.query(&arguments).await?;
        let found = found["txs"].as_array().context("no list")?;
        for transaction in found {
            let gas = transaction["gas_used"].as_str().context("no gas")?;
            sum.gas += gas.parse::<u64>()?;
            sum.transactions += 1;
            sum.votes += votes(transaction)?;
        }
        if found.len() < PAGE {
            break;
        }
    }
    Ok(sum)
}

/// Votes of a transaction.
fn votes(transaction: &Value) -> anyhow::Result<usize> {
    let messages = transaction.pointer("/tx/body/messages");
    let messages = messages.and_then(Value::as_array).context("no messages")?;
    let items = messages.iter().filter_map(|message| {
        message
            .pointer("/msg/votes/items")
            .and_then(Value::as_array)
    });
    Ok(items.map(Vec::len).sum())
}
