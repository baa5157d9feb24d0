//! What was made to confuse.

use bitcoin::hashes::Hash;
use bitcoin::{Transaction, TxIn, Txid, Witness};
use proptest::prelude::*;
use staking::delegation::SlashedOutput;
use staking::outputs::internal_key;
use staking::recognise::{Finding, Kind, Recognition};
use staking::scripts::DelegationKeys;

use crate::fixture::{Scenario, change, funded, secret};
use crate::{only_finding, recognise, slashing, staking_withdrawal, unbonding};

/// Pieces of which all three scripts are made, and some of which none is.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let key = (0..4_usize).prop_map(|index| {
        let key = secret(&format!("covenant {index}")).public_key().to_bytes();
        [&[0x20][..], &key].concat()
    });
    let opcode = prop::sample::select(vec![0xac, 0xad, 0xba, 0xb2, 0x9c, 0x9d]);
    prop_oneof![
        4 => key,
        4 => opcode.prop_map(|byte| vec![byte]),
        1 => (0x50..=0x60_u8).prop_map(|byte| vec![byte]),
        1 => prop::collection::vec(any::<u8>(), 1..5)
            .prop_map(|number| [&[u8::try_from(number.len()).unwrap()][..], &number].concat()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ]
}

fn control_block() -> impl Strategy<Value = Vec<u8>> {
    let path = prop::collection::vec(any::<[u8; 32]>(), 0..4);
    (prop::sample::select(vec![0xc0, 0xc1, 0xc2]), path).prop_map(|(first, path)| {
        [&[first][..], &internal_key().serialize(), &path.concat()].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_witness_is_read_without_a_panic(
        script in prop::collection::vec(piece(), 0..12),
        control_block in control_block(),
        items in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3), 0..6),
        outputs in 0..3_usize,
        inputs in 1..3_usize,
    ) {
        let scenario = Scenario::new(1, 3, 2);
        let mut witness = Witness::from_slice(&items);
        witness.push(script.concat());
        witness.push(control_block);
        let mut tx = funded(vec![change(); outputs]);
        tx.input[0].witness = witness;
        tx.input.resize(inputs, TxIn::default());
        let recognition = recognise(&scenario, &tx);
        // None of these was made by the protocol; timelocks prove too little to be sure.
        prop_assert!(recognition.findings.iter().all(|it| it.kind() == Kind::Withdrawal));
    }

    #[test]
    fn any_change_of_a_real_spend_is_read_without_a_panic(
        position in any::<prop::sample::Index>(),
        flip in 1..=u8::MAX,
        which in 0..4_usize,
    ) {
        let scenario = Scenario::new(1, 3, 2);
        let tx = match which {
            0 => unbonding(&scenario),
            1 => slashing(&scenario, SlashedOutput::Staking),
            2 => slashing(&scenario, SlashedOutput::Unbonding),
            _ => staking_withdrawal(&scenario),
        };
        let mut bytes = bitcoin::consensus::serialize(&tx);
        let position = position.index(bytes.len());
        bytes[position] ^= flip;
        if let Ok((changed, _)) = bitcoin::consensus::deserialize_partial::<Transaction>(&bytes) {
            let recognition = recognise(&scenario, &changed);
            prop_assert!(recognition.findings.len() + recognition.near_misses.len() <= 1);
        }
    }

    #[test]
    fn any_bytes_are_no_transaction_or_nothing_of_ours(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let scenario = Scenario::new(1, 3, 2);
        if let Ok((tx, _)) = bitcoin::consensus::deserialize_partial::<Transaction>(&bytes) {
            prop_assert_eq!(recognise(&scenario, &tx), Recognition::default());
        }
    }

    #[test]
    fn every_pair_of_keys_and_times_is_read_back(
        providers in 1..4_usize,
        (members, quorum) in (1..8_usize).prop_flat_map(|members| (Just(members), members / 2 + 1..=members)),
    ) {
        let scenario = Scenario::new(providers, members, u32::try_from(quorum).unwrap());
        let keys: &DelegationKeys = scenario.delegation.keys();
        let tx = slashing(&scenario, SlashedOutput::Unbonding);
        let recognition = recognise(&scenario, &tx);
        let Finding::Slashing(found) = only_finding(&recognition) else { panic!() };
        prop_assert_eq!(found.staker, keys.staker());
        prop_assert_eq!(found.signers.len(), quorum);
        prop_assert_ne!(found.spent.txid, Txid::all_zeros());
    }
}
