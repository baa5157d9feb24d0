//! What comes of comparing a table with our own Bitcoin node. No I/O.

use std::collections::BTreeSet;
use std::fmt;

use eots::PublicKey;

/// How much of a table may differ, in hundredths: more than one stale stake, less than an attack needs.
const TOLERANCE: u128 = 10;

/// How far a table is from what our own Bitcoin node says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Findings {
    /// The table's epoch.
    pub epoch: u64,
    /// Weight of the table. Satoshi.
    pub total: u64,
    /// Weight that stands on stakes which the node does not know, or whose coins got away before they could be burnt. Satoshi.
    pub unbacked: u64,
    /// Weight that was taken out although the node knows its coins to be where they were. Satoshi.
    pub removed: u64,
    /// The block at which the table was cut, where it is not on the node's chain. That alone is no reason to differ: a
    /// block that lost a race against another changes nothing that counts.
    pub foreign_cut: Option<String>,
    /// Providers of the table whose stakes were burnt and that the instance does not know to be slashed.
    pub unslashed: BTreeSet<PublicKey>,
}

impl Findings {
    /// Whether more differs than is tolerated.
    pub(super) fn differ(&self) -> bool {
        self.deviation().saturating_mul(100) > u128::from(self.total).saturating_mul(TOLERANCE)
    }

    /// What differs in all. Satoshi.
    fn deviation(&self) -> u128 {
        u128::from(self.unbacked).saturating_add(self.removed.into())
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} sat in the table of epoch {} differ from what the own Bitcoin node says ({TOLERANCE} % are tolerated): \
             {} stand on outputs that it does not know or whose coins got away, {} were taken out although it knows \
             their outputs as unspent",
            self.deviation(),
            self.total,
            self.epoch,
            self.unbacked,
            self.removed
        )?;
        if let Some(block) = &self.foreign_cut {
            write!(
                f,
                "; the table was cut at {block}, which is not on its chain"
            )?;
        }
        for provider in &self.unslashed {
            write!(
                f,
                "; a stake with provider {provider} was burnt, so its key is out, and the instance still takes its votes: have \
                 it slashed there"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_is_tolerated_and_no_more() {
        let differ = |unbacked, removed| {
            let findings = Findings {
                epoch: 1,
                total: 1_000,
                unbacked,
                removed,
                foreign_cut: None,
                unslashed: BTreeSet::new(),
            };
            findings.differ()
        };
        assert!(!differ(0, 0) && !differ(100, 0) && !differ(50, 50));
        assert!(differ(101, 0) && differ(0, 101) && differ(50, 51));
        assert!(differ(u64::MAX, u64::MAX));
    }
}
