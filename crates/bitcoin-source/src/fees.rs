//! Fee rates: what the node suggests, kept within what the operator allows.

use bitcoin::FeeRate;
use serde::{Deserialize, Serialize};

/// Bounds of the fee rates we choose, and the rate where nobody has an estimate; all in sat/vB.
///
/// Always `min <= fallback <= max`. As a configuration section:
///
/// ```toml
/// [bitcoin.fees]
/// min = 1
/// max = 200
/// fallback = 10
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Section", into = "Section")]
pub struct FeePolicy {
    min: FeeRate,
    max: FeeRate,
    fallback: FeeRate,
}

/// Bounds that contradict each other.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "fee rates must satisfy `min` <= `fallback` <= `max`, these do not: min {min}, fallback {fallback}, max {max} sat/vB"
)]
pub struct FeePolicyError {
    min: f64,
    fallback: f64,
    max: f64,
}

/// A fee rate and where it comes from, so that a person can be told why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeEstimate {
    /// The rate to pay.
    pub rate: FeeRate,
    /// Where it comes from.
    pub origin: FeeOrigin,
}

/// Where a fee rate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeOrigin {
    /// The node's estimate for the wanted number of blocks.
    Estimate,
    /// The node's estimate was below the configured minimum.
    Minimum,
    /// The node's estimate was above the configured maximum: confirmation may take longer than wanted.
    Maximum,
    /// The node has no estimate: the configured fallback, or what its mempool asks for if that is more.
    Fallback,
}

impl FeePolicy {
    /// Creates a policy.
    ///
    /// # Errors
    ///
    /// Refuses rates out of order.
    pub fn new(min: FeeRate, max: FeeRate, fallback: FeeRate) -> Result<Self, FeePolicyError> {
        if min <= fallback && fallback <= max {
            Ok(Self { min, max, fallback })
        } else {
            Err(FeePolicyError {
                min: sat_per_vb::from_rate(min),
                fallback: sat_per_vb::from_rate(fallback),
                max: sat_per_vb::from_rate(max),
            })
        }
    }

    /// The lowest rate we choose.
    pub fn min(&self) -> FeeRate {
        self.min
    }

    /// The highest rate we choose, and the cap on rates that a user asks for.
    pub fn max(&self) -> FeeRate {
        self.max
    }

    /// The rate where the node has no estimate.
    pub fn fallback(&self) -> FeeRate {
        self.fallback
    }

    /// Chooses a rate.
    ///
    /// `estimate` is the node's suggestion, if it has one; `mempool_minimum` the lowest rate its mempool takes now.
    /// A missing estimate never leads to the maximum.
    pub fn choose(&self, estimate: Option<FeeRate>, mempool_minimum: FeeRate) -> FeeEstimate {
        match estimate {
            None => FeeEstimate {
                rate: self.fallback.max(mempool_minimum).min(self.max),
                origin: FeeOrigin::Fallback,
            },
            Some(rate) if rate < self.min => FeeEstimate {
                rate: self.min,
                origin: FeeOrigin::Minimum,
            },
            Some(rate) if rate > self.max => FeeEstimate {
                rate: self.max,
                origin: FeeOrigin::Maximum,
            },
            Some(rate) => FeeEstimate {
                rate,
                origin: FeeOrigin::Estimate,
            },
        }
    }
}

impl Default for FeePolicy {
    /// 1 to 200 sat/vB, 10 where there is no estimate.
    fn default() -> Self {
        Self {
            min: FeeRate::from_sat_per_vb_u32(1),
            max: FeeRate::from_sat_per_vb_u32(200),
            fallback: FeeRate::from_sat_per_vb_u32(10),
        }
    }
}

/// The section as written; absent keys are the defaults.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Section {
    #[serde(with = "sat_per_vb")]
    min: FeeRate,
    #[serde(with = "sat_per_vb")]
    max: FeeRate,
    #[serde(with = "sat_per_vb")]
    fallback: FeeRate,
}

impl Default for Section {
    fn default() -> Self {
        FeePolicy::default().into()
    }
}

impl TryFrom<Section> for FeePolicy {
    type Error = FeePolicyError;

    fn try_from(section: Section) -> Result<Self, FeePolicyError> {
        Self::new(section.min, section.max, section.fallback)
    }
}

impl From<FeePolicy> for Section {
    fn from(policy: FeePolicy) -> Self {
        Self {
            min: policy.min,
            max: policy.max,
            fallback: policy.fallback,
        }
    }
}

/// Fee rates as people write them: sat/vB, whole or with decimals. For `#[serde(with = "sat_per_vb")]`.
pub mod sat_per_vb {
    use bitcoin::FeeRate;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    /// One sat/vB in sat per 1000 weight units, the unit of [`FeeRate`].
    const SAT_PER_KWU: f64 = 250.0;

    /// Above this a rate is a mistake in the unit: no block was ever that full.
    const HIGHEST: f64 = 100_000.0;

    /// The rate in sat/vB.
    pub fn from_rate(rate: FeeRate) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "exact below 2^53, far above any rate"
        )]
        let sat_per_kwu = rate.to_sat_per_kwu() as f64;
        sat_per_kwu / SAT_PER_KWU
    }

    /// The rate of so many sat/vB, rounded up to the next 0.004; `None` below 0, above 100,000 and for NaN.
    pub fn to_rate(sat_per_vb: f64) -> Option<FeeRate> {
        if !(0.0..=HIGHEST).contains(&sat_per_vb) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 25,000,000 after the check above"
        )]
        let sat_per_kwu = (sat_per_vb * SAT_PER_KWU).ceil() as u64;
        Some(FeeRate::from_sat_per_kwu(sat_per_kwu))
    }

    /// Writes the rate in sat/vB.
    pub fn serialize<S: Serializer>(rate: &FeeRate, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(from_rate(*rate))
    }

    /// Reads a rate in sat/vB.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FeeRate, D::Error> {
        let sat_per_vb = f64::deserialize(deserializer)?;
        to_rate(sat_per_vb).ok_or_else(|| {
            D::Error::custom(format!(
                "fee rate {sat_per_vb} is outside 0 to 100000 sat/vB"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(sat_per_vb: u32) -> FeeRate {
        FeeRate::from_sat_per_vb_u32(sat_per_vb)
    }

    fn policy() -> FeePolicy {
        FeePolicy::new(rate(2), rate(50), rate(5)).unwrap()
    }

    #[test]
    fn estimates_are_kept_within_the_bounds() {
        let cases = [
            (Some(rate(20)), rate(1), rate(20), FeeOrigin::Estimate),
            (Some(rate(1)), rate(1), rate(2), FeeOrigin::Minimum),
            (Some(rate(500)), rate(1), rate(50), FeeOrigin::Maximum),
            (None, rate(1), rate(5), FeeOrigin::Fallback),
            (None, rate(9), rate(9), FeeOrigin::Fallback),
            (None, rate(900), rate(50), FeeOrigin::Fallback),
        ];
        for (estimate, mempool_minimum, expected, origin) in cases {
            assert_eq!(
                policy().choose(estimate, mempool_minimum),
                FeeEstimate {
                    rate: expected,
                    origin
                },
                "{estimate:?}"
            );
        }
    }

    #[test]
    fn a_section_reads_whole_and_decimal_rates_and_fills_in_defaults() {
        let policy: FeePolicy = toml::from_str("min = 0.1\nmax = 30").unwrap();
        assert_eq!(policy.min(), FeeRate::from_sat_per_kwu(25));
        assert_eq!(policy.max(), rate(30));
        assert_eq!(policy.fallback(), rate(10));
    }

    #[test]
    fn a_wrong_section_is_refused_with_the_rule() {
        let cases = [
            ("min = 20", "`min` <= `fallback` <= `max`"),
            ("max = -1", "outside 0 to 100000"),
            ("max = nan", "outside 0 to 100000"),
            ("maximum = 3", "unknown field"),
        ];
        for (section, rule) in cases {
            let error = toml::from_str::<FeePolicy>(section)
                .unwrap_err()
                .to_string();
            assert!(error.contains(rule), "{section}: {error}");
        }
    }
}
