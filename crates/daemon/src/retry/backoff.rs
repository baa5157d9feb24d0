//! Pauses that double with every failure in a row.

use std::time::Duration;

/// How long to wait after failures: doubling from `first` up to `longest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The pause after the first failure.
    pub first: Duration,
    /// The pause that no further failure lengthens.
    pub longest: Duration,
}

impl Backoff {
    /// The pause after `failures` failures in a row; none before the first.
    ///
    /// `jitter`, from 0 to 1, is how much of the pause's second half is used: random values keep programs that lost the
    /// same node from coming back in the same moment. Anything else counts as the nearer of 0 and 1.
    pub fn pause(&self, failures: u32, jitter: f64) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else {
            return Duration::ZERO;
        };
        let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
        let full = self.first.saturating_mul(factor).min(self.longest);
        let jitter = if jitter.is_nan() {
            1.0
        } else {
            jitter.clamp(0.0, 1.0)
        };
        full.mul_f64(0.5 + jitter / 2.0).min(full)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_secs(1),
        longest: Duration::from_mins(1),
    };

    #[test]
    fn pauses_double_up_to_the_longest() {
        let seconds: Vec<u64> = [0, 1, 2, 3, 6, 7, u32::MAX]
            .map(|failures| BACKOFF.pause(failures, 1.0).as_secs())
            .to_vec();
        assert_eq!(seconds, [0, 1, 2, 4, 32, 60, 60]);
    }

    proptest! {
        #[test]
        fn a_pause_is_between_half_and_all_of_its_step(
            failures in 1_u32..,
            jitter in any::<f64>(),
            first in 0_u64..1 << 40,
            longest in 0_u64..1 << 40,
        ) {
            let backoff = Backoff {
                first: Duration::from_micros(first),
                longest: Duration::from_micros(longest),
            };
            let (least, most) = (backoff.pause(failures, 0.0), backoff.pause(failures, 1.0));
            let pause = backoff.pause(failures, jitter);
            prop_assert!(least <= pause && pause <= most);
            prop_assert!(most <= backoff.longest);
            prop_assert!(backoff.pause(failures.saturating_add(1), 1.0) >= most);
        }
    }
}
