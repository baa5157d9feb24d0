//! Trying stakes again: pauses that grow, and in the end the list of what was given up on.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use bitcoin::OutPoint;
use chain::{AncestorsError, ChainError};

use crate::parked::ParkedDirectory;
use crate::retry::{Backoff, Schedule};

/// Pauses after failures of one item.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(2),
    longest: Duration::from_mins(10),
};

/// So many failures in a row, about two hours, and an item is given up on, unless its task wants it otherwise.
const MOST_FAILURES: u32 = 20;

/// What one task has tried and not finished, by staking output.
#[derive(Debug)]
pub struct Attempts {
    kind: String,
    most_failures: u32,
    schedule: Schedule<OutPoint>,
    parked: ParkedDirectory,
}

/// Why an item failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Name of the rule; it does not change between versions.
    pub rule: String,
    /// What happened, for people.
    pub message: String,
}

impl Reason {
    /// Makes one.
    pub fn new(rule: impl Into<String>, message: impl Into<String>) -> Self {
        let (rule, message) = (rule.into(), message.into());
        Self { rule, message }
    }

    /// What the chain's answer to one message says about that message.
    ///
    /// # Errors
    ///
    /// Gives back what says nothing about it, such as a node that does not answer.
    pub fn of_message(error: ChainError) -> Result<Self, ChainError> {
        match &error {
            ChainError::Rejected(refusal) => Ok(Self::new(
                format!("{}-{}", refusal.codespace, refusal.code),
                error.to_string(),
            )),
            ChainError::InvalidMessage { .. } => Ok(Self::new("message", error.to_string())),
            ChainError::FeeAboveCap { .. } => Ok(Self::new("fee", error.to_string())),
            ChainError::Timeout { .. } => Ok(Self::new("timeout", error.to_string())),
            _ => Err(error),
        }
    }

    /// What it says about an item that a chain could not be led down to its block.
    ///
    /// # Errors
    ///
    /// Gives back what says nothing about it, such as a node that does not answer.
    pub fn of_ancestors<B, E>(error: AncestorsError<B>) -> Result<Self, E>
    where
        B: std::error::Error,
        E: From<B> + From<ChainError>,
    {
        match error {
            AncestorsError::Bitcoin(error) => Err(error.into()),
            AncestorsError::Chain(error) => Ok(Self::of_message(error)?),
            error => Ok(Self::new("ancestors", error.to_string())),
        }
    }
}

impl Attempts {
    /// Starts with what is parked in `directory`; `kind` tells the tasks' items there apart.
    pub fn open(directory: &Path, kind: impl Into<String>) -> io::Result<Self> {
        Ok(Self {
            kind: kind.into(),
            most_failures: MOST_FAILURES,
            schedule: Schedule::new(BACKOFF),
            parked: ParkedDirectory::open(directory)?,
        })
    }

    /// Gives up after so many failures in a row.
    #[must_use]
    pub fn giving_up_after(self, most_failures: u32) -> Self {
        Self {
            most_failures,
            ..self
        }
    }

    /// Goes on trying what may heal for ever; what cannot is still [parked](Self::park).
    #[must_use]
    pub fn without_giving_up(self) -> Self {
        self.giving_up_after(u32::MAX)
    }

    /// Looks which parked items somebody wants tried again, and returns how many of all tasks are left.
    pub fn refresh(&mut self) -> io::Result<usize> {
        self.parked.refresh()?;
        Ok(self.parked.len())
    }

    /// Whether an item may be tried now.
    pub fn is_due(&self, item: &OutPoint) -> bool {
        !self.is_parked(item) && self.schedule.is_due(item, Instant::now())
    }

    /// Whether an item was given up on.
    pub fn is_parked(&self, item: &OutPoint) -> bool {
        self.parked.contains(&self.id(item))
    }

    /// Notes a failure that may heal; after many in a row the item is given up on.
    pub fn failed(&mut self, item: OutPoint, reason: &Reason) -> io::Result<()> {
        if self.schedule.failures(&item) >= self.most_failures {
            return self.park(item, reason);
        }
        let (kind, message) = (&self.kind, &reason.message);
        tracing::warn!(kind, %item, rule = reason.rule, message, "failed, will be tried again");
        self.schedule.failed(
            item,
            Instant::now(),
            rand::random(),
            reason.message.as_str(),
        );
        Ok(())
    }

    /// Gives an item up.
    pub fn park(&mut self, item: OutPoint, reason: &Reason) -> io::Result<()> {
        let (kind, message) = (&self.kind, &reason.message);
        tracing::warn!(kind, %item, rule = reason.rule, message, "given up on");
        self.schedule.forget(&item);
        let id = self.id(&item);
        self.parked
            .park(&id, &reason.rule, message.as_str(), SystemTime::now())
    }

    /// Has an item tried again that waits or was given up on, since what it failed for may be over.
    pub fn again(&mut self, item: &OutPoint) -> io::Result<()> {
        self.schedule.forget(item);
        let id = self.id(item);
        self.parked.retain(|parked| parked != id)
    }

    /// Notes that an item is finished.
    pub fn finished(&mut self, item: &OutPoint) {
        self.schedule.forget(item);
    }

    fn id(&self, item: &OutPoint) -> String {
        format!("{}-{}-{}", self.kind, item.txid, item.vout)
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::Txid;
    use bitcoin::hashes::Hash as _;
    use chain::Rejection;

    use super::*;

    #[test]
    fn an_item_that_never_heals_is_parked_and_the_others_go_on() {
        let directory = tempfile::tempdir().unwrap();
        let mut attempts = Attempts::open(directory.path(), "activation").unwrap();
        let [bad, good] = [1, 2].map(|vout| OutPoint::new(Txid::from_byte_array([1; 32]), vout));
        let reason = Reason::new("btcstaking-1108", "refused");
        for _ in 0..MOST_FAILURES {
            attempts.failed(bad, &reason).unwrap();
            assert!(!attempts.is_parked(&bad) && !attempts.is_due(&bad));
            assert!(attempts.is_due(&good));
        }
        attempts.failed(bad, &reason).unwrap();
        assert!(attempts.is_parked(&bad));

        let listed = crate::parked::list(directory.path()).unwrap();
        assert_eq!(listed[0].id, format!("activation-{}-1", bad.txid));
        assert!(crate::parked::retry(directory.path(), &listed[0].id).unwrap());
        attempts.refresh().unwrap();
        assert!(attempts.is_due(&bad));

        attempts.park(bad, &reason).unwrap();
        attempts.park(good, &reason).unwrap();
        attempts.again(&bad).unwrap();
        assert!(attempts.is_due(&bad) && attempts.is_parked(&good));
    }

    #[test]
    fn a_node_that_is_away_is_nobodys_failure() {
        let away = ChainError::Unreachable {
            endpoint: String::new(),
            reason: String::new(),
        };
        assert!(Reason::of_message(away).is_err());
        let refused = ChainError::Rejected(Rejection {
            codespace: "btcstaking".to_owned(),
            code: 1124,
            log: String::new(),
        });
        assert_eq!(Reason::of_message(refused).unwrap().rule, "btcstaking-1124");
    }
}
