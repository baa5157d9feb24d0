//! `record rebuild`: the way back where the signing record was lost and there is no backup, or does not know all that was
//! signed.

use std::fmt;
use std::num::NonZeroU32;

use ::chain::{Chain, Delegation};
use bitcoin::OutPoint;
use daemon::output::{Answer, CommandError, Exit};
use keystore::KeyFile;
use serde::Serialize;
use staking::keys::CovenantKey;

use super::{chain, failure};
use crate::audit;
use crate::cli::RecordCommand;
use crate::config::Config;
use crate::home::Home;
use crate::signer::{Opened, RecordError, SignedTransactions, SigningHistory, SigningRecord};

#[derive(Serialize)]
struct Rebuilt {
    from_audit_log: u64,
    from_chain: u64,
    /// Delegations of the chain that could not be read; if one was signed, the record does not know it.
    unreadable_on_chain: u64,
    /// Staking outputs for which nothing is signed any more, since nobody knows which slashing transactions were.
    closed: u64,
}

impl fmt::Display for Rebuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "rebuilt the signing record: {} signatures from the audit log, {} from the chain",
            self.from_audit_log, self.from_chain
        )?;
        if self.unreadable_on_chain > 0 {
            write!(
                f,
                "\n{} delegations of the chain cannot be read; if one of them was signed, the record does not know it",
                self.unreadable_on_chain
            )?;
        }
        if self.closed > 0 {
            write!(
                f,
                "\nof {} staking outputs it is still not known which slashing transactions were signed; nothing more is signed \
                 for them",
                self.closed
            )?;
        }
        Ok(())
    }
}

const QUESTION: &str = "The rebuilt record knows the audit log and what the chain has. Signatures that left this signer \
                        and are in neither are forgotten. Is there really no backup?";

pub(super) async fn execute(
    command: RecordCommand,
    config: &Config,
    home: &Home,
) -> Result<Answer, CommandError> {
    let RecordCommand::Rebuild(consent) = command;
    let file = KeyFile::open(&home.resolve(&config.signer.key_file))?;
    let key: CovenantKey = file
        .public()
        .parse()
        .map_err(|error| failure::key(&error))?;
    let incomplete = incomplete(home, key)?;
    if config.babylon.is_none() && !home.audit_log().exists() {
        return Err(CommandError::new(
            Exit::Refused,
            "nothing-known",
            "there is neither an audit log nor a chain that says what was signed",
        )
        .with_hint("restore data/audit.jsonl from a backup"));
    }
    if incomplete.is_none() {
        consent.ask(QUESTION)?;
    }
    // Everything is gathered before the record is made: one that is there is taken for whole.
    let from_audit_log = signed_in_log(home)?;
    let (from_chain, unreadable_on_chain) = match &config.babylon {
        Some(babylon) => signed_on_chain(&chain::reader(babylon).await?, key).await?,
        None => (Vec::new(), 0),
    };
    let all = from_audit_log.iter().chain(&from_chain).copied();
    let closed = if let Some(opened) = incomplete {
        opened.learn(all.map(Ok::<_, RecordError>))?;
        opened.closed()?
    } else {
        SigningHistory::rebuild(home, key, all)?;
        0
    };
    let count = |signed: &[_]| u64::try_from(signed.len()).unwrap_or(u64::MAX);
    Ok(Rebuilt {
        from_audit_log: count(&from_audit_log),
        from_chain: count(&from_chain),
        unreadable_on_chain,
        closed,
    }
    .into())
}

/// A record that is there and does not know all slashing transactions that were signed. It is never set aside for another:
/// what it knows may be known nowhere else.
///
/// # Errors
///
/// Refuses one that is there and knows them.
fn incomplete(home: &Home, key: CovenantKey) -> Result<Option<Opened>, CommandError> {
    let path = home.signing_record();
    let opened = match SigningRecord::open(&path, key) {
        Err(RecordError::Missing { .. }) => return Ok(None),
        opened => opened?,
    };
    if opened.closed()? > 0 {
        return Ok(Some(opened));
    }
    Err(RecordError::Exists { path }.into())
}

fn signed_in_log(home: &Home) -> Result<Vec<(OutPoint, SignedTransactions)>, CommandError> {
    if !home.audit_log().exists() {
        return Ok(Vec::new());
    }
    Ok(audit::signed(&home.audit_log())?.collect::<Result<_, _>>()?)
}

/// What the chain has of `key`'s signatures, and how many of its delegations could not be read.
async fn signed_on_chain(
    chain: &dyn Chain,
    key: CovenantKey,
) -> Result<(Vec<(OutPoint, SignedTransactions)>, u64), CommandError> {
    const PAGE: NonZeroU32 = NonZeroU32::new(200).unwrap();
    let mut signed = Vec::new();
    let mut unreadable = 0_u64;
    let mut after = None;
    loop {
        let page = chain.delegations(None, after, PAGE).await?;
        unreadable += u64::try_from(page.invalid.len()).unwrap_or(u64::MAX);
        signed.extend(
            page.delegations
                .iter()
                .filter(|one| has_signature(one, key))
                .map(|one| (one.staking_outpoint(), transactions(one))),
        );
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok((signed, unreadable)),
        }
    }
}

fn transactions(delegation: &Delegation) -> SignedTransactions {
    SignedTransactions {
        unbonding: delegation.unbonding_tx.compute_txid(),
        slashing: delegation.slashing_tx.compute_txid(),
        unbonding_slashing: delegation.unbonding_slashing_tx.compute_txid(),
    }
}

fn has_signature(delegation: &Delegation, key: CovenantKey) -> bool {
    delegation
        .covenant_unbonding_signatures
        .iter()
        .any(|signature| signature.key == key)
}
