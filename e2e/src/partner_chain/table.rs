//! A table as the contract answers it, read so that its root is computed anew.

use anyhow::{Context as _, ensure};
use bitcoin::BlockHash;
use bitcoin::hashes::Hash as _;
use eots::commitment::Commitment;
use mesh_core::Domain;
use mesh_core::commit::Commit;
use mesh_core::table::{Entry, Table, Term};
use serde_json::Value;

use super::encoding::{bytes32, number, text};

/// Reads an answer; refuses one whose root is not that of what it shows.
pub(super) fn read(domain: &Domain, answer: &Value) -> anyhow::Result<Table> {
    let cut: BlockHash = text(answer, "btc_cut_hash")?.parse()?;
    let term = Term {
        era: number(answer, "era")?.try_into()?,
        epoch: number(answer, "epoch")?,
        first_checkpoint: number(answer, "first_k")?,
        first_height: number(answer, "first_height")?,
        interval: number(answer, "interval")?.try_into()?,
        checkpoints: number(answer, "count")?.try_into()?,
        cut_height: number(answer, "btc_cut")?.try_into()?,
        cut_hash: cut.to_byte_array(),
    };
    let entries = answer
        .get("entries")
        .and_then(Value::as_array)
        .context("a table without entries")?
        .iter()
        .map(entry)
        .collect::<anyhow::Result<_>>()?;
    let table = Table::new(domain, term, number(answer, "at_risk")?, entries)?;
    let head = table.head();
    ensure!(
        (head.root, head.total) == (bytes32(text(answer, "root")?)?, number(answer, "total")?),
        "the root is not that of the table {answer}"
    );
    Ok(table)
}

fn entry(answer: &Value) -> anyhow::Result<Entry> {
    let commit = answer.get("commit").context("an entry without commit")?;
    Ok(Entry {
        provider: text(answer, "pk")?.parse()?,
        weight: number(answer, "weight")?,
        commit: Commit::new(
            number(commit, "start")?,
            number(commit, "num")?,
            Commitment::from_bytes(bytes32(text(commit, "root")?)?),
        )?,
    })
}
