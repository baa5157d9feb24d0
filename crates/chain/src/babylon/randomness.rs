//! Which commitments to public randomness count.

use std::ops::RangeInclusive;

use staking::units::ChainHeight;

use crate::{ChainError, EffectiveCommit, PublicRandomnessCommit};

/// Those of a provider's commitments that cover any of `heights` and were made up to the epoch `last_final`, whose
/// checkpoint is final on Bitcoin; 0 before the first (spec 3.7).
///
/// # Errors
///
/// Refuses commitments that overlap: the chain takes none, and proving under them could cost any amount of work.
pub(super) fn effective(
    mut commits: Vec<PublicRandomnessCommit>,
    last_final: u64,
    heights: &RangeInclusive<ChainHeight>,
) -> Result<Vec<EffectiveCommit>, ChainError> {
    commits.sort_by_key(|commit| commit.start);
    for (lower, upper) in commits.iter().zip(commits.iter().skip(1)) {
        if lower.last() >= upper.start {
            return Err(ChainError::InvalidAnswer {
                query: "ListPubRandCommit",
                reason: format!(
                    "{} heights from {} overlap with {} from {}",
                    lower.count, lower.start, upper.count, upper.start
                ),
            });
        }
    }
    let counts = |commit: &PublicRandomnessCommit| {
        last_final != 0
            && commit.epoch <= last_final
            && commit.start <= *heights.end()
            && commit.last() >= *heights.start()
    };
    Ok(commits
        .into_iter()
        .filter(counts)
        .map(|commit| EffectiveCommit {
            heights: commit.start..=commit.last(),
            commit,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use eots::commitment::Commitment;

    use super::*;

    fn commit(start: u64, count: u64, epoch: u64) -> PublicRandomnessCommit {
        PublicRandomnessCommit {
            start: ChainHeight(start),
            count,
            commitment: Commitment::from_bytes([0; 32]),
            epoch,
        }
    }

    fn starts(commits: &[PublicRandomnessCommit], last_final: u64) -> Vec<u64> {
        let heights = ChainHeight(15)..=ChainHeight(25);
        let effective = effective(commits.to_vec(), last_final, &heights).unwrap();
        effective
            .iter()
            .map(|effective| effective.commit.start.0)
            .collect()
    }

    #[test]
    fn only_what_is_timestamped_and_covers_a_height_counts() {
        let commits = [
            commit(30, 10, 1),
            commit(10, 6, 2),
            commit(16, 10, 3),
            commit(5, 5, 1),
        ];
        assert_eq!(starts(&commits, 0), [] as [u64; 0]);
        assert_eq!(starts(&commits, 2), [10]);
        assert_eq!(starts(&commits, 3), [10, 16]);
    }

    #[test]
    fn overlapping_commitments_are_no_answer_of_the_chain() {
        let heights = ChainHeight(15)..=ChainHeight(25);
        let commits = vec![commit(16, 10, 1), commit(10, 7, 1)];
        let error = effective(commits, 1, &heights).unwrap_err();
        assert!(error.to_string().contains("overlap"), "{error}");
    }
}
