//! A contract that acts on a record of its own only once that record is in a final state.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bitcoin::hex::DisplayHex as _;
use chain::wasm::Executed;
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;
use testenv::partner_chain::{PartnerChain, base64};

use crate::finality::Life;
use crate::scene::{Scene, refusal};

/// What is deposited.
const COINS: u128 = 5_000;

/// Bytes that a contract answered with.
pub(crate) fn decoded(answer: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(answer.as_str().unwrap()).unwrap()
}

/// An escrow with one deposit, made before the first checkpoint.
pub(crate) struct Deposited<'a> {
    scene: &'a Scene<'a>,
    escrow: AccountAddress,
    receiver: AccountAddress,
}

impl<'a> Deposited<'a> {
    pub(crate) async fn make(life: &'a Life<'a>) -> Self {
        let scene = &life.scene;
        let chain: &PartnerChain = scene.chain;
        let escrow = chain.begin_escrow(&scene.mesh).await.unwrap();
        let receiver = chain.fresh_address().unwrap();
        let deposit = json!({ "deposit": { "receiver": receiver.text() } });
        chain
            .tell(&chain.anybody, &escrow, &deposit, COINS)
            .await
            .unwrap();
        Self {
            scene,
            escrow,
            receiver,
        }
    }

    /// After checkpoint 0 is final.
    pub(crate) async fn s35_only_a_proof_of_the_final_state_releases_it(&self) {
        let chain = self.scene.chain;
        let deposit: Value = chain
            .anybody
            .query(&self.escrow, &json!({ "deposit": { "id": 0 } }))
            .await
            .unwrap();
        assert_eq!(deposit["deposit"]["amount"]["amount"], COINS.to_string());
        let key = decoded(&deposit["key"]);
        let record = chain.anybody.raw(&self.escrow, &key).await.unwrap();
        let record = record.unwrap();
        let height = self.scene.mesh.checkpoint(0).await.unwrap().height;
        let proof = |state_height| chain.state_proof(height, state_height, &self.escrow, &key);
        let good = proof(height - 1).await.unwrap();

        let question = |k: u64, proof: &Value, record: &[u8]| {
            let mut question = proof.clone();
            question["k"] = json!(k);
            question["contract"] = json!(self.escrow.bytes().to_lower_hex_string());
            question["key"] = json!(base64(&key));
            question["value"] = json!(base64(record));
            json!({ "verify_state": question })
        };
        // The state of the header itself is committed to by the next one.
        let of_itself = proof(height).await.unwrap();
        let mut headless = good.clone();
        headless["header"].as_array_mut().unwrap().pop();
        for (question, words) in [
            (
                question(1, &good, &record),
                "no final checkpoint is known for k = 1",
            ),
            (
                question(0, &of_itself, &record),
                "the proofs lead to the application hash",
            ),
            (
                question(0, &good, b"{}"),
                "store_proof: it proves another value",
            ),
            (
                question(0, &headless, &record),
                "the header has 13 fields, it must have 14",
            ),
        ] {
            let words_found = refusal(self.scene.mesh.query(question).await);
            assert!(words_found.contains(words), "{words_found}");
        }
        let verified = self.scene.mesh.query(question(0, &good, &record)).await;
        assert_eq!(verified.unwrap()["height"], height - 1);

        let refused = refusal(self.release(&of_itself).await);
        assert!(refused.contains("Querier contract error"), "{refused}");
        assert_eq!(chain.anybody.balance(&self.receiver).await.unwrap(), 0);
        self.release(&good).await.unwrap();
        assert_eq!(chain.anybody.balance(&self.receiver).await.unwrap(), COINS);
        assert_eq!(
            refusal(self.release(&good).await),
            "deposit 0 was released before"
        );
    }

    /// Brings a proof for checkpoint 0.
    async fn release(&self, proof: &Value) -> Result<Executed, chain::ChainError> {
        let mut proof = proof.clone();
        proof["k"] = json!(0);
        let release = json!({ "release": { "id": 0, "proof": proof } });
        let chain = self.scene.chain;
        chain.tell(&chain.anybody, &self.escrow, &release, 0).await
    }
}
