//! How reporting goes, for `/status` and for people.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is known of a provider's stakes, and what became of them on one chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportingStatus {
    /// Stakes with this provider that any chain told of, or that were handed over.
    pub stakes: usize,
    /// Of these, stakes whose stakers let this chain count a share.
    pub consented: usize,
    /// Of these, stakes that this chain knows.
    pub known: usize,
    /// Stakes of which this chain is to be shown something now.
    pub waiting: usize,
    /// Stakes that were given up on; `finality-provider parked list` says why.
    pub parked: usize,
    /// Messages about stakes that this chain took since the start of the process.
    pub shown: u64,
}

impl fmt::Display for ReportingStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stakes,
            consented,
            known,
            waiting,
            parked,
            ..
        } = self;
        write!(
            f,
            "{stakes} with this provider, {consented} of them with a share here; {known} known here, {waiting} to be shown"
        )?;
        match parked {
            0 => Ok(()),
            parked => write!(f, ", {parked} given up on (`parked list` says why)"),
        }
    }
}
