//! A picture of the service, for people and scripts.

use std::fmt;

use bitcoin::Network;
use serde::{Deserialize, Serialize};
use staking::keys::CovenantKey;

/// What the service for stakers is and does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Key of the member.
    pub key: CovenantKey,
    /// Its Bitcoin network.
    pub bitcoin_network: Network,
    /// Versions of the sets of parameters that it signs under.
    pub params: Vec<u32>,
    /// Requests that are worked on.
    pub busy: usize,
    /// Delegations signed since the start, repeated ones included.
    pub signed: u64,
    /// Delegations refused by a rule since the start.
    pub refused: u64,
    /// Requests turned away by a limit since the start.
    pub limited: u64,
    /// Delegations that count towards the hourly limits.
    pub last_hour: usize,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "stakers       signed {}, refused {}, turned away {}; {} under way, {} in the last hour",
            self.signed, self.refused, self.limited, self.busy, self.last_hour
        )?;
        writeln!(
            f,
            "              as {} ({}) under params {:?}",
            self.key, self.bitcoin_network, self.params
        )
    }
}
