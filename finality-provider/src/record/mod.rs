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

use chain::VotingDomain;
use daemon::output::{CommandError, Exit};
use sign_guard::{
    ChainDomain, ChainDomainError, Identity, OpenError, Permit, Refusal, SignAnswer, SignError,
    SignGuard, Signature, StorageError, Vote,
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
    /// A chain id that no record can name.
    #[error(transparent)]
    Domain(#[from] ChainDomainError),
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

/// The record of what the keys of this home have signed on one chain. All chains share the home's file.
///
/// The file is made when the first key is admitted, so that a home that is refused stays without one.
pub struct SigningRecord {
    file: Arc<RecordFile>,
    domain: VotingDomain,
    chain: ChainDomain,
}

/// Leave to sign one vote, which is on disk; good for one signature.
pub struct Permitted {
    /// The height.
    pub height: ChainHeight,
    /// What the record knows the vote by.
    pub content: [u8; 32],
    /// Held until the signature is made.
    _permit: Permit,
}

struct RecordFile {
    path: PathBuf,
    guard: RwLock<Option<Arc<SignGuard>>>,
}

impl SigningRecord {
    /// Opens the record of `home` for votes of `domain`, if there is one.
    ///
    /// # Errors
    ///
    /// Refuses a damaged record, one that another process has, and a chain id that no record can name.
    pub fn open(home: &Path, domain: VotingDomain) -> Result<Self, RecordError> {
        let path = home.join(RECORD_FILE);
        let guard = match SignGuard::open(&path) {
            Ok(guard) => Some(Arc::new(guard)),
            Err(OpenError::Missing { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let guard = RwLock::new(guard);
        let file = Arc::new(RecordFile { path, guard });
        Self::of(file, domain)
    }

    /// The same home's record for votes of another domain.
    ///
    /// # Errors
    ///
    /// Refuses a chain id that no record can name.
    pub fn beside(&self, domain: VotingDomain) -> Result<Self, RecordError> {
        Self::of(Arc::clone(&self.file), domain)
    }

    fn of(file: Arc<RecordFile>, domain: VotingDomain) -> Result<Self, RecordError> {
        let chain = domain.to_string().parse()?;
        Ok(Self {
            file,
            domain,
            chain,
        })
    }

    /// Whose votes are recorded.
    pub fn domain(&self) -> &VotingDomain {
        &self.domain
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
            let place = watermark.map_or(0, |height| self.place(height));
            self.create()?.register(&self.identity(key), place)?;
            let above = watermark.map(|height| height.0);
            if chain.voted.is_some() {
                tracing::warn!(finality_provider = %key, chain = %self.domain, above, "adopted the chain's height as watermark");
            } else {
                tracing::info!(finality_provider = %key, chain = %self.domain, above, "new key; it votes above this height");
            }
        }
        Ok(())
    }

    /// Highest height that `key` may have signed, if any; `None` where it was never admitted.
    pub fn signed_to(
        &self,
        key: FinalityProviderKey,
    ) -> Result<Option<Option<ChainHeight>>, StorageError> {
        let Some(guard) = self.guard() else {
            return Ok(None);
        };
        let status = guard.status(&self.identity(key))?;
        Ok(status.map(|status| self.height(status.highest())))
    }

    /// Where a height is in the record, whose 0 means none: checkpoints are counted from 0 and recorded from 1.
    fn place(&self, height: ChainHeight) -> u64 {
        match self.domain {
            VotingDomain::Babylon(_) => height.0,
            VotingDomain::PartnerChain(_) => height.0.saturating_add(1),
        }
    }

    /// The height at a place in the record.
    fn height(&self, place: u64) -> Option<ChainHeight> {
        match self.domain {
            VotingDomain::Babylon(_) => Some(ChainHeight(place)),
            VotingDomain::PartnerChain(_) => place.checked_sub(1).map(ChainHeight),
        }
    }

    /// Records votes of `key` and has `signer` sign what the record permits: height and content of a vote. `None` where
    /// there is no record.
    pub fn sign_all<E>(
        &self,
        key: FinalityProviderKey,
        votes: impl IntoIterator<Item = (ChainHeight, [u8; 32])>,
        mut signer: impl FnMut(Permitted) -> Result<Signature, E>,
    ) -> Option<Result<Vec<SignAnswer<E>>, StorageError>> {
        let identity = self.identity(key);
        let votes: Vec<_> = votes
            .into_iter()
            .map(|(height, content)| Vote {
                identity: identity.clone(),
                height: self.place(height),
                content,
            })
            .collect();
        let permitted = |permit: Permit| {
            let vote = permit.vote();
            let height = self.height(vote.height).unwrap_or_default();
            let content = vote.content;
            signer(Permitted {
                height,
                content,
                _permit: permit,
            })
        };
        let signed = self.guard()?.sign_all(&votes, permitted);
        Some(signed.map(|answers| {
            let answers = answers.into_iter();
            answers
                .map(|answer| answer.map_err(|error| self.told(error)))
                .collect()
        }))
    }

    /// A refusal with heights as the chain counts them, and not as the record does.
    fn told<E>(&self, error: SignError<E>) -> SignError<E> {
        let told = |place| self.height(place).unwrap_or_default().0;
        match error {
            SignError::Refused(Refusal::Conflict {
                identity,
                height,
                recorded,
                asked,
            }) => SignError::Refused(Refusal::Conflict {
                identity,
                height: told(height),
                recorded,
                asked,
            }),
            SignError::Refused(Refusal::BelowWatermark {
                identity,
                height,
                watermark,
            }) => SignError::Refused(Refusal::BelowWatermark {
                identity,
                height: told(height),
                watermark: told(watermark),
            }),
            error => error,
        }
    }

    /// Forgets votes, on any chain, that nobody will ask for again; their heights stay refused.
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
        self.file
            .guard
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn create(&self) -> Result<Arc<SignGuard>, RecordError> {
        let mut guard = self
            .file
            .guard
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(guard) = &*guard {
            return Ok(Arc::clone(guard));
        }
        if let Some(directory) = self.file.path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .map_err(|source| RecordError::Directory {
                    directory: directory.to_owned(),
                    source,
                })?;
        }
        let created = Arc::new(SignGuard::create(&self.file.path)?);
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
            .field("path", &self.file.path)
            .field("domain", &self.domain)
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
            RecordError::Domain(_) => ("config-invalid", None),
            RecordError::Directory { .. } => ("directory-not-created", None),
            RecordError::Open(OpenError::InUse { .. }) => ("signing-record-in-use", None),
            RecordError::Open(_) | RecordError::Storage(_) => ("signing-record", None),
        };
        let exit = match error {
            RecordError::Twice(_) | RecordError::Domain(_) => Exit::Configuration,
            _ => Exit::Refused,
        };
        let refused = Self::caused_by(exit, code, &error);
        match hint {
            Some(hint) => refused.with_hint(hint),
            None => refused,
        }
    }
}
