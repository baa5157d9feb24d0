//! Parameters are what a chain can have, and each Bitcoin height has its version.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;

use bitcoin::{Amount, ScriptBuf};
use fixture::{Scenario, blocks};
use staking::params::{ParamsError, ParamsVersions, ParamsVersionsError, StakingParams};
use staking::units::BitcoinHeight;

fn sat(amount: u64) -> Amount {
    Amount::from_sat(amount)
}

fn version(version: u32, height: u32) -> StakingParams {
    let activation_height = BitcoinHeight(height);
    StakingParams {
        version,
        activation_height,
        ..Scenario::new(1, 3, 2).params
    }
}

fn refused(change: impl FnOnce(&mut StakingParams)) -> Option<ParamsError> {
    let mut params = version(0, 100);
    change(&mut params);
    params.validate().err()
}

#[test]
fn values_that_no_chain_stores_are_refused() {
    type Error = ParamsError;
    assert_eq!(refused(|_| ()), None);
    assert!(matches!(
        refused(|it| it.min_staking_value = Amount::ZERO),
        Some(Error::StakingValues { .. })
    ));
    assert!(matches!(
        refused(|it| it.max_staking_value = sat(49_999)),
        Some(Error::StakingValues { .. })
    ));
    assert!(matches!(
        refused(|it| it.max_staking_time = blocks(149)),
        Some(Error::StakingTimes { .. })
    ));
    assert_eq!(
        refused(|it| it.min_slashing_fee = Amount::ZERO),
        Some(Error::SlashingFee)
    );
    for fee in [0, 50_000, 50_001] {
        assert_eq!(
            refused(|it| it.unbonding_fee = sat(fee)),
            Some(Error::UnbondingFee {
                fee: sat(fee),
                min_staking_value: sat(50_000)
            })
        );
    }
}

#[test]
fn slashing_the_least_stake_must_not_leave_dust() {
    // 48000 sat remain of the least stake after unbonding; P2WPKH outputs are dust below 294 sat.
    let at_rate = |rate: &str| refused(|it| it.slashing_rate = rate.parse().unwrap());
    assert_eq!(at_rate("0.0062"), None);
    assert_eq!(at_rate("0.0061"), Some(ParamsError::DustSlashing(sat(293))));
    assert_eq!(
        refused(|it| {
            it.slashing_rate = "0.0001".parse().unwrap();
            it.slashing_script = ScriptBuf::new_op_return(*b"burn");
        }),
        None
    );
}

#[test]
fn versions_follow_each_other_in_number_and_height() {
    let order = |versions: &[(u32, u32)]| {
        let versions = versions
            .iter()
            .map(|(number, height)| version(*number, *height));
        ParamsVersions::new(versions.collect()).err()
    };
    let out_of_order = |version| Some(ParamsVersionsError::Order { version });
    assert_eq!(order(&[]), None);
    assert_eq!(order(&[(0, 0), (1, 1), (2, 100)]), None);
    assert_eq!(order(&[(1, 100)]), out_of_order(1));
    assert_eq!(order(&[(0, 100), (2, 200)]), out_of_order(2));
    assert_eq!(order(&[(0, 100), (0, 200)]), out_of_order(0));
    assert_eq!(order(&[(0, 100), (1, 100)]), out_of_order(1));

    let mut broken = version(1, 200);
    broken.min_slashing_fee = Amount::ZERO;
    let error = ParamsVersions::new(vec![version(0, 100), broken]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "params version 1: the least slashing fee is 0; it must be above"
    );
}

#[test]
fn a_height_is_governed_by_the_newest_version_that_has_begun() {
    let versions =
        ParamsVersions::new(vec![version(0, 100), version(1, 200), version(2, 300)]).unwrap();
    let at = |height| {
        versions
            .at_height(BitcoinHeight(height))
            .map(|params| params.version)
    };
    assert_eq!(at(99), None);
    assert_eq!(at(100), Some(0));
    assert_eq!(at(199), Some(0));
    assert_eq!(at(200), Some(1));
    assert_eq!(at(u32::MAX), Some(2));
    assert_eq!(
        versions.version(1).map(|params| params.activation_height.0),
        Some(200)
    );
    assert_eq!(versions.version(3), None);
}

#[test]
fn bounds_include_both_ends() {
    let params = version(0, 100);
    for (value, fits) in [
        (49_999, false),
        (50_000, true),
        (5_000_000, true),
        (5_000_001, false),
    ] {
        assert_eq!(
            params.check_staking_value(sat(value)).is_ok(),
            fits,
            "{value}"
        );
    }
    for (time, fits) in [(149, false), (150, true), (64_000, true), (64_001, false)] {
        assert_eq!(
            params.check_staking_time(blocks(time)).is_ok(),
            fits,
            "{time}"
        );
    }
    assert_eq!(
        params.check_staking_value(sat(1)).unwrap_err().to_string(),
        "a stake of 1 sat is outside 50000 sat to 5000000 sat"
    );
    assert_eq!(
        params
            .check_staking_time(blocks(1))
            .unwrap_err()
            .to_string(),
        "a staking time of 1 blocks is outside 150 to 64000"
    );
}
