//! Numbers of Bitcoin blocks as people read them.

use std::fmt;

/// Blocks that Bitcoin makes in a day, at one every ten minutes.
const PER_DAY: u32 = 144;

/// Blocks that Bitcoin makes in an hour.
const PER_HOUR: u32 = 6;

/// So many blocks; shown with about how long they take: `1008 blocks (about 7 days)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blocks(pub u32);

impl Blocks {
    /// How many days they take on average.
    pub fn approximate_days(self) -> f64 {
        f64::from(self.0) / f64::from(PER_DAY)
    }
}

impl fmt::Display for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounded = |unit: u32| self.0.saturating_add(unit / 2) / unit;
        let (number, unit) = match self.0 {
            0..PER_HOUR => (self.0.saturating_mul(60 / PER_HOUR), "minute"),
            PER_HOUR..=288 => (rounded(PER_HOUR), "hour"),
            _ => (rounded(PER_DAY), "day"),
        };
        let plural = |count: u32| if count == 1 { "" } else { "s" };
        let blocks = self.0;
        write!(
            f,
            "{blocks} block{} (about {number} {unit}{})",
            plural(blocks),
            plural(number)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_shown_with_about_how_long_they_take() {
        for (blocks, shown) in [
            (0, "0 blocks (about 0 minutes)"),
            (1, "1 block (about 10 minutes)"),
            (6, "6 blocks (about 1 hour)"),
            (144, "144 blocks (about 24 hours)"),
            (1_008, "1008 blocks (about 7 days)"),
            (64_000, "64000 blocks (about 444 days)"),
            (u32::MAX, "4294967295 blocks (about 29826161 days)"),
        ] {
            assert_eq!(Blocks(blocks).to_string(), shown);
        }
    }
}
