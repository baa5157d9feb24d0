//! The signer itself: keys in memory, every vote through the signing record.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bitcoin::secp256k1::{Keypair, SECP256K1};
use eots::commitment::{Block, Commitment, Tree, TreeError, block_ranges, digest};
use eots::randomness::{derive, public_range};
use eots::{ChallengeOverflow, PublicRandomness, SecretKey, Signature, bip340, vote_message};
use rand::RngCore;
use rand::rngs::OsRng;
use rayon::prelude::*;
use sign_guard::{ChainDomain, Identity, Permit, SignError, SignGuard, StorageError};
use staking::keys::FinalityProviderKey;
use staking::proof_of_possession::{AccountAddress, AccountAddressError, ProofOfPossession};
use tokio::task::spawn_blocking;

use super::{EotsSigner, HeightRange, Refusal, SignedCommitment, SignerError, Vote};

/// Signs for one chain with the keys of one or more providers.
#[derive(Clone)]
pub struct Embedded(Arc<Inner>);

struct Inner {
    chain: ChainDomain,
    keys: BTreeMap<FinalityProviderKey, SecretKey>,
    guard: SignGuard,
}

impl Embedded {
    /// A signer for `chain` whose votes `guard` records; every key must be registered there.
    pub fn new(
        chain: ChainDomain,
        keys: impl IntoIterator<Item = (FinalityProviderKey, SecretKey)>,
        guard: SignGuard,
    ) -> Self {
        Self(Arc::new(Inner {
            chain,
            keys: keys.into_iter().collect(),
            guard,
        }))
    }

    /// Runs `work`, which computes for long or waits for the disk, where it holds up nobody else.
    async fn blocking<T: Send + 'static>(
        &self,
        key: FinalityProviderKey,
        work: impl FnOnce(&Inner, &SecretKey) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, SignerError> {
        let inner = Arc::clone(&self.0);
        let worked = spawn_blocking(move || work(&inner, inner.key(key)?)).await;
        worked
            .map_err(|error| SignerError::InvalidAnswer(format!("the signer failed: {error}")))?
            .map_err(Into::into)
    }
}

impl Inner {
    fn key(&self, key: FinalityProviderKey) -> Result<&SecretKey, Refusal> {
        self.keys
            .get(&key)
            .ok_or_else(|| Refusal::UnknownKey(format!("the signer has no key for provider {key}")))
    }

    fn sign_votes(
        &self,
        key: FinalityProviderKey,
        secret: &SecretKey,
        votes: &[Vote],
    ) -> Result<Vec<Result<Signature, Refusal>>, Refusal> {
        let identity = Identity {
            public_key: key.to_bytes(),
            chain: self.chain.clone(),
        };
        let votes: Vec<_> = votes
            .iter()
            .map(|vote| sign_guard::Vote {
                identity: identity.clone(),
                height: vote.height.0,
                app_hash: vote.app_hash,
            })
            .collect();
        let signed = self
            .guard
            .sign_all(&votes, |permit| sign(secret, &permit))
            .map_err(|error| unavailable(&error))?;
        Ok(signed.into_iter().map(outcome).collect())
    }
}

#[async_trait]
impl EotsSigner for Embedded {
    async fn public_keys(&self) -> Result<Vec<FinalityProviderKey>, SignerError> {
        Ok(self.0.keys.keys().copied().collect())
    }

    async fn public_randomness(
        &self,
        key: FinalityProviderKey,
        range: HeightRange,
    ) -> Result<Vec<PublicRandomness>, SignerError> {
        self.blocking(key, move |inner, secret| {
            check_range(range)?;
            Ok(leaves(secret, inner.chain.as_str(), range))
        })
        .await
    }

    async fn sign_commitment(
        &self,
        key: FinalityProviderKey,
        range: HeightRange,
    ) -> Result<SignedCommitment, SignerError> {
        let mut aux = [0; 32];
        OsRng.fill_bytes(&mut aux);
        self.blocking(key, move |inner, secret| {
            check_range(range)?;
            let commitment = commitment(secret, inner.chain.as_str(), range)
                .map_err(|error| Refusal::InvalidRequest(error.to_string()))?;
            let digest = digest(range.start.0, range.count.into(), &commitment);
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
        let votes = votes.to_vec();
        self.blocking(key, move |inner, secret| {
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
        self.blocking(key, move |_, secret| prove_possession(secret, &address))
            .await
    }
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
fn sign(secret: &SecretKey, permit: &Permit) -> Result<[u8; 32], ChallengeOverflow> {
    let vote = permit.vote();
    let randomness = derive(secret, vote.identity.chain.as_str(), vote.height);
    let message = vote_message(vote.height, &vote.app_hash);
    eots::sign(secret, randomness, &message).map(Signature::to_bytes)
}

fn outcome(signed: Result<[u8; 32], SignError<ChallengeOverflow>>) -> Result<Signature, Refusal> {
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

fn check_range(range: HeightRange) -> Result<(), Refusal> {
    if range.count > 0 && range.start.0.checked_add(range.count.into()).is_some() {
        return Ok(());
    }
    Err(Refusal::InvalidRequest(format!(
        "{} heights from {} are no range of heights",
        range.count, range.start
    )))
}

/// Public randomness of all heights in the range, on all cores.
fn leaves(secret: &SecretKey, chain_id: &str, range: HeightRange) -> Vec<PublicRandomness> {
    let blocks: Vec<_> = block_ranges(range.count.into()).collect();
    blocks
        .into_par_iter()
        .flat_map_iter(|block| {
            let start = range.start.0 + block.start;
            public_range(secret, chain_id, start, block.end - block.start)
        })
        .collect()
}

fn commitment(
    secret: &SecretKey,
    chain_id: &str,
    range: HeightRange,
) -> Result<Commitment, TreeError> {
    let ranges: Vec<_> = block_ranges(range.count.into()).collect();
    let blocks: Vec<Block> = ranges
        .into_par_iter()
        .map(|block| {
            let start = range.start.0 + block.start;
            let leaves: Vec<_> =
                public_range(secret, chain_id, start, block.end - block.start).collect();
            Block::new(&leaves)
        })
        .collect::<Result<_, _>>()?;
    Ok(Tree::from_blocks(blocks)?.commitment())
}
