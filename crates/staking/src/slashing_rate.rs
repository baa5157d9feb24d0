//! The share of a stake that slashing burns.
//!
//! The chain computes the slashed amount in IEEE-754 doubles (spec 1.8), and a transaction that is one satoshi short
//! is invalid. Floats are kept out of this crate, so [`SlashingRate::amount`] does the same three correctly rounded
//! steps in integers: the rate's nearest double, the product, and the sum with one half that is then truncated.

use std::fmt;
use std::str::FromStr;

use bitcoin::Amount;

/// Ten thousandths in one.
const UNIT: u16 = 10_000;

/// Significant bits of a double.
const DOUBLE_PRECISION: u32 = 53;

/// Binary places in which [`SlashingRate::nearest_double`] is exact: the least rate, 1/10000, lies above 2^-14, so
/// the last of its 53 significant bits stands for 2^-66.
const BINARY_PLACES: u32 = 66;

/// Binary places beyond [`BINARY_PLACES`] in which a rate is computed before it is rounded.
const GUARD_PLACES: u32 = 14;

/// A share above 0 and below 1 with at most four decimals (spec 2.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlashingRate {
    ten_thousandths: u16,
}

/// Why a text is no slashing rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SlashingRateError {
    /// The text is no plain decimal number.
    #[error("slashing rate `{0}` is not a decimal number such as 0.001")]
    Malformed(String),
    /// The number has a fifth decimal.
    #[error("slashing rate `{0}` has more than 4 decimals")]
    TooPrecise(String),
    /// The number is 0, or 1 and more.
    #[error("slashing rate `{0}` is not above 0 and below 1")]
    OutOfRange(String),
}

impl SlashingRate {
    /// Creates a rate of so many ten thousandths; `None` outside 1 to 9999.
    pub const fn from_ten_thousandths(ten_thousandths: u16) -> Option<Self> {
        if ten_thousandths == 0 || ten_thousandths >= UNIT {
            None
        } else {
            Some(Self { ten_thousandths })
        }
    }

    /// The rate in ten thousandths, 1 to 9999.
    pub const fn ten_thousandths(self) -> u16 {
        self.ten_thousandths
    }

    /// Parses the form in which the chain sends decimals: the number times 10^18, as decimal digits (spec 2.2).
    ///
    /// # Errors
    ///
    /// Refuses what [`FromStr`] refuses of the number itself.
    pub fn from_legacy_dec(text: &str) -> Result<Self, SlashingRateError> {
        const TEN_THOUSANDTH: u128 = 10_u128.pow(14);
        if !is_digits(text) {
            return Err(SlashingRateError::Malformed(text.to_owned()));
        }
        // A number that does not fit is far above one.
        let scaled: u128 = text.parse().unwrap_or(u128::MAX);
        let out_of_range = || SlashingRateError::OutOfRange(text.to_owned());
        let ten_thousandths = u16::try_from(scaled / TEN_THOUSANDTH).map_err(|_| out_of_range())?;
        if ten_thousandths < UNIT && scaled % TEN_THOUSANDTH != 0 {
            return Err(SlashingRateError::TooPrecise(text.to_owned()));
        }
        Self::from_ten_thousandths(ten_thousandths).ok_or_else(out_of_range)
    }

    /// The amount that slashing takes of `value`, in satoshi, to the bit as the chain computes it.
    ///
    /// Values above 21 million bitcoin do not exist; they count as that.
    pub fn amount(self, value: Amount) -> Amount {
        const HALF: u128 = 1 << (BINARY_PLACES - 1);
        // At most 2^51 satoshi are an exact double, and their product with the rate stays below 2^117.
        let value = u128::from(value.min(Amount::MAX_MONEY).to_sat());
        let product = round_to_double(value * self.nearest_double());
        let satoshi = round_to_double(product + HALF) >> BINARY_PLACES;
        Amount::from_sat(u64::try_from(satoshi).unwrap_or(u64::MAX))
    }

    /// The double nearest to the rate, times 2^66.
    fn nearest_double(self) -> u128 {
        let scaled = u128::from(self.ten_thousandths) << (BINARY_PLACES + GUARD_PLACES);
        let quotient = scaled / u128::from(UNIT);
        // The lowest bit lies below the rounding position of even the least rate, so it can stand for all that the
        // division cut off and make sure that no tie is seen where there is none.
        let sticky = u128::from(scaled % u128::from(UNIT) != 0);
        round_to_double(quotient | sticky) >> GUARD_PLACES
    }
}

/// Rounds to the nearest number of 53 significant bits, ties to even; the scale does not matter.
fn round_to_double(number: u128) -> u128 {
    let excess = (u128::BITS - number.leading_zeros()).saturating_sub(DOUBLE_PRECISION);
    if excess == 0 {
        return number;
    }
    let kept = number >> excess;
    let cut = number - (kept << excess);
    let half = 1 << (excess - 1);
    let round_up = cut > half || (cut == half && kept % 2 == 1);
    (kept + u128::from(round_up)) << excess
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl FromStr for SlashingRate {
    type Err = SlashingRateError;

    /// Parses a decimal such as `0.001`; trailing zeros are allowed (`0.100000000000000000`).
    fn from_str(text: &str) -> Result<Self, SlashingRateError> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        if !is_digits(whole) || !is_digits(decimals) {
            return Err(SlashingRateError::Malformed(text.to_owned()));
        }
        if whole.bytes().any(|digit| digit != b'0') {
            return Err(SlashingRateError::OutOfRange(text.to_owned()));
        }
        let significant = decimals.trim_end_matches('0');
        if significant.len() > 4 {
            return Err(SlashingRateError::TooPrecise(text.to_owned()));
        }
        format!("{significant:0<4}")
            .parse()
            .ok()
            .and_then(Self::from_ten_thousandths)
            .ok_or_else(|| SlashingRateError::OutOfRange(text.to_owned()))
    }
}

impl fmt::Display for SlashingRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:04}", self.ten_thousandths);
        write!(f, "0.{}", decimals.trim_end_matches('0'))
    }
}

impl fmt::Debug for SlashingRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlashingRate({self})")
    }
}
