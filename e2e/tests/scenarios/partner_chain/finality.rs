//! The life of an instance: from the first stake to tables, votes, and a key that comes out.

use bitcoin::hex::{DisplayHex as _, FromHex as _};
use chain::wasm::Executed;
use eots::SecretKey;
use serde_json::{Value, json};
use testenv::partner_chain::{CHALLENGE, Checkpoint, PartnerChain, Provider, Stake, params};

use super::scene::{
    PENALTY, Scene, VALUE, accepted, all_told, fresh_key, refusal, told, vote_refusals, votes,
};

/// The share of each stake that counts.
const SHARE: u16 = 5_000;

/// What each provider weighs.
const WEIGHT: u64 = VALUE / 2;

/// Four providers with one stake each, and a second instance that counts the other half of the first one's.
pub(crate) struct Life<'a> {
    pub(crate) scene: Scene<'a>,
    pub(crate) stakes: Vec<Stake>,
    other: Scene<'a>,
}

impl<'a> Life<'a> {
    pub(crate) async fn begin(chain: &'a PartnerChain) -> Self {
        let keys: Vec<_> = (0..4).map(|_| fresh_key()).collect();
        let scene = Scene::with_providers(chain, &params(), &keys).await;
        // Its first checkpoint is months away.
        let mut slow = params();
        slow["interval"] = json!(1 << 20);
        let other = Scene::with_providers(chain, &slow, &keys[..1]).await;
        let stakes: Vec<_> = (0..4).map(|provider| scene.sign(provider, 1_000)).collect();
        scene.bury(&stakes).await;
        Self {
            scene,
            stakes,
            other,
        }
    }

    /// The staker's list: one half for each instance.
    fn halves(&self, stake: &Stake) -> Value {
        let shares = [
            (self.scene.mesh.domain(), SHARE, &self.scene.rewards),
            (self.other.mesh.domain(), SHARE, &self.other.rewards),
        ];
        stake.consent(1, &shares).unwrap()
    }

    pub(crate) async fn s01_a_stake_counts_after_the_challenge_and_not_before(&self) {
        let Scene { chain, mesh, .. } = &self.scene;
        let start = json!({ "start": {} });
        let messages: Vec<_> = self
            .stakes
            .iter()
            .map(|stake| self.scene.shown_with(stake, &self.halves(stake)))
            .collect();
        accepted(mesh.execute_all(&messages).await);
        let since = self.scene.status("tip").await;
        let none = "0 providers have weight and randomness for the epoch, 1 are required";
        for waited in [0, CHALLENGE - 1] {
            chain.mine(waited).await.unwrap();
            let words = format!(
                "the stake may count from height {} on, Bitcoin's tip is {}",
                since + CHALLENGE,
                since + waited
            );
            let early = mesh.execute(self.stakes[0].activation()).await;
            assert_eq!(refusal(early), words);
            assert_eq!(refusal(mesh.govern(start.clone()).await), none);
        }
        chain.mine(1).await.unwrap();
        let messages: Vec<_> = self.stakes.iter().map(Stake::activation).collect();
        for executed in accepted(mesh.execute_all(&messages).await) {
            assert_eq!(told(&executed, "activate", "weight"), WEIGHT.to_string());
        }

        let governance = chain.governance.account().unwrap();
        let anybody = chain.anybody.account().unwrap();
        assert_eq!(
            refusal(mesh.execute(start.clone()).await),
            format!("only governance, {governance}, may do this; {anybody} is somebody else")
        );
        mesh.govern(start).await.unwrap();
        let weights = self.scene.weights(0).await;
        assert_eq!(
            weights,
            [(0, WEIGHT), (1, WEIGHT), (2, WEIGHT), (3, WEIGHT)]
        );
        let head = *mesh.table(0).await.unwrap().head();
        // A tenth of what is staked here burns.
        assert_eq!((head.total, head.at_risk), (4 * WEIGHT, 2 * PENALTY));
    }

    pub(crate) async fn s02_one_stake_counts_on_two_instances_by_its_shares(&self) {
        let stake = &self.stakes[0];
        let shown = self.other.shown_with(stake, &self.halves(stake));
        self.other.mesh.execute(shown).await.unwrap();
        self.scene.chain.mine(CHALLENGE).await.unwrap();
        self.other.mesh.execute(stake.activation()).await.unwrap();
        self.other
            .mesh
            .govern(json!({ "start": {} }))
            .await
            .unwrap();
        assert_eq!(self.other.weights(0).await, [(0, WEIGHT)]);
        let question = json!({ "exposure": { "outpoint": stake.outpoint().to_string() } });
        for scene in [&self.scene, &self.other] {
            let exposure = scene.mesh.query(question.clone()).await.unwrap();
            assert_eq!(exposure["shares"], self.halves(stake)["shares"]);
            assert_eq!(exposure["penalty"], PENALTY);
        }
    }

    pub(crate) async fn s11_votes_from_elsewhere_are_refused_and_take_no_slot(&self) {
        let mesh = &self.scene.mesh;
        let provider = &self.scene.providers[0];
        let first = mesh.checkpoint(0).await.unwrap();
        let hash = first.hash;
        let signed = |message: &[u8]| provider.signed_vote(0, &hash, message).unwrap();
        let elsewhere = Checkpoint {
            domain: self.other.mesh.domain(),
            ..first.clone()
        };
        let mut another_table = first.clone();
        another_table.head.root[0] ^= 1;
        let mut another_epoch = first.clone();
        another_epoch.head.term.epoch += 1;
        let replayed = Checkpoint {
            hash,
            ..self.other.mesh.checkpoint_to_come(0).await.unwrap()
        };
        let stranger = Provider::new(mesh.domain(), fresh_key()).unwrap();
        let outside = provider.signed_vote(4, &hash, b"whatever").unwrap();
        let cases = [
            (provider.vote(&elsewhere).unwrap(), "no vote for this hash"),
            (
                self.other.providers[0].vote(&replayed).unwrap(),
                "the proof does not lead to the commitment",
            ),
            (
                signed(&eots::vote_message(first.height, &hash)),
                "no vote for this hash",
            ),
            (
                provider.vote(&another_table).unwrap(),
                "no vote for this hash",
            ),
            (
                provider.vote(&another_epoch).unwrap(),
                "no vote for this hash",
            ),
            (
                outside,
                "checkpoint 4 is outside 0 to 3, which votes are taken for now",
            ),
            (
                stranger.vote(&first).unwrap(),
                "the provider is not in the table of epoch 0",
            ),
        ];
        let (items, reasons): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
        let executed = mesh.execute(votes(&items)).await.unwrap();
        let refusals = vote_refusals(&executed);
        assert_eq!(refusals.len(), reasons.len(), "{refusals:?}");
        for (refusal, reason) in refusals.iter().zip(reasons) {
            assert!(refusal.contains(reason), "{refusal}");
        }

        let early = self.other.providers[0].vote(&replayed).unwrap();
        let executed = self.other.mesh.execute(votes(&[early])).await.unwrap();
        let future = format!(
            "checkpoint 0 is the block at height {}, this chain is at ",
            replayed.height
        );
        assert!(vote_refusals(&executed)[0].starts_with(&future));

        assert_eq!(self.tally(0).await, json!([]));
        assert_eq!(vote_refusals(&self.scene.vote(0, &[0]).await), [""; 0]);
        let one = json!([{ "hash": hash.to_lower_hex_string(), "weight": WEIGHT }]);
        assert_eq!(self.tally(0).await, one);
    }

    async fn tally(&self, k: u64) -> Value {
        let question = json!({ "tally": { "k": k } });
        let mut answer = self.scene.mesh.query(question).await.unwrap();
        assert_eq!(answer["total"], self.total().await);
        answer["tallies"].take()
    }

    async fn total(&self) -> u64 {
        let epoch = self.scene.status("epoch").await;
        self.scene.mesh.table(epoch).await.unwrap().head().total
    }

    /// After the first of them has voted.
    pub(crate) async fn s09_three_quarters_make_a_checkpoint_final_at_once(&self) {
        let mesh = &self.scene.mesh;
        let question = json!({ "finalized": { "k": 0 } });
        let none = refusal(mesh.query(question.clone()).await);
        assert_eq!(none, "no final checkpoint is known for checkpoint 0");
        let half = self.scene.vote(0, &[1]).await;
        assert_eq!(all_told(&half, "final", "k"), [""; 0]);
        let executed = self.scene.vote(0, &[2]).await;

        let first = mesh.checkpoint(0).await.unwrap();
        let hash = first.hash.to_lower_hex_string();
        assert_eq!(told(&executed, "final", "hash"), hash);
        let expected = json!({
            "k": 0,
            "height": first.height,
            "hash": hash,
            "era": 0,
            "epoch": 0,
            "decreed": false,
            "table_root": first.head.root.to_lower_hex_string(),
            "btc_cut": first.head.term.cut_height,
            "at_risk": 2 * PENALTY,
            "voted": 3 * WEIGHT,
            "total": 4 * WEIGHT,
        });
        assert_eq!(mesh.query(question).await.unwrap(), expected);
        let by_height = json!({ "finalized": { "height": first.height - 3 } });
        assert_eq!(mesh.query(by_height).await.unwrap(), expected);
    }

    pub(crate) async fn s12_a_second_vote_at_a_checkpoint_gives_the_key_away(&self) {
        let mesh = &self.scene.mesh;
        let cheat = &self.scene.providers[3];
        self.scene.vote(1, &[3]).await;
        let before = self.tally(1).await;
        let checkpoint = mesh.checkpoint(1).await.unwrap();
        let second = cheat.vote_for(&checkpoint, &[0x99; 32]).unwrap();
        let executed = mesh.execute(votes(&[second])).await.unwrap();
        let pk = cheat.public_key().to_string();
        assert_eq!(told(&executed, "slashed", "pk"), pk);
        let sk = told(&executed, "slashed", "sk");
        let extracted = SecretKey::from_bytes(&<[u8; 32]>::from_hex(&sk).unwrap()).unwrap();
        assert_eq!(extracted.public_key(), cheat.public_key());
        let slashed = mesh
            .query(json!({ "slashed": { "pk": pk } }))
            .await
            .unwrap();
        assert_eq!(slashed["sk"], sk);

        // What was counted stays, and so does the total, which `tally` compares.
        assert_eq!(self.tally(1).await, before);
        assert_eq!(self.total().await, 4 * WEIGHT);
        let later = self.scene.vote(2, &[3]).await;
        assert_eq!(vote_refusals(&later), ["the provider was slashed"]);
    }

    /// With the slashed provider's vote at the first of the two.
    pub(crate) async fn s10_a_checkpoint_waits_for_the_one_before_it(&self) {
        let finals = |executed: &Executed| all_told(executed, "final", "k");
        assert_eq!(finals(&self.scene.vote(2, &[0, 1, 2]).await), [""; 0]);
        assert_eq!(finals(&self.scene.vote(1, &[0]).await), [""; 0]);
        assert_eq!(self.scene.status("next").await, 1);
        assert_eq!(finals(&self.scene.vote(1, &[1]).await), ["1", "2"]);
        assert_eq!(self.scene.status("next").await, 3);
    }

    pub(crate) async fn s12_a_slashed_provider_is_in_no_later_table(&self) {
        let mesh = &self.scene.mesh;
        let last = mesh.checkpoint(3).await.unwrap();
        let guess = Checkpoint {
            next_root: Some([0; 32]),
            ..last
        };
        let guess = votes(&[self.scene.providers[0].vote(&guess).unwrap()]);
        let executed = mesh.execute(guess.clone()).await.unwrap();
        let waits = "checkpoint 3 is the last of its epoch, so a vote names the next table, and none is ready or given";
        assert_eq!(vote_refusals(&executed), [waits]);
        let rolled = self.scene.roll().await.unwrap();
        assert_eq!(told(&rolled, "roll", "total"), (3 * WEIGHT).to_string());
        let executed = mesh.execute(guess).await.unwrap();
        assert!(vote_refusals(&executed)[0].contains("no vote for this hash under the tables"));
        assert_eq!(
            refusal(self.scene.roll().await),
            "the table of epoch 1 is ready already"
        );
        assert_eq!(self.scene.finalise_next(&[0, 1, 2]).await, 3);
        assert_eq!(
            self.scene.weights(1).await,
            [(0, WEIGHT), (1, WEIGHT), (2, WEIGHT)]
        );
    }

    pub(crate) async fn s09_exactly_two_thirds_make_nothing_final(&self) {
        self.scene.vote(4, &[0, 1]).await;
        let counted = self.tally(4).await;
        assert_eq!(counted[0]["weight"], 2 * WEIGHT);
        assert_eq!(self.total().await, 3 * WEIGHT);
        assert_eq!(self.scene.status("next").await, 4);
        assert_eq!(
            refusal(self.scene.roll().await),
            "the next table can be made once checkpoint 6 is the next; now it is 4"
        );
        self.scene.vote(4, &[2]).await;
        assert_eq!(self.scene.status("next").await, 5);
    }
}
