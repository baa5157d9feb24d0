//! A delegation is valid, or refused by the first rule it breaks in the order of the node.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxOut, Witness};
use fixture::{Owned, Scenario, blocks, change, provider_key, secret, staker_key};
use proptest::prelude::*;
use staking::delegation::{DelegationError, PlanError, Registration, StakePlace, validate};
use staking::keys::{FinalityProviderKey, StakerKey};
use staking::params::StakingParams;

/// Applies a change to a valid delegation, or to the parameters it is judged by, and tells which rule it breaks.
fn broken_rule(change: impl FnOnce(&mut Owned, &mut StakingParams)) -> Option<&'static str> {
    let scenario = Scenario::new(1, 3, 2);
    let (mut registration, mut params) = (scenario.registration(), scenario.params.clone());
    change(&mut registration, &mut params);
    validate(&registration.borrow(), &params)
        .err()
        .map(|error| error.rule())
}

type Change = fn(&mut Owned, &mut StakingParams);

fn sat(amount: u64) -> Amount {
    Amount::from_sat(amount)
}

#[test]
fn what_the_plan_builds_is_valid_for_any_number_of_providers_and_members() {
    for (providers, members, quorum) in [(1, 1, 1), (1, 3, 2), (1, 9, 6), (3, 5, 3), (1, 20, 17)] {
        let scenario = Scenario::new(providers, members, quorum);
        let registration = scenario.registration();
        assert_eq!(
            validate(&registration.borrow(), &scenario.params),
            Ok(scenario.delegation)
        );
    }
}

#[test]
fn each_rule_of_keys_times_and_staking_transaction_has_its_name() {
    let cases: &[(&str, Change)] = &[
        ("finality-provider-missing", |it, _| {
            it.finality_providers.clear();
        }),
        ("duplicate-key", |it, _| {
            it.finality_providers.push(it.finality_providers[0]);
        }),
        ("duplicate-key", |it, _| {
            it.finality_providers[0] = FinalityProviderKey(it.staker.0);
        }),
        ("duplicate-key", |it, params| {
            it.finality_providers[0] = FinalityProviderKey(params.covenant.keys()[0].0);
        }),
        ("duplicate-key", |it, params| {
            it.staker = StakerKey(params.covenant.keys()[1].0);
        }),
        ("unbonding-time", |it, _| it.unbonding_time = blocks(1_007)),
        ("unbonding-time", |_, params| {
            params.unbonding_time = blocks(1_009);
        }),
        ("staking-transaction", |it, _| {
            it.staking_tx.input.push(it.staking_tx.input[0].clone());
        }),
        ("staking-transaction", |it, _| it.staking_tx.output.clear()),
        ("staking-output-missing", |it, _| {
            it.staking_tx.output[1].value += Amount::ONE_SAT;
        }),
        ("staking-output-missing", |it, _| {
            it.staking_value -= Amount::ONE_SAT;
        }),
        ("staking-output-missing", |it, _| {
            it.staking_time = blocks(10_001);
        }),
        ("staking-output-missing", |it, _| {
            it.staker = staker_key(&secret("thief"));
        }),
        ("staking-output-missing", |it, _| {
            it.finality_providers[0] = provider_key(&secret("other"));
        }),
        ("staking-output-missing", |_, params| {
            params.covenant = Scenario::new(1, 3, 3).params.covenant;
        }),
        ("staking-output-duplicate", |it, _| {
            it.staking_tx.output.push(it.staking_tx.output[1].clone());
        }),
        ("staking-output-index", |it, _| {
            it.staking_output_index = Some(0);
        }),
        ("staking-time", |_, params| {
            params.min_staking_time = blocks(10_001);
        }),
        ("staking-time", |_, params| {
            params.max_staking_time = blocks(9_999);
        }),
        ("staking-value", |_, params| {
            params.min_staking_value = sat(500_001);
        }),
        ("staking-value", |_, params| {
            params.max_staking_value = sat(499_999);
        }),
    ];
    for (rule, change) in cases {
        assert_eq!(broken_rule(change), Some(*rule));
    }
}

type Breakage = fn(&mut Transaction);

/// Ways to break a transaction that is signed in advance, and the end of the rule's name.
const PRESIGNED: &[(&str, Breakage)] = &[
    ("transaction", |tx| tx.input.clear()),
    ("inputs", |tx| {
        let mut input = tx.input[0].clone();
        input.previous_output.vout += 1;
        tx.input.push(input);
    }),
    ("outputs", |tx| tx.output.push(change())),
    ("lock-time", |tx| tx.lock_time = LockTime::from_consensus(1)),
    ("version", |tx| tx.version = Version(3)),
    ("version", |tx| tx.version = Version(0)),
    ("weight", |tx| tx.input[0].witness.push([0; 400_000])),
    ("sequence", |tx| {
        tx.input[0].sequence = Sequence::ENABLE_RBF_NO_LOCKTIME;
    }),
    ("script-sig", |tx| {
        tx.input[0].script_sig = ScriptBuf::from_bytes(vec![0x51]);
    }),
];

/// Ways to break a slashing transaction, and the end of the rule's name.
const SLASHING: &[(&str, Breakage)] = &[
    ("outputs", |tx| {
        tx.output.pop();
    }),
    ("outpoint", |tx| tx.input[0].previous_output.vout += 1),
    ("script", |tx| {
        tx.output[0].script_pubkey = change().script_pubkey;
    }),
    ("script", |tx| tx.output.swap(0, 1)),
    ("amount", |tx| tx.output[0].value -= Amount::ONE_SAT),
    ("change-script", |tx| {
        tx.output[1].script_pubkey = change().script_pubkey;
    }),
    ("dust", |tx| tx.output[1].value = sat(329)),
    ("fee", |tx| tx.output[0].value += Amount::ONE_SAT),
    ("fee", |tx| tx.output[1].value += Amount::ONE_SAT),
    ("fee", |tx| tx.output[1].value = Amount::ONE_BTC),
];

#[test]
fn each_rule_of_a_slashing_transaction_has_its_name() {
    for (rule, change) in PRESIGNED.iter().chain(SLASHING) {
        let broken = broken_rule(|it, _| change(&mut it.slashing_tx));
        assert_eq!(broken, Some(format!("slashing-{rule}").as_str()));
        let broken = broken_rule(|it, _| change(&mut it.unbonding_slashing_tx));
        assert_eq!(broken, Some(format!("unbonding-slashing-{rule}").as_str()));
    }
}

#[test]
fn each_rule_of_the_unbonding_transaction_has_its_name() {
    let own: &[(&str, Breakage)] = &[
        ("version", |tx| tx.version = Version::ONE),
        ("script", |tx| {
            tx.output[0].script_pubkey = change().script_pubkey;
        }),
        ("outpoint", |tx| {
            tx.input[0].previous_output = OutPoint::new(tx.compute_txid(), 0);
        }),
        ("outpoint", |tx| tx.input[0].previous_output.vout = 0),
    ];
    for (rule, change) in PRESIGNED.iter().chain(own) {
        let broken = broken_rule(|it, _| {
            change(&mut it.unbonding_tx);
            it.follow_unbonding();
        });
        assert_eq!(broken, Some(format!("unbonding-{rule}").as_str()));
    }
}

#[test]
fn an_unbonding_fee_must_be_exact() {
    for unbonded in [497_999, 498_001, 500_000, 600_000] {
        let broken = broken_rule(|it, _| {
            it.unbonding_tx.output[0].value = sat(unbonded);
            it.follow_unbonding();
            // Slashing must fit whatever is unbonded, or that rule comes first.
            let slashed = sat(unbonded / 10 + 1);
            it.unbonding_slashing_tx.output[0].value = slashed;
            it.unbonding_slashing_tx.output[1].value = sat(unbonded) - slashed - sat(1_000);
        });
        assert_eq!(broken, Some("unbonding-fee"), "{unbonded}");
    }
    // Even where the parameters say so, an unbonding transaction pays something.
    let free = broken_rule(|it, params| {
        params.unbonding_fee = Amount::ZERO;
        it.unbonding_tx.output[0].value = it.staking_value;
        it.follow_unbonding();
        it.unbonding_slashing_tx.output[0].value = sat(50_000);
    });
    assert_eq!(free, Some("unbonding-fee"));
}

#[test]
fn a_slashing_output_may_be_dust_only_where_it_is_burnt() {
    let with_script = |script: ScriptBuf| {
        broken_rule(move |it, params| {
            params.slashing_rate = "0.0001".parse().unwrap();
            params.slashing_script = script.clone();
            for tx in [&mut it.slashing_tx, &mut it.unbonding_slashing_tx] {
                tx.output[0] = TxOut {
                    value: sat(50),
                    script_pubkey: script.clone(),
                };
            }
        })
    };
    assert_eq!(with_script(change().script_pubkey), Some("slashing-dust"));
    assert_eq!(with_script(ScriptBuf::new_op_return(*b"burn")), None);
}

#[test]
fn what_other_software_builds_is_valid_too() {
    let cases: &[(&str, Change)] = &[
        ("slashing of version 2", |it, _| {
            it.slashing_tx.version = Version::TWO;
        }),
        ("unbonding slashing of version 2", |it, _| {
            it.unbonding_slashing_tx.version = Version::TWO;
        }),
        ("a larger slashed amount", |it, _| {
            it.slashing_tx.output[0].value += sat(10_000);
            it.slashing_tx.output[1].value -= sat(10_000);
        }),
        ("a larger slashing fee", |it, _| {
            it.slashing_tx.output[1].value -= sat(10_000);
        }),
        ("witnesses in pre-signed transactions", |it, _| {
            for tx in [
                &mut it.slashing_tx,
                &mut it.unbonding_tx,
                &mut it.unbonding_slashing_tx,
            ] {
                tx.input[0].witness = Witness::from_slice(&[[1; 64]]);
            }
        }),
        ("an index that nobody registered", |it, _| {
            it.staking_output_index = None;
        }),
    ];
    for (what, change) in cases {
        assert_eq!(broken_rule(change), None, "{what}");
    }
}

#[test]
fn an_outpoint_stands_for_the_staking_transaction() {
    let scenario = Scenario::new(1, 3, 2);
    let (registered, params) = (scenario.registration(), &scenario.params);
    let whole = validate(&registered.borrow(), params).unwrap();
    let by_outpoint = Registration {
        place: StakePlace::Outpoint(whole.staking_outpoint()),
        ..registered.borrow()
    };
    assert_eq!(validate(&by_outpoint, params).unwrap(), whole);

    // What spends another output is refused as ever.
    let elsewhere = Registration {
        place: StakePlace::Outpoint(OutPoint::null()),
        ..registered.borrow()
    };
    let error = validate(&elsewhere, params).unwrap_err();
    assert!(matches!(error, DelegationError::Slashing(_)), "{error}");
}

#[test]
fn the_staking_transaction_may_be_of_any_kind() {
    let scenario = Scenario::new(1, 3, 2);
    let mut staking_tx = scenario.staking_tx.clone();
    staking_tx.version = Version(7);
    staking_tx.lock_time = LockTime::from_consensus(800_000);
    staking_tx.input[0].sequence = Sequence::ZERO;
    staking_tx.input[0].script_sig = ScriptBuf::from_bytes(vec![0x51]);
    staking_tx.output.swap(0, 1);
    staking_tx.output.push(TxOut {
        value: Amount::ZERO,
        script_pubkey: ScriptBuf::new(),
    });
    let built = scenario.plan.build(&staking_tx, None).unwrap();
    assert_eq!(
        built.staking_outpoint(),
        OutPoint::new(staking_tx.compute_txid(), 0)
    );
}

#[test]
fn signers_get_transactions_without_the_witness_that_was_registered() {
    let scenario = Scenario::new(1, 3, 2);
    let mut registration = scenario.registration();
    for tx in [
        &mut registration.slashing_tx,
        &mut registration.unbonding_tx,
    ] {
        tx.input[0].witness = Witness::from_slice(&[[1; 64]]);
    }
    assert_eq!(
        validate(&registration.borrow(), &scenario.params),
        Ok(scenario.delegation)
    );
}

#[test]
fn a_plan_out_of_bounds_is_refused_before_anything_is_built() {
    let scenario = Scenario::new(1, 3, 2);
    let plan = |time: u16, value: u64, params: &StakingParams| {
        let providers = vec![provider_key(&scenario.providers[0])];
        let staker = staker_key(&scenario.staker);
        staking::delegation::DelegationPlan::new(
            staker,
            providers,
            blocks(time),
            sat(value),
            params,
        )
    };
    let params = &scenario.params;
    assert!(matches!(
        plan(149, 500_000, params),
        Err(PlanError::StakingTime(_))
    ));
    assert!(matches!(
        plan(64_001, 500_000, params),
        Err(PlanError::StakingTime(_))
    ));
    assert!(matches!(
        plan(150, 49_999, params),
        Err(PlanError::StakingValue(_))
    ));
    assert!(matches!(
        plan(150, 5_000_001, params),
        Err(PlanError::StakingValue(_))
    ));

    let mut greedy = params.clone();
    greedy.min_staking_value = sat(1);
    assert!(matches!(
        plan(150, 2_000, &greedy),
        Err(PlanError::UnbondingFee { .. })
    ));
    let small = plan(150, 3_000, &greedy).unwrap();
    let staking_tx = fixture::funded(vec![small.staking_output().tx_out().clone()]);
    assert!(matches!(
        small.build(&staking_tx, None),
        Err(PlanError::Slashing(_))
    ));
    let elsewhere = fixture::funded(vec![change()]);
    assert!(matches!(
        small.build(&elsewhere, None),
        Err(PlanError::Delegation(_))
    ));
}

#[test]
fn messages_name_the_value_and_the_rule() {
    let scenario = Scenario::new(1, 3, 2);
    let mut registration = scenario.registration();
    registration.slashing_tx.output[0].value = sat(49_999);
    let error = validate(&registration.borrow(), &scenario.params).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the slashing transaction slashes 49999 sat; a rate of 0.1 of 500000 sat takes at least 50000 \
         sat"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_slashing_output_may_be_lowered(taken in 1..50_000_u64, kept in 0..1_000_u64) {
        // What is taken from the slashed amount goes to the change and to the fee.
        let broken = broken_rule(|it, _| {
            it.slashing_tx.output[0].value -= sat(taken);
            it.slashing_tx.output[1].value += sat(taken.saturating_sub(kept));
        });
        prop_assert_eq!(broken, Some("slashing-amount"));
    }

    #[test]
    fn any_other_staking_value_is_refused(value in any::<u64>()) {
        prop_assume!(value != 500_000);
        prop_assert_eq!(
            broken_rule(|it, _| it.staking_value = sat(value)),
            Some("staking-output-missing")
        );
    }

    #[test]
    fn output_values_of_any_size_are_refused_without_overflow(
        first in any::<u64>(),
        second in any::<u64>(),
    ) {
        let broken = broken_rule(|it, _| {
            it.slashing_tx.output[0].value = sat(first);
            it.slashing_tx.output[1].value = sat(second);
        });
        // 500000 sat leave no room for both, except where the change gives what slashing takes beyond its due.
        let valid = first >= 50_000 && second >= 330
            && first.checked_add(second).is_some_and(|sum| sum <= 499_000);
        prop_assert_eq!(broken.is_none(), valid);
        prop_assert!(broken.is_none_or(|rule| rule.starts_with("slashing-")));
    }

    #[test]
    fn a_slashing_fee_is_bounded_from_below_only(fee in 0..449_000_u64) {
        let broken = broken_rule(|it, _| it.slashing_tx.output[1].value = sat(450_000 - fee));
        prop_assert_eq!(broken, (fee < 1_000).then_some("slashing-fee"));
    }

    #[test]
    fn a_byte_changed_anywhere_in_the_unbonding_transaction_is_refused(
        position in any::<prop::sample::Index>(),
        flip in 1..=u8::MAX,
    ) {
        let scenario = Scenario::new(1, 3, 2);
        let mut registration = scenario.registration();
        let mut bytes = bitcoin::consensus::serialize(&registration.unbonding_tx);
        let position = position.index(bytes.len());
        bytes[position] ^= flip;
        if let Ok((tx, _)) = bitcoin::consensus::deserialize_partial::<Transaction>(&bytes) {
            registration.unbonding_tx = tx;
            prop_assert!(validate(&registration.borrow(), &scenario.params).is_err());
        }
    }
}
