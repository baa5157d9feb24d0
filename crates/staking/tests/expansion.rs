//! A stake is expanded under the rules that tie it to the previous one, and released by that one's committee.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;

use bitcoin::secp256k1::SECP256K1;
use bitcoin::sighash::Prevouts;
use bitcoin::{Amount, OutPoint, Transaction, TxOut};
use eots::SecretKey;
use fixture::{
    Scenario, blocks, change, covenant_key, funded, provider_key, secret, sign, staker_key,
};
use miniscript::interpreter::Interpreter;
use staking::delegation::{DelegationPlan, ValidDelegation};
use staking::expansion::{self, ExpansionError, ExpansionWitnessError};
use staking::params::StakingParams;
use staking::quorum::{CovenantSignature, QuorumError};

/// A live stake, a coin, and what becomes of both.
struct Expansion {
    previous: Scenario,
    funding_tx: Transaction,
    params: StakingParams,
    provider: SecretKey,
    value: Amount,
    change: Option<TxOut>,
}

impl Expansion {
    fn new() -> Self {
        let previous = Scenario::new(1, 5, 3);
        Self {
            funding_tx: funded(vec![change(), change()]),
            params: previous.params.clone(),
            provider: secret("provider 0"),
            value: fixture::STAKED + Amount::from_sat(100_000),
            change: None,
            previous,
        }
    }

    fn funding(&self) -> OutPoint {
        OutPoint::new(self.funding_tx.compute_txid(), 1)
    }

    fn build(&self) -> (Transaction, ValidDelegation) {
        self.build_with(|_| ())
    }

    fn build_with(&self, alter: impl FnOnce(&mut Transaction)) -> (Transaction, ValidDelegation) {
        let plan = DelegationPlan::new(
            staker_key(&self.previous.staker),
            vec![provider_key(&self.provider)],
            blocks(20_000),
            self.value,
            &self.params,
        )
        .unwrap();
        let mut tx = expansion::transaction(
            self.previous.delegation.staking_outpoint(),
            self.funding(),
            plan.staking_output(),
            self.change.clone(),
        );
        alter(&mut tx);
        let delegation = plan.build(&tx, None).unwrap();
        (tx, delegation)
    }

    fn broken_rule(&self, alter: impl FnOnce(&mut Transaction)) -> Option<&'static str> {
        let (tx, delegation) = self.build_with(alter);
        expansion::validate(&tx, &delegation, &self.previous.delegation, &change())
            .err()
            .map(|error| error.rule())
    }
}

#[test]
fn an_expansion_is_released_by_staker_and_previous_quorum() {
    let it = Expansion::new();
    let (mut tx, delegation) = it.build();
    let funding = expansion::funding_output(&tx, &it.funding_tx).unwrap();
    let previous = &it.previous;
    let valid = expansion::validate(&tx, &delegation, &previous.delegation, funding).unwrap();

    let message = valid.sighash().to_bytes();
    let signatures = previous.covenant_signatures(message);
    for signature in &signatures {
        assert_eq!(valid.check_covenant_signature(signature), Ok(()));
    }
    let staker = sign(&previous.staker, message);
    tx.input[0].witness = valid.witness(&staker, &signatures).unwrap();
    let prevouts = [
        previous.delegation.staking_output().tx_out().clone(),
        funding.clone(),
    ];
    let interpreter = Interpreter::from_txdata(
        &prevouts[0].script_pubkey,
        &tx.input[0].script_sig,
        &tx.input[0].witness,
        tx.input[0].sequence,
        tx.lock_time,
    )
    .unwrap();
    let prevouts = Prevouts::All(&prevouts);
    assert!(
        interpreter
            .iter(SECP256K1, &tx, 0, &prevouts)
            .all(|constraint| constraint.is_ok())
    );
}

#[test]
fn each_rule_has_its_name() {
    let with = |change: fn(&mut Expansion)| {
        let mut it = Expansion::new();
        change(&mut it);
        it.broken_rule(|_| ())
    };
    assert_eq!(with(|_| ()), None);
    assert_eq!(with(|it| it.value = fixture::STAKED), None);
    assert_eq!(
        with(|it| it.value = fixture::STAKED - Amount::ONE_SAT),
        Some("expansion-value")
    );
    // The coin holds 123456 sat, and something must remain for the miners.
    let all = fixture::STAKED + change().value;
    let with_value = |value| {
        let mut it = Expansion::new();
        it.value = value;
        it.broken_rule(|_| ())
    };
    assert_eq!(with_value(all - Amount::ONE_SAT), None);
    assert_eq!(with_value(all), Some("expansion-fee"));
    assert_eq!(with_value(all + Amount::ONE_SAT), Some("expansion-fee"));
    assert_eq!(with(|it| it.change = Some(change())), Some("expansion-fee"));
    assert_eq!(
        with(|it| it.provider = secret("other")),
        Some("expansion-finality-provider")
    );

    let altered = |alter: fn(&mut Transaction)| Expansion::new().broken_rule(alter);
    assert_eq!(
        altered(|tx| {
            tx.input.pop();
        }),
        Some("expansion-inputs")
    );
    assert_eq!(
        altered(|tx| {
            let mut third = tx.input[1].clone();
            third.previous_output.vout = 0;
            tx.input.push(third);
        }),
        Some("expansion-inputs")
    );
    assert_eq!(
        altered(|tx| tx.input.swap(0, 1)),
        Some("expansion-previous-stake")
    );
}

fn rule<T: std::fmt::Debug>(result: Result<T, ExpansionError>) -> &'static str {
    result.unwrap_err().rule()
}

#[test]
fn the_new_stake_and_the_funding_must_be_the_expansions() {
    let it = Expansion::new();
    let (tx, delegation) = it.build();
    let previous = &it.previous.delegation;

    let (other, _) = it.build_with(|tx| tx.output.push(change()));
    let refused = expansion::validate(&other, &delegation, previous, &change());
    assert_eq!(rule(refused), "expansion-transaction");
    let empty = TxOut {
        value: Amount::ZERO,
        ..change()
    };
    let refused = expansion::validate(&tx, &delegation, previous, &empty);
    assert_eq!(rule(refused), "expansion-funding-value");
    let absurd = TxOut {
        value: Amount::MAX,
        ..change()
    };
    assert!(
        expansion::validate(&tx, &delegation, previous, &absurd).is_ok(),
        "no overflow"
    );

    let funding = |tx: &Transaction, funding_tx: &Transaction| {
        expansion::funding_output(tx, funding_tx).map(|output| output.value)
    };
    assert_eq!(funding(&tx, &it.funding_tx), Ok(change().value));
    let short = funded(vec![change()]);
    assert_eq!(rule(funding(&tx, &short)), "expansion-funding-transaction");
    let (beyond, _) = it.build_with(|tx| tx.input[1].previous_output.vout = 2);
    let refused = funding(&beyond, &it.funding_tx);
    assert_eq!(rule(refused), "expansion-funding-transaction");
    let (single, _) = it.build_with(|tx| {
        tx.input.pop();
    });
    assert_eq!(rule(funding(&single, &it.funding_tx)), "expansion-inputs");
}

#[test]
fn a_quorum_of_the_previous_committee_must_sit_in_the_new_one() {
    let under = |names: [&str; 5]| {
        let mut it = Expansion::new();
        it.params = fixture::params(&names.map(secret), 3);
        it.broken_rule(|_| ())
    };
    let old = ["covenant 0", "covenant 1", "covenant 2"];
    assert_eq!(under([old[0], old[1], old[2], "new 0", "new 1"]), None);
    assert_eq!(
        under([old[0], old[1], "new 0", "new 1", "new 2"]),
        Some("expansion-committee-overlap")
    );
}

#[test]
fn signatures_of_others_do_not_release_the_previous_stake() {
    let it = Expansion::new();
    let (tx, delegation) = it.build();
    let previous = &it.previous;
    let valid = expansion::validate(&tx, &delegation, &previous.delegation, &change()).unwrap();
    let message = valid.sighash().to_bytes();

    let stranger = secret("stranger");
    let foreign = CovenantSignature {
        key: covenant_key(&stranger),
        signature: sign(&stranger, message),
    };
    assert!(valid.check_covenant_signature(&foreign).is_err());
    let unbonding = previous.delegation.unbonding_sighash().to_bytes();
    let for_unbonding = previous.covenant_signatures(unbonding);
    assert!(valid.check_covenant_signature(&for_unbonding[0]).is_err());

    let staker = sign(&previous.staker, message);
    assert_eq!(
        valid.witness(&staker, &for_unbonding),
        Err(ExpansionWitnessError::Quorum(QuorumError {
            valid: 0,
            given: 5,
            quorum: 3
        }))
    );
    assert_eq!(
        valid.witness(&sign(&stranger, message), &[]),
        Err(ExpansionWitnessError::Staker)
    );
}
