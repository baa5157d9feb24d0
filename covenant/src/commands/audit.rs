//! `audit`: reading and checking the signer's log.

use std::collections::VecDeque;
use std::fmt;

use bitcoin::hashes::sha256;
use daemon::output::{Answer, CommandError, Exit};
use serde::Serialize;

use crate::audit::{Event, Head, Recorded, read};
use crate::cli::AuditCommand;
use crate::home::Home;

#[derive(Serialize)]
struct Verified {
    #[serde(flatten)]
    head: Head,
    /// Bytes of a line that a crash cut off; a running signer may just be writing one.
    unfinished_bytes: u64,
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the log is whole; its head is {}", self.head)
    }
}

#[derive(Serialize)]
struct Entries {
    entries: VecDeque<Recorded>,
}

impl fmt::Display for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Recorded { entry, .. } in &self.entries {
            write!(f, "{:>6}  {}  ", entry.sequence, entry.time)?;
            match &entry.event {
                Event::Started { covenant, network } => {
                    writeln!(f, "started   {covenant} on {network}")?;
                }
                Event::Signed {
                    origin,
                    staking_output,
                    params_version,
                    ..
                } => {
                    writeln!(
                        f,
                        "signed    {staking_output} under params {params_version}, {origin}"
                    )?;
                }
                Event::Refused {
                    origin,
                    staking_txid,
                    rule,
                    message,
                } => {
                    writeln!(f, "refused   {staking_txid}, {origin}: {rule}: {message}")?;
                }
            }
        }
        Ok(())
    }
}

pub(super) fn execute(command: &AuditCommand, home: &Home) -> Result<Answer, CommandError> {
    match command {
        AuditCommand::Verify { contains } => verify(home, *contains).map(Into::into),
        AuditCommand::List { limit } => list(home, *limit).map(Into::into),
    }
}

fn verify(home: &Home, contains: Option<sha256::Hash>) -> Result<Verified, CommandError> {
    let mut reader = open(home)?;
    let mut found = contains.is_none();
    for entry in &mut reader {
        let entry = entry?;
        found |= contains == Some(entry.hash);
    }
    if let (false, Some(hash)) = (found, contains) {
        return Err(CommandError::new(
            Exit::Refused,
            "audit-log-changed",
            format!("the log is whole, but no entry has the hash {hash}: its end was cut off"),
        ));
    }
    Ok(Verified {
        head: reader.head(),
        unfinished_bytes: reader.torn_bytes(),
    })
}

fn list(home: &Home, limit: usize) -> Result<Entries, CommandError> {
    let mut entries = VecDeque::new();
    for entry in open(home)? {
        entries.push_back(entry?);
        if entries.len() > limit {
            entries.pop_front();
        }
    }
    Ok(Entries { entries })
}

fn open(home: &Home) -> Result<crate::audit::Reader, CommandError> {
    Ok(read(&home.audit_log())?)
}
