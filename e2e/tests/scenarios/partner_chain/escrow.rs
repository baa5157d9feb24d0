//! A contract that acts on a record of its own only once that record is in a final state.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chain::wasm::Executed;
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;
use testenv::partner_chain::PartnerChain;

use super::finality::Life;
use super::scene::{Scene, refusal};
use super::state;

/// What is deposited.
const COINS: u128 = 5_000;

/// Bytes that a contract answered with.
pub(crate) fn decoded(answer: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(answer.as_str().unwrap()).unwrap()
}

/// An escrow with one deposit, made before the first checkpoint.
pub(crate) struct Deposited<'a> {
    pub(crate) scene: &'a Scene<'a>,
    pub(crate) escrow: AccountAddress,
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
        let height = self.height().await;
        let proof = |state_height| chain.state_proof(height, state_height, &self.escrow, &key);
        let good = proof(height - 1).await.unwrap();
        // The state of the header itself is committed to by the next one.
        let of_itself = proof(height).await.unwrap();
        state::other_proofs_are_refused(self, &key, &record, &good, &of_itself).await;

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

    /// That of checkpoint 0.
    pub(crate) async fn height(&self) -> u64 {
        let checkpoint = self.scene.mesh.checkpoint(0).await.unwrap();
        checkpoint.height
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
