//! Which ICS-23 proofs are taken: of exactly the two specifications, in exactly one form.
//!
//! Where a forged proof leads somewhere, the header is made to agree with it, so that nothing but the rule under test can
//! refuse it.

use btc_mesh::msg::StateProof;
use btc_mesh::state_proof::{ExistenceError, StateProofError};
use cosmwasm_std::Binary;

use crate::chain::{
    CHAIN_ID, CONTRACT, Existence, HEIGHT, Inner, KEY, State, bytes_field, check, header,
    iavl_numbers, proof_in, stored,
};

fn state() -> State {
    State::new().with_record()
}

fn store_proof() -> Existence {
    state().store_proof("wasm", &stored(&CONTRACT, KEY))
}

fn root_proof() -> Existence {
    state().root_proof("wasm")
}

/// Everything agrees with this proof of the record in its store.
fn agreeing(store: &Existence) -> StateProof {
    let mut root = root_proof();
    root.value = store.root().to_vec();
    let mut proof = agreeing_root(&root);
    proof.store_proof = store.encode();
    proof
}

/// The header agrees with this proof of the store.
fn agreeing_root(root: &Existence) -> StateProof {
    let mut proof = proof_in(&state());
    proof.header = header(CHAIN_ID, HEIGHT, &root.root());
    proof.root_proof = root.encode();
    proof
}

fn refused(change: impl FnOnce(&mut Existence)) -> ExistenceError {
    let mut store = store_proof();
    change(&mut store);
    match check(&agreeing(&store)) {
        Err(StateProofError::Store(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn root_refused(change: impl FnOnce(&mut Existence)) -> ExistenceError {
    let mut root = root_proof();
    change(&mut root);
    match check(&agreeing_root(&root)) {
        Err(StateProofError::Root(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn with_store_proof(bytes: impl Into<Binary>) -> Result<(), StateProofError> {
    let mut proof = proof_in(&state());
    proof.store_proof = bytes.into();
    check(&proof)
}

fn encoding(result: Result<(), StateProofError>) {
    let wanted = Err(StateProofError::Store(ExistenceError::Encoding));
    assert_eq!(result, wanted);
}

#[test]
fn the_unchanged_proofs_are_accepted() {
    assert_eq!(check(&agreeing(&store_proof())), Ok(()));
    assert_eq!(check(&agreeing_root(&root_proof())), Ok(()));
}

#[test]
fn absence_batches_and_compressed_batches_are_refused() {
    let message = store_proof().message();
    let batch = bytes_field(0x0a, &bytes_field(0x0a, &message));
    let absence = [
        bytes_field(0x0a, &stored(&CONTRACT, KEY)),
        bytes_field(0x12, &message),
    ]
    .concat();
    for bytes in [
        bytes_field(0x12, &absence),
        bytes_field(0x1a, &batch),
        bytes_field(0x22, &batch),
    ] {
        let wanted = Err(StateProofError::Store(ExistenceError::Kind));
        assert_eq!(with_store_proof(bytes.clone()), wanted);
        let mut proof = proof_in(&state());
        proof.root_proof = bytes.into();
        let wanted = Err(StateProofError::Root(ExistenceError::Kind));
        assert_eq!(check(&proof), wanted);
    }
}

#[test]
fn a_leaf_of_another_specification_is_refused() {
    let changes: [fn(&mut Existence); 7] = [
        |proof| proof.leaf.hash = 0,
        |proof| proof.leaf.hash = 2,
        |proof| proof.leaf.prehash_key = 1,
        |proof| proof.leaf.prehash_value = 0,
        |proof| proof.leaf.prehash_value = 2,
        |proof| proof.leaf.length = 0,
        |proof| proof.leaf.length = 7,
    ];
    for change in changes {
        assert_eq!(refused(change), ExistenceError::Leaf);
        assert_eq!(root_refused(change), ExistenceError::Leaf);
    }
}

#[test]
fn a_leaf_with_another_prefix_is_refused() {
    for prefix in [
        Vec::new(),
        vec![0],
        iavl_numbers(1, 1),
        iavl_numbers(0, 2),
        [iavl_numbers(0, 1), vec![0]].concat(),
        // A version that is negative, or not in the fewest bytes.
        vec![0, 2, 1],
        vec![0, 2, 0x84, 0],
        iavl_numbers(0, 1)[..3].to_vec(),
    ] {
        let error = refused(|proof| proof.leaf.prefix = prefix.clone());
        assert_eq!(error, ExistenceError::Leaf, "{prefix:?}");
    }
    // ICS-23's own check lets a leaf of the multistore begin with more than the prefix.
    for prefix in [Vec::new(), vec![1], vec![0, 0], vec![0, 1, 2]] {
        let error = root_refused(|proof| proof.leaf.prefix = prefix.clone());
        assert_eq!(error, ExistenceError::Leaf, "{prefix:?}");
    }
}

#[test]
fn an_inner_node_with_another_hash_is_refused() {
    for hash in [0, 2, 6] {
        let error = refused(|proof| proof.path[1].hash = hash);
        assert_eq!(error, ExistenceError::Inner(2));
        let error = root_refused(|proof| proof.path[2].hash = hash);
        assert_eq!(error, ExistenceError::Inner(3));
    }
}

#[test]
fn an_inner_node_with_its_children_in_another_order_is_refused() {
    for at in 0..store_proof().path.len() {
        let error = refused(|proof| swap(&mut proof.path[at], 33));
        assert_eq!(error, ExistenceError::Inner(at + 1));
    }
    for at in 0..root_proof().path.len() {
        let error = root_refused(|proof| {
            let inner = &mut proof.path[at];
            std::mem::swap(&mut inner.prefix, &mut inner.suffix);
        });
        assert_eq!(error, ExistenceError::Inner(at + 1));
    }
}

/// Moves the sibling with its length to the other side, and leaves the rest where it is.
fn swap(inner: &mut Inner, length: usize) {
    if inner.suffix.is_empty() {
        inner.suffix = inner.prefix.split_off(inner.prefix.len() - length);
    } else {
        inner.prefix.append(&mut inner.suffix);
    }
}

#[test]
fn an_inner_node_with_more_or_fewer_children_is_refused() {
    let sibling = [&[32_u8], [9; 32].as_slice()].concat();
    let changes: [&dyn Fn(&mut Inner); 6] = [
        &|inner| inner.suffix.extend(&sibling),
        &|inner| inner.suffix = [sibling.clone(), sibling.clone()].concat(),
        &|inner| {
            let numbers = iavl_numbers(4, 16);
            inner.prefix = [numbers, sibling.clone(), vec![32]].concat();
            inner.suffix = sibling.clone();
        },
        &|inner| {
            inner.prefix = [iavl_numbers(4, 16), vec![32]].concat();
            inner.suffix.clear();
        },
        &|inner| inner.suffix = sibling[..32].to_vec(),
        &|inner| {
            inner.prefix = [iavl_numbers(4, 16), vec![32]].concat();
            inner.suffix = [&[31], &sibling[1..]].concat();
        },
    ];
    for change in changes {
        let error = refused(|proof| change(&mut proof.path[0]));
        assert_eq!(error, ExistenceError::Inner(1));
    }
    let changes: [&dyn Fn(&mut Inner); 4] = [
        &|inner| (inner.prefix, inner.suffix) = (vec![1; 33], vec![1; 32]),
        &|inner| (inner.prefix, inner.suffix) = (vec![1], vec![1; 64]),
        &|inner| (inner.prefix, inner.suffix) = (vec![1], Vec::new()),
        &|inner| (inner.prefix, inner.suffix) = ([vec![0], vec![1; 32]].concat(), Vec::new()),
    ];
    for change in changes {
        let error = root_refused(|proof| change(&mut proof.path[0]));
        assert_eq!(error, ExistenceError::Inner(1));
    }
}

#[test]
fn an_inner_node_whose_numbers_no_tree_has_is_refused() {
    let lowest = |numbers: Vec<u8>| {
        refused(|proof| {
            proof.path[1].prefix = [numbers, vec![32]].concat();
            proof.path[1].suffix = [32; 33].to_vec();
        })
    };
    let overlong = [iavl_numbers(2, 4), vec![0x84, 0]].concat();
    for numbers in [
        iavl_numbers(0, 1), // A leaf.
        iavl_numbers(1, 4), // Lower than its place above the leaf.
        iavl_numbers(128, 4),
        iavl_numbers(2, 1),
        vec![3, 8, 4], // A negative height.
        overlong,
        [iavl_numbers(2, 4), vec![4]].concat(),
        iavl_numbers(2, 4)[..2].to_vec(),
        [iavl_numbers(2, 1 << 62), vec![0x80]].concat(),
        [vec![4], crate::chain::varint(u64::MAX - 1), vec![4]].concat(), // Too long together.
    ] {
        assert_eq!(
            lowest(numbers.clone()),
            ExistenceError::Inner(2),
            "{numbers:?}"
        );
    }
    let mut proof = store_proof();
    proof.path[1].prefix = [iavl_numbers(2, 4), vec![32]].concat();
    proof.path[1].suffix = [32; 33].to_vec();
    assert_eq!(check(&agreeing(&proof)), Ok(()));
}

#[test]
fn a_path_deeper_than_any_tree_is_refused() {
    let inner = |layer: usize| Inner {
        hash: 1,
        prefix: [iavl_numbers(layer.min(127) as u64, 200), vec![32]].concat(),
        suffix: [32; 33].to_vec(),
    };
    let mut proof = store_proof();
    proof.path = (1..=127).map(inner).collect();
    assert_eq!(check(&agreeing(&proof)), Ok(()));
    let error = refused(|proof| proof.path = (1..=129).map(inner).collect());
    assert_eq!(error, ExistenceError::Inner(128));
    let step = root_proof().path[0].clone();
    let error = root_refused(|proof| proof.path = vec![step.clone(); 129]);
    assert_eq!(error, ExistenceError::Depth);
    let mut proof = root_proof();
    proof.path = vec![step; 128];
    assert_eq!(check(&agreeing_root(&proof)), Ok(()));
}

#[test]
fn trailing_bytes_are_refused_at_every_depth() {
    let proof = store_proof();
    let whole = proof.encode();
    encoding(with_store_proof([whole.as_slice(), &[0]].concat()));
    // A second proof, and a field that protobuf's readers would pass over.
    encoding(with_store_proof([whole.as_slice(), &whole].concat()));
    encoding(with_store_proof([whole.as_slice(), &[0x2a, 1, 0]].concat()));
    let inside = [proof.message(), vec![0x2a, 1, 0]].concat();
    encoding(with_store_proof(bytes_field(0x0a, &inside)));
    // In the last inner node, and in the leaf.
    let mut message = proof.message();
    let last = proof.path.last().unwrap().encode();
    message.truncate(message.len() - last.len() - 1);
    message.push(u8::try_from(last.len()).unwrap() + 2);
    message.extend(last.iter().chain(&[0x20, 1]));
    assert_eq!(
        with_store_proof(bytes_field(0x0a, &message)),
        Err(StateProofError::Store(ExistenceError::Inner(
            proof.path.len()
        )))
    );
    let mut leafless = proof.clone();
    leafless.path.clear();
    let mut message = leafless.message();
    let at = message.iter().rposition(|&byte| byte == 0x1a).unwrap();
    message[at + 1] += 2;
    message.extend([0x30, 1]);
    assert_eq!(
        with_store_proof(bytes_field(0x0a, &message)),
        Err(StateProofError::Store(ExistenceError::Leaf))
    );
}

#[test]
fn other_forms_of_the_same_message_are_refused() {
    let proof = store_proof();
    let message = proof.message();
    let key = bytes_field(0x0a, &proof.key);
    let value = bytes_field(0x12, &proof.value);
    let rest = &message[key.len() + value.len()..];
    for message in [
        [&value, &key, rest].concat(),
        [&key, &key, &value, rest].concat(),
        [&[0x0a, key[1] | 0x80, 0], &key[2..], &value, rest].concat(),
        message[..message.len() - 1].to_vec(),
        message[..key.len()].to_vec(),
        rest.to_vec(),
        Vec::new(),
    ] {
        let result = with_store_proof(
            [
                vec![0x0a],
                crate::chain::varint(message.len() as u64),
                message,
            ]
            .concat(),
        );
        assert!(
            matches!(
                result,
                Err(StateProofError::Store(
                    ExistenceError::Encoding | ExistenceError::Key
                ))
            ),
            "{result:?}"
        );
    }
    encoding(with_store_proof(Vec::new()));
    encoding(with_store_proof(vec![0x0a]));
    encoding(with_store_proof([vec![0x0a], vec![0xff; 10]].concat()));
}
