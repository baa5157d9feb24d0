//! The signing record of one home: which keys may sign votes here, and what they have signed.
//!
//! A key is admitted before it signs anything: what the record knows of it is compared with what the chain has seen.
//! A vote on the chain that the record does not know was made elsewhere, so whatever else was made there is not known
//! either, and [`admission`] refuses. What an admitted key signs passes through `sign-guard`, whose file this is.

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

/// Where the record is below the home directory.
pub const RECORD_FILE: &str = "data/signing-record.redb";

/// How many heights below the newest keep their records: eleven days of blocks of ten seconds, while a vote is asked
/// for again, after a crash, within minutes.
const KEPT_HEIGHTS: u64 = 100_000;

/// What to do about a key whose votes the record does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownVotes {
    /// Refuse: another machine may still sign with the key.
    Refuse,
    /// Sign nothing up to the chain's present height, and everything above it.
    AdoptChainWatermark,
}

/// What the chain says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnChain {
    /// The chain's newest block.
    pub tip: ChainHeight,
    /// Highest height at which the chain has a vote of the key.
    pub voted: Option<ChainHeight>,
}

/// How a key comes to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The record knows all its votes.
    Recorded,
    /// It signs nothing up to this height.
    Register {
        /// The low watermark.
        watermark: ChainHeight,
    },
}

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

/// Decides whether `key`, up to whose height `recorded` the record knows its votes, may sign.
///
/// A key without a record begins above the chain's present height even where the chain has seen no vote of it: one that
/// was signed elsewhere may be under way. A new provider has no power at those heights, so it loses nothing.
pub fn admission(
    key: FinalityProviderKey,
    recorded: Option<ChainHeight>,
    chain: OnChain,
    unknown: UnknownVotes,
) -> Result<Admission, RecordError> {
    let register = Admission::Register {
        watermark: chain.tip.max(chain.voted.unwrap_or_default()),
    };
    match (recorded, chain.voted, unknown) {
        (Some(recorded), Some(voted), UnknownVotes::Refuse) if voted > recorded => {
            Err(RecordError::Behind {
                key,
                recorded,
                voted,
            })
        }
        (Some(recorded), Some(voted), UnknownVotes::AdoptChainWatermark) if voted > recorded => {
            Ok(register)
        }
        (Some(_), ..) => Ok(Admission::Recorded),
        (None, Some(voted), UnknownVotes::Refuse) => Err(RecordError::Missing { key, voted }),
        (None, ..) => Ok(register),
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> FinalityProviderKey {
        // The x coordinate of the generator.
        "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
            .parse()
            .unwrap()
    }

    fn decided(
        recorded: Option<u64>,
        voted: Option<u64>,
        tip: u64,
        unknown: UnknownVotes,
    ) -> Result<Admission, RecordError> {
        let chain = OnChain {
            tip: ChainHeight(tip),
            voted: voted.map(ChainHeight),
        };
        admission(key(), recorded.map(ChainHeight), chain, unknown)
    }

    fn register(watermark: u64) -> Admission {
        Admission::Register {
            watermark: ChainHeight(watermark),
        }
    }

    #[test]
    fn a_key_signs_where_all_its_votes_are_known() {
        use UnknownVotes::{AdoptChainWatermark, Refuse};
        let cases = [
            (
                "new: nothing up to the tip, a vote may be under way",
                None,
                None,
                Refuse,
                register(100),
            ),
            (
                "the record knows more than the chain",
                Some(90),
                Some(80),
                Refuse,
                Admission::Recorded,
            ),
            (
                "the record knows as much",
                Some(90),
                Some(90),
                Refuse,
                Admission::Recorded,
            ),
            (
                "no vote has landed yet",
                Some(90),
                None,
                Refuse,
                Admission::Recorded,
            ),
            (
                "a lost record is adopted",
                None,
                Some(95),
                AdoptChainWatermark,
                register(100),
            ),
            (
                "an old record is adopted",
                Some(90),
                Some(95),
                AdoptChainWatermark,
                register(100),
            ),
            (
                "nothing has to be adopted",
                Some(95),
                Some(95),
                AdoptChainWatermark,
                Admission::Recorded,
            ),
            (
                "a node that is behind its own votes",
                None,
                Some(105),
                AdoptChainWatermark,
                register(105),
            ),
        ];
        for (name, recorded, voted, unknown, expected) in cases {
            let decided = decided(recorded, voted, 100, unknown);
            assert_eq!(decided.unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn a_key_whose_votes_are_not_known_is_refused() {
        let missing = decided(None, Some(1), 100, UnknownVotes::Refuse);
        assert!(
            matches!(missing, Err(RecordError::Missing { .. })),
            "{missing:?}"
        );
        let behind = decided(Some(94), Some(95), 100, UnknownVotes::Refuse);
        assert!(
            matches!(behind, Err(RecordError::Behind { .. })),
            "{behind:?}"
        );
    }

    proptest! {
        #[test]
        fn whoever_is_admitted_signs_nothing_that_may_have_been_signed_elsewhere(
            recorded in proptest::option::of(0_u64..50),
            voted in proptest::option::of(0_u64..50),
            tip in 0_u64..50,
            adopt in any::<bool>(),
        ) {
            let unknown = if adopt { UnknownVotes::AdoptChainWatermark } else { UnknownVotes::Refuse };
            match decided(recorded, voted, tip, unknown) {
                Ok(Admission::Recorded) => prop_assert!(recorded >= voted),
                Ok(Admission::Register { watermark }) => {
                    prop_assert!(watermark.0 >= tip && Some(watermark.0) >= voted);
                }
                Err(_) => prop_assert!(!adopt && voted > recorded),
            }
        }
    }
}
