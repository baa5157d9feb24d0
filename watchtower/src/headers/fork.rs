//! Where two chains part, in few questions.

/// The search for the highest height at which both sides have the same block.
///
/// Going down from the top in doubling steps finds a common height, and halving what is left finds the highest one: a
/// reorg of d blocks takes about 2·log2(d) questions, however long the chains are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkSearch {
    /// Below this nobody has blocks to compare.
    floor: u32,
    common: Option<u32>,
    /// Lowest height known to differ, or the one above the top.
    differs: u32,
    step: u32,
}

/// What the search needs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Compare at this height and [`ForkSearch::answer`].
    Compare(u32),
    /// The highest common height.
    Found(u32),
    /// Not even the lowest height is common.
    Disjoint,
}

impl ForkSearch {
    /// Searches between two heights, both included.
    pub fn between(floor: u32, top: u32) -> Self {
        Self {
            floor,
            common: None,
            differs: top.saturating_add(1),
            step: 1,
        }
    }

    /// What to do next.
    pub fn next(&self) -> Next {
        match self.common {
            Some(common) if self.differs.saturating_sub(common) <= 1 => Next::Found(common),
            Some(common) => Next::Compare(common + (self.differs - common) / 2),
            None if self.differs <= self.floor => Next::Disjoint,
            None => Next::Compare(self.differs.saturating_sub(self.step).max(self.floor)),
        }
    }

    /// Tells whether both sides have the same block at a height.
    pub fn answer(&mut self, height: u32, common: bool) {
        if common {
            self.common = self.common.max(Some(height));
        } else {
            self.differs = self.differs.min(height);
            self.step = self.step.saturating_mul(2);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Runs a search where both sides agree up to `fork`; returns the result and the number of questions.
    fn search(floor: u32, top: u32, fork: Option<u32>) -> (Next, u32) {
        let mut search = ForkSearch::between(floor, top);
        let mut questions = 0;
        loop {
            match search.next() {
                Next::Compare(height) => {
                    assert!((floor..=top).contains(&height));
                    questions += 1;
                    search.answer(height, fork.is_some_and(|fork| height <= fork));
                }
                end => return (end, questions),
            }
        }
    }

    #[test]
    fn agreement_at_the_top_takes_one_question() {
        assert_eq!(search(0, 900_000, Some(900_000)), (Next::Found(900_000), 1));
    }

    #[test]
    fn chains_without_a_common_block_are_told_apart() {
        assert_eq!(search(2016, 900_000, None).0, Next::Disjoint);
        assert_eq!(search(0, 0, None), (Next::Disjoint, 1));
    }

    proptest! {
        #[test]
        fn the_fork_is_found_in_logarithmic_steps(
            floor in 0_u32..1000, length in 0_u32..1_000_000, depth in 0_u32..1_000_000,
        ) {
            let top = floor + length;
            let depth = depth.min(length);
            let (found, questions) = search(floor, top, Some(top - depth));
            prop_assert_eq!(found, Next::Found(top - depth));
            prop_assert!(questions <= 3 + 2 * (depth + 1).ilog2());
        }
    }
}
