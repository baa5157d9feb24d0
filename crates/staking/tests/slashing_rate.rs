//! The slashed amount is the node's to the bit, and only the rates that the node takes are rates.

#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "the reference computation is the node's, floats and truncation included"
)]

use bitcoin::Amount;
use proptest::prelude::*;
use staking::slashing_rate::{SlashingRate, SlashingRateError};

const MAX_MONEY: u64 = 2_100_000_000_000_000;

fn rate(ten_thousandths: u16) -> SlashingRate {
    SlashingRate::from_ten_thousandths(ten_thousandths).unwrap()
}

/// What the node computes: the decimal text to a double, a product, half added, truncated.
fn amount_in_doubles(value: u64, rate: SlashingRate) -> u64 {
    let rate: f64 = rate.to_string().parse().unwrap();
    (value as f64 * rate + 0.5) as u64
}

#[test]
fn amounts_match_the_published_examples() {
    for (value, rate, slashed) in [
        (12_345, "0.1", 1_235),
        (99_995, "0.1", 10_000),
        (100_005, "0.1", 10_001),
        (123_456_789, "0.001", 123_457),
        (0, "0.9999", 0),
        (1, "0.0001", 0),
        (1, "0.5", 1),
    ] {
        let rate: SlashingRate = rate.parse().unwrap();
        assert_eq!(
            rate.amount(Amount::from_sat(value)).to_sat(),
            slashed,
            "{value} x {rate}"
        );
    }
}

#[test]
fn every_rate_agrees_with_doubles_on_values_that_round_badly() {
    for ten_thousandths in 1..10_000 {
        let rate = rate(ten_thousandths);
        // Values whose exact product ends in one half: where rate and product round decides the amount.
        let step = 10_000 / gcd(ten_thousandths.into(), 10_000);
        let ties = (0..64).flat_map(|shift| {
            let half = (1_u64 << shift.min(50)) / step * step + step / 2;
            [half.saturating_sub(1), half, half + 1]
        });
        let edges = [
            0,
            1,
            MAX_MONEY - 1,
            MAX_MONEY,
            MAX_MONEY / 3,
            (1 << 50) - 1,
            1 << 50,
        ];
        for value in ties.chain(edges).filter(|value| *value <= MAX_MONEY) {
            assert_eq!(
                rate.amount(Amount::from_sat(value)).to_sat(),
                amount_in_doubles(value, rate),
                "{value} x {rate}"
            );
        }
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn any_amount_agrees_with_doubles(value in 0..=MAX_MONEY, ten_thousandths in 1_u16..10_000) {
        let rate = rate(ten_thousandths);
        prop_assert_eq!(
            rate.amount(Amount::from_sat(value)).to_sat(),
            amount_in_doubles(value, rate)
        );
    }

    #[test]
    fn small_amounts_agree_with_doubles(value in 0..10_000_000_u64, ten_thousandths in 1_u16..10_000) {
        let rate = rate(ten_thousandths);
        prop_assert_eq!(
            rate.amount(Amount::from_sat(value)).to_sat(),
            amount_in_doubles(value, rate)
        );
    }

    #[test]
    fn a_rate_is_read_back_from_both_of_its_forms(ten_thousandths in 1_u16..10_000) {
        let rate = rate(ten_thousandths);
        prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        prop_assert_eq!(format!("{rate}00").parse(), Ok(rate));
        let legacy = u128::from(ten_thousandths) * 10_u128.pow(14);
        prop_assert_eq!(SlashingRate::from_legacy_dec(&legacy.to_string()), Ok(rate));
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,40}", digits in "[0-9.]{0,40}") {
        for text in [&text, &digits] {
            for rate in [text.parse(), SlashingRate::from_legacy_dec(text)].into_iter().flatten() {
                prop_assert!((1..10_000).contains(&rate.ten_thousandths()));
            }
        }
    }
}

#[test]
fn a_value_beyond_all_bitcoin_does_not_overflow() {
    let most = rate(9_999).amount(Amount::MAX_MONEY);
    assert_eq!(rate(9_999).amount(Amount::MAX), most);
}

#[test]
fn what_is_no_rate_is_refused_with_its_reason() {
    type Error = SlashingRateError;
    let parse = |text: &str| text.parse::<SlashingRate>().unwrap_err();
    for text in [
        "", ".", "0.", ".1", "-0.1", "+0.1", "0,1", "1e-3", "0.1 ", "0x1", "0.1.2", "٠.١",
    ] {
        assert_eq!(parse(text), Error::Malformed(text.to_owned()));
    }
    for text in [
        "0",
        "0.0",
        "0.0000000",
        "1",
        "1.0",
        "1.5",
        "10.1",
        "99999999999999999999.1",
    ] {
        assert_eq!(parse(text), Error::OutOfRange(text.to_owned()));
    }
    for text in ["0.00001", "0.12345", "0.000000000000000001"] {
        assert_eq!(parse(text), Error::TooPrecise(text.to_owned()));
    }
}

#[test]
fn what_is_no_rate_in_the_chains_form_is_refused_with_its_reason() {
    type Error = SlashingRateError;
    let parse = |text: &str| SlashingRate::from_legacy_dec(text).unwrap_err();
    for text in ["", "-100000000000000", "+100000000000000", "0.1", "1e17"] {
        assert_eq!(parse(text), Error::Malformed(text.to_owned()));
    }
    for text in [
        "0",
        "1000000000000000000",
        "1500000000000000000",
        &"9".repeat(50),
    ] {
        assert_eq!(parse(text), Error::OutOfRange(text.to_owned()));
    }
    for text in ["1", "10000000000000", "100000000000001"] {
        assert_eq!(parse(text), Error::TooPrecise(text.to_owned()));
    }
}
