//! Decimal numbers with 18 places, the only fractions the chain knows (spec 2.2).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Decimal places.
const PLACES: usize = 18;

/// One, in units of the last place.
const ONE: u128 = 10_u128.pow(18);

/// A decimal number of 0 and above, exact to 18 places.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Decimal(u128);

/// A text that is no such number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a decimal number with at most 18 places, such as 0.05")]
pub struct DecimalError(String);

impl Decimal {
    /// Creates a number from its thousandths.
    pub const fn from_thousandths(thousandths: u128) -> Self {
        Self(thousandths.saturating_mul(ONE / 1_000))
    }

    /// A share in hundredths of a percent.
    pub const fn from_basis_points(points: u16) -> Self {
        Self(ONE / 10_000 * points as u128)
    }

    /// The share in hundredths of a percent; `None` where it is none of them exactly, or more than all.
    pub fn basis_points(self) -> Option<u16> {
        let point = ONE / 10_000;
        let points = u16::try_from(self.0 / point).ok()?;
        (self.0.is_multiple_of(point) && points <= 10_000).then_some(points)
    }

    /// Parses the chain's form: the digits of the number times 10^18.
    ///
    /// # Errors
    ///
    /// Refuses anything but digits, and numbers beyond 128 bits.
    pub fn from_wire(text: &str) -> Result<Self, DecimalError> {
        digits(text)
            .and_then(|digits| digits.parse().ok())
            .map(Self)
            .ok_or_else(|| refuse(text))
    }

    /// The chain's form: the digits of the number times 10^18.
    pub fn to_wire(self) -> String {
        self.0.to_string()
    }

    /// This number times `factor`, rounded up; `None` beyond 128 bits.
    pub fn times_rounded_up(self, factor: u128) -> Option<u128> {
        self.0
            .checked_mul(factor)
            .map(|product| product.div_ceil(ONE))
    }

    /// This number times `factor`, a half rounded to the even neighbour as the chain does; `None` beyond 128 bits.
    pub fn times_rounded_half_even(self, factor: u128) -> Option<u128> {
        let product = self.0.checked_mul(factor)?;
        let (whole, rest) = (product / ONE, product % ONE);
        let up = rest > ONE / 2 || (rest == ONE / 2 && whole % 2 == 1);
        Some(whole + u128::from(up))
    }

    /// How often this number fits into `total`, rounded down; `None` for zero and beyond 128 bits.
    pub fn fits_into(self, total: u128) -> Option<u128> {
        total.checked_mul(ONE)?.checked_div(self.0)
    }

    /// Whether the number is below one.
    pub fn is_below_one(self) -> bool {
        self.0 < ONE
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (whole, places) = match text.split_once('.') {
            Some((whole, places)) => (whole, digits(places).ok_or_else(|| refuse(text))?),
            None => (text, ""),
        };
        if places.len() > PLACES {
            return Err(refuse(text));
        }
        let whole: Option<u128> = digits(whole).and_then(|whole| whole.parse().ok());
        let places: Option<u128> = format!("{places:0<PLACES$}").parse().ok();
        whole
            .and_then(|whole| whole.checked_mul(ONE))
            .and_then(|whole| whole.checked_add(places?))
            .map(Self)
            .ok_or_else(|| refuse(text))
    }
}

/// `text` where it is one digit or more and nothing else.
fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

fn refuse(text: &str) -> DecimalError {
    DecimalError(text.to_owned())
}

impl TryFrom<String> for Decimal {
    type Error = DecimalError;

    fn try_from(text: String) -> Result<Self, DecimalError> {
        text.parse()
    }
}

impl From<Decimal> for String {
    fn from(number: Decimal) -> String {
        number.to_string()
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = format!("{:018}", self.0 % ONE);
        match places.trim_end_matches('0') {
            "" => write!(f, "{}", self.0 / ONE),
            places => write!(f, "{}.{places}", self.0 / ONE),
        }
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decimal({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_wire_form_is_the_number_times_ten_to_the_eighteenth() {
        let rate: Decimal = "0.05".parse().unwrap();
        assert_eq!(rate.to_wire(), "50000000000000000");
        assert_eq!(
            Decimal::from_wire("1000000000000000000")
                .unwrap()
                .to_string(),
            "1"
        );
        assert_eq!(Decimal::from_wire("0").unwrap().to_string(), "0");
    }

    #[test]
    fn texts_that_are_no_decimal_are_refused() {
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e3",
            "0x1",
            " 1",
            "1,5",
            "0.0000000000000000001",
        ] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
        for text in ["", "-1", "0.5", "340282366920938463463374607431768211456"] {
            assert!(Decimal::from_wire(text).is_err(), "{text}");
        }
    }

    #[test]
    fn halves_round_to_the_even_neighbour() {
        let half: Decimal = "0.5".parse().unwrap();
        assert_eq!(half.times_rounded_half_even(3), Some(2));
        assert_eq!(half.times_rounded_half_even(5), Some(2));
        assert_eq!(half.times_rounded_half_even(7), Some(4));
    }

    #[test]
    fn a_fee_is_rounded_up() {
        let price: Decimal = "0.002".parse().unwrap();
        assert_eq!(price.times_rounded_up(1_000), Some(2));
        assert_eq!(price.times_rounded_up(1_001), Some(3));
    }

    proptest! {
        #[test]
        fn text_and_wire_form_are_read_back(units in any::<u128>()) {
            let number = Decimal(units);
            prop_assert_eq!(number.to_string().parse::<Decimal>().unwrap(), number);
            prop_assert_eq!(Decimal::from_wire(&number.to_wire()).unwrap(), number);
        }

        #[test]
        fn arbitrary_text_never_panics(text in ".{0,60}") {
            let _ = text.parse::<Decimal>();
            let _ = Decimal::from_wire(&text);
        }
    }
}
