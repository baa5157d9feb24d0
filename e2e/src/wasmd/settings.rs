//! What a test can choose about its partner chain.

use std::time::Duration;

use crate::GenesisEdit;

/// The parameters of a fresh chain; the defaults suit short scenarios.
///
/// ```
/// use testenv::WasmdSettings;
///
/// let settings = WasmdSettings { funded_accounts: 5, ..WasmdSettings::default() };
/// assert!(settings.block_interval.as_millis() < 500);
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its id; a fresh one where absent.
    pub chain_id: Option<String>,
    /// How many accounts the genesis gives coins to, besides the validator's.
    pub funded_accounts: usize,
    /// Rest between two blocks; making one takes some tens of milliseconds more.
    pub block_interval: Duration,
    /// How long a proposal is voted on; an expedited one half as long.
    pub voting_period: Duration,
    /// Further changes to the genesis file, made last.
    pub genesis_edits: Vec<GenesisEdit>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            chain_id: None,
            funded_accounts: 3,
            block_interval: Duration::from_millis(250),
            voting_period: Duration::from_secs(4),
            genesis_edits: Vec::new(),
        }
    }
}
