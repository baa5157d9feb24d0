//! What one provider has committed to, rebuilt from its key: nothing about commitments is stored.
//!
//! Rebuilding also shows whether the key and chain id at hand are those of the commitment; a vote under other randomness
//! would be refused, and a commitment to it would make later votes impossible.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use chain::{EffectiveCommit, PublicRandomnessCommit};
use eots::PublicRandomness;
use eots::commitment::{BLOCK_LEAVES, Block, Proof, Tree, TreeError};
use staking::keys::FinalityProviderKey;
use staking::units::ChainHeight;

use crate::signer::{EotsSigner, HeightRange, MOST_COMMITTED, MOST_RANDOMNESS, SignerError};

/// Why a commitment cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CommittedError {
    /// The chain's commitment is not the one this key makes under this chain id.
    #[error(
        "the commitment of {count} heights from {start} on the chain was not made with this key by this program's rule \
         under this chain id; was `chain_id` changed, or was it made by other software?"
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

/// One commitment of the chain, and what we know of it.
struct Entry {
    /// Last of the heights whose votes count under it.
    last: ChainHeight,
    commit: PublicRandomnessCommit,
    content: Content,
}

#[derive(Clone)]
enum Content {
    /// No vote has needed it yet.
    NotLookedAt,
    /// Another key's, chain's or program's: no vote of ours can be under it.
    Foreign,
    Ours {
        tree: Arc<Tree>,
        /// The leaves of the block proven from last: votes go upwards, so the next one is most likely there too.
        block: Option<(Range<u64>, Vec<PublicRandomness>)>,
    },
}

/// The commitments of one provider that still matter, by the first height whose votes count under each.
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

    /// Takes over the chain's list, and forgets all that is not on it.
    pub(super) fn take_over(&mut self, effective: Vec<EffectiveCommit>) {
        let former = std::mem::take(&mut self.entries);
        for EffectiveCommit { heights, commit } in effective {
            // On a partner chain the next epoch may be under the same commitment, which is not rebuilt for that.
            let known = former.values().find(|entry| entry.commit == commit);
            let entry = Entry {
                last: *heights.end(),
                commit,
                content: known.map_or(Content::NotLookedAt, |entry| entry.content.clone()),
            };
            self.entries.insert(*heights.start(), entry);
        }
    }

    /// Whether votes for `height` count under any commitment.
    pub(super) fn covers(&self, height: ChainHeight) -> bool {
        let below = self.entries.range(..=height).next_back();
        below.is_some_and(|(_, entry)| height <= entry.last)
    }

    /// The public randomness of `height` with the proof that it was committed to; `None` where no commitment covers it.
    pub(super) async fn prove(
        &mut self,
        signer: &dyn EotsSigner,
        height: ChainHeight,
    ) -> Result<Option<(PublicRandomness, Proof)>, CommittedError> {
        let Some((_, entry)) = self.entries.range_mut(..=height).next_back() else {
            return Ok(None);
        };
        let commit = entry.commit;
        if entry.last < height {
            return Ok(None);
        }
        if let Content::NotLookedAt = entry.content {
            entry.content = match rebuild(signer, self.key, &commit).await {
                Ok(tree) => Content::Ours {
                    tree: Arc::new(tree),
                    block: None,
                },
                Err(CommittedError::Foreign { .. }) => Content::Foreign,
                Err(error) => return Err(error),
            };
        }
        let Content::Ours { tree, block } = &mut entry.content else {
            return Err(foreign(&commit));
        };
        let Some(index) = height.0.checked_sub(commit.start.0) else {
            return Err(foreign(&commit));
        };
        let range = tree.block_of(index)?;
        let leaves = match block.take() {
            Some((cached, leaves)) if cached == range => leaves,
            _ => {
                let start = ChainHeight(commit.start.0 + range.start);
                // A block has 256 leaves.
                let count = u32::try_from(range.end - range.start).unwrap_or(u32::MAX);
                randomness(signer, self.key, HeightRange { start, count }).await?
            }
        };
        let proof = tree.prove(index, &leaves)?;
        let in_block = usize::try_from(index - range.start).unwrap_or(usize::MAX);
        let leaf = leaves.get(in_block).copied();
        *block = Some((range, leaves));
        Ok(leaf.map(|leaf| (leaf, proof)))
    }
}

/// Shows that a commitment of the chain was made with `key` under the signer's chain id.
///
/// # Errors
///
/// [`CommittedError::Foreign`] where it was not.
pub(super) async fn check(
    signer: &dyn EotsSigner,
    key: FinalityProviderKey,
    commit: &PublicRandomnessCommit,
) -> Result<(), CommittedError> {
    rebuild(signer, key, commit).await.map(|_| ())
}

async fn rebuild(
    signer: &dyn EotsSigner,
    key: FinalityProviderKey,
    commit: &PublicRandomnessCommit,
) -> Result<Tree, CommittedError> {
    // We make no longer ones; deriving what a lying node claims could take for ever.
    let ours = u32::try_from(commit.count).is_ok_and(|count| count <= MOST_COMMITTED);
    let Some(end) = commit.start.0.checked_add(commit.count).filter(|_| ours) else {
        return Err(foreign(commit));
    };
    let block_leaves = usize::try_from(BLOCK_LEAVES).unwrap_or(usize::MAX);
    let mut blocks = Vec::new();
    let mut start = commit.start.0;
    while start < end {
        let left = u32::try_from(end - start).unwrap_or(u32::MAX);
        let range = HeightRange {
            start: ChainHeight(start),
            count: left.min(MOST_RANDOMNESS),
        };
        let leaves = randomness(signer, key, range).await?;
        for block in leaves.chunks(block_leaves) {
            blocks.push(Block::new(block)?);
        }
        start += u64::from(range.count);
    }
    if blocks.is_empty() {
        return Err(foreign(commit));
    }
    let tree = Tree::from_blocks(blocks)?;
    if tree.commitment() == commit.commitment {
        Ok(tree)
    } else {
        Err(foreign(commit))
    }
}

fn foreign(commit: &PublicRandomnessCommit) -> CommittedError {
    CommittedError::Foreign {
        start: commit.start,
        count: commit.count,
    }
}

async fn randomness(
    signer: &dyn EotsSigner,
    key: FinalityProviderKey,
    range: HeightRange,
) -> Result<Vec<PublicRandomness>, SignerError> {
    let leaves = signer.public_randomness(key, range).await?;
    if u32::try_from(leaves.len()) == Ok(range.count) {
        return Ok(leaves);
    }
    Err(SignerError::InvalidAnswer(format!(
        "{} heights of public randomness were asked for from {}, {} came",
        range.count,
        range.start,
        leaves.len()
    )))
}
