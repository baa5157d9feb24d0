//! A validator that signs two branches of its chain, and what the contracts of each make of the other's votes.

use bitcoin::hex::DisplayHex as _;
use chain::wasm::Executed;
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;
use testenv::partner_chain::{Checkpoint, DEADLINE, Mesh, PartnerChain, Provider, base64, params};

use super::scene::{Scene, accepted, all_told, refusal, vote_refusals, votes};

/// Blocks of the chain between checkpoints: enough for the chain to fork before the first.
const INTERVAL: u64 = 60;

/// The last checkpoint of the first epoch.
const LAST: u64 = 3;

/// One branch and an instance on it.
struct Branch<'a> {
    chain: &'a PartnerChain,
    mesh: Mesh<'a>,
}

impl<'a> Branch<'a> {
    async fn at(chain: &'a PartnerChain, address: &AccountAddress) -> Self {
        let mesh = chain.mesh(address.clone()).await.unwrap();
        Self { chain, mesh }
    }

    /// The providers' votes for this branch's own block.
    async fn voted(&self, number: u64, providers: &[Provider]) -> (Checkpoint, Vec<Value>) {
        let checkpoint = self.mesh.checkpoint(number).await.unwrap();
        let items = providers.iter();
        let items = items.map(|provider| provider.vote(&checkpoint).unwrap());
        let items = items.collect();
        (checkpoint, items)
    }

    async fn bring(&self, items: &[Value]) -> Executed {
        self.mesh.execute(votes(items)).await.unwrap()
    }

    async fn next(&self) -> u64 {
        let status = self.mesh.status().await.unwrap();
        status["next"].as_u64().unwrap()
    }
}

/// What two instances were before the fork.
struct Origin {
    mesh: AccountAddress,
    providers: Vec<Provider>,
}

pub(crate) async fn s16_s17_votes_of_one_branch_prove_nothing_on_the_other(
    chain: &mut PartnerChain,
) {
    let ([followed, betrayed], escrow) = before_the_fork(chain).await;
    let other = chain.fork().await.unwrap();
    let one = branches([chain, &other], &followed.mesh).await;
    let two = branches([chain, &other], &betrayed.mesh).await;
    tokio::join!(
        honest_votes_of_the_other_branch_end_where_the_tables_differ(
            one,
            &followed.providers,
            &escrow
        ),
        whoever_votes_on_both_gives_its_key_away(two, &betrayed.providers),
    );
}

async fn branches<'a>(chains: [&'a PartnerChain; 2], address: &AccountAddress) -> [Branch<'a>; 2] {
    let [a, b] = chains;
    [Branch::at(a, address).await, Branch::at(b, address).await]
}

async fn before_the_fork(chain: &PartnerChain) -> ([Origin; 2], AccountAddress) {
    let mut slow = params();
    slow["interval"] = json!(INTERVAL);
    let (one, _) = Scene::ready(chain, &slow, 3).await;
    let (two, _) = Scene::ready(chain, &slow, 3).await;
    let escrow = chain.begin_escrow(&one.mesh).await.unwrap();
    let start = json!({ "start": {} });
    let started = tokio::join!(one.mesh.govern(start.clone()), two.mesh.govern(start));
    accepted(vec![started.0, started.1]);
    let origins = [one, two].map(|scene| Origin {
        mesh: scene.mesh.address().clone(),
        providers: scene.providers,
    });
    (origins, escrow)
}

/// The providers follow branch B; everybody brings their votes to branch A.
async fn honest_votes_of_the_other_branch_end_where_the_tables_differ(
    [a, b]: [Branch<'_>; 2],
    providers: &[Provider],
    escrow: &AccountAddress,
) {
    let deposit = json!({ "deposit": { "receiver": escrow.text() } });
    let anybody = &a.chain.anybody;
    a.chain.tell(anybody, escrow, &deposit, 7).await.unwrap();
    for number in 0..LAST {
        let (checkpoint, items) = b.voted(number, providers).await;
        // Whoever holds A's header sees the difference, its contract does not.
        let own = a.chain.header_hash(checkpoint.height).await.unwrap();
        assert_ne!(own, checkpoint.hash);
        for branch in [&a, &b] {
            branch.bring(&items).await;
            let question = json!({ "finalized": { "k": number } });
            let found = branch.mesh.query(question).await.unwrap();
            assert_eq!(found["hash"], checkpoint.hash.to_lower_hex_string());
        }
    }
    a_record_of_one_branch_is_not_in_the_state_of_the_other(&a, escrow).await;

    // Each branch has a view of Bitcoin of its own.
    a.chain.mine(1).await.unwrap();
    for branch in [&a, &b] {
        branch.mesh.execute(json!({ "roll": {} })).await.unwrap();
    }
    let (checkpoint, items) = b.voted(LAST, providers).await;
    assert_eq!(all_told(&b.bring(&items).await, "final", "k"), ["3"]);
    // A may be behind B, and takes no votes for blocks to come.
    let height = checkpoint.height + 1;
    let wasmd = &a.chain.wasmd;
    wasmd.wait_for_height(height, DEADLINE).await.unwrap();
    let refusals = vote_refusals(&a.bring(&items).await);
    assert_eq!(refusals.len(), providers.len());
    for refusal in refusals {
        let words = "the signature is no vote for this hash under the tables of this instance";
        assert_eq!(refusal, words);
    }
    assert_eq!((a.next().await, b.next().await), (LAST, LAST + 1));
}

/// After the deposit that only A has; checkpoint 2 is B's on both.
async fn a_record_of_one_branch_is_not_in_the_state_of_the_other(
    a: &Branch<'_>,
    escrow: &AccountAddress,
) {
    let number = LAST - 1;
    let question = json!({ "deposit": { "id": 0 } });
    let deposit: Value = a.chain.anybody.query(escrow, &question).await.unwrap();
    let key = super::escrow::decoded(&deposit["key"]);
    let record = a.chain.anybody.raw(escrow, &key).await.unwrap().unwrap();
    let checkpoint = a.mesh.checkpoint(number).await.unwrap();
    let height = checkpoint.height;
    let mut proof = a
        .chain
        .state_proof(height, height - 1, escrow, &key)
        .await
        .unwrap();
    proof["k"] = json!(number);
    proof["contract"] = json!(escrow.bytes().to_lower_hex_string());
    proof["key"] = deposit["key"].clone();
    proof["value"] = json!(base64(record));
    let question = json!({ "finalized": { "k": number } });
    let found = a.mesh.query(question).await.unwrap();
    assert_eq!(
        refusal(a.mesh.query(json!({ "verify_state": proof })).await),
        format!(
            "the header's hash is {}, final is {}",
            checkpoint.hash.to_lower_hex_string(),
            found["hash"].as_str().unwrap()
        )
    );
}

/// Two of three providers vote on both branches.
async fn whoever_votes_on_both_gives_its_key_away([a, b]: [Branch<'_>; 2], providers: &[Provider]) {
    let (_, on_a) = a.voted(0, &providers[..2]).await;
    let (_, on_b) = b.voted(0, providers).await;
    a.bring(&on_a).await;
    assert_eq!(all_told(&b.bring(&on_b).await, "final", "k"), ["0"]);
    let cheats: Vec<_> = providers[..2]
        .iter()
        .map(|provider| provider.public_key().to_string())
        .collect();
    for (branch, items) in [(&a, &on_b), (&b, &on_a)] {
        let brought = branch.bring(items).await;
        assert_eq!(all_told(&brought, "slashed", "pk"), cheats);
    }
    // Two thirds of the table burn for a second history, which has not even become final.
    assert_eq!((a.next().await, b.next().await), (0, 1));
}
