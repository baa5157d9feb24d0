//! Proofs that nobody made with care.

use btc_mesh::msg::StateProof;
use btc_mesh::state_proof::{MAX_KEY, MAX_PROOF, MAX_VALUE, StateProofError};
use cosmwasm_std::Binary;
use proptest::prelude::*;

use crate::chain::{State, check, proof_in};

#[test]
fn what_is_longer_than_anybody_needs_is_refused_by_its_length() {
    let whole = || proof_in(&State::new().with_record());
    let long = |length| Binary::from(vec![7; length + 1]);
    for (proof, name, most) in [
        (
            StateProof {
                key: long(MAX_KEY),
                ..whole()
            },
            "the key",
            MAX_KEY,
        ),
        (
            StateProof {
                value: long(MAX_VALUE),
                ..whole()
            },
            "the value",
            MAX_VALUE,
        ),
        (
            StateProof {
                store_proof: long(MAX_PROOF),
                ..whole()
            },
            "store_proof",
            MAX_PROOF,
        ),
        (
            StateProof {
                root_proof: long(MAX_PROOF),
                ..whole()
            },
            "root_proof",
            MAX_PROOF,
        ),
    ] {
        assert_eq!(
            check(&proof),
            Err(StateProofError::TooLong {
                what: name,
                found: most + 1,
                max: most,
            })
        );
    }
}

#[test]
fn no_single_byte_of_a_proof_can_be_changed_added_or_left_out() {
    let whole = proof_in(&State::new().with_record());
    let parts: [fn(&mut StateProof) -> &mut Binary; 4] = [
        |proof| &mut proof.store_proof,
        |proof| &mut proof.root_proof,
        |proof| &mut proof.key,
        |proof| &mut proof.value,
    ];
    for part in parts {
        for at in 0..part(&mut whole.clone()).len() {
            for change in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
                let mut proof = whole.clone();
                let mut bytes = part(&mut proof).to_vec();
                bytes[at] ^= change;
                *part(&mut proof) = bytes.into();
                assert!(check(&proof).is_err());
            }
            let mut proof = whole.clone();
            let mut bytes = part(&mut proof).to_vec();
            bytes.remove(at);
            *part(&mut proof) = bytes.into();
            assert!(check(&proof).is_err());
            let mut proof = whole.clone();
            let mut bytes = part(&mut proof).to_vec();
            bytes.insert(at, 0);
            *part(&mut proof) = bytes.into();
            assert!(check(&proof).is_err());
        }
    }
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_a_panic(
        header in prop::collection::vec(bytes(140), 12..16),
        key in bytes(60),
        value in bytes(60),
        store_proof in bytes(400),
        root_proof in bytes(400),
    ) {
        let mut proof = proof_in(&State::new().with_record());
        let real = proof.clone();
        proof.store_proof = store_proof.clone().into();
        prop_assert!(check(&proof).is_err());
        proof.root_proof = root_proof.into();
        proof.store_proof = real.store_proof;
        prop_assert!(check(&proof).is_err());
        proof.header = header.into_iter().map(Binary::from).collect();
        prop_assert!(check(&proof).is_err());
        proof.header = real.header;
        proof.key = key.into();
        proof.value = value.into();
        prop_assert!(check(&proof).is_err());
    }

    #[test]
    fn a_proof_that_is_mixed_up_is_refused_without_a_panic(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..6),
        noise in bytes(8),
    ) {
        let real = proof_in(&State::new().with_record());
        let mut bytes = real.store_proof.to_vec();
        for (from, to) in cuts {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            let piece = bytes[from.min(to)..from.max(to)].to_vec();
            bytes.splice(to..to, piece.into_iter().chain(noise.iter().copied()));
        }
        prop_assume!(bytes != real.store_proof.as_slice());
        let proof = StateProof { store_proof: bytes.into(), ..real };
        prop_assert!(check(&proof).is_err());
    }
}
