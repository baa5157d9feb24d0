//! Which header is taken.

use btc_mesh::msg::StateProof;
use btc_mesh::state_proof::{MAX_HEADER_FIELD, StateProofError};
use cosmwasm_std::Binary;

use crate::chain::{CHAIN_ID, HEIGHT, State, bytes_field, check, header, proof_in, varint};

fn proof() -> StateProof {
    proof_in(&State::new().with_record())
}

/// A proof whose header has another field in this place; its hash counts as final all the same.
fn with_field(at: usize, field: impl Into<Binary>) -> StateProof {
    let mut proof = proof();
    proof.header[at] = field.into();
    proof
}

fn app_hash() -> [u8; 32] {
    State::new().with_record().app_hash()
}

#[test]
fn thirteen_and_fifteen_fields_are_refused() {
    let mut short = proof();
    short.header.pop();
    assert_eq!(check(&short), Err(StateProofError::FieldCount(13)));
    let mut long = proof();
    long.header.push(vec![0].into());
    assert_eq!(check(&long), Err(StateProofError::FieldCount(15)));
    let mut none = proof();
    none.header.clear();
    assert_eq!(check(&none), Err(StateProofError::FieldCount(0)));
}

#[test]
fn a_header_that_is_not_the_final_one_is_refused() {
    for field in 0..14 {
        let mut proof = proof();
        let hash = mesh_core::tree(&proof.header);
        let mut bytes = proof.header[field].to_vec();
        bytes[0] ^= 1;
        proof.header[field] = bytes.into();
        assert!(matches!(
            btc_mesh::state_proof::check(&proof, CHAIN_ID, HEIGHT, &hash),
            Err(StateProofError::HeaderHash { .. })
        ));
    }
}

#[test]
fn the_header_of_another_chain_is_refused() {
    for other in ["partner-2", "partner-11", "partner-", "", "Partner-1"] {
        let mut proof = proof();
        proof.header = header(other, HEIGHT, &app_hash());
        assert!(
            matches!(check(&proof), Err(StateProofError::ChainId { .. })),
            "{other}"
        );
    }
}

#[test]
fn a_chain_id_in_another_form_is_refused() {
    let id = CHAIN_ID.as_bytes();
    for field in [
        [bytes_field(0x0a, id), vec![0]].concat(),
        [bytes_field(0x0a, id), bytes_field(0x0a, id)].concat(),
        [vec![0x0a, 0x80 | 9, 0], id.to_vec()].concat(),
        bytes_field(0x12, id),
        id.to_vec(),
        Vec::new(),
    ] {
        assert!(matches!(
            check(&with_field(1, field)),
            Err(StateProofError::ChainId { .. })
        ));
    }
}

#[test]
fn the_header_of_another_height_is_refused() {
    for other in [HEIGHT - 1, HEIGHT + 1, 0, u64::MAX, HEIGHT << 32] {
        let mut proof = proof();
        proof.header = header(CHAIN_ID, other, &app_hash());
        assert!(matches!(
            check(&proof),
            Err(StateProofError::Height {
                expected: HEIGHT,
                ..
            })
        ));
    }
}

#[test]
fn a_height_in_another_form_is_refused() {
    for field in [
        [vec![0x08], varint(HEIGHT), vec![0]].concat(),
        vec![0x08, 0xe8, 0x87, 0x00],
        [vec![0x10], varint(HEIGHT)].concat(),
        varint(HEIGHT),
        Vec::new(),
    ] {
        assert!(matches!(
            check(&with_field(2, field)),
            Err(StateProofError::Height { .. })
        ));
    }
}

#[test]
fn an_application_hash_in_another_form_is_refused() {
    let hash = app_hash();
    for field in [
        [bytes_field(0x0a, &hash), vec![0]].concat(),
        bytes_field(0x0a, &hash[..31]),
        bytes_field(0x0a, &[hash.as_slice(), &[0]].concat()),
        bytes_field(0x12, &hash),
        hash.to_vec(),
        Vec::new(),
    ] {
        assert_eq!(
            check(&with_field(10, field.clone())),
            Err(StateProofError::AppHash(hex::encode(field)))
        );
    }
}

#[test]
fn the_application_hash_is_taken_from_its_own_field_only() {
    // The results' hash, one field on, is chosen by the block's transactions.
    let mut proof = proof();
    proof.header = header(CHAIN_ID, HEIGHT, &[1; 32]);
    proof.header[11] = bytes_field(0x0a, &app_hash()).into();
    assert!(matches!(
        check(&proof),
        Err(StateProofError::NotInState { .. })
    ));
}

#[test]
fn a_field_longer_than_any_header_has_is_refused_unread() {
    let field = vec![7; MAX_HEADER_FIELD + 1];
    assert!(matches!(
        check(&with_field(4, field)),
        Err(StateProofError::TooLong { .. })
    ));
    assert_eq!(check(&with_field(4, vec![7; MAX_HEADER_FIELD])), Ok(()));
}
