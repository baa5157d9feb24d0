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

/// The message that a vote for `header_hash` at `checkpoint` signs with EOTS.
///
/// `next_root` is the root of the table that is ready to follow; it goes in at the epoch's last checkpoint only. EOTS
/// hashes the message once more, so with its two tags in front that hash is a tagged one (BIP-0340) of its own kind.
///
/// # Errors
///
/// Refuses a checkpoint outside the table's term, and the last one without a next table.
pub fn message(
    domain: &Domain,
    table: &TableHead,
    checkpoint: u64,
    header_hash: &[u8; 32],
    next_root: Option<&[u8; 32]>,
) -> Result<Vec<u8>, VoteError> {
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
    let tag = sha256(&[b"btc-mesh/1/vote"]);
    Ok([
        tag.as_slice(),
        &tag,
        domain.as_bytes(),
        &term.epoch.to_be_bytes(),
        &checkpoint.to_be_bytes(),
        &height.to_be_bytes(),
        header_hash,
        &table.root,
        next_root,
    ]
    .concat())
}
