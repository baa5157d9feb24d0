//! The guard: check and record as one step, and signatures only through it.

use std::fmt;
use std::path::Path;

use redb::Database;

use crate::error::{OpenError, Refusal, SignError, StorageError};
use crate::file;
use crate::interchange::{ImportError, Interchange};
use crate::store::{self, Decision};
use crate::vote::{Identity, Permit, Vote};

/// An EOTS signature as it travels: s, 32 bytes big endian.
pub type Signature = [u8; 32];

/// The answer to one vote of many.
pub type SignAnswer<E> = Result<Signature, SignError<E>>;

/// The durable record of what the keys of this process have signed.
///
/// All methods block on the disk; call them from a blocking thread in asynchronous programs. Calls from several
/// threads are put in a row.
pub struct SignGuard {
    database: Database,
}

/// The record's answer to a vote that may be signed.
#[derive(Debug)]
#[must_use = "a permit that is dropped leaves a recorded vote unsigned"]
pub enum Verdict {
    /// Recorded now, for the first time.
    New(Permit),
    /// Recorded before with exactly this data.
    SameData(SameData),
}

/// How far a vote that was recorded before has come.
#[derive(Debug)]
pub enum SameData {
    /// It was signed, and this is the signature.
    Signed(Signature),
    /// Its signature is not known; signing again with the height's own nonce gives the same one.
    Unsigned(Permit),
}

/// What the record holds of one identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Who votes where.
    pub identity: Identity,
    /// Height at and below which nothing is signed.
    pub watermark: u64,
    /// Newest height with a record.
    pub highest_record: Option<u64>,
}

impl Status {
    /// The highest height that may have been signed.
    pub fn highest(&self) -> u64 {
        self.highest_record.unwrap_or(0).max(self.watermark)
    }
}

impl SignGuard {
    /// Makes a new, empty record of mode 0600.
    ///
    /// # Errors
    ///
    /// Refuses a path where something is: a record is never overwritten.
    pub fn create(path: &Path) -> Result<Self, OpenError> {
        file::create(path).map(Self::on)
    }

    /// Opens an existing record and keeps every other process out of it.
    ///
    /// # Errors
    ///
    /// Refuses a missing, damaged or otherwise used record; never makes a new one.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        file::open(path).map(Self::on)
    }

    pub(crate) fn on(database: Database) -> Self {
        Self { database }
    }

    /// Registers a key for a chain, or raises its watermark: nothing is signed, nor any signature handed out, at or
    /// below it.
    ///
    /// A new key starts with 0. One that has voted before starts with the highest height it has voted at. Doing it
    /// again is harmless, since a watermark never sinks.
    ///
    /// # Errors
    ///
    /// Fails where the storage does; then nothing has changed.
    pub fn register(&self, identity: &Identity, watermark: u64) -> Result<(), StorageError> {
        store::raise_watermarks(&self.database, [(identity, watermark)])
    }

    /// Decides about a vote and, where it is new, has it on disk before answering.
    ///
    /// # Errors
    ///
    /// Refuses whatever could be a second signature at one height, and on any doubt.
    pub fn check_and_record(&self, vote: &Vote) -> Result<Verdict, Refusal> {
        let decision = store::record(&self.database, |recorder| recorder.decide(vote))?;
        verdict(vote, decision)
    }

    /// Decides about many votes in one durable transaction; the answers are in the order of `votes`.
    ///
    /// # Errors
    ///
    /// Fails as a whole only where the storage does; then no permit is out.
    pub fn check_and_record_all(
        &self,
        votes: &[Vote],
    ) -> Result<Vec<Result<Verdict, Refusal>>, StorageError> {
        let decisions: Vec<Decision> = store::record(&self.database, |recorder| {
            votes.iter().map(|vote| recorder.decide(vote)).collect()
        })?;
        Ok(votes
            .iter()
            .zip(decisions)
            .map(|(vote, decision)| verdict(vote, decision))
            .collect())
    }

    /// Signs one vote: records it, has `signer` sign what the permit says, and keeps the signature.
    ///
    /// The same vote again gives the kept signature without asking `signer`.
    ///
    /// # Errors
    ///
    /// Refuses as [`Self::check_and_record`]; an error of `signer` leaves the vote recorded.
    pub fn sign<E>(
        &self,
        vote: &Vote,
        signer: impl FnOnce(Permit) -> Result<Signature, E>,
    ) -> SignAnswer<E> {
        match self.check_and_record(vote)? {
            Verdict::SameData(SameData::Signed(signature)) => Ok(signature),
            Verdict::New(permit) | Verdict::SameData(SameData::Unsigned(permit)) => {
                let signature = signer(permit).map_err(SignError::Signer)?;
                store::add_signatures(&self.database, &[(vote, signature)])
                    .map_err(Refusal::from)?;
                Ok(signature)
            }
        }
    }

    /// Signs many votes with one durable transaction; the answers are in the order of `votes`.
    ///
    /// # Errors
    ///
    /// Fails as a whole only where the storage does; then no signature leaves.
    pub fn sign_all<E>(
        &self,
        votes: &[Vote],
        mut signer: impl FnMut(Permit) -> Result<Signature, E>,
    ) -> Result<Vec<SignAnswer<E>>, StorageError> {
        let verdicts = self.check_and_record_all(votes)?;
        let mut made = Vec::new();
        let signatures = votes
            .iter()
            .zip(verdicts)
            .map(|(vote, verdict)| match verdict? {
                Verdict::SameData(SameData::Signed(signature)) => Ok(signature),
                Verdict::New(permit) | Verdict::SameData(SameData::Unsigned(permit)) => {
                    let signature = signer(permit).map_err(SignError::Signer)?;
                    made.push((vote, signature));
                    Ok(signature)
                }
            })
            .collect();
        store::add_signatures(&self.database, &made)?;
        Ok(signatures)
    }

    /// Forgets the votes of an identity up to a height and refuses that range from now on.
    ///
    /// The watermark never rises over the newest record, so an unsigned height is never lost.
    ///
    /// # Errors
    ///
    /// Fails where the storage does; then nothing has changed.
    pub fn prune(&self, identity: &Identity, up_to: u64) -> Result<(), StorageError> {
        store::prune(&self.database, identity, up_to)
    }

    /// What the record holds of one identity; `None` where it is not registered.
    ///
    /// # Errors
    ///
    /// Fails where the storage does.
    pub fn status(&self, identity: &Identity) -> Result<Option<Status>, StorageError> {
        let extent = store::extent(&self.database, identity)?;
        Ok(extent.map(|extent| Status {
            identity: identity.clone(),
            watermark: extent.watermark,
            highest_record: extent.highest_record,
        }))
    }

    /// What the record holds of every identity.
    ///
    /// # Errors
    ///
    /// Fails where the storage does.
    pub fn statuses(&self) -> Result<Vec<Status>, StorageError> {
        let mut statuses = Vec::new();
        for identity in store::identities(&self.database)? {
            statuses.extend(self.status(&identity)?);
        }
        Ok(statuses)
    }

    /// What another signer must know to go on where this one stops: no signatures, only watermarks.
    ///
    /// Stop signing here for good before the other one starts.
    ///
    /// # Errors
    ///
    /// Fails where the storage does.
    pub fn export(&self) -> Result<Interchange, StorageError> {
        Ok(Interchange::new(&self.statuses()?))
    }

    /// Takes over what another signer exported: registers its identities and raises their watermarks.
    ///
    /// # Errors
    ///
    /// Refuses an unknown version; then nothing has changed.
    pub fn import(&self, interchange: &Interchange) -> Result<(), ImportError> {
        let watermarks = interchange.watermarks()?;
        let borrowed = watermarks
            .iter()
            .map(|(identity, height)| (identity, *height));
        Ok(store::raise_watermarks(&self.database, borrowed)?)
    }
}

/// Makes permits, so it is called only after the transaction that decided has been committed.
fn verdict(vote: &Vote, decision: Decision) -> Result<Verdict, Refusal> {
    let permit = || Permit::new(vote.clone());
    let identity = || Box::new(vote.identity.clone());
    match decision {
        Decision::New => Ok(Verdict::New(permit())),
        Decision::Same(Some(signature)) => Ok(Verdict::SameData(SameData::Signed(signature))),
        Decision::Same(None) => Ok(Verdict::SameData(SameData::Unsigned(permit()))),
        Decision::Conflict(recorded) => Err(Refusal::Conflict {
            identity: identity(),
            height: vote.height,
            recorded,
            asked: vote.content,
        }),
        Decision::BelowWatermark(watermark) => Err(Refusal::BelowWatermark {
            identity: identity(),
            height: vote.height,
            watermark,
        }),
        Decision::Unregistered => Err(Refusal::Unregistered(vote.identity.clone())),
    }
}

impl fmt::Debug for SignGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignGuard").finish_non_exhaustive()
    }
}
