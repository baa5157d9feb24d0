//! A stake that is not what it says is refused, each with its own error, and leaves nothing behind.

use bitcoin::consensus::{deserialize, serialize};
use bitcoin::secp256k1::SECP256K1;
use bitcoin::{Amount, ScriptBuf, Transaction};
use btc_mesh::StakeError;
use btc_mesh::msg::{Bytes32, StakeMsg};
use cosmwasm_std::Binary;
use staking::delegation::{
    CovenantSignatureError, DelegationError, PresignedError, SignedPart, SlashingError,
    UnbondingError,
};
use staking::inclusion::InclusionError;

use super::scene::Scene;
use crate::rig::{Staking, Terms, covenant_set, funded, params, secret};

fn changed(bytes: &Binary, change: impl FnOnce(&mut Transaction)) -> Binary {
    let mut tx: Transaction = deserialize(bytes).unwrap();
    change(&mut tx);
    serialize(&tx).into()
}

/// Why a good stake with one change is refused.
fn refusal(change: impl FnOnce(&Scene, &Staking, &mut StakeMsg)) -> StakeError {
    let mut scene = Scene::new();
    let (staking, mut msg) = scene.ready(Terms::number(1));
    change(&scene, &staking, &mut msg);
    let size = scene.rig.size();
    let error = scene.refusal(msg);
    assert_eq!(scene.rig.size(), size);
    error
}

#[test]
fn an_internal_key_that_somebody_knows_is_refused() {
    // The output is locked by the staker's own key path instead of the point nobody knows the logarithm of.
    let mut scene = Scene::new();
    let (staking, _) = scene.ready(Terms::number(1));
    let key = bitcoin::XOnlyPublicKey::from_slice(staking.staker.public_key().as_bytes());
    let mut tx = staking.tx.clone();
    tx.output[1].script_pubkey = ScriptBuf::new_p2tr(SECP256K1, key.unwrap(), None);
    let inclusion = scene.bury_one(&tx, 3);
    let mut msg = staking.msg(&inclusion, scene.consent(&staking, 1, 10_000));
    msg.staking_tx = serialize(&tx).into();
    assert!(matches!(
        scene.refusal(msg),
        StakeError::Delegation(DelegationError::StakingOutputMissing { .. })
    ));
}

#[test]
fn one_covenant_signature_less_than_a_quorum_is_refused() {
    let error = refusal(|_, _, msg| msg.covenant_signatures.truncate(1));
    assert_eq!(
        error,
        StakeError::Quorum {
            found: 1,
            quorum: 2
        }
    );
}

#[test]
fn more_covenant_signatures_than_members_are_refused() {
    let error = refusal(|_, staking, msg| {
        msg.covenant_signatures = (0..4)
            .map(|_| staking.signed_by(&staking.members[0], &staking.provider))
            .collect();
    });
    assert_eq!(
        error,
        StakeError::TooManySignatures {
            found: 4,
            members: 3
        }
    );
}

#[test]
fn a_member_twice_or_out_of_order_is_refused() {
    let twice = refusal(|_, _, msg| {
        msg.covenant_signatures[1] = msg.covenant_signatures[0].clone();
    });
    assert!(matches!(twice, StakeError::CovenantOrder(_)));
    let swapped = refusal(|_, _, msg| msg.covenant_signatures.swap(0, 1));
    assert!(matches!(swapped, StakeError::CovenantOrder(_)));
}

#[test]
fn a_stranger_among_the_members_is_refused() {
    let error = refusal(|_, staking, msg| {
        let stranger = staking.signed_by(&secret("stranger"), &staking.provider);
        msg.covenant_signatures = vec![msg.covenant_signatures[0].clone(), stranger];
        msg.covenant_signatures
            .sort_by_key(|signature| signature.key);
    });
    assert!(matches!(
        error,
        StakeError::CovenantSignature(CovenantSignatureError::NotAMember(_))
    ));
}

#[test]
fn an_adaptor_signature_for_another_provider_is_refused() {
    let error = refusal(|_, staking, msg| {
        msg.covenant_signatures[1] =
            staking.signed_by(&staking.members[1], &secret("another provider"));
    });
    assert!(matches!(
        error,
        StakeError::CovenantSignature(CovenantSignatureError::Adaptor {
            part: SignedPart::Slashing,
            ..
        })
    ));
}

#[test]
fn every_covenant_signature_that_is_shown_must_be_good_even_beyond_the_quorum() {
    let error = refusal(|_, staking, msg| {
        let mut third = staking.signed_by(&staking.members[2], &staking.provider);
        third.unbonding = msg.covenant_signatures[0].unbonding.clone();
        msg.covenant_signatures.push(third);
    });
    assert!(matches!(
        error,
        StakeError::CovenantSignature(CovenantSignatureError::Unbonding(_))
    ));
}

#[test]
fn slashing_to_oneself_is_refused() {
    let error = refusal(|_, _, msg| {
        msg.slashing_tx = changed(&msg.slashing_tx, |tx| {
            tx.output[0].script_pubkey = tx.output[1].script_pubkey.clone();
        });
    });
    assert!(matches!(
        error,
        StakeError::Delegation(DelegationError::Slashing(SlashingError::Script { .. }))
    ));
}

#[test]
fn change_of_slashing_without_the_timelock_is_refused() {
    let error = refusal(|_, _, msg| {
        msg.unbonding_slashing_tx = changed(&msg.unbonding_slashing_tx, |tx| {
            tx.output[1].script_pubkey = tx.output[0].script_pubkey.clone();
        });
    });
    assert!(matches!(
        error,
        StakeError::Delegation(DelegationError::UnbondingSlashing(
            SlashingError::ChangeScript { .. }
        ))
    ));
}

#[test]
fn a_rate_that_is_too_low_is_refused() {
    let error = refusal(|_, _, msg| {
        msg.slashing_tx = changed(&msg.slashing_tx, |tx| {
            tx.output[0].value -= Amount::from_sat(1);
        });
    });
    assert!(matches!(
        error,
        StakeError::Delegation(DelegationError::Slashing(SlashingError::Amount { .. }))
    ));
}

#[test]
fn a_second_form_of_the_unbonding_is_refused() {
    let version = refusal(|_, _, msg| {
        msg.unbonding_tx = changed(&msg.unbonding_tx, |tx| {
            tx.version = bitcoin::transaction::Version::ONE;
        });
    });
    assert!(matches!(
        version,
        StakeError::Delegation(DelegationError::Unbonding(UnbondingError::Presigned(
            PresignedError::Version { actual: 1, .. }
        )))
    ));
    let outputs = refusal(|_, _, msg| {
        msg.unbonding_tx = changed(&msg.unbonding_tx, |tx| {
            tx.output.push(tx.output[0].clone());
        });
    });
    assert!(matches!(
        outputs,
        StakeError::Delegation(DelegationError::Unbonding(UnbondingError::Presigned(
            PresignedError::Outputs { .. }
        )))
    ));
    let fee = refusal(|_, _, msg| {
        msg.unbonding_tx = changed(&msg.unbonding_tx, |tx| {
            tx.output[0].value += Amount::from_sat(1);
        });
        let unbonding: Transaction = deserialize(&msg.unbonding_tx).unwrap();
        msg.unbonding_slashing_tx = changed(&msg.unbonding_slashing_tx, |tx| {
            tx.input[0].previous_output.txid = unbonding.compute_txid();
        });
    });
    assert!(matches!(
        fee,
        StakeError::Delegation(DelegationError::Unbonding(UnbondingError::Fee { .. }))
    ));
}

#[test]
fn signatures_of_others_than_the_staker_are_refused() {
    let swapped = refusal(|_, _, msg| {
        msg.staker_slashing = msg.staker_unbonding_slashing.clone();
    });
    assert!(matches!(swapped, StakeError::StakerSignature(_)));
    let short = refusal(|_, _, msg| msg.staker_slashing = vec![1; 63].into());
    assert!(matches!(short, StakeError::SignatureBytes { .. }));
    let old_form = refusal(|_, _, msg| {
        let mut bytes = msg.covenant_signatures[0].slashing.to_vec();
        bytes.push(0);
        msg.covenant_signatures[0].slashing = bytes.into();
    });
    assert!(matches!(old_form, StakeError::SignatureBytes { .. }));
}

#[test]
fn other_keys_timelocks_and_outputs_than_those_in_bitcoin_are_refused() {
    let timelock = refusal(|_, _, msg| msg.timelock += 1);
    assert!(matches!(
        timelock,
        StakeError::Delegation(DelegationError::StakingOutputMissing { .. })
    ));
    let staker = refusal(|_, _, msg| {
        msg.staker = Bytes32(secret("another").public_key().to_bytes());
    });
    assert!(matches!(
        staker,
        StakeError::Delegation(DelegationError::StakingOutputMissing { .. })
    ));
    let output = refusal(|_, _, msg| msg.vout = 0);
    assert!(matches!(
        output,
        StakeError::Delegation(DelegationError::StakingOutputMissing { .. })
    ));
    let none = refusal(|_, _, msg| msg.vout = 2);
    assert_eq!(
        none,
        StakeError::NoOutput {
            vout: 2,
            outputs: 2
        }
    );
    let zero = refusal(|_, _, msg| msg.timelock = 0);
    assert!(matches!(zero, StakeError::TimeOver { .. }));
}

#[test]
fn a_stake_that_would_end_at_once_is_refused() {
    let mut scene = Scene::new();
    let staking = scene.sign(Terms {
        timelock: 110,
        ..Terms::number(1)
    });
    let inclusion = scene.bury_one(&staking.tx, 10);
    let tip = scene.tip();
    let msg = staking.msg(&inclusion, scene.consent(&staking, 1, 10_000));
    let expires = inclusion.height + 110 - 100;
    assert_eq!(scene.refusal(msg), StakeError::TimeOver { expires, tip });
}

#[test]
fn a_block_that_is_unknown_or_not_deep_enough_is_refused() {
    let unknown = refusal(|scene, _, msg| msg.inclusion.height = scene.tip() + 1);
    assert!(matches!(unknown, StakeError::UnknownBlock(_)));
    let another = refusal(|_, _, msg| msg.inclusion.height -= 1);
    assert!(matches!(
        another,
        StakeError::Inclusion(InclusionError::Root { .. })
    ));
    let mut scene = Scene::new();
    let staking = scene.sign(Terms::number(1));
    let inclusion = scene.bury_one(&staking.tx, 2);
    let msg = staking.msg(&inclusion, scene.consent(&staking, 1, 10_000));
    let height = inclusion.height;
    assert_eq!(
        scene.refusal(msg.clone()),
        StakeError::TooShallow {
            height,
            depth: 2,
            required: 3
        }
    );
    scene.rig.mine(1);
    scene.show(msg).unwrap();
}

#[test]
fn a_proof_that_could_mean_another_place_is_refused() {
    let beyond = refusal(|_, _, msg| msg.inclusion.index += 1 << 10);
    assert!(matches!(
        beyond,
        StakeError::Inclusion(InclusionError::Index { .. })
    ));
    let long = refusal(|_, _, msg| msg.inclusion.branch = vec![0; 32 * 16].into());
    assert!(matches!(
        long,
        StakeError::Inclusion(InclusionError::Depth(16))
    ));
    let coinbase = refusal(|_, _, msg| msg.inclusion.index = 0);
    assert!(matches!(
        coinbase,
        StakeError::Inclusion(InclusionError::Coinbase(_))
    ));
}

#[test]
fn oversized_and_garbled_transactions_are_refused_before_any_work() {
    let large = refusal(|_, _, msg| msg.staking_tx = vec![0; 100_001].into());
    assert!(matches!(
        large,
        StakeError::Size {
            found: 100_001,
            max: 100_000,
            ..
        }
    ));
    let replaced = |which: usize, bytes: Vec<u8>| {
        refusal(|_, _, msg| {
            let transactions = [
                &mut msg.slashing_tx,
                &mut msg.unbonding_tx,
                &mut msg.unbonding_slashing_tx,
            ];
            *transactions.into_iter().nth(which).unwrap() = bytes.into();
        })
    };
    for which in 0..3 {
        let long = replaced(which, vec![0; 1_000]);
        assert!(matches!(long, StakeError::Size { found: 1_000, .. }));
        let garbled = replaced(which, vec![0xff; 20]);
        assert!(matches!(garbled, StakeError::Transaction { .. }));
    }
}

#[test]
fn a_stake_for_a_stranger_or_for_a_slashed_provider_is_refused() {
    let mut scene = Scene::new();
    let (staking, msg) = scene.ready(Terms::number(1));
    let mut stranger = msg.clone();
    stranger.provider = Bytes32(secret("nobody").public_key().to_bytes());
    assert!(matches!(
        scene.show(stranger),
        Err(btc_mesh::ContractError::UnknownProvider(_))
    ));
    scene
        .rig
        .execute(btc_mesh::msg::ExecuteMsg::Slash {
            pk: Bytes32(scene.provider.public_key().to_bytes()),
            sk: Bytes32(*scene.provider.to_bytes()),
        })
        .unwrap();
    assert_eq!(
        scene.refusal(msg),
        StakeError::ProviderSlashed(staking.provider.public_key())
    );
}

#[test]
fn an_outpoint_is_shown_once() {
    let mut scene = Scene::new();
    let (staking, msg) = scene.ready(Terms::number(1));
    scene.show(msg.clone()).unwrap();
    assert!(matches!(
        scene.refusal(msg.clone()),
        StakeError::Known { outpoint, .. } if outpoint == staking.outpoint()
    ));
    scene.rig.mine(params().challenge);
    scene.activate(staking.outpoint()).unwrap();
    assert!(matches!(scene.refusal(msg), StakeError::Known { .. }));
}

#[test]
fn a_committee_that_is_not_listed_is_refused() {
    let mut scene = Scene::new();
    let (_, mut msg) = scene.ready(Terms::number(1));
    msg.covenant = 1;
    assert!(matches!(
        scene.show(msg),
        Err(btc_mesh::ContractError::UnknownCovenant(1))
    ));
    // One with another quorum makes other scripts.
    let mut scene = Scene::with(params(), covenant_set(3, 3));
    let staking = Staking::new(&covenant_set(3, 2), &scene.provider, Terms::number(1));
    let inclusion = scene.bury_one(&staking.tx, 3);
    let mut msg = staking.msg(&inclusion, scene.consent(&staking, 1, 10_000));
    msg.covenant_signatures
        .push(staking.signed_by(&staking.members[2], &staking.provider));
    assert!(matches!(
        scene.refusal(msg),
        StakeError::Delegation(DelegationError::StakingOutputMissing { .. })
    ));
}

#[test]
fn a_closed_instance_takes_no_stake() {
    let mut scene = Scene::new();
    let (_, msg) = scene.ready(Terms::number(1));
    scene
        .rig
        .govern(btc_mesh::msg::ExecuteMsg::Close {})
        .unwrap();
    assert!(matches!(
        scene.show(msg),
        Err(btc_mesh::ContractError::Closed)
    ));
}

#[test]
fn a_transaction_of_sixty_four_bytes_proves_nothing() {
    // What such a one could "contain" is tried in btc-light's tests; the same check runs here.
    let error = refusal(|_, _, msg| {
        let mut tx = funded(9, Vec::new());
        tx.output[0].script_pubkey = ScriptBuf::from(vec![0x51; 4]);
        assert_eq!(tx.base_size(), 64);
        msg.staking_tx = serialize(&tx).into();
        msg.vout = 0;
    });
    assert!(matches!(
        error,
        StakeError::Inclusion(InclusionError::AmbiguousLength(_))
    ));
}
