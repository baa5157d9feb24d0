//! Tables as messages bring them and answers show them. Only what gives the root it names is one.

use bitcoin::BlockHash;
use bitcoin::hashes::Hash;
use btc_mesh::finality::tables;
use btc_mesh::msg::{Bytes32, CommitInfo};
use cosmwasm_std::Storage;
use eots::PublicKey;
use eots::commitment::Commitment;
use mesh_core::commit::Commit;
use mesh_core::table::{Entry, Table, TableHead, Term};

use crate::ContractError;
use crate::config::Config;
use crate::msg;

/// Rebuilds a table of the subject and its root.
pub(crate) fn rebuild(config: &Config, shown: &msg::Table) -> Result<Table, ContractError> {
    let followed = config.subject.domain;
    if shown.domain != followed {
        let given = shown.domain;
        return Err(ContractError::OtherDomain { given, followed });
    }
    let term = Term {
        era: shown.era,
        epoch: shown.epoch,
        first_checkpoint: shown.first_k,
        first_height: shown.first_height,
        interval: shown.interval,
        checkpoints: shown.count,
        cut_height: shown.btc_cut,
        cut_hash: shown.btc_cut_hash.to_byte_array(),
    };
    let entries = shown.entries.iter().map(entry).collect::<Result<_, _>>()?;
    let table = Table::new(&config.domain(), term, shown.at_risk, entries)?;
    let head = table.head();
    if (shown.root.0, shown.total) == (head.root, head.total) {
        Ok(table)
    } else {
        Err(ContractError::Root {
            given: shown.root,
            given_total: shown.total,
            computed: head.root.into(),
            total: head.total,
        })
    }
}

/// A key that is no point of the curve signs nothing, and whoever signed or pinned the table vouches for its keys.
fn entry(shown: &msg::TableEntry) -> Result<Entry, ContractError> {
    let CommitInfo { start, num, root } = &shown.commit;
    Ok(Entry {
        provider: PublicKey::from_checked_bytes(shown.pk.0),
        weight: shown.weight,
        commit: Commit::new(*start, *num, Commitment::from_bytes(root.0))?,
    })
}

/// Shows a stored table.
pub(crate) fn answer(
    storage: &dyn Storage,
    config: &Config,
    head: &TableHead,
) -> Result<msg::Table, ContractError> {
    let term = &head.term;
    let entries = tables::entries(storage, term.epoch)?
        .into_iter()
        .map(|(entry, _)| msg::TableEntry {
            pk: entry.provider.to_bytes().into(),
            weight: entry.weight,
            commit: CommitInfo {
                start: entry.commit.start(),
                num: entry.commit.checkpoints(),
                root: Bytes32(entry.commit.root().to_bytes()),
            },
        })
        .collect();
    Ok(msg::Table {
        domain: config.subject.domain,
        era: term.era,
        epoch: term.epoch,
        first_k: term.first_checkpoint,
        first_height: term.first_height,
        interval: term.interval,
        count: term.checkpoints,
        btc_cut: term.cut_height,
        btc_cut_hash: BlockHash::from_byte_array(term.cut_hash),
        total: head.total,
        at_risk: head.at_risk,
        root: head.root.into(),
        entries,
    })
}
