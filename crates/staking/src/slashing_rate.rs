//! The share of a stake that slashing burns, with the node's own rounding but without floats.

use std::str::FromStr;

/// A share between 0 and 1, both excluded, of at most four decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlashingRate {
    ten_thousandths: u16,
}

/// Text that is no slashing rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("slashing rate `{0}` is no decimal between 0 and 1 with at most 4 decimals")]
pub struct SlashingRateError(String);

impl FromStr for SlashingRate {
    type Err = SlashingRateError;

    fn from_str(text: &str) -> Result<Self, SlashingRateError> {
        text.strip_prefix("0.")
            .and_then(|digits| format!("{digits:0<4}").parse().ok())
            .filter(|rate| (1..10_000).contains(rate))
            .map(|ten_thousandths| Self { ten_thousandths })
            .ok_or_else(|| SlashingRateError(text.to_owned()))
    }
}
