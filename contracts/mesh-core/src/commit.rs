//! A provider's commit to its public randomness for a range of checkpoints.

use eots::PublicKey;
use eots::commitment::Commitment;

use crate::Domain;
use crate::hash::tagged;

/// Most checkpoints of one commit.
pub const MAX_CHECKPOINTS: u64 = 1 << 20;

/// A range of checkpoints, and the root of the tree over their public randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commit {
    start: u64,
    checkpoints: u64,
    root: Commitment,
}

/// A range that cannot be committed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a commit to {checkpoints} checkpoints from {start} is refused: 1 to {MAX_CHECKPOINTS}, all below 2^64"
)]
pub struct CommitError {
    /// First checkpoint.
    pub start: u64,
    /// Number of checkpoints.
    pub checkpoints: u64,
}

impl Commit {
    /// A commit to `checkpoints` from `start` on.
    ///
    /// # Errors
    ///
    /// Refuses an empty range, one above [`MAX_CHECKPOINTS`], and one that wraps.
    pub fn new(start: u64, checkpoints: u64, root: Commitment) -> Result<Self, CommitError> {
        let valid = (1..=MAX_CHECKPOINTS).contains(&checkpoints)
            && start.checked_add(checkpoints).is_some();
        if valid {
            Ok(Self {
                start,
                checkpoints,
                root,
            })
        } else {
            Err(CommitError { start, checkpoints })
        }
    }

    /// First checkpoint.
    pub const fn start(&self) -> u64 {
        self.start
    }

    /// Number of checkpoints.
    pub const fn checkpoints(&self) -> u64 {
        self.checkpoints
    }

    /// Root of the tree over the public randomness.
    pub const fn root(&self) -> &Commitment {
        &self.root
    }

    /// Whether it covers every checkpoint from `first` to `last`.
    pub fn covers(&self, first: u64, last: u64) -> bool {
        self.start <= first && last < self.start.saturating_add(self.checkpoints)
    }

    /// What the provider signs (BIP-0340); `seq` must grow from commit to commit.
    pub fn digest(&self, domain: &Domain, provider: &PublicKey, seq: u64) -> [u8; 32] {
        let bytes = [
            domain.as_bytes().as_slice(),
            provider.as_bytes(),
            &seq.to_be_bytes(),
            &self.start.to_be_bytes(),
            &self.checkpoints.to_be_bytes(),
            self.root.as_bytes(),
        ]
        .concat();
        tagged("btc-mesh/1/commit", &bytes)
    }
}
