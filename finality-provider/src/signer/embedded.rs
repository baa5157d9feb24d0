//! The signer itself: keys in memory, every vote through the signing record.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use bitcoin::secp256k1::{Keypair, SECP256K1, schnorr};
use chain::VotingDomain;
use eots::commitment::{Block, Commitment, Tree, TreeError, block_ranges};
use eots::curve::Native;
use eots::{PublicRandomness, SecretKey, Signature, VerifyError, bip340};
use rand::RngCore;
use rand::rngs::OsRng;
use rayon::prelude::*;
use sign_guard::{SignError, StorageError};
use staking::keys::FinalityProviderKey;
use staking::proof_of_possession::{AccountAddress, AccountAddressError, ProofOfPossession};
use staking::units::ChainHeight;
use tokio::task::spawn_blocking;

use super::domain::{commitment_digest, nonce, recorded, registration_digest};
use super::{
    EotsSigner, HeightRange, HeldKey, MOST_COMMITTED, MOST_RANDOMNESS, MOST_VOTES, Refusal,
    Registration, SignedCommitment, SignerError, Vote,
};
use crate::record::{OnChain, Permitted, RecordError, SigningRecord, UnknownVotes};

/// Signs for one chain with the keys of one or more providers.
#[derive(Clone)]
pub struct Embedded(Arc<Inner>);

struct Inner {
    record: SigningRecord,
    keys: RwLock<BTreeMap<FinalityProviderKey, Arc<SecretKey>>>,
}

impl Embedded {
    /// A signer without keys, whose votes `record` records.
    pub fn new(record: SigningRecord) -> Self {
        Self(Arc::new(Inner {
            record,
            keys: RwLock::default(),
        }))
    }

    /// Signs with `secret` from now on, if the record and what the chain says of the key allow it.
    pub async fn admit(
        &self,
        key: FinalityProviderKey,
        secret: SecretKey,
        chain: OnChain,
        unknown: UnknownVotes,
    ) -> Result<(), RecordError> {
        let inner = Arc::clone(&self.0);
        in_background(move || {
            // Held over the admission, so that of two with the same key one is refused.
            let mut keys = inner.keys.write().unwrap_or_else(PoisonError::into_inner);
            if keys.contains_key(&key) {
                return Err(RecordError::Twice(key));
            }
            inner.record.admit(key, chain, unknown)?;
            keys.insert(key, Arc::new(secret));
            Ok(())
        })
        .await
    }

    /// Forgets votes that nobody will ask for again.
    pub async fn prune(&self) -> Result<(), SignerError> {
        let inner = Arc::clone(&self.0);
        let pruned = in_background(move || inner.record.prune()).await;
        pruned.map_err(|error| unavailable(&error).into())
    }

    /// Runs `work`, which computes for long or waits for the disk, where it holds up nobody else.
    async fn sign_with<T: Send + 'static>(
        &self,
        key: FinalityProviderKey,
        work: impl FnOnce(&Inner, &SecretKey) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, SignerError> {
        let inner = Arc::clone(&self.0);
        in_background(move || work(&inner, &*inner.key(key)?))
            .await
            .map_err(Into::into)
    }
}

impl Inner {
    fn key(&self, key: FinalityProviderKey) -> Result<Arc<SecretKey>, Refusal> {
        // Each change is one insertion: a panic leaves the map whole.
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(&key).cloned().ok_or_else(|| {
            Refusal::UnknownKey(format!(
                "the signer has no key for finality provider {key}, or has not admitted it yet"
            ))
        })
    }

    fn held(&self) -> Result<Vec<HeldKey>, Refusal> {
        let keys: Vec<_> = {
            let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
            keys.keys().copied().collect()
        };
        keys.into_iter()
            .map(|key| {
                let signed_to = self
                    .record
                    .signed_to(key)
                    .map_err(|error| unavailable(&error))?;
                Ok(HeldKey {
                    key,
                    // Held means registered.
                    signed_to: signed_to.ok_or_else(no_record)?,
                })
            })
            .collect()
    }

    fn sign_votes(
        &self,
        key: FinalityProviderKey,
        secret: &SecretKey,
        votes: &[Vote],
    ) -> Result<Vec<Result<Signature, Refusal>>, Refusal> {
        let domain = self.record.domain();
        let drafts: Vec<_> = votes.iter().map(|vote| Draft::of(domain, vote)).collect();
        let asked = drafts.iter().flatten().map(|draft| draft.recorded);
        let signed = self
            .record
            .sign_all(key, asked, |permitted| {
                let of = (permitted.height, permitted.content);
                let mut drafts = drafts.iter().flatten();
                let draft = drafts.find(|draft| draft.recorded == of);
                let message = &draft.ok_or(SignFault::NoMessage)?.message;
                sign(domain, secret, &permitted, message)
            })
            .ok_or_else(no_record)?
            .map_err(|error| unavailable(&error))?;
        let mut signed = signed.into_iter().map(outcome);
        let answers = drafts.iter().map(|draft| match draft {
            Ok(_) => signed.next().unwrap_or_else(|| Err(no_record())),
            Err(refusal) => Err(refusal.clone()),
        });
        Ok(answers.collect())
    }
}

/// A vote that is to be signed: what the record knows it by, and its message.
struct Draft {
    recorded: (ChainHeight, [u8; 32]),
    message: Vec<u8>,
}

impl Draft {
    fn of(domain: &VotingDomain, vote: &Vote) -> Result<Self, Refusal> {
        let message = domain
            .message(vote.height, &vote.content)
            .map_err(|error| Refusal::InvalidRequest(error.to_string()))?;
        let recorded = (vote.height, recorded(&vote.content, &message));
        Ok(Self { recorded, message })
    }
}

/// Why a permitted vote was not signed.
#[derive(Debug, thiserror::Error)]
enum SignFault {
    /// The record permits what nobody asked for.
    #[error("the record permits another vote than was asked for")]
    NoMessage,
    /// The computed signature is wrong.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

#[async_trait]
impl EotsSigner for Embedded {
    async fn keys(&self) -> Result<Vec<HeldKey>, SignerError> {
        let inner = Arc::clone(&self.0);
        in_background(move || inner.held())
            .await
            .map_err(Into::into)
    }

    async fn public_randomness(
        &self,
        key: FinalityProviderKey,
        range: HeightRange,
    ) -> Result<Vec<PublicRandomness>, SignerError> {
        self.sign_with(key, move |inner, secret| {
            check_range(range, MOST_RANDOMNESS)?;
            Ok(leaves(secret, inner.record.domain(), range))
        })
        .await
    }

    async fn sign_commitment(
        &self,
        key: FinalityProviderKey,
        range: HeightRange,
        number: u64,
    ) -> Result<SignedCommitment, SignerError> {
        let mut aux = [0; 32];
        OsRng.fill_bytes(&mut aux);
        self.sign_with(key, move |inner, secret| {
            check_range(range, MOST_COMMITTED)?;
            let domain = inner.record.domain();
            let commitment = commitment(secret, domain, range)
                .map_err(|error| Refusal::InvalidRequest(error.to_string()))?;
            let digest = commitment_digest(domain, secret, range, number, &commitment)?;
            let signature = bip340::sign(secret, &digest, &aux).into();
            Ok(SignedCommitment {
                commitment,
                signature,
            })
        })
        .await
    }

    async fn sign_votes(
        &self,
        key: FinalityProviderKey,
        votes: &[Vote],
    ) -> Result<Vec<Result<Signature, Refusal>>, SignerError> {
        if votes.len() > MOST_VOTES {
            return Err(invalid("votes", votes.len(), MOST_VOTES).into());
        }
        let votes = votes.to_vec();
        self.sign_with(key, move |inner, secret| {
            inner.sign_votes(key, secret, &votes)
        })
        .await
    }

    async fn sign_proof_of_possession(
        &self,
        key: FinalityProviderKey,
        address: &str,
    ) -> Result<ProofOfPossession, SignerError> {
        let address = address.to_owned();
        self.sign_with(key, move |_, secret| prove_possession(secret, &address))
            .await
    }

    async fn sign_registration(
        &self,
        key: FinalityProviderKey,
        registration: &Registration,
    ) -> Result<schnorr::Signature, SignerError> {
        let registration = registration.clone();
        self.sign_with(key, move |inner, secret| {
            register(secret, inner.record.domain(), &registration)
        })
        .await
    }
}

/// Signs the provider's registration on a partner chain. Not a vote, so no record is needed.
pub fn register(
    secret: &SecretKey,
    domain: &VotingDomain,
    registration: &Registration,
) -> Result<schnorr::Signature, Refusal> {
    let digest = registration_digest(domain, secret, registration)?;
    let mut aux = [0; 32];
    OsRng.fill_bytes(&mut aux);
    Ok(bip340::sign(secret, &digest, &aux).into())
}

/// Proves that the owner of the account at `address` (bech32) has the key. Not a vote, so no record is needed.
pub fn prove_possession(secret: &SecretKey, address: &str) -> Result<ProofOfPossession, Refusal> {
    let account: AccountAddress = address
        .parse()
        .map_err(|error: AccountAddressError| Refusal::InvalidRequest(error.to_string()))?;
    let mut keypair = Keypair::from_seckey_slice(SECP256K1, secret.to_bytes().as_slice())
        .map_err(|error| Refusal::InvalidRequest(error.to_string()))?;
    let proof = ProofOfPossession::sign_bip340(&keypair, &account);
    keypair.non_secure_erase();
    Ok(proof)
}

/// Signs what the record permits: the nonce is used here, once, after the record is durable.
#[expect(
    clippy::disallowed_methods,
    reason = "the one door to a vote: only the record gives permits"
)]
fn sign(
    domain: &VotingDomain,
    secret: &SecretKey,
    permitted: &Permitted,
    message: &[u8],
) -> Result<[u8; 32], SignFault> {
    let randomness = nonce(domain, secret, permitted.height.0);
    let public_randomness = randomness.public();
    let signature = eots::sign(secret, randomness, message).map_err(VerifyError::from)?;
    // A wrong signature from a computing fault, together with the right one of a second try, would reveal the key.
    eots::verify(
        &Native,
        &secret.public_key(),
        &public_randomness,
        message,
        &signature,
    )?;
    Ok(signature.to_bytes())
}

fn outcome(signed: Result<[u8; 32], SignError<SignFault>>) -> Result<Signature, Refusal> {
    match signed {
        Ok(bytes) => Signature::from_bytes(bytes).map_err(|error| {
            Refusal::RecordUnavailable(format!("the record holds no signature: {error}"))
        }),
        Err(SignError::Signer(error)) => Err(Refusal::InvalidRequest(error.to_string())),
        Err(SignError::Refused(refusal)) => Err(match refusal {
            sign_guard::Refusal::Conflict { .. } => Refusal::Equivocation(refusal.to_string()),
            sign_guard::Refusal::BelowWatermark { .. } => {
                Refusal::BelowWatermark(refusal.to_string())
            }
            _ => Refusal::RecordUnavailable(refusal.to_string()),
        }),
    }
}

fn unavailable(error: &StorageError) -> Refusal {
    let cause = std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default();
    Refusal::RecordUnavailable(format!("{error}: {cause}"))
}

fn no_record() -> Refusal {
    Refusal::RecordUnavailable("the signer has no signing record".to_owned())
}

fn check_range(range: HeightRange, most: u32) -> Result<(), Refusal> {
    if range.count > most {
        return Err(invalid("count", range.count, most));
    }
    if range.count > 0 && range.start.0.checked_add(range.count.into()).is_some() {
        return Ok(());
    }
    Err(Refusal::InvalidRequest(format!(
        "{} heights from {} are no range of heights",
        range.count, range.start
    )))
}

fn invalid(field: &str, found: impl fmt::Display, most: impl fmt::Display) -> Refusal {
    Refusal::InvalidRequest(format!(
        "field `{field}`: {found} at once; at most {most} are allowed"
    ))
}

/// Runs `work` on a thread that may block. A panic there goes on here.
async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // Only a runtime that is shutting down cancels it; then nobody waits for the answer.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Public randomness of all heights in the range, on all cores.
fn leaves(secret: &SecretKey, domain: &VotingDomain, range: HeightRange) -> Vec<PublicRandomness> {
    let blocks: Vec<_> = block_ranges(range.count.into()).collect();
    blocks
        .into_par_iter()
        .flat_map_iter(|block| leaves_of(secret, domain, range, block))
        .collect()
}

/// Those of one block of the tree, which is a part of the range.
fn leaves_of(
    secret: &SecretKey,
    domain: &VotingDomain,
    range: HeightRange,
    block: Range<u64>,
) -> impl Iterator<Item = PublicRandomness> {
    block.map(move |offset| nonce(domain, secret, range.start.0 + offset).public())
}

fn commitment(
    secret: &SecretKey,
    domain: &VotingDomain,
    range: HeightRange,
) -> Result<Commitment, TreeError> {
    let ranges: Vec<_> = block_ranges(range.count.into()).collect();
    let blocks: Vec<Block> = ranges
        .into_par_iter()
        .map(|block| {
            let leaves: Vec<_> = leaves_of(secret, domain, range, block).collect();
            Block::new(&leaves)
        })
        .collect::<Result<_, _>>()?;
    Ok(Tree::from_blocks(blocks)?.commitment())
}
