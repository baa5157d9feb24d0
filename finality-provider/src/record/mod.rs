//! The signing record of one home: which keys may sign votes here, and what they have signed.
//!
//! A key is admitted before it signs anything: what the record knows of it is compared with what the chain has seen.
//! A vote on the chain that the record does not know was made elsewhere, so whatever else was made there is not known
//! either, and [`admission`] refuses. What an admitted key signs passes through `sign-guard`, whose file this is.

mod admission;

use std::fmt;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use daemon::output::{CommandError, Exit};
use sign_guard::{
    ChainDomain, Identity, OpenError, Permit, SignAnswer, SignGuard, Signature, StorageError, Vote,
};
use staking::keys::FinalityProviderKey;
use staking::units::ChainHeight;

pub use admission::{Admission, OnChain, UnknownVotes, admission};

/// Where the record is below the home directory.
pub const RECORD_FILE: &str = "data/signing-record.redb";

/// How many heights below the newest keep their records: eleven days of blocks of ten seconds, while a vote is asked
/// for again, after a crash, within minutes.
const KEPT_HEIGHTS: u64 = 100_000;

/// Why a key may not sign here, or none may.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The key has voted, and there is no record of it.
    #[error(
        "finality provider {key} has voted up to height {voted}, but this home has no record of what it signed; \
         signing a height again would reveal the key and burn the stake"
    )]
    Missing {
        /// The key.
        key: FinalityProviderKey,
        /// Highest vote on the chain.
        voted: ChainHeight,
    },
    /// The record is an old copy, or another machine signs with the key.
    #[error(
        "finality provider {key} has voted up to height {voted}, but the record of this home ends at {recorded}: \
         it is an old copy, or another machine signs with the key"
    )]
    Behind {
        /// The key.
        key: FinalityProviderKey,
        /// Highest height that the record knows.
        recorded: ChainHeight,
        /// Highest vote on the chain.
        voted: ChainHeight,
    },
    /// Two entries of the configuration have the same key.
    #[error("finality provider {0} is in the configuration twice, under two names")]
    Twice(FinalityProviderKey),
    /// The record cannot be opened or created.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The record's directory cannot be created.
    #[error("the directory {} of the signing record cannot be created: {source}", directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The record cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The record of what the keys of this home have signed on one chain.
///
/// The file is made when the first key is admitted, so that a home that is refused stays without one.
pub struct SigningRecord {
    path: PathBuf,
    chain: ChainDomain,
    guard: RwLock<Option<Arc<SignGuard>>>,
}

impl SigningRecord {
    /// Opens the record of `home` for votes on `chain`, if there is one.
    ///
    /// # Errors
    ///
    /// Refuses a damaged record, and one that another process has.
    pub fn open(home: &Path, chain: ChainDomain) -> Result<Self, RecordError> {
        let path = home.join(RECORD_FILE);
        let guard = match SignGuard::open(&path) {
            Ok(guard) => Some(Arc::new(guard)),
            Err(OpenError::Missing { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            path,
            chain,
            guard: RwLock::new(guard),
        })
    }

    /// The chain whose votes are recorded.
    pub fn chain(&self) -> &ChainDomain {
        &self.chain
    }

    /// Lets `key` sign if [`admission`] does. What it may not sign is durable when this returns.
    pub fn admit(
        &self,
        key: FinalityProviderKey,
        chain: OnChain,
        unknown: UnknownVotes,
    ) -> Result<(), RecordError> {
        let recorded = self.signed_to(key)?;
        if let Admission::Register { watermark } = admission(key, recorded, chain, unknown)? {
            self.create()?.register(&self.identity(key), watermark.0)?;
            if chain.voted.is_some() {
                tracing::warn!(finality_provider = %key, %watermark, "adopted the chain's height as watermark");
            } else {
                tracing::info!(finality_provider = %key, %watermark, "new key; it votes above this height");
            }
        }
        Ok(())
    }

    /// Highest height that `key` may have signed; `None` where it was never admitted.
    pub fn signed_to(&self, key: FinalityProviderKey) -> Result<Option<ChainHeight>, StorageError> {
        let Some(guard) = self.guard() else {
            return Ok(None);
        };
        let status = guard.status(&self.identity(key))?;
        Ok(status.map(|status| ChainHeight(status.highest())))
    }

    /// Records votes of `key` and has `signer` sign what the record permits; `None` where there is no record.
    pub fn sign_all<E>(
        &self,
        key: FinalityProviderKey,
        blocks: impl IntoIterator<Item = (ChainHeight, [u8; 32])>,
        signer: impl FnMut(Permit) -> Result<Signature, E>,
    ) -> Option<Result<Vec<SignAnswer<E>>, StorageError>> {
        let identity = self.identity(key);
        let votes: Vec<_> = blocks
            .into_iter()
            .map(|(height, app_hash)| Vote {
                identity: identity.clone(),
                height: height.0,
                app_hash,
            })
            .collect();
        Some(self.guard()?.sign_all(&votes, signer))
    }

    /// Forgets votes that nobody will ask for again; their heights stay refused.
    pub fn prune(&self) -> Result<(), StorageError> {
        let Some(guard) = self.guard() else {
            return Ok(());
        };
        for status in guard.statuses()? {
            if let Some(up_to) = status.highest().checked_sub(KEPT_HEIGHTS) {
                guard.prune(&status.identity, up_to)?;
            }
        }
        Ok(())
    }

    fn guard(&self) -> Option<Arc<SignGuard>> {
        // Written in one assignment: a panic elsewhere leaves it whole.
        self.guard
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn create(&self) -> Result<Arc<SignGuard>, RecordError> {
        let mut guard = self.guard.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(guard) = &*guard {
            return Ok(Arc::clone(guard));
        }
        if let Some(directory) = self.path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .map_err(|source| RecordError::Directory {
                    directory: directory.to_owned(),
                    source,
                })?;
        }
        let created = Arc::new(SignGuard::create(&self.path)?);
        *guard = Some(Arc::clone(&created));
        Ok(created)
    }

    fn identity(&self, key: FinalityProviderKey) -> Identity {
        Identity {
            public_key: key.to_bytes(),
            chain: self.chain.clone(),
        }
    }
}

impl fmt::Debug for SigningRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningRecord")
            .field("path", &self.path)
            .field("chain", &self.chain)
            .finish_non_exhaustive()
    }
}

impl From<RecordError> for CommandError {
    fn from(error: RecordError) -> Self {
        let (code, hint) = match &error {
            RecordError::Missing { .. } => (
                "signing-record-missing",
                Some(
                    "start it where its record is; if that is lost and no other machine uses the key any more, use \
                     --adopt-chain-watermark",
                ),
            ),
            RecordError::Behind { .. } => (
                "signing-record-behind",
                Some(
                    "stop the other machine and take its record; if that is lost and no other machine uses the key any \
                     more, use --adopt-chain-watermark",
                ),
            ),
            RecordError::Twice(_) => ("key-twice", Some("remove one of the [[provider]] entries")),
            RecordError::Directory { .. } => ("directory-not-created", None),
            RecordError::Open(OpenError::InUse { .. }) => ("signing-record-in-use", None),
            RecordError::Open(_) | RecordError::Storage(_) => ("signing-record", None),
        };
        let exit = match error {
            RecordError::Twice(_) => Exit::Configuration,
            _ => Exit::Refused,
        };
        let refused = Self::caused_by(exit, code, &error);
        match hint {
            Some(hint) => refused.with_hint(hint),
            None => refused,
        }
    }
}
