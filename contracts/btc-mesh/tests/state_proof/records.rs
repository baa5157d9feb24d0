//! Which record of which state is proven.

use btc_mesh::state_proof::{ExistenceError, StateProofError};
use mesh_core::tree;
use proptest::prelude::*;

use crate::chain::{
    CHAIN_ID, CONTRACT, HEIGHT, KEY, State, VALUE, check, header, proof_in, stored,
};

#[test]
fn a_record_in_the_state_before_the_header_is_accepted() {
    assert_eq!(check(&proof_in(&State::new().with_record())), Ok(()));
}

#[test]
fn the_state_of_the_header_itself_is_refused() {
    // Header H has the hash of the state after H - 1; its own block changes the state once more.
    let before = State::new();
    let after = before.clone().with_record();
    let mut proof = proof_in(&after);
    proof.header = header(CHAIN_ID, HEIGHT, &before.app_hash());
    assert_eq!(
        check(&proof),
        Err(StateProofError::NotInState {
            found: after.app_hash().into(),
            app_hash: before.app_hash().into(),
        })
    );
    // A record that was there before it is refused alike, where its proof is of the later state.
    let before = before.with_record();
    let after = before.clone().with("wasm", b"another", b"record");
    let mut proof = proof_in(&after);
    proof.header = header(CHAIN_ID, HEIGHT, &before.app_hash());
    assert!(matches!(
        check(&proof),
        Err(StateProofError::NotInState { .. })
    ));
}

#[test]
fn a_record_of_another_store_is_refused() {
    let state = State::new().with("bank", &stored(&CONTRACT, KEY), VALUE);
    let mut proof = proof_in(&state.clone().with_record());
    proof.header = header(CHAIN_ID, HEIGHT, &state.app_hash());
    proof.store_proof = state.store_proof("bank", &stored(&CONTRACT, KEY)).encode();
    proof.root_proof = state.root_proof("bank").encode();
    assert_eq!(
        check(&proof),
        Err(StateProofError::Root(ExistenceError::Key))
    );
    // Nor under the name of the right one.
    let mut renamed = state.root_proof("bank");
    renamed.key = b"wasm".to_vec();
    proof.root_proof = renamed.encode();
    assert!(matches!(
        check(&proof),
        Err(StateProofError::NotInState { .. })
    ));
}

#[test]
fn another_contracts_record_is_refused() {
    let other = [0xbb; 32];
    let state = State::new().with("wasm", &stored(&other, KEY), VALUE);
    let mut proof = proof_in(&state.clone().with_record());
    proof.header = header(CHAIN_ID, HEIGHT, &state.app_hash());
    proof.store_proof = state.store_proof("wasm", &stored(&other, KEY)).encode();
    proof.root_proof = state.root_proof("wasm").encode();
    assert_eq!(
        check(&proof),
        Err(StateProofError::Store(ExistenceError::Key))
    );
    proof.contract = other.into();
    assert_eq!(check(&proof), Ok(()));
}

#[test]
fn another_key_or_value_of_the_contract_is_refused() {
    let mut proof = proof_in(&State::new().with_record());
    proof.key = b"\x00\x08deposits\x00\x00\x00\x00\x00\x00\x00\x02".into();
    assert_eq!(
        check(&proof),
        Err(StateProofError::Store(ExistenceError::Key))
    );
    let mut proof = proof_in(&State::new().with_record());
    proof.value = br#"{"amount":"8"}"#.into();
    assert_eq!(
        check(&proof),
        Err(StateProofError::Store(ExistenceError::Value))
    );
}

#[test]
fn an_empty_value_is_refused_even_if_the_state_held_one() {
    let state = State::new().with("wasm", &stored(&CONTRACT, KEY), b"");
    let mut proof = proof_in(&state);
    proof.value = Vec::new().into();
    assert_eq!(check(&proof), Err(StateProofError::EmptyValue));
}

#[test]
fn a_proof_for_a_fork_that_is_not_final_is_refused() {
    let final_header = header(CHAIN_ID, HEIGHT, &State::new().app_hash());
    let fork = proof_in(&State::new().with_record());
    assert_eq!(
        btc_mesh::state_proof::check(&fork, CHAIN_ID, HEIGHT, &tree(&final_header)),
        Err(StateProofError::HeaderHash {
            found: tree(&fork.header).into(),
            expected: tree(&final_header).into(),
        })
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_record_of_a_store_of_any_size_is_accepted(
        records in prop::collection::btree_map(
            prop::collection::vec(any::<u8>(), 0..40),
            prop::collection::vec(any::<u8>(), 1..200),
            1..60,
        ),
        stores in prop::collection::btree_set("[a-z]{1,12}", 0..20),
    ) {
        let mut state = State::new();
        for store in &stores {
            state = state.with(store, b"key", b"value");
        }
        for (key, value) in &records {
            state = state.with("wasm", &stored(&CONTRACT, key), value);
        }
        let state = state.with_record();
        for (key, value) in &records {
            let mut proof = proof_in(&state);
            proof.key = key.clone().into();
            proof.value = value.clone().into();
            proof.store_proof = state.store_proof("wasm", &stored(&CONTRACT, key)).encode();
            // The record of the tests may have replaced this one.
            prop_assert!(key == KEY || check(&proof) == Ok(()));
        }
    }
}
