//! What only looks like the protocol's.

use bitcoin::key::TapTweak;
use bitcoin::secp256k1::SECP256K1;
use bitcoin::taproot::{ControlBlock, LeafVersion, TapNodeHash};
use bitcoin::{Sequence, Transaction, TxIn, Witness, XOnlyPublicKey};
use staking::delegation::SlashedOutput;
use staking::outputs::{Leaf, internal_key};
use staking::recognise::{Kind, LeafError, Reason};

use crate::fixture::{self, Scenario, blocks, change, secret};
use crate::{only_near_miss, recognise, set_item, slashing, staking_withdrawal, unbonding};

/// Alters a good transaction and tells what it almost is.
fn altered(
    scenario: &Scenario,
    good: &Transaction,
    alter: impl FnOnce(&mut Transaction),
) -> (Kind, Reason) {
    assert_eq!(recognise(scenario, good).findings.len(), 1);
    let mut tx = good.clone();
    alter(&mut tx);
    let recognition = recognise(scenario, &tx);
    let (kind, reason) = only_near_miss(&recognition);
    let message = recognition.near_misses[0].to_string();
    assert!(message.starts_with(&format!("the spend of {}", tx.input[0].previous_output)));
    assert!(message.ends_with(&reason.to_string()));
    (kind, reason)
}

#[test]
fn an_almost_withdrawal_is_told_why() {
    let scenario = Scenario::new(1, 3, 2);
    let good = staking_withdrawal(&scenario);
    let why = |alter: fn(&mut Transaction)| {
        let (kind, reason) = altered(&scenario, &good, alter);
        assert_eq!(kind, Kind::Withdrawal);
        reason
    };
    let immature = |sequence, version| Reason::Immature {
        sequence,
        version,
        timelock: blocks(fixture::STAKING_TIME),
    };
    assert_eq!(
        why(|tx| tx.input[0].sequence = Sequence::from_height(9_999)),
        immature(9_999, 2)
    );
    assert_eq!(
        why(|tx| tx.input[0].sequence = Sequence::MAX),
        immature(u32::MAX, 2)
    );
    let time_based = Sequence::from_512_second_intervals(u16::MAX);
    assert_eq!(
        altered(&scenario, &good, |tx| tx.input[0].sequence = time_based).1,
        immature(time_based.to_consensus_u32(), 2)
    );
    assert_eq!(why(|tx| tx.version.0 = 1), immature(10_000, 1));
    assert_eq!(
        why(|tx| set_item(tx, 0, Vec::new())),
        Reason::StakerSignature
    );
    assert_eq!(
        why(|tx| {
            let mut items = tx.input[0].witness.to_vec();
            items.insert(0, vec![1]);
            tx.input[0].witness = Witness::from_slice(&items);
        }),
        Reason::WitnessItems {
            actual: 2,
            required: 1
        }
    );
    // A later withdrawal than the first possible one is as good.
    let mut later = good.clone();
    later.input[0].sequence = Sequence::from_height(10_001);
    assert_eq!(recognise(&scenario, &later).findings.len(), 1);
}

/// The spend with its leaf in another tree, given by the path from leaf to root.
fn with_path(good: &Transaction, leaf: &Leaf, path: &[[u8; 32]]) -> Transaction {
    let branch: Vec<_> = path
        .iter()
        .map(|node| TapNodeHash::assume_hidden(*node))
        .collect();
    let root = branch.iter().fold(
        TapNodeHash::from_script(leaf.script(), LeafVersion::TapScript),
        |below, sibling| TapNodeHash::from_node_hashes(below, *sibling),
    );
    let (_, output_key_parity) = internal_key().tap_tweak(SECP256K1, Some(root));
    let control_block = ControlBlock {
        output_key_parity,
        merkle_branch: branch.try_into().unwrap(),
        ..leaf.control_block().clone()
    };
    let mut tx = good.clone();
    set_item(
        &mut tx,
        good.input[0].witness.len() - 1,
        control_block.serialize(),
    );
    tx
}

#[test]
fn trees_and_timelocks_that_no_params_have_are_near_misses() {
    let scenario = Scenario::new(1, 3, 2);
    let good = staking_withdrawal(&scenario);
    let leaf = scenario.delegation.staking_output().timelock().leaf();
    let with_path =
        |path: &[[u8; 32]]| only_near_miss(&recognise(&scenario, &with_path(&good, leaf, path)));
    let unknown_time = Reason::UnknownTimelock(blocks(fixture::STAKING_TIME));
    assert_eq!(with_path(&[]), (Kind::Withdrawal, unknown_time.clone()));
    assert_eq!(with_path(&[[1; 32]]), (Kind::Withdrawal, unknown_time));
    assert_eq!(
        with_path(&[[1; 32], [2; 32]]),
        (Kind::Withdrawal, Reason::UnknownCommittee)
    );
    assert_eq!(
        with_path(&[[1; 32]; 3]),
        (Kind::Withdrawal, Reason::Depth(3))
    );
}

#[test]
fn an_almost_unbonding_is_told_why() {
    let scenario = Scenario::new(1, 3, 2);
    let good = unbonding(&scenario);
    let why = |alter: fn(&mut Transaction)| {
        let (kind, reason) = altered(&scenario, &good, alter);
        assert_eq!(kind, Kind::Unbonding);
        reason
    };
    assert_eq!(
        why(|tx| set_item(tx, 0, Vec::new())),
        Reason::CovenantSignatures {
            actual: 1,
            quorum: 2
        }
    );
    assert_eq!(
        why(|tx| set_item(tx, 2, vec![1; 64])),
        Reason::CovenantSignatures {
            actual: 3,
            quorum: 2
        }
    );
    assert_eq!(
        why(|tx| set_item(tx, 3, Vec::new())),
        Reason::StakerSignature
    );
    assert!(matches!(
        why(|tx| tx.output[0] = change()),
        Reason::UnbondingOutput(_)
    ));
    assert_eq!(
        why(|tx| tx.output.push(change())),
        Reason::UnbondingShape {
            inputs: 1,
            outputs: 2
        }
    );
    assert_eq!(
        altered(&scenario, &good, |tx| tx.input.push(TxIn::default())),
        (Kind::Expansion, Reason::NoNewStake)
    );
    assert_eq!(
        why(|tx| {
            let mut control_block = tx.input[0].witness.to_vec()[5].clone();
            control_block[0] ^= 1;
            set_item(tx, 5, control_block);
        }),
        Reason::Parity
    );
    // Beside the slashing leaf only, there is no such script in the protocol.
    let leaf = scenario.delegation.staking_output().unbonding();
    let shallow = with_path(&good, leaf, &[[1; 32]]);
    assert_eq!(
        only_near_miss(&recognise(&scenario, &shallow)),
        (Kind::Unbonding, Reason::Depth(1))
    );
}

#[test]
fn an_almost_slashing_is_told_why() {
    let scenario = Scenario::new(2, 3, 2);
    let good = slashing(&scenario, SlashedOutput::Staking);
    let why = |alter: fn(&mut Transaction)| {
        let (kind, reason) = altered(&scenario, &good, alter);
        assert_eq!(kind, Kind::Slashing);
        reason
    };
    assert_eq!(
        why(|tx| {
            set_item(tx, 3, vec![1; 64]);
            set_item(tx, 4, vec![1; 64]);
        }),
        Reason::ProviderSignatures(2)
    );
    assert_eq!(
        why(|tx| {
            set_item(tx, 3, Vec::new());
            set_item(tx, 4, Vec::new());
        }),
        Reason::ProviderSignatures(0)
    );
    assert_eq!(why(|tx| tx.output[0] = change()), Reason::SlashingOutputs);
    assert_eq!(why(|tx| tx.output[1] = change()), Reason::SlashingOutputs);
    assert_eq!(
        why(|tx| tx.output.push(change())),
        Reason::SlashingShape {
            inputs: 1,
            outputs: 3
        }
    );
    assert_eq!(
        why(|tx| {
            let mut control_block = tx.input[0].witness.to_vec()[7].clone();
            control_block[1..33].copy_from_slice(&secret("somebody").public_key().to_bytes());
            set_item(tx, 7, control_block);
        }),
        Reason::InternalKey(
            XOnlyPublicKey::from_slice(secret("somebody").public_key().as_bytes()).unwrap()
        )
    );
}

#[test]
fn scripts_that_the_chain_would_not_write_are_near_misses() {
    let scenario = Scenario::new(1, 3, 2);
    let good = unbonding(&scenario);
    let script = scenario.delegation.keys().unbonding_script().to_bytes();
    let with_script = |script: Vec<u8>| {
        let mut tx = good.clone();
        set_item(&mut tx, 4, script);
        let (_, reason) = only_near_miss(&recognise(&scenario, &tx));
        match reason {
            Reason::Leaf(error) => error,
            other => panic!("{other}"),
        }
    };
    // The first two members in the other order: each is a push of 33 bytes and an opcode.
    let mut unsorted = script.clone();
    let (first, second) = (script[35..67].to_vec(), script[69..101].to_vec());
    unsorted[35..67].copy_from_slice(&second);
    unsorted[69..101].copy_from_slice(&first);
    assert!(matches!(with_script(unsorted), LeafError::NotCanonical(_)));
    let mut twice = script.clone();
    twice[69..101].copy_from_slice(&first);
    assert!(matches!(with_script(twice), LeafError::Committee(_)));
    let mut off_curve = script.clone();
    off_curve[35..67].copy_from_slice(&[0xff; 32]);
    assert!(matches!(with_script(off_curve), LeafError::Key(_)));
    // A number push instead of OP_2.
    let mut not_minimal = script.clone();
    not_minimal.splice(script.len() - 2..script.len() - 1, [0x01, 0x02]);
    assert!(matches!(
        with_script(not_minimal),
        LeafError::NotCanonical(_)
    ));

    let timelock = |number: &[u8]| {
        let mut script = script[..34].to_vec();
        script.extend(number);
        script.push(0xb2);
        with_script(script)
    };
    assert!(matches!(timelock(&[0x00]), LeafError::Timelock(_)));
    assert!(matches!(timelock(&[0x01, 0x81]), LeafError::Timelock(_)));
    assert!(matches!(
        timelock(&[0x03, 0x00, 0x00, 0x01]),
        LeafError::Timelock(_)
    ));

    let mut same_key = script[..34].to_vec();
    same_key.extend(&script[..34]);
    same_key.extend(&script[34..68]);
    // Staker as finality provider, and a committee of one.
    assert!(matches!(with_script(same_key), LeafError::Keys(_)));
}
