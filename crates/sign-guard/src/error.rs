//! Why something is not signed, or the store not available.

use std::io;
use std::path::PathBuf;

use crate::vote::Identity;

/// The storage failed; nothing is signed until the store has been opened anew.
#[derive(Debug, thiserror::Error)]
#[error("the signing record cannot be read or written, so nothing is signed")]
pub struct StorageError(#[source] redb::Error);

impl<E: Into<redb::Error>> From<E> for StorageError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// Why a store cannot be created or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Something is there already.
    #[error("`{}` exists already; a signing record is never overwritten, because its loss can cost the stake", path.display())]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// Nothing is there.
    #[error("there is no signing record at `{}`; if this key has voted before, import its record or raise its watermark, never start with an empty one", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// Another process has it.
    #[error("another process holds the signing record `{}`; two signers with one key would lose the stake, stop one of them", path.display())]
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// Written by another version of this software.
    #[error("the signing record `{}` has format {found}, this program knows {known}", path.display())]
    Format {
        /// The path.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The format known here.
        known: u32,
    },
    /// The file is no intact store.
    #[error("`{}` is no intact signing record; do not replace it by an older copy, import an export or raise the watermark in a new one", path.display())]
    Damaged {
        /// The path.
        path: PathBuf,
        /// What the storage says.
        #[source]
        source: StorageError,
    },
    /// The file system failed.
    #[error("cannot {action} the signing record `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

/// Why a vote is not signed. Every variant is final for this vote, except that a storage may be repaired.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Another block was voted for at this height: signing would reveal the key.
    #[error(
        "{identity} has voted for another block at height {height}: {} is recorded, {} is asked for",
        hex::encode(recorded),
        hex::encode(asked)
    )]
    Conflict {
        /// Who votes where.
        identity: Box<Identity>,
        /// The height.
        height: u64,
        /// App hash of the recorded vote.
        recorded: [u8; 32],
        /// App hash asked for.
        asked: [u8; 32],
    },
    /// What was signed up to the watermark is not known any more.
    #[error(
        "{identity} may not vote at height {height}: what was signed up to height {watermark} is not known here any more"
    )]
    BelowWatermark {
        /// Who votes where.
        identity: Box<Identity>,
        /// The height.
        height: u64,
        /// The watermark.
        watermark: u64,
    },
    /// The key was never registered for this chain, so what it has signed before is not known.
    #[error(
        "{0} is not registered in this signing record; register it with the highest height it has voted at"
    )]
    Unregistered(Identity),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why [`crate::SignGuard::sign`] gives no signature; `E` is what the signer itself can fail with.
#[derive(Debug, thiserror::Error)]
pub enum SignError<E> {
    /// The record forbids it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It was allowed and recorded, but the signer failed; the same vote may be tried again.
    #[error("the vote is recorded but could not be signed")]
    Signer(#[source] E),
}
