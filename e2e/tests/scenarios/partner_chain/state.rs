//! What `verify_state` takes for a proof that a record is in a final state, and what it does not.

use bitcoin::hex::DisplayHex as _;
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;
use testenv::Wasmd;
use testenv::partner_chain::{StoreAnswer, base64, stored_key};

use super::escrow::{Deposited, decoded};
use super::scene::refusal;

/// What the module for coins puts before the balance of an account, with the length of its address.
const BALANCES: u8 = 2;

/// How both trees hash a leaf, in ICS-23's words: SHA-256 over key and hash of the value, each with its length.
const LEAF: [u8; 6] = [0x08, 1, 0x18, 1, 0x20, 1];

/// How both hash an inner node, SHA-256, and the key of the field that follows.
const INNER: [u8; 3] = [0x08, 1, 0x12];

/// The question whether a record is in the state before checkpoint 0, changed one thing at a time.
#[derive(Clone)]
struct Question(Value);

impl Question {
    fn with(&self, name: &str, value: impl Into<Value>) -> Self {
        let mut changed = self.clone();
        changed.0[name] = value.into();
        changed
    }

    fn with_proofs(&self, answer: &StoreAnswer) -> Self {
        self.with("store_proof", answer.store_proof.as_str())
            .with("root_proof", answer.root_proof.as_str())
    }

    fn with_contract(&self, contract: &AccountAddress) -> Self {
        self.with("contract", contract.bytes().to_lower_hex_string())
    }

    /// With so many fields of the header.
    fn with_fields(&self, count: usize) -> Self {
        let mut changed = self.clone();
        let fields = changed.0["header"].as_array_mut().unwrap();
        fields.resize(count, json!(base64([0x08, 1])));
        changed
    }

    /// With a byte of one proof changed where it says how a node is hashed.
    fn with_operation(&self, proof: &str, pattern: &[u8], position: usize) -> Self {
        let mut bytes = decoded(&self.0[proof]);
        let find = |from: usize, pattern: &[u8]| {
            let mut windows = bytes[from..].windows(pattern.len());
            from + windows.position(|window| window == pattern).unwrap()
        };
        // Inner nodes follow the leaf; what precedes it is key and value, in which anything may be.
        let leaf = find(0, &LEAF);
        let at = find(leaf, pattern) + position;
        bytes[at] += 1;
        self.with(proof, base64(bytes))
    }
}

/// Of a deposit, stored under this key, its proof, and that of the state one block later.
pub(crate) async fn other_proofs_are_refused(
    deposited: &Deposited<'_>,
    key: &[u8],
    record: &[u8],
    proof: &Value,
    later: &Value,
) {
    let Deposited { scene, escrow, .. } = deposited;
    let (chain, mesh) = (scene.chain, &scene.mesh);
    let height = deposited.height().await;
    let answer = |store: &str, key: &[u8]| chain.store_answer(store, key, height - 1).unwrap();
    let good = Question(proof.clone())
        .with("k", 0)
        .with_contract(escrow)
        .with("key", base64(key))
        .with("value", base64(record));

    let address = escrow.bytes();
    let length = u8::try_from(address.len()).unwrap();
    let balance = [&[BALANCES, length], address, Wasmd::DENOMINATION.as_bytes()].concat();
    let coins = answer("bank", &balance);
    assert!(coins.value.is_some());
    let others = answer("wasm", &stored_key(mesh.address(), b"contract_info"));
    assert!(others.value.is_some());
    let mut nobodys = key.to_vec();
    *nobodys.last_mut().unwrap() += 1;
    let absent = answer("wasm", &stored_key(escrow, &nobodys));
    assert_eq!(absent.value, None);
    let absent = good.with_proofs(&absent).with("key", base64(nobodys));

    let other_key = "store_proof: it proves another key";
    let leaf = "its leaf is not hashed as the store's specification says";
    let inner =
        "its inner node 1, counted from the leaf, is not hashed as the store's specification says";
    let cases = [
        (good.with("k", 1), "no final checkpoint is known for k = 1".to_owned()),
        (
            Question(later.clone())
                .with("k", 0)
                .with_contract(escrow)
                .with("key", base64(key))
                .with("value", base64(record)),
            "the proofs lead to the application hash".to_owned(),
        ),
        (
            good.with("value", base64(b"{}")),
            "store_proof: it proves another value".to_owned(),
        ),
        // Another store, as a whole and as where the right one should be.
        (good.with_proofs(&coins), other_key.to_owned()),
        (
            good.with("root_proof", coins.root_proof.as_str()),
            "root_proof: it proves another key".to_owned(),
        ),
        // Another contract's record, and the record as another contract's.
        (good.with_proofs(&others), other_key.to_owned()),
        (good.with_contract(mesh.address()), other_key.to_owned()),
        (
            absent.clone(),
            "store_proof: it is a proof of absence, a batch or compressed; one existence proof is needed"
                .to_owned(),
        ),
        (
            absent.with("value", ""),
            "the value is empty; absence cannot be proven here".to_owned(),
        ),
        (
            good.with("value", ""),
            "the value is empty; absence cannot be proven here".to_owned(),
        ),
        // The hash of the value, its length, and the hash of a node.
        (good.with_operation("store_proof", &LEAF, 3), format!("store_proof: {leaf}")),
        (good.with_operation("root_proof", &LEAF, 5), format!("root_proof: {leaf}")),
        (good.with_operation("store_proof", &INNER, 1), format!("store_proof: {inner}")),
        (good.with_operation("root_proof", &INNER, 1), format!("root_proof: {inner}")),
        (good.with_fields(13), "the header has 13 fields, it must have 14".to_owned()),
        (good.with_fields(15), "the header has 15 fields, it must have 14".to_owned()),
    ];
    for (Question(question), words) in cases {
        let refused = refusal(mesh.query(json!({ "verify_state": question })).await);
        assert!(refused.contains(&words), "{refused}\nis not: {words}");
    }
    let Question(good) = good;
    let verified = mesh.query(json!({ "verify_state": good })).await.unwrap();
    assert_eq!(verified["height"], height - 1);
}
