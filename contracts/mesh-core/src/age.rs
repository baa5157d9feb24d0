//! How old a table may be that makes checkpoints final, and the view of Bitcoin that it is judged by (rule 6, spec 3.2).

/// How old a table and the view of Bitcoin may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgeLimits {
    /// How far Bitcoin's tip may be above the block at which a table was cut, blocks.
    pub max_age: u32,
    /// How far Bitcoin's tip may be behind the chain's clock, seconds.
    pub max_stale: u32,
}

/// Why no checkpoint can become final at present, whatever votes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AgeError {
    /// What is known of Bitcoin is too old. Headers help.
    #[error(
        "Bitcoin's tip is {lag} s behind this chain's clock, at most {max_stale} s are allowed; bring headers"
    )]
    Stale {
        /// How far it is behind, seconds.
        lag: u64,
        /// How far it may be, seconds.
        max_stale: u32,
    },
    /// The table is too old: its providers could have unbonded. Only governance helps.
    #[error(
        "the table in force is {age} blocks old, at most {max_age} are allowed; governance must put a newer one into force"
    )]
    Aged {
        /// Its age, blocks.
        age: u32,
        /// How old it may be, blocks.
        max_age: u32,
    },
}

impl AgeLimits {
    /// Checks a view of Bitcoin whose tip is `lag` seconds behind the chain's clock.
    ///
    /// # Errors
    ///
    /// Refuses a stale one.
    pub fn check_fresh(&self, lag: u64) -> Result<(), AgeError> {
        let max_stale = self.max_stale;
        if lag > max_stale.into() {
            Err(AgeError::Stale { lag, max_stale })
        } else {
            Ok(())
        }
    }

    /// Checks a table that was cut at height `cut` of Bitcoin, by such a view with its tip at height `tip`.
    ///
    /// # Errors
    ///
    /// Refuses a stale view, and an old table.
    pub fn check(&self, lag: u64, tip: u32, cut: u32) -> Result<(), AgeError> {
        self.check_fresh(lag)?;
        let (age, max_age) = (tip.saturating_sub(cut), self.max_age);
        if age > max_age {
            Err(AgeError::Aged { age, max_age })
        } else {
            Ok(())
        }
    }
}
