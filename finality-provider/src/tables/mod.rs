//! Whether the next table agrees with Bitcoin as the operator's own node sees it (rule S4).
//!
//! A vote for an epoch's last checkpoint hands over to the next table, and a contract can be shown stakes and spends in
//! blocks that nobody else mined. So before such a vote is signed, an [`Auditor`] for each partner chain compares the
//! table's stakes with the own bitcoind (`audit` decides, from what both say), and the voters ask its [`Verdicts`]. No
//! verdict, no vote; one that differs is looked at again and again, so votes go on by themselves once the two agree.
//! Nothing of it is stored: a restart looks again.

mod audit;
mod auditor;
mod behind;
mod coins;
mod ended;
mod findings;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use auditor::{AuditError, Auditor};
use findings::Findings;

/// What is known of the tables that votes hand over to. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Verdicts(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// By root.
    tables: BTreeMap<[u8; 32], Findings>,
    /// Why nothing new is known.
    hindrance: Option<String>,
}

/// Whether a vote may hand over to a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leave {
    /// Our own Bitcoin node agrees with it.
    Granted,
    /// It was not looked at yet.
    NotYet,
    /// Something is wrong, which this text says.
    Withheld(String),
}

impl Verdicts {
    /// Whether a vote may hand over to the table with this root.
    pub fn leave(&self, root: &[u8; 32]) -> Leave {
        let known = self.known();
        match (known.tables.get(root), &known.hindrance) {
            (Some(findings), _) if !findings.differ() => Leave::Granted,
            (Some(findings), _) => Leave::Withheld(findings.to_string()),
            (None, Some(hindrance)) => Leave::Withheld(format!(
                "the next table cannot be compared with the own Bitcoin node: {hindrance}"
            )),
            (None, None) => Leave::NotYet,
        }
    }

    /// Forgets all tables but those with these roots.
    fn keep(&self, is_named: impl Fn(&[u8; 32]) -> bool) {
        self.known().tables.retain(|root, _| is_named(root));
    }

    /// A table that differs too much, if one does.
    fn differing(&self) -> Option<Findings> {
        let known = self.known();
        let mut findings = known.tables.values();
        findings.find(|findings| findings.differ()).cloned()
    }

    fn findings(&self, root: &[u8; 32]) -> Option<Findings> {
        self.known().tables.get(root).cloned()
    }

    fn set(&self, root: [u8; 32], findings: Findings) {
        self.known().tables.insert(root, findings);
    }

    fn set_hindrance(&self, hindrance: Option<String>) {
        self.known().hindrance = hindrance;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Each change is one assignment: a panic elsewhere leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const ROOT: [u8; 32] = [1; 32];

    fn findings(unbacked: u64) -> Findings {
        Findings {
            epoch: 2,
            total: 1_000,
            unbacked,
            removed: 0,
            foreign_cut: None,
            unslashed: BTreeSet::new(),
        }
    }

    #[test]
    fn only_a_table_that_was_looked_at_and_agrees_gets_votes() {
        let verdicts = Verdicts::default();
        assert_eq!(verdicts.leave(&ROOT), Leave::NotYet);
        verdicts.set_hindrance(Some("it is down".to_owned()));
        let Leave::Withheld(reason) = verdicts.leave(&ROOT) else {
            panic!("nothing is known")
        };
        assert!(reason.contains("it is down"), "{reason}");
        verdicts.set(ROOT, findings(101));
        let Leave::Withheld(reason) = verdicts.leave(&ROOT) else {
            panic!("it differs")
        };
        assert!(reason.contains("101 of 1000 sat"), "{reason}");
        // What was seen to agree stays so while the node is away.
        verdicts.set(ROOT, findings(100));
        assert_eq!(verdicts.leave(&ROOT), Leave::Granted);
        verdicts.keep(|_| false);
        assert_ne!(verdicts.leave(&ROOT), Leave::Granted);
    }
}
