//! What one provider has committed to, rebuilt from its key: nothing about commitments is stored.
//!
//! Rebuilding also shows that the key and chain id at hand are those of the commitment; a vote under other randomness
//! would be refused, and a commitment to it would make later votes impossible.

use std::collections::BTreeMap;
use std::ops::Range;

use chain::PublicRandomnessCommit;
use eots::PublicRandomness;
use eots::commitment::{Proof, Tree, TreeError};
use staking::keys::FinalityProviderKey;
use staking::units::ChainHeight;

use crate::randomness::last_height;
use crate::signer::{EotsSigner, HeightRange, SignerError};

/// Heights asked of the signer at a time: 320 kB of randomness, far below what one gRPC answer may carry.
const HEIGHTS_AT_A_TIME: u32 = 10_000;

/// Why a commitment cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CommittedError {
    /// The chain's commitment is not the one this key makes under this chain id.
    #[error(
        "the commitment of {count} heights from {start} on the chain was not made with this key under this chain id; \
         is `key_file` the key you registered, and was `chain_id` changed?"
    )]
    Foreign {
        /// First height committed to.
        start: ChainHeight,
        /// Number of heights.
        count: u64,
    },
    /// The signer did not give the randomness.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The proof could not be made.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

struct Entry {
    commit: PublicRandomnessCommit,
    tree: Tree,
    /// The leaves of the block proven from last: votes go upwards, so the next one is most likely there too.
    block: Option<(Range<u64>, Vec<PublicRandomness>)>,
}

/// The commitments of one provider that still matter, by first height.
pub(super) struct Committed {
    key: FinalityProviderKey,
    entries: BTreeMap<ChainHeight, Entry>,
}

impl Committed {
    pub(super) fn new(key: FinalityProviderKey) -> Self {
        Self {
            key,
            entries: BTreeMap::new(),
        }
    }

    /// Takes over the chain's list: rebuilds what is new, forgets what ends below `needed_from`.
    pub(super) async fn refresh(
        &mut self,
        signer: &dyn EotsSigner,
        commits: &[PublicRandomnessCommit],
        needed_from: ChainHeight,
    ) -> Result<(), CommittedError> {
        self.entries
            .retain(|_, entry| last_height(&entry.commit) >= needed_from);
        for commit in commits
            .iter()
            .filter(|commit| last_height(commit) >= needed_from)
        {
            let known = self
                .entries
                .get(&commit.start)
                .is_some_and(|entry| entry.commit == *commit);
            if !known {
                let tree = rebuild(signer, self.key, commit).await?;
                self.entries.insert(
                    commit.start,
                    Entry {
                        commit: *commit,
                        tree,
                        block: None,
                    },
                );
            }
        }
        Ok(())
    }

    /// The commitment that covers `height`.
    pub(super) fn covering(&self, height: ChainHeight) -> Option<&PublicRandomnessCommit> {
        let (_, entry) = self.entries.range(..=height).next_back()?;
        (last_height(&entry.commit) >= height).then_some(&entry.commit)
    }

    /// The public randomness of `height` with the proof that it was committed to; `None` where it was not.
    pub(super) async fn prove(
        &mut self,
        signer: &dyn EotsSigner,
        height: ChainHeight,
    ) -> Result<Option<(PublicRandomness, Proof)>, CommittedError> {
        let Some((_, entry)) = self.entries.range_mut(..=height).next_back() else {
            return Ok(None);
        };
        if last_height(&entry.commit) < height {
            return Ok(None);
        }
        let start = entry.commit.start.0;
        let index = height.0 - start;
        let range = entry.tree.block_of(index)?;
        let leaves = match entry.block.take() {
            Some((cached, leaves)) if cached == range => leaves,
            _ => {
                randomness(
                    signer,
                    self.key,
                    start + range.start,
                    range.end - range.start,
                )
                .await?
            }
        };
        let proof = entry.tree.prove(index, &leaves)?;
        let in_block = usize::try_from(index - range.start).unwrap_or(usize::MAX);
        let leaf = leaves.get(in_block).copied();
        entry.block = Some((range, leaves));
        Ok(leaf.map(|leaf| (leaf, proof)))
    }
}

async fn rebuild(
    signer: &dyn EotsSigner,
    key: FinalityProviderKey,
    commit: &PublicRandomnessCommit,
) -> Result<Tree, CommittedError> {
    let leaves = randomness(signer, key, commit.start.0, commit.count).await?;
    let tree = Tree::from_leaves(leaves)?;
    if tree.commitment() == commit.commitment {
        Ok(tree)
    } else {
        Err(CommittedError::Foreign {
            start: commit.start,
            count: commit.count,
        })
    }
}

async fn randomness(
    signer: &dyn EotsSigner,
    key: FinalityProviderKey,
    start: u64,
    count: u64,
) -> Result<Vec<PublicRandomness>, SignerError> {
    let mut leaves = Vec::new();
    let mut done = 0;
    while done < count {
        let step = u32::try_from(count - done)
            .unwrap_or(u32::MAX)
            .min(HEIGHTS_AT_A_TIME);
        let range = HeightRange {
            start: ChainHeight(start.saturating_add(done)),
            count: step,
        };
        let part = signer.public_randomness(key, range).await?;
        if part.len() != usize::try_from(step).unwrap_or(usize::MAX) {
            return Err(SignerError::InvalidAnswer(format!(
                "{} heights of public randomness were asked for from {}, {} came",
                step,
                range.start,
                part.len()
            )));
        }
        leaves.extend(part);
        done += u64::from(step);
    }
    Ok(leaves)
}
