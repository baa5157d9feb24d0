//! What a vote for a checkpoint signs.

use crate::Domain;
use crate::hash::sha256;
use crate::table::TableHead;

/// Length of a vote's message in bytes.
pub const LENGTH: usize = 216;

/// Why there is no message to vote on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VoteError {
    /// The checkpoint is of another epoch.
    #[error("checkpoint {checkpoint} is not of epoch {epoch}")]
    OtherEpoch {
        /// The checkpoint.
        checkpoint: u64,
        /// The table's epoch.
        epoch: u64,
    },
    /// The last checkpoint hands over to the next table, which is not there yet.
    #[error(
        "checkpoint {0} is the last of its epoch, so a vote names the next table, and none is ready or given"
    )]
    NextTableMissing(u64),
}

/// A vote for one checkpoint: everything that its message says beside the domain.
///
/// Whoever holds a provider's key builds the message from this, and is never handed a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointVote {
    /// Epoch of the table in force.
    pub epoch: u64,
    /// The checkpoint.
    pub checkpoint: u64,
    /// Its height of the secured chain.
    pub height: u64,
    /// Hash of the chain's header there.
    pub header_hash: [u8; 32],
    /// Root of the table in force.
    pub table_root: [u8; 32],
    /// Root of the next table at the epoch's last checkpoint, else zeros.
    pub next_root: [u8; 32],
}

impl CheckpointVote {
    /// The vote for `header_hash` at `checkpoint` under a table.
    ///
    /// `next_root` is the root of the table that is ready to follow; it goes in at the epoch's last checkpoint only.
    ///
    /// # Errors
    ///
    /// Refuses a checkpoint outside the table's term, and the last one without a next table.
    pub fn under(
        table: &TableHead,
        checkpoint: u64,
        header_hash: &[u8; 32],
        next_root: Option<&[u8; 32]>,
    ) -> Result<Self, VoteError> {
        let term = &table.term;
        let height = term.height(checkpoint).ok_or(VoteError::OtherEpoch {
            checkpoint,
            epoch: term.epoch,
        })?;
        let next_root = if term.last_checkpoint() == Some(checkpoint) {
            next_root.ok_or(VoteError::NextTableMissing(checkpoint))?
        } else {
            &[0; 32]
        };
        Ok(Self {
            epoch: term.epoch,
            checkpoint,
            height,
            header_hash: *header_hash,
            table_root: table.root,
            next_root: *next_root,
        })
    }

    /// What is signed with EOTS, [`LENGTH`] bytes.
    ///
    /// EOTS hashes them once more, so with its two tags in front that hash is a tagged one (BIP-0340) of its own kind.
    pub fn message(&self, domain: &Domain) -> Vec<u8> {
        let tag = sha256(&[b"btc-mesh/1/vote"]);
        [
            tag.as_slice(),
            &tag,
            domain.as_bytes(),
            &self.epoch.to_be_bytes(),
            &self.checkpoint.to_be_bytes(),
            &self.height.to_be_bytes(),
            &self.header_hash,
            &self.table_root,
            &self.next_root,
        ]
        .concat()
    }
}

/// The message of [`CheckpointVote::under`].
///
/// # Errors
///
/// As there.
pub fn message(
    domain: &Domain,
    table: &TableHead,
    checkpoint: u64,
    header_hash: &[u8; 32],
    next_root: Option<&[u8; 32]>,
) -> Result<Vec<u8>, VoteError> {
    let vote = CheckpointVote::under(table, checkpoint, header_hash, next_root)?;
    Ok(vote.message(domain))
}
