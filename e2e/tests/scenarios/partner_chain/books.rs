//! The books of an instance over everything that can happen to a reward, to the unit.

use bitcoin::hex::DisplayHex as _;
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;
use testenv::partner_chain::{DEADLINE, DEPTH, PartnerChain, Stake, params};
use testenv::poll_until;

use super::rewards::{claimed, rewards};
use super::scene::{LONG, Scene, VALUE, all_told, fresh_key, told, vote_refusals, votes};

/// The provider that votes for everything.
const HONEST: usize = 0;

/// The provider whose votes are kept out, and who is slashed later.
const OTHER: usize = 1;

/// The staker who leaves.
const LEAVER: usize = 0;

/// The staker of the other provider.
const UNLUCKY: usize = 1;

/// The staker who joins later.
const JOINER: usize = 2;

struct Books<'a> {
    scene: Scene<'a>,
    /// Of each staker.
    accounts: [AccountAddress; 3],
    stakes: [Stake; 3],
    inflow: u128,
}

impl<'a> Books<'a> {
    async fn open(chain: &'a PartnerChain) -> Self {
        let keys = [fresh_key(), fresh_key()];
        let scene = Scene::with_providers(chain, &params(), &keys).await;
        let mut books = Self {
            accounts: [0; 3].map(|_| chain.fresh_address().unwrap()),
            stakes: [
                scene.sign_worth(HONEST, 3 * VALUE, LONG),
                scene.sign(OTHER, LONG),
                scene.sign(HONEST, LONG),
            ],
            scene,
            inflow: 0,
        };
        books.join(LEAVER).await;
        books.join(UNLUCKY).await;
        books
            .scene
            .mesh
            .govern(json!({ "start": {} }))
            .await
            .unwrap();
        books
    }

    async fn join(&mut self, staker: usize) {
        self.scene.rewards = self.accounts[staker].clone();
        let stakes = std::slice::from_ref(&self.stakes[staker]);
        self.scene.activate_new(stakes).await;
    }

    async fn fund(&mut self, coins: u128) {
        self.scene.mesh.fund(coins).await.unwrap();
        self.inflow += coins;
        self.assert_balanced().await;
    }

    /// What came in is owed, in the pot or paid; and nobody but stakers and operators was paid.
    async fn assert_balanced(&self) {
        let [owed, pot, paid] = rewards(&self.scene.mesh).await;
        assert_eq!(owed + pot + paid, self.inflow);
        let held = self.balance(self.scene.mesh.address()).await;
        assert_eq!(held, owed + pot);
        let mut received = self.balance(&self.scene.operator).await;
        for account in &self.accounts {
            received += self.balance(account).await;
        }
        assert_eq!(received, paid);
    }

    async fn balance(&self, account: &AccountAddress) -> u128 {
        self.scene.chain.anybody.balance(account).await.unwrap()
    }

    /// Brings these votes for the node's own blocks in one message, which makes these checkpoints final.
    async fn vote(&self, cast: &[(u64, usize)], finals: &[u64]) {
        let mut items = Vec::new();
        for (number, voter) in cast {
            let checkpoint = self.scene.mesh.checkpoint(*number).await.unwrap();
            items.push(self.scene.providers[*voter].vote(&checkpoint).unwrap());
        }
        let executed = self.scene.mesh.execute(votes(&items)).await.unwrap();
        assert_eq!(vote_refusals(&executed), [""; 0]);
        let expected: Vec<_> = finals.iter().map(u64::to_string).collect();
        assert_eq!(all_told(&executed, "final", "k"), expected);
        self.assert_balanced().await;
    }

    /// Credits an ended epoch's rewards; answers with how much that is.
    async fn settle(&self, epoch: u64) -> u128 {
        let settle = json!({ "settle": { "epoch": epoch, "limit": 100 } });
        // Late votes are taken for one block more.
        let attempt = || self.scene.mesh.execute(settle.clone());
        let settled = poll_until(DEADLINE, "the epoch to be settled", attempt).await;
        self.assert_balanced().await;
        told(&settled.unwrap(), "settle", "credited")
            .parse()
            .unwrap()
    }

    /// Claims for stakers and then for providers, in this order; answers with what each was paid.
    async fn claim(&self, stakers: &[usize], providers: &[usize]) -> Vec<u128> {
        let outpoints = stakers.iter();
        let outpoints = outpoints.map(|staker| self.stakes[*staker].outpoint().to_string());
        let keys = providers.iter();
        let keys = keys.map(|provider| self.scene.providers[*provider].public_key().to_string());
        let claim = json!({ "claim": {
            "outpoints": outpoints.collect::<Vec<_>>(),
            "providers": keys.collect::<Vec<_>>(),
        }});
        let paid = claimed(&self.scene, &claim).await;
        self.assert_balanced().await;
        paid
    }

    /// What each staker has coming that has not vested.
    async fn unvested(&self) -> [Value; 3] {
        let [leaver, unlucky, joiner] = &self.stakes;
        let (leaver, unlucky, joiner) = tokio::join!(
            self.scene.known(leaver),
            self.scene.known(unlucky),
            self.scene.known(joiner)
        );
        [leaver, unlucky, joiner].map(|known| known["unvested"].clone())
    }
}

pub(crate) async fn s23_the_books_balance_whatever_happens(chain: &PartnerChain) {
    let mut books = Books::open(chain).await;
    books.fund(1_000_003).await;
    votes_that_are_kept_out_earn_nobody_anything(&mut books).await;
    a_slashed_share_is_nobodys_and_who_leaves_keeps_what_is_due(&mut books).await;
    a_decreed_checkpoint_pays_none(&books).await;
    everything_is_paid_once(&books).await;
}

/// Epoch 0: three quarters of the weight vote for all of it, the votes of the rest get through for one half.
async fn votes_that_are_kept_out_earn_nobody_anything(books: &mut Books<'_>) {
    assert_eq!(
        books.scene.weights(0).await,
        [(HONEST, 3 * VALUE), (OTHER, VALUE)]
    );
    let through = [(0, HONEST), (0, OTHER), (1, HONEST), (2, HONEST)];
    books.vote(&through, &[0, 1, 2]).await;
    books.join(JOINER).await;
    books.scene.roll().await.unwrap();
    books.vote(&[(3, OTHER), (3, HONEST)], &[3]).await;
    // Of 1,000,003 three quarters, and half of a quarter. Of that a tenth is the commission.
    assert_eq!(books.settle(0).await, 750_002 + 125_000);
    let paid = books
        .claim(&[JOINER, UNLUCKY, LEAVER], &[OTHER, HONEST])
        .await;
    assert_eq!(paid, [0, 0, 0, 12_500, 75_000]);
    let paid = books
        .claim(&[LEAVER, JOINER, UNLUCKY], &[HONEST, OTHER])
        .await;
    assert_eq!(paid, [0; 5]);
    // Who joined before the settlement takes part in it.
    assert_eq!(books.unvested().await, ["506251", "112500", "168750"]);
}

/// Epoch 1, of a pot of 625,001: the other provider votes twice, and the largest stake leaves.
async fn a_slashed_share_is_nobodys_and_who_leaves_keeps_what_is_due(books: &mut Books<'_>) {
    assert_eq!(
        books.scene.weights(1).await,
        [(HONEST, 4 * VALUE), (OTHER, VALUE)]
    );
    books.fund(500_000).await;
    books
        .vote(&[(4, OTHER), (4, HONEST), (5, OTHER)], &[4])
        .await;
    let scene = &books.scene;
    let fifth = scene.mesh.checkpoint(5).await.unwrap();
    let second = scene.providers[OTHER]
        .vote_for(&fifth, &[0x99; 32])
        .unwrap();
    let slashed = scene.mesh.execute(votes(&[second])).await.unwrap();
    let pk = scene.providers[OTHER].public_key().to_string();
    assert_eq!(told(&slashed, "slashed", "pk"), pk);
    books.vote(&[(5, HONEST), (6, HONEST)], &[5, 6]).await;

    let unbonding = books.stakes[LEAVER].unbonding().unwrap();
    scene.chain.confirm(&[&unbonding], DEPTH).await.unwrap();
    let report = scene.report(&books.stakes[LEAVER], &unbonding);
    scene.mesh.execute(report).await.unwrap();
    books.assert_balanced().await;
    scene.roll().await.unwrap();
    books.vote(&[(7, HONEST)], &[7]).await;
    // Four fifths, as if the other one had voted to the end; all but the commission is that of who is left.
    assert_eq!(books.settle(1).await, 500_000);
    assert_eq!(books.claim(&[], &[OTHER, HONEST]).await, [0, 50_000]);
    books.claim(&[JOINER], &[]).await;
}

/// Epoch 2, of a pot of 125,001: one checkpoint of four becomes final by votes, the next one by governance.
async fn a_decreed_checkpoint_pays_none(books: &Books<'_>) {
    let scene = &books.scene;
    assert_eq!(scene.weights(2).await, [(HONEST, VALUE)]);
    books.vote(&[(8, HONEST)], &[8]).await;
    let stalled = scene.mesh.checkpoint(9).await.unwrap();
    scene.chain.mine(2).await.unwrap();
    let hash = stalled.hash.to_lower_hex_string();
    let resume = json!({ "resume": { "hash": hash, "exclude": [], "drop": [] } });
    scene.mesh.govern(resume).await.unwrap();
    assert_eq!(scene.status("era").await, 1);
    // Somebody votes for it all the same, which is taken and counts for nothing.
    books.vote(&[(9, HONEST)], &[]).await;
    assert_eq!(books.settle(2).await, 31_250);
}

/// What was credited last begins to vest with a claim, and is paid with another one after the vesting time.
async fn everything_is_paid_once(books: &Books<'_>) {
    books.claim(&[UNLUCKY], &[HONEST]).await;
    books.claim(&[JOINER, LEAVER], &[OTHER]).await;
    books.scene.chain.mine(100).await.unwrap();
    books.claim(&[JOINER], &[HONEST, OTHER]).await;
    books.claim(&[UNLUCKY, LEAVER], &[]).await;
    assert_eq!(
        books
            .claim(&[LEAVER, UNLUCKY, JOINER], &[OTHER, HONEST])
            .await,
        [0; 5]
    );
    let [leaver, unlucky, joiner] = &books.accounts;
    assert_eq!(books.balance(leaver).await, 506_251);
    assert_eq!(books.balance(unlucky).await, 112_500);
    assert_eq!(books.balance(joiner).await, 168_750 + 450_000 + 28_125);
    let commissions = books.balance(&books.scene.operator).await;
    assert_eq!(commissions, 75_000 + 12_500 + 50_000 + 3_125);
    // One unit could not be divided among the first two stakes.
    let [owed, pot, _] = rewards(&books.scene.mesh).await;
    assert_eq!([owed, pot], [1, 93_751]);
}
