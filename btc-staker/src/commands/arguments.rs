//! Arguments that several commands take, and how they are spelled.

use std::fmt::Display;

use bitcoin::{Amount, FeeRate};
use bitcoin_source::sat_per_vb;
use clap::Args;
use keystore::PassphraseSource;

/// How the seed is unlocked, for commands that sign.
#[derive(Debug, Clone, Args)]
pub(super) struct Unlock {
    /// Where the passphrase is: prompt, file:PATH, fd:NUMBER or credential:NAME; the configuration says where it is
    /// otherwise
    #[arg(long, value_name = "SOURCE")]
    pub passphrase_source: Option<PassphraseSource>,
}

/// How long to stay.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Stay {
    /// Do what can be done now and return; `resume` goes on later
    #[arg(long)]
    pub no_wait: bool,
}

/// Reads an amount: satoshi as a number, or with a unit such as `0.01 BTC`.
///
/// # Errors
///
/// Says what is wrong with it.
pub(super) fn amount(text: &str) -> Result<Amount, String> {
    let refused = |reason: &dyn Display| {
        format!("{reason}; an amount is a number of satoshi, or has its unit, such as `0.01 BTC`")
    };
    let amount = if let Ok(satoshi) = text.parse() {
        Amount::from_sat(satoshi)
    } else {
        let unit = text.find(|character: char| character.is_ascii_alphabetic());
        let (number, unit) = text.split_at(unit.unwrap_or(text.len()));
        let spelled = format!("{} {unit}", number.trim());
        spelled.parse::<Amount>().map_err(|error| refused(&error))?
    };
    if amount > Amount::MAX_MONEY {
        return Err(refused(&"there are only 21 million bitcoin"));
    }
    Ok(amount)
}

/// Reads a fee rate in sat/vB.
///
/// # Errors
///
/// Says what is wrong with it.
pub(super) fn fee_rate(text: &str) -> Result<FeeRate, String> {
    text.parse()
        .ok()
        .and_then(sat_per_vb::to_rate)
        .filter(|rate| *rate > FeeRate::ZERO)
        .ok_or_else(|| "a fee rate is a number above 0 and up to 100000, in sat/vB".to_owned())
}

#[cfg(test)]
mod tests {
    use bitcoin::Denomination;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_satoshi_or_have_a_unit() {
        for (text, satoshi) in [
            ("50000", 50_000),
            ("0.01 BTC", 1_000_000),
            ("0.01btc", 1_000_000),
            ("7 sat", 7),
            ("1.5 mBTC", 150_000),
        ] {
            assert_eq!(amount(text), Ok(Amount::from_sat(satoshi)), "{text}");
        }
        for text in [
            "",
            "0.5",
            "-1",
            "1 ETH",
            "0.000000001 BTC",
            "99999999999 BTC",
        ] {
            let error = amount(text).unwrap_err();
            assert!(error.contains("0.01 BTC"), "{text}: {error}");
        }
    }

    #[test]
    fn fee_rates_are_positive_numbers_in_sat_per_vb() {
        assert_eq!(fee_rate("2"), Ok(FeeRate::from_sat_per_vb_u32(2)));
        assert_eq!(fee_rate("0.5"), Ok(FeeRate::from_sat_per_kwu(125)));
        for text in ["0", "-1", "nan", "inf", "1e9", "two"] {
            assert!(fee_rate(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_amount_is_read_as_it_is_written_in_every_unit(satoshi in 0..=Amount::MAX_MONEY.to_sat()) {
            let value = Amount::from_sat(satoshi);
            prop_assert_eq!(amount(&satoshi.to_string()), Ok(value));
            for unit in [Denomination::Bitcoin, Denomination::MilliBitcoin, Denomination::Satoshi] {
                let text = value.to_string_with_denomination(unit);
                prop_assert_eq!(amount(&text), Ok(value), "{}", text);
            }
        }

        #[test]
        fn any_text_is_an_amount_that_can_exist_or_refused(
            text in prop_oneof![any::<String>(), "[-+]?[0-9]{0,20}\\.?[0-9]{0,10} ?(BTC|btc|sat|mBTC|msat|[a-zA-Z]{0,3})"],
        ) {
            match amount(&text) {
                Ok(amount) => prop_assert!(amount <= Amount::MAX_MONEY),
                Err(error) => prop_assert!(error.contains("0.01 BTC"), "{}: {}", text, error),
            }
        }

        #[test]
        fn any_text_is_a_fee_rate_in_bounds_or_refused(
            text in prop_oneof![
                any::<String>(), "[-+]?[0-9]{0,8}\\.?[0-9]{0,10}", any::<f64>().prop_map(|rate| rate.to_string()),
            ],
        ) {
            match fee_rate(&text) {
                Ok(rate) => prop_assert!(
                    rate > FeeRate::ZERO && rate <= FeeRate::from_sat_per_vb_u32(100_000), "{}", text
                ),
                Err(error) => prop_assert!(error.contains("sat/vB")),
            }
        }
    }
}
