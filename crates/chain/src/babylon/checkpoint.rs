//! Epochs and their checkpoints (spec 5.5 to 5.8): only Babylon Genesis has them, so they are no part of
//! [`Chain`](crate::Chain).

use bitcoin::BlockHash;
use staking::units::ChainHeight;

use super::Babylon;
use crate::ChainError;

/// Where an epoch's checkpoint is on its way to finality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckpointStatus {
    /// Signatures of validators are being gathered.
    Accumulating,
    /// Signed; it is to be put on Bitcoin.
    Sealed,
    /// Reported to be on Bitcoin.
    Submitted,
    /// k blocks deep.
    Confirmed,
    /// w blocks deep: the epoch's public randomness counts.
    Finalized,
}

/// What of an epoch goes to Bitcoin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawCheckpoint {
    /// The epoch; the first with a checkpoint is 1.
    pub epoch: u64,
    /// Hash of the epoch's last block, in its natural order.
    pub block_hash: [u8; 32],
    /// Which validators signed; validator i is bit `i % 8`, least significant first, of byte `i / 8`.
    pub bitmap: [u8; 13],
    /// Their aggregated signature, a compressed point of BLS12-381's G1.
    pub bls_signature: [u8; 48],
}

/// A checkpoint and its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// What goes to Bitcoin.
    pub raw: RawCheckpoint,
    /// How far it is.
    pub status: CheckpointStatus,
}

/// Where on Bitcoin a checkpoint was reported to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Block and position in it of the transactions with part 0 and part 1.
    pub parts: [(BlockHash, u32); 2],
}

/// The epoch that is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentEpoch {
    /// Its number.
    pub epoch: u64,
    /// Its last height.
    pub last_height: ChainHeight,
}

impl Babylon {
    /// The epoch that is running.
    pub async fn current_epoch(&self) -> Result<CurrentEpoch, ChainError> {
        self.node.current_epoch().await
    }

    /// An epoch's checkpoint; `None` before the epoch's last block, and for epoch 0.
    pub async fn checkpoint(&self, epoch: u64) -> Result<Option<Checkpoint>, ChainError> {
        self.node.checkpoint(epoch).await
    }

    /// All checkpoints that are in `status` now, by epoch.
    pub async fn checkpoints(
        &self,
        status: CheckpointStatus,
    ) -> Result<Vec<Checkpoint>, ChainError> {
        self.node.checkpoints(status).await
    }

    /// The checkpoint of the highest epoch that is in `status` now.
    pub async fn newest_checkpoint(
        &self,
        status: CheckpointStatus,
    ) -> Result<Option<Checkpoint>, ChainError> {
        self.node.newest_checkpoint(status).await
    }

    /// Status of an epoch's checkpoint; `None` where there is none (yet).
    pub async fn epoch_status(&self, epoch: u64) -> Result<Option<CheckpointStatus>, ChainError> {
        self.node.epoch_status(epoch).await
    }

    /// Where on Bitcoin an epoch's checkpoint was reported to be.
    pub async fn submissions(&self, epoch: u64) -> Result<Vec<Submission>, ChainError> {
        self.node.submissions(epoch).await
    }
}
