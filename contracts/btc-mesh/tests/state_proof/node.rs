//! What a real `wasmd` answers: the vector that `scripts/state-vector.sh` made with wasmd 0.61.6 and the example `escrow`.

use btc_mesh::msg::StateProof;
use btc_mesh::state_proof::{ExistenceError, StateProofError, check};
use cosmwasm_std::{Binary, HexBinary, from_json};
use mesh_core::tree;
use serde::Deserialize;

use crate::chain::{bytes_field, stored, varint};

const VECTOR: &str = include_str!("../data/wasmd-0.61.6-escrow.json");

/// The fourth deposit's key in the contract's storage.
const KEY: &[u8] = b"\x00\x08deposits\x00\x00\x00\x00\x00\x00\x00\x03";

#[derive(Deserialize)]
struct Vector {
    /// The contract's, in hex.
    address: HexBinary,
    /// The header's.
    hash: HexBinary,
    header: Header,
    /// The deposit, asked for one height below the header's.
    record: Answer,
    /// The same at the header's height.
    later: Answer,
    /// A deposit that nobody made.
    absent: Answer,
    /// Something in the bank.
    other_store: Answer,
}

#[derive(Deserialize)]
struct Header {
    version: Version,
    chain_id: String,
    height: String,
    time: String,
    last_block_id: BlockId,
    last_commit_hash: HexBinary,
    data_hash: HexBinary,
    validators_hash: HexBinary,
    next_validators_hash: HexBinary,
    consensus_hash: HexBinary,
    app_hash: HexBinary,
    last_results_hash: HexBinary,
    evidence_hash: HexBinary,
    proposer_address: HexBinary,
}

#[derive(Deserialize)]
struct Version {
    block: String,
}

#[derive(Deserialize)]
struct BlockId {
    hash: HexBinary,
    parts: Parts,
}

#[derive(Deserialize)]
struct Parts {
    total: u64,
    hash: HexBinary,
}

#[derive(Deserialize)]
struct Answer {
    key: Binary,
    value: Option<Binary>,
    height: String,
    proofs: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    r#type: String,
    data: Binary,
}

impl Header {
    fn fields(&self) -> Vec<Binary> {
        let number = |text: &str| varint(text.parse().unwrap());
        let hash = |hash: &HexBinary| bytes_field(0x0a, hash);
        let parts = &self.last_block_id.parts;
        let parts = [
            vec![0x08],
            varint(parts.total),
            bytes_field(0x12, &parts.hash),
        ]
        .concat();
        [
            [vec![0x08], number(&self.version.block)].concat(),
            bytes_field(0x0a, self.chain_id.as_bytes()),
            [vec![0x08], number(&self.height)].concat(),
            timestamp(&self.time),
            [hash(&self.last_block_id.hash), bytes_field(0x12, &parts)].concat(),
            hash(&self.last_commit_hash),
            hash(&self.data_hash),
            hash(&self.validators_hash),
            hash(&self.next_validators_hash),
            hash(&self.consensus_hash),
            hash(&self.app_hash),
            hash(&self.last_results_hash),
            hash(&self.evidence_hash),
            hash(&self.proposer_address),
        ]
        .map(Binary::from)
        .to_vec()
    }

    fn height(&self) -> u64 {
        self.height.parse().unwrap()
    }
}

/// Seconds and nanoseconds of a time like `2025-11-30T07:20:00.5Z`.
fn timestamp(text: &str) -> Vec<u8> {
    let numbers: Vec<u64> = text
        .split(|character: char| !character.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(|digits| digits.parse().unwrap())
        .collect();
    let [year, month, day, hour, minute, second, ..] = numbers[..] else {
        panic!("{text}");
    };
    // Days since March 1st of the year 0, of which 719,468 were before 1970.
    let year = if month <= 2 { year - 1 } else { year };
    let days = 365 * year + year / 4 - year / 100 + year / 400;
    let days = days + (153 * ((month + 9) % 12) + 2) / 5 + day - 1 - 719_468;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    let nanoseconds = text.trim_end_matches('Z').split_once('.');
    let nanoseconds = nanoseconds.map(|(_, digits)| format!("{digits:0<9}").parse().unwrap());
    let seconds = [vec![0x08], varint(seconds)].concat();
    match nanoseconds.filter(|&nanoseconds| nanoseconds != 0) {
        Some(nanoseconds) => [seconds, vec![0x10], varint(nanoseconds)].concat(),
        None => seconds,
    }
}

impl Vector {
    fn load() -> Self {
        from_json(VECTOR).unwrap()
    }

    /// The proof that an answer makes.
    fn proof(&self, answer: &Answer) -> StateProof {
        let [store, root] = &answer.proofs[..] else {
            panic!("{} proofs", answer.proofs.len());
        };
        assert_eq!(
            (store.r#type.as_str(), root.r#type.as_str()),
            ("ics23:iavl", "ics23:simple")
        );
        StateProof {
            k: 1,
            header: self.header.fields(),
            contract: self
                .address
                .as_slice()
                .try_into()
                .map(|bytes: [u8; 32]| bytes.into())
                .unwrap(),
            key: KEY.into(),
            value: answer.value.clone().unwrap_or_default(),
            store_proof: store.data.clone(),
            root_proof: root.data.clone(),
        }
    }

    fn check(&self, proof: &StateProof) -> Result<(), StateProofError> {
        let hash = self.hash.as_slice().try_into().unwrap();
        check(proof, &self.header.chain_id, self.header.height(), &hash)
    }
}

#[test]
fn the_fields_are_those_that_a_node_hashes() {
    let vector = Vector::load();
    assert_eq!(
        tree(&vector.header.fields()).as_slice(),
        vector.hash.as_slice()
    );
}

#[test]
fn a_nodes_proof_of_the_state_before_the_header_is_accepted() {
    let vector = Vector::load();
    let address = vector.address.as_slice().try_into().unwrap();
    assert_eq!(vector.record.key.as_slice(), stored(&address, KEY));
    assert_eq!(
        vector.record.height,
        (vector.header.height() - 1).to_string()
    );
    assert_eq!(vector.check(&vector.proof(&vector.record)), Ok(()));
}

#[test]
fn a_nodes_proof_of_the_state_of_the_header_itself_is_refused() {
    let vector = Vector::load();
    assert_eq!(vector.later.height, vector.header.height);
    assert_eq!(vector.later.value, vector.record.value);
    assert!(matches!(
        vector.check(&vector.proof(&vector.later)),
        Err(StateProofError::NotInState { .. })
    ));
}

#[test]
fn a_nodes_proof_of_absence_is_refused() {
    let vector = Vector::load();
    let mut proof = vector.proof(&vector.absent);
    assert_eq!(vector.check(&proof), Err(StateProofError::EmptyValue));
    proof.value = b"something".into();
    assert_eq!(
        vector.check(&proof),
        Err(StateProofError::Store(ExistenceError::Kind))
    );
}

#[test]
fn a_nodes_proof_of_another_store_is_refused() {
    let vector = Vector::load();
    let mut proof = vector.proof(&vector.other_store);
    assert_eq!(
        vector.check(&proof),
        Err(StateProofError::Store(ExistenceError::Key))
    );
    let real = vector.proof(&vector.record);
    proof.value = real.value;
    proof.store_proof = real.store_proof;
    assert_eq!(
        vector.check(&proof),
        Err(StateProofError::Root(ExistenceError::Key))
    );
}

#[test]
fn no_bit_of_a_nodes_proof_can_be_flipped() {
    let vector = Vector::load();
    let whole = vector.proof(&vector.record);
    let parts: [fn(&mut StateProof) -> &mut Binary; 2] = [
        |proof| &mut proof.store_proof,
        |proof| &mut proof.root_proof,
    ];
    for part in parts {
        for bit in 0..8 * part(&mut whole.clone()).len() {
            let mut proof = whole.clone();
            let mut bytes = part(&mut proof).to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            *part(&mut proof) = bytes.into();
            assert!(vector.check(&proof).is_err(), "bit {bit}");
        }
    }
}
