//! Scripts and outputs are what an independent library makes of the same policy, and refuse impossible sets of keys.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;

use std::str::FromStr;

use bitcoin::secp256k1::SECP256K1;
use bitcoin::{Address, Amount, Network, TapSighashType, XOnlyPublicKey};
use fixture::{Scenario, blocks, covenant_key, provider_key, secret, staker_key};
use miniscript::descriptor::Tr;
use miniscript::{Miniscript, Tap};
use proptest::prelude::*;
use staking::keys::{FinalityProviderKey, StakerKey};
use staking::outputs::{Leaf, SlashingChangeOutput, StakingOutput, UnbondingOutput, internal_key};
use staking::params::{CommitteeError, CovenantCommittee};
use staking::scripts::{DelegationKeys, DelegationKeysError, timelock_script};

/// `m` of `keys` in miniscript, where a single key needs no counting.
fn multisig(m: usize, keys: &[String]) -> String {
    match keys {
        [key] => format!("pk({key})"),
        keys => format!("multi_a({m},{})", keys.join(",")),
    }
}

struct Policies {
    unbonding: String,
    slashing: String,
}

fn policies(keys: &DelegationKeys) -> Policies {
    let staker = keys.staker();
    let covenant: Vec<_> = keys
        .covenant()
        .keys()
        .iter()
        .map(ToString::to_string)
        .collect();
    let mut providers: Vec<_> = keys
        .finality_providers()
        .iter()
        .map(ToString::to_string)
        .collect();
    providers.sort_unstable();
    let covenant = multisig(keys.covenant().quorum(), &covenant);
    let provider = multisig(1, &providers);
    Policies {
        unbonding: format!("and_v(v:pk({staker}),{covenant})"),
        slashing: format!("and_v(v:pk({staker}),and_v(v:{provider},{covenant}))"),
    }
}

fn timelock_policy(staker: StakerKey, time: u16) -> String {
    format!("and_v(v:pk({staker}),older({time}))")
}

fn compiled(policy: &str) -> bitcoin::ScriptBuf {
    Miniscript::<XOnlyPublicKey, Tap>::from_str(policy)
        .unwrap()
        .encode()
}

fn taproot_script(tree: &str) -> bitcoin::ScriptBuf {
    let descriptor = format!("tr({},{tree})", internal_key());
    Tr::<XOnlyPublicKey>::from_str(&descriptor)
        .unwrap()
        .script_pubkey()
}

#[test]
fn scripts_and_outputs_are_those_of_the_equivalent_descriptors() {
    for (providers, members, quorum) in [(1, 1, 1), (1, 3, 2), (2, 5, 3), (5, 16, 16), (1, 20, 17)]
    {
        let scenario = Scenario::new(providers, members, quorum);
        let keys = scenario.delegation.keys();
        let Policies {
            unbonding,
            slashing,
        } = policies(keys);
        assert_eq!(keys.unbonding_script(), compiled(&unbonding));
        assert_eq!(keys.slashing_script(), compiled(&slashing));

        for time in [1, 16, 17, 127, 128, 255, 256, 1_008, 32_767, 32_768, 65_535] {
            let (staker, interval) = (keys.staker(), blocks(time));
            let timelock = timelock_policy(staker, time);
            assert_eq!(timelock_script(staker, interval), compiled(&timelock));

            let staking = StakingOutput::new(keys, interval, Amount::ONE_BTC);
            let tree = format!("{{{{{timelock},{unbonding}}},{slashing}}}");
            assert_eq!(staking.tx_out().script_pubkey, taproot_script(&tree));
            let unbonding_output = UnbondingOutput::new(keys, interval, Amount::ONE_BTC);
            let tree = format!("{{{timelock},{slashing}}}");
            assert_eq!(
                unbonding_output.tx_out().script_pubkey,
                taproot_script(&tree)
            );
            let change = SlashingChangeOutput::new(staker, interval);
            assert_eq!(*change.script_pubkey(), taproot_script(&timelock));
        }
    }
}

#[test]
fn every_control_block_proves_its_leaf() {
    let scenario = Scenario::new(2, 5, 3);
    let delegation = &scenario.delegation;
    let (staking, unbonding) = (delegation.staking_output(), delegation.unbonding_output());
    let change = delegation.slashing_change();
    let script = &staking.tx_out().script_pubkey;
    let proves = |script: &bitcoin::ScriptBuf, leaf: &Leaf, length: usize| {
        let key = XOnlyPublicKey::from_slice(&script.as_bytes()[2..]).unwrap();
        assert_eq!(leaf.control_block().serialize().len(), length);
        assert!(
            leaf.control_block()
                .verify_taproot_commitment(SECP256K1, key, leaf.script())
        );
    };
    proves(script, staking.timelock().leaf(), 97);
    proves(script, staking.unbonding(), 97);
    proves(script, staking.slashing(), 65);
    let script = &unbonding.tx_out().script_pubkey;
    proves(script, unbonding.timelock().leaf(), 65);
    proves(script, unbonding.slashing(), 65);
    proves(change.script_pubkey(), change.timelock().leaf(), 33);
}

#[test]
fn a_key_may_have_one_role_only() {
    let committee = [secret("a"), secret("b"), secret("c")];
    let keys = committee.iter().map(covenant_key).collect();
    let covenant = CovenantCommittee::new(keys, 2).unwrap();
    let (staker, provider) = (secret("staker"), secret("provider"));
    let duplicate = |staker, providers: Vec<FinalityProviderKey>| match DelegationKeys::new(
        staker,
        providers,
        covenant.clone(),
    ) {
        Err(DelegationKeysError::Duplicate(key)) => Some(key.serialize()),
        _ => None,
    };
    let provider_key = provider_key(&provider);
    assert_eq!(duplicate(staker_key(&staker), vec![provider_key]), None);
    for (who, providers) in [
        (&staker, vec![provider_key, provider_key]),
        (&provider, vec![provider_key]),
        (&committee[0], vec![provider_key]),
        (
            &staker,
            vec![provider_key, fixture::provider_key(&committee[2])],
        ),
    ] {
        let duplicated = duplicate(staker_key(who), providers.clone()).unwrap();
        let mut all = vec![staker_key(who).to_bytes()];
        all.extend(providers.iter().map(|key| key.to_bytes()));
        all.extend(covenant.keys().iter().map(|key| key.to_bytes()));
        assert_eq!(all.iter().filter(|key| **key == duplicated).count(), 2);
    }
    assert_eq!(
        DelegationKeys::new(staker_key(&staker), Vec::new(), covenant.clone()),
        Err(DelegationKeysError::NoFinalityProvider)
    );
}

#[test]
fn a_committee_needs_distinct_members_and_a_majority() {
    let keys: Vec<_> = ["a", "b", "c", "d"]
        .map(|name| covenant_key(&secret(name)))
        .to_vec();
    assert_eq!(
        CovenantCommittee::new(Vec::new(), 1),
        Err(CommitteeError::Empty)
    );
    let twice = vec![keys[0], keys[1], keys[0]];
    assert_eq!(
        CovenantCommittee::new(twice, 2),
        Err(CommitteeError::Duplicate(keys[0]))
    );
    for (members, quorum, possible) in [
        (1, 0, false),
        (1, 1, true),
        (2, 1, false),
        (2, 2, true),
        (3, 1, false),
        (3, 2, true),
        (4, 2, false),
        (4, 3, true),
        (4, 4, true),
        (4, 5, false),
        (4, u32::MAX, false),
    ] {
        let made = CovenantCommittee::new(keys[..members].to_vec(), quorum);
        assert_eq!(made.is_ok(), possible, "{quorum} of {members}");
    }
}

#[test]
fn an_address_of_a_stake_is_bech32m() {
    let scenario = Scenario::new(1, 3, 2);
    let script = &scenario.delegation.staking_output().tx_out().script_pubkey;
    let address = Address::from_script(script, Network::Regtest).unwrap();
    assert!(address.to_string().starts_with("bcrt1p"));
}

#[test]
fn the_weight_of_a_withdrawals_witness_is_known_beforehand() {
    let scenario = Scenario::new(1, 3, 2);
    let signature = fixture::sign(&scenario.staker, [1; 32]);
    for leaf in [
        scenario.delegation.staking_output().timelock(),
        scenario.delegation.unbonding_output().timelock(),
        scenario.delegation.slashing_change().timelock(),
    ] {
        let witness = staking::witness::withdrawal(leaf, &signature);
        assert_eq!(leaf.witness_weight().to_wu(), witness.size() as u64);
    }
    // The signature has no sighash byte, which this size rests on.
    assert_eq!(TapSighashType::Default as u8, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_order_in_which_keys_are_listed_does_not_change_the_outputs(
        order in Just((0..5_usize).collect::<Vec<_>>()).prop_shuffle(),
        providers in Just((0..3_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let scenario = Scenario::new(3, 5, 3);
        let covenant = order.iter().map(|i| covenant_key(&scenario.committee[*i])).collect();
        let providers = providers.iter().map(|i| provider_key(&scenario.providers[*i])).collect();
        let keys = DelegationKeys::new(
            staker_key(&scenario.staker),
            providers,
            CovenantCommittee::new(covenant, 3).unwrap(),
        ).unwrap();
        let output = StakingOutput::new(&keys, blocks(fixture::STAKING_TIME), fixture::STAKED);
        prop_assert_eq!(&output, scenario.delegation.staking_output());
    }
}
