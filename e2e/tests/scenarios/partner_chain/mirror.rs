//! A mirror on another chain: what it holds for final of an instance that it cannot ask.

use bitcoin::hex::DisplayHex as _;
use chain::ChainError;
use chain::wasm::Executed;
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;
use testenv::partner_chain::{Checkpoint, PartnerChain, params};

use super::scene::{Scene, VALUE, all_told, refusal, told, vote_refusals, votes};

/// An instance on X and its mirror on Y.
pub(crate) struct Pair<'a> {
    x: Scene<'a>,
    y: &'a PartnerChain,
    mirror: AccountAddress,
}

impl<'a> Pair<'a> {
    pub(crate) async fn begin(x: &'a PartnerChain, y: &'a PartnerChain) -> Self {
        let (x, _) = Scene::started(x, &params(), 4).await;
        y.bring_headers().await.unwrap();
        let first = table(&x, 0).await;
        let mirror = y.begin_mirror(&x.mesh, &first).await.unwrap();
        Self { x, y, mirror }
    }

    async fn tell(&self, message: Value) -> Result<Executed, ChainError> {
        let anybody = &self.y.anybody;
        self.y.tell(anybody, &self.mirror, &message, 0).await
    }

    async fn ask(&self, question: Value) -> Result<Value, ChainError> {
        self.y.anybody.query(&self.mirror, &question).await
    }

    async fn status(&self) -> Value {
        self.ask(json!({ "status": {} })).await.unwrap()
    }

    /// The same votes as they are cast on X, with the next table's root where they name it.
    async fn mirrored(&self, number: u64, voters: &[usize]) -> Value {
        let checkpoint = self.x.mesh.checkpoint(number).await.unwrap();
        let Checkpoint {
            head, next_root, ..
        } = checkpoint;
        let next_root = next_root.filter(|_| head.term.last_checkpoint() == Some(number));
        let next_root = next_root.map(|root| root.to_lower_hex_string());
        let items: Vec<_> = voters
            .iter()
            .map(|voter| self.x.providers[*voter].vote(&checkpoint).unwrap())
            .map(|vote| json!({ "vote": vote, "next_root": next_root }))
            .collect();
        votes(&items)
    }

    /// The first three vote on X, and somebody brings their votes to Y.
    async fn finalise(&self, number: u64) {
        let mirrored = self.mirrored(number, &[0, 1, 2]).await;
        self.x.vote(number, &[0, 1, 2]).await;
        self.tell(mirrored).await.unwrap();
        self.assert_same(number).await;
    }

    async fn assert_same(&self, number: u64) {
        let question = json!({ "finalized": { "k": number } });
        let there = self.x.mesh.query(question.clone()).await.unwrap();
        assert_eq!(self.ask(question).await.unwrap(), there);
    }

    pub(crate) async fn s33_a_skipped_checkpoint_makes_nothing_final(&self) {
        let second = self.mirrored(1, &[0, 1, 2]).await;
        let executed = self.tell(second).await.unwrap();
        assert_eq!(all_told(&executed, "final", "k"), [""; 0]);
        assert_eq!(self.status().await["next"], 0);
        let first = self.mirrored(0, &[0, 1, 2]).await;
        let executed = self.tell(first).await.unwrap();
        assert_eq!(all_told(&executed, "final", "k"), ["0", "1"]);
        for number in 0..=1 {
            self.x.vote(number, &[0, 1, 2]).await;
            self.assert_same(number).await;
        }
    }

    pub(crate) async fn s13_a_key_that_came_out_on_one_chain_counts_on_the_other(&self) {
        let cheat = &self.x.providers[3];
        self.x.vote(2, &[3]).await;
        self.tell(self.mirrored(2, &[3]).await).await.unwrap();
        let checkpoint = self.x.mesh.checkpoint(2).await.unwrap();
        let second = votes(&[cheat.vote_for(&checkpoint, &[0x99; 32]).unwrap()]);
        let executed = self.x.mesh.execute(second).await.unwrap();
        let sk = told(&executed, "slashed", "sk");
        let pk = cheat.public_key().to_string();
        let slash = json!({ "slash": { "pk": pk, "sk": sk } });
        let executed = self.tell(slash).await.unwrap();
        assert_eq!(told(&executed, "slashed", "pk"), pk);
        let slashed = self.ask(json!({ "slashed": { "pk": pk } })).await.unwrap();
        assert_eq!(slashed["sk"], sk);
        let status = self.status().await;
        assert_eq!(
            (&status["slashed"], &status["total"], &status["halted"]),
            (&json!(VALUE), &json!(4 * VALUE), &json!(null))
        );
        self.finalise(2).await;
    }

    /// The first epoch ends.
    pub(crate) async fn s33_only_the_table_that_was_signed_comes_into_force(&self) {
        self.x.roll().await.unwrap();
        let next = table(&self.x, 1).await;
        let supply = |table: &Value| json!({ "next_table": { "table": table } });
        let early = refusal(self.tell(supply(&next)).await);
        assert!(
            early.starts_with("checkpoint 3 is to be final next"),
            "{early}"
        );
        self.finalise(3).await;
        let status = self.status().await;
        assert_eq!(
            (&status["awaited_root"], &status["next_height"]),
            (&next["root"], &json!(null))
        );
        let mut whale = next.clone();
        whale["entries"][0]["weight"] = json!(1_000 * VALUE);
        let words = refusal(self.tell(supply(&whale)).await);
        assert!(words.starts_with("the table says root "), "{words}");
        let words = refusal(self.tell(supply(&table(&self.x, 0).await)).await);
        assert!(words.contains(", signed was "), "{words}");
        self.tell(supply(&next)).await.unwrap();
        assert_eq!(self.status().await["epoch"], 1);
        self.finalise(4).await;
    }

    /// The second epoch ends: its own table, which was supplied before, signs the one of the third.
    pub(crate) async fn s33_each_table_signs_the_one_that_follows_it(&self) {
        for number in 5..=6 {
            self.finalise(number).await;
        }
        self.x.roll().await.unwrap();
        self.finalise(7).await;
        let supply = async |epoch| {
            let table = table(&self.x, epoch).await;
            self.tell(json!({ "next_table": { "table": table } })).await
        };
        let words = refusal(supply(1).await);
        assert!(words.contains(", signed was "), "{words}");
        supply(2).await.unwrap();
        let status = self.status().await;
        assert_eq!((&status["epoch"], &status["era"]), (&json!(2), &json!(0)));
        self.finalise(8).await;
    }

    pub(crate) async fn s33_a_resume_stops_the_mirror_until_it_is_repinned(&self) {
        let stalled = self.x.mesh.checkpoint(9).await.unwrap();
        self.x.chain.mine(2).await.unwrap();
        self.y.bring_headers().await.unwrap();
        let hash = stalled.hash.to_lower_hex_string();
        let resume = json!({ "resume": { "hash": hash, "exclude": [], "drop": [] } });
        self.x.mesh.govern(resume).await.unwrap();
        let mirrored = self.mirrored(10, &[0, 1, 2]).await;
        self.x.vote(10, &[0, 1, 2]).await;
        let executed = self.tell(mirrored.clone()).await.unwrap();
        let other = "the signature is no vote for this hash under the tables of this instance";
        assert_eq!(vote_refusals(&executed), [other; 3]);
        assert_eq!(self.status().await["next"], 9);

        let repin = json!({ "repin": { "table": table(&self.x, 3).await } });
        let governance = &self.y.governance;
        assert_eq!(
            refusal(self.tell(repin.clone()).await),
            format!(
                "only governance, {}, may do this; {} is somebody else",
                governance.account().unwrap(),
                self.y.anybody.account().unwrap()
            )
        );
        let pinned = self.y.tell(governance, &self.mirror, &repin, 0).await;
        pinned.unwrap();
        let status = self.status().await;
        assert_eq!(
            (&status["era"], &status["pinned_epoch"], &status["next"]),
            (&json!(1), &json!(3), &json!(10))
        );
        self.tell(mirrored).await.unwrap();
        self.assert_same(10).await;
        assert_eq!(
            refusal(self.ask(json!({ "finalized": { "k": 9 } })).await),
            "no final checkpoint is known for checkpoint 9"
        );
    }
}

/// A table of X as a mirror takes it: without the counts of votes.
async fn table(x: &Scene<'_>, epoch: u64) -> Value {
    let question = json!({ "table": { "epoch": epoch } });
    let mut table = x.mesh.query(question).await.unwrap();
    for entry in table["entries"].as_array_mut().unwrap() {
        entry.as_object_mut().unwrap().remove("votes");
    }
    table
}
