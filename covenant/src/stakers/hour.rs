//! How many delegations are signed in any hour, for one staker and for all: pure, the time is an argument.
//!
//! Only who has shown the staker's key takes from that key's share. Keys cost nothing, though, so what bounds the
//! member's disk is the limit for all.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use staking::keys::StakerKey;

/// The window of both limits.
const HOUR: Duration = Duration::from_hours(1);

/// Most delegations in any hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourlyLimits {
    /// Of one staker key.
    pub per_staker: NonZeroU32,
    /// Of all together.
    pub overall: NonZeroU32,
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// The staker's.
    Staker,
    /// Everybody's.
    Overall,
}

impl Limited {
    /// Its name among the metrics' labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Staker => "staker",
            Self::Overall => "overall",
        }
    }
}

impl fmt::Display for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Staker => "of this staker key",
            Self::Overall => "of all stakers together",
        })
    }
}

/// A limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{most} delegations {limit} were signed within an hour, which is the most; the next is possible in {} s", .pause.as_secs().saturating_add(1))]
pub struct Exceeded {
    /// Which one.
    pub limit: Limited,
    /// Its value.
    pub most: NonZeroU32,
    /// How long until it allows one more.
    pub pause: Duration,
}

/// The delegations of the last hour; never more than the limit for all.
#[derive(Debug)]
pub struct Hour {
    limits: HourlyLimits,
    taken: VecDeque<(Instant, StakerKey)>,
}

impl Hour {
    /// An hour in which nothing was signed.
    pub fn new(limits: HourlyLimits) -> Self {
        Self {
            limits,
            taken: VecDeque::new(),
        }
    }

    /// Takes one of the staker's delegations and one of everybody's. `now` never goes backwards.
    pub fn take(&mut self, staker: StakerKey, now: Instant) -> Result<(), Exceeded> {
        self.forget(now);
        let of_staker = self.taken.iter().filter(|(_, other)| *other == staker);
        let HourlyLimits {
            per_staker,
            overall,
        } = self.limits;
        check(Limited::Staker, per_staker, of_staker, now)?;
        check(Limited::Overall, overall, self.taken.iter(), now)?;
        self.taken.push_back((now, staker));
        Ok(())
    }

    /// Undoes a [`Self::take`] of which nothing came.
    pub fn give_back(&mut self, staker: StakerKey, taken_at: Instant) {
        let same = |(at, other): &(Instant, StakerKey)| *at == taken_at && *other == staker;
        if let Some(position) = self.taken.iter().position(same) {
            self.taken.remove(position);
        }
    }

    /// Delegations taken in the hour before `now`.
    pub fn taken(&mut self, now: Instant) -> usize {
        self.forget(now);
        self.taken.len()
    }

    fn forget(&mut self, now: Instant) {
        while let Some((at, _)) = self.taken.front()
            && now.saturating_duration_since(*at) >= HOUR
        {
            self.taken.pop_front();
        }
    }
}

/// `taken` comes oldest first.
fn check<'a>(
    limit: Limited,
    most: NonZeroU32,
    taken: impl Iterator<Item = &'a (Instant, StakerKey)> + Clone,
    now: Instant,
) -> Result<(), Exceeded> {
    let count = taken.clone().count();
    if u32::try_from(count).is_ok_and(|count| count < most.get()) {
        return Ok(());
    }
    let pause = taken.map(|(at, _)| *at).next().map_or(HOUR, |oldest| {
        HOUR.saturating_sub(now.saturating_duration_since(oldest))
    });
    Err(Exceeded { limit, most, pause })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limits(per_staker: u32, overall: u32) -> HourlyLimits {
        HourlyLimits {
            per_staker: NonZeroU32::new(per_staker).unwrap(),
            overall: NonZeroU32::new(overall).unwrap(),
        }
    }

    /// Keys that are on the curve: its first multiples of the generator.
    fn staker(number: usize) -> StakerKey {
        let keys = [
            "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
            "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
            "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
        ];
        keys[number].parse().unwrap()
    }

    fn limit(taken: Result<(), Exceeded>) -> Option<(Limited, u64)> {
        taken
            .err()
            .map(|exceeded| (exceeded.limit, exceeded.pause.as_secs()))
    }

    #[test]
    fn one_stakers_hour_is_nobody_elses() {
        let (mut hour, now) = (Hour::new(limits(2, 10)), Instant::now());
        let minutes = |minutes| now + Duration::from_mins(minutes);
        assert_eq!(hour.take(staker(0), now), Ok(()));
        assert_eq!(hour.take(staker(0), minutes(10)), Ok(()));
        let refused = hour.take(staker(0), minutes(20));
        assert_eq!(limit(refused), Some((Limited::Staker, 40 * 60)));
        assert_eq!(hour.take(staker(1), minutes(20)), Ok(()));
        // An hour after the first of them, not of the day.
        assert_eq!(hour.take(staker(0), minutes(60)), Ok(()));
        let refused = hour.take(staker(0), minutes(60));
        assert_eq!(limit(refused), Some((Limited::Staker, 10 * 60)));
    }

    #[test]
    fn many_keys_do_not_help_against_the_limit_for_all() {
        let (mut hour, now) = (Hour::new(limits(2, 2)), Instant::now());
        assert_eq!(hour.take(staker(0), now), Ok(()));
        assert_eq!(hour.take(staker(1), now), Ok(()));
        let refused = hour.take(staker(2), now);
        assert_eq!(limit(refused), Some((Limited::Overall, 60 * 60)));
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .contains("2 delegations of all stakers")
        );
    }

    #[test]
    fn what_came_to_nothing_is_given_back_once() {
        let (mut hour, now) = (Hour::new(limits(1, 2)), Instant::now());
        assert_eq!(hour.take(staker(0), now), Ok(()));
        assert_eq!(hour.take(staker(1), now), Ok(()));
        hour.give_back(staker(0), now);
        hour.give_back(staker(0), now);
        assert_eq!(hour.taken(now), 1);
        assert_eq!(hour.take(staker(0), now), Ok(()));
        assert!(hour.take(staker(1), now).is_err());
    }

    proptest! {
        #[test]
        fn in_no_hour_is_more_signed_than_allowed(
            per_staker in 1_u32..4,
            overall in 1_u32..8,
            asked in prop::collection::vec((0_usize..3, 0_u64..1_800), 1..60),
        ) {
            let mut hour = Hour::new(limits(per_staker, overall));
            let mut now = Instant::now();
            let mut signed: Vec<(Instant, usize)> = Vec::new();
            for (who, seconds) in asked {
                now += Duration::from_secs(seconds);
                let within = |at: &Instant| now.duration_since(*at) < HOUR;
                let all = signed.iter().filter(|(at, _)| within(at)).count();
                let own = signed.iter().filter(|(at, other)| within(at) && *other == who).count();
                let allowed = own < per_staker as usize && all < overall as usize;
                let taken = hour.take(staker(who), now);
                prop_assert_eq!(taken.is_ok(), allowed);
                if let Err(exceeded) = taken {
                    // Whoever waits as long as it was told finds its place, if nobody else takes it.
                    let mut later = Hour { limits: hour.limits, taken: hour.taken.clone() };
                    let again = later.take(staker(who), now + exceeded.pause);
                    prop_assert!(again.is_ok() || again.unwrap_err().limit != exceeded.limit);
                } else {
                    signed.push((now, who));
                }
            }
        }
    }
}
