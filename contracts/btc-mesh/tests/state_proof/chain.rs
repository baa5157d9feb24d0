//! A chain as `wasmd` commits to its state: stores in the shape of IAVL trees, in the shape of a multistore, in headers.

use std::collections::BTreeMap;

use bitcoin::hashes::{Hash, sha256};
use btc_mesh::msg::StateProof;
use btc_mesh::state_proof::{self, StateProofError};
use cosmwasm_std::Binary;
use mesh_core::tree;

pub(crate) const CHAIN_ID: &str = "partner-1";
pub(crate) const HEIGHT: u64 = 1_000;
pub(crate) const CONTRACT: [u8; 32] = [0xc0; 32];
pub(crate) const KEY: &[u8] = b"\x00\x08deposits\x00\x00\x00\x00\x00\x00\x00\x01";
pub(crate) const VALUE: &[u8] = br#"{"amount":"7"}"#;

/// The state after one block: records by their keys, in stores by their names.
#[derive(Clone)]
pub(crate) struct State(BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>);

/// An ICS-23 existence proof before it is encoded.
#[derive(Clone, Default)]
pub(crate) struct Existence {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    pub(crate) leaf: Leaf,
    pub(crate) path: Vec<Inner>,
}

/// How the leaf is hashed; numbers as protobuf has them.
#[derive(Clone)]
pub(crate) struct Leaf {
    pub(crate) hash: u8,
    pub(crate) prehash_key: u8,
    pub(crate) prehash_value: u8,
    pub(crate) length: u8,
    pub(crate) prefix: Vec<u8>,
}

/// How an inner node is hashed.
#[derive(Clone)]
pub(crate) struct Inner {
    pub(crate) hash: u8,
    pub(crate) prefix: Vec<u8>,
    pub(crate) suffix: Vec<u8>,
}

impl State {
    /// A wasm store with some records of some contracts, and other stores.
    pub(crate) fn new() -> Self {
        let mut state = Self(BTreeMap::new());
        for name in [
            "acc",
            "bank",
            "distribution",
            "gov",
            "ibc",
            "staking",
            "upgrade",
            "wasm",
        ] {
            state = state.with(name, b"first", name.as_bytes());
        }
        for number in 0..20_u8 {
            state = state.with("wasm", &stored(&[number; 32], KEY), &[number, 1]);
        }
        state
    }

    /// The same with one record more.
    pub(crate) fn with(mut self, store: &str, key: &[u8], value: &[u8]) -> Self {
        let records = self.0.entry(store.to_owned()).or_default();
        records.insert(key.to_vec(), value.to_vec());
        self
    }

    /// The same with the record that the tests prove.
    pub(crate) fn with_record(self) -> Self {
        self.with("wasm", &stored(&CONTRACT, KEY), VALUE)
    }

    /// What the next header says of it.
    pub(crate) fn app_hash(&self) -> [u8; 32] {
        multistore(&self.roots())
    }

    pub(crate) fn store_root(&self, store: &str) -> [u8; 32] {
        iavl(&self.records(store)).hash
    }

    /// The proof that a store holds a key.
    pub(crate) fn store_proof(&self, store: &str, key: &[u8]) -> Existence {
        let records = self.records(store);
        let at = records.iter().position(|(found, _)| found == key).unwrap();
        let mut path = Vec::new();
        iavl_path(&records, at, &mut path);
        Existence {
            key: key.to_vec(),
            value: records[at].1.clone(),
            leaf: Leaf {
                prefix: iavl_numbers(0, 1),
                ..Leaf::default()
            },
            path,
        }
    }

    /// The proof that the state holds a store.
    pub(crate) fn root_proof(&self, store: &str) -> Existence {
        let roots = self.roots();
        let at = roots
            .iter()
            .position(|(name, _)| name == store.as_bytes())
            .unwrap();
        let leaves: Vec<_> = roots.iter().map(|(name, root)| pair(name, root)).collect();
        let mut path = Vec::new();
        multistore_path(&leaves, at, &mut path);
        Existence {
            key: store.as_bytes().to_vec(),
            value: roots[at].1.clone(),
            path,
            ..Existence::default()
        }
    }

    fn records(&self, store: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.0[store].clone().into_iter().collect()
    }

    fn roots(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let root = |name: &String| (name.clone().into_bytes(), self.store_root(name).to_vec());
        self.0.keys().map(root).collect()
    }
}

/// The key under which wasmd keeps a contract's record.
pub(crate) fn stored(contract: &[u8; 32], key: &[u8]) -> Vec<u8> {
    [&[3], contract.as_slice(), key].concat()
}

/// The fields of a header.
pub(crate) fn header(chain_id: &str, height: u64, app_hash: &[u8; 32]) -> Vec<Binary> {
    let hash = |byte| bytes_field(0x0a, &[byte; 32]);
    let block_id = [
        bytes_field(0x0a, &[4; 32]),
        bytes_field(0x12, &[0x08, 1, 0x12, 0x20]),
    ]
    .concat();
    [
        vec![0x08, 11],
        bytes_field(0x0a, chain_id.as_bytes()),
        [vec![0x08], varint(height)].concat(),
        vec![0x08, 0xd0, 0xa5, 0xcd, 0xb2, 0x06, 0x10, 7],
        block_id,
        hash(5),
        hash(6),
        hash(7),
        hash(8),
        hash(9),
        bytes_field(0x0a, app_hash),
        hash(11),
        hash(12),
        bytes_field(0x0a, &[13; 20]),
    ]
    .map(Binary::from)
    .to_vec()
}

/// What is brought to prove the record of the tests, with a header at [`HEIGHT`] of [`CHAIN_ID`].
pub(crate) fn proof_in(state: &State) -> StateProof {
    StateProof {
        k: 1,
        header: header(CHAIN_ID, HEIGHT, &state.app_hash()),
        contract: CONTRACT.into(),
        key: KEY.into(),
        value: VALUE.into(),
        store_proof: state.store_proof("wasm", &stored(&CONTRACT, KEY)).encode(),
        root_proof: state.root_proof("wasm").encode(),
    }
}

/// Checks a proof against the header in it, as if that were final.
pub(crate) fn check(proof: &StateProof) -> Result<(), StateProofError> {
    state_proof::check(proof, CHAIN_ID, HEIGHT, &tree(&proof.header))
}

impl Default for Leaf {
    fn default() -> Self {
        Self {
            hash: 1,
            prehash_key: 0,
            prehash_value: 1,
            length: 1,
            prefix: vec![0],
        }
    }
}

impl Leaf {
    fn encode(&self) -> Vec<u8> {
        [
            number_field(0x08, self.hash),
            number_field(0x10, self.prehash_key),
            number_field(0x18, self.prehash_value),
            number_field(0x20, self.length),
            bytes_field(0x2a, &self.prefix),
        ]
        .concat()
    }
}

impl Inner {
    pub(crate) fn encode(&self) -> Vec<u8> {
        [
            number_field(0x08, self.hash),
            bytes_field(0x12, &self.prefix),
            bytes_field(0x1a, &self.suffix),
        ]
        .concat()
    }
}

impl Existence {
    /// `CommitmentProof { exist }`.
    pub(crate) fn encode(&self) -> Binary {
        bytes_field(0x0a, &self.message()).into()
    }

    /// `ExistenceProof`.
    pub(crate) fn message(&self) -> Vec<u8> {
        let path = self
            .path
            .iter()
            .flat_map(|inner| bytes_field(0x22, &inner.encode()));
        [
            bytes_field(0x0a, &self.key),
            bytes_field(0x12, &self.value),
            bytes_field(0x1a, &self.leaf.encode()),
            path.collect(),
        ]
        .concat()
    }

    /// Where the proof leads, by its own account of how to hash.
    pub(crate) fn root(&self) -> [u8; 32] {
        let leaf = [self.leaf.prefix.clone(), pair(&self.key, &self.value)].concat();
        self.path.iter().fold(sha256(&leaf), |hash, inner| {
            sha256(&[&inner.prefix, hash.as_slice(), &inner.suffix].concat())
        })
    }
}

/// A field with a length; left out where it is empty, as protobuf has it.
pub(crate) fn bytes_field(key: u8, bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    [vec![key], varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn number_field(key: u8, number: u8) -> Vec<u8> {
    if number == 0 {
        Vec::new()
    } else {
        vec![key, number]
    }
}

pub(crate) fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(u8::try_from(number % 0x80).unwrap() | 0x80);
        number /= 0x80;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    sha256::Hash::hash(bytes).to_byte_array()
}

/// Key and hash of the value, each with its length: what both trees hash of a leaf.
fn pair(key: &[u8], value: &[u8]) -> Vec<u8> {
    [
        varint(key.len() as u64),
        key.to_vec(),
        vec![32],
        sha256(value).to_vec(),
    ]
    .concat()
}

/// Height, size and version of a node of IAVL, zigzag.
pub(crate) fn iavl_numbers(height: u64, size: u64) -> Vec<u8> {
    [varint(height * 2), varint(size * 2), varint(321 * 2)].concat()
}

struct Node {
    hash: [u8; 32],
    height: u64,
}

fn iavl(records: &[(Vec<u8>, Vec<u8>)]) -> Node {
    if let [(key, value)] = records {
        let hash = sha256(&[iavl_numbers(0, 1), pair(key, value)].concat());
        return Node { hash, height: 0 };
    }
    let (left, right) = records.split_at(records.len().div_ceil(2));
    let (left, right) = (iavl(left), iavl(right));
    let height = 1 + left.height.max(right.height);
    let numbers = iavl_numbers(height, records.len() as u64);
    let children = [&[32], left.hash.as_slice(), &[32], &right.hash].concat();
    Node {
        hash: sha256(&[numbers, children].concat()),
        height,
    }
}

/// The inner nodes above a record, from below.
fn iavl_path(records: &[(Vec<u8>, Vec<u8>)], at: usize, path: &mut Vec<Inner>) {
    if records.len() == 1 {
        return;
    }
    let numbers = iavl_numbers(iavl(records).height, records.len() as u64);
    let half = records.len().div_ceil(2);
    let (left, right) = records.split_at(half);
    let (prefix, suffix) = if at < half {
        iavl_path(left, at, path);
        let sibling = [&[32], iavl(right).hash.as_slice()].concat();
        ([numbers, vec![32]].concat(), sibling)
    } else {
        iavl_path(right, at - half, path);
        let sibling = [&[32], iavl(left).hash.as_slice(), &[32]].concat();
        ([numbers, sibling].concat(), Vec::new())
    };
    path.push(Inner {
        hash: 1,
        prefix,
        suffix,
    });
}

fn multistore(roots: &[(Vec<u8>, Vec<u8>)]) -> [u8; 32] {
    let leaves: Vec<_> = roots.iter().map(|(name, root)| pair(name, root)).collect();
    tree(&leaves)
}

fn multistore_path(leaves: &[Vec<u8>], at: usize, path: &mut Vec<Inner>) {
    if leaves.len() == 1 {
        return;
    }
    let half = leaves.len().div_ceil(2).next_power_of_two();
    let (left, right) = leaves.split_at(half);
    let (prefix, suffix) = if at < half {
        multistore_path(left, at, path);
        (vec![1], tree(right).to_vec())
    } else {
        multistore_path(right, at - half, path);
        ([&[1], tree(left).as_slice()].concat(), Vec::new())
    };
    path.push(Inner {
        hash: 1,
        prefix,
        suffix,
    });
}
