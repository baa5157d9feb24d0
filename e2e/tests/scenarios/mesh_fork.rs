//! A validator that signs two branches of its chain, and `finality-provider` on one of them or, as nobody should, on both
//! (scenarios 16, 17 and 19). Everybody brings the votes of one branch to the other: what the providers' processes send to
//! their own node is read from its blocks and sent again.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use bitcoin::Amount;
use bitcoincore_rpc::RpcApi as _;
use eots::SecretKey;
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;
use testenv::partner_chain::{CHALLENGE, DEADLINE, DEPTH, Mesh, PartnerChain, Stake, params};
use testenv::programs::{FinalityProviderProgram, WatchtowerProgram};
use testenv::scenario::Committee;
use testenv::{Daemon, poll_until};

/// Of each stake, in sat.
const VALUE: Amount = Amount::from_sat(1 << 20);

/// What slashing burns of one, sat: a tenth, rounded up.
const PENALTY: u64 = (1_u64 << 20).div_ceil(10);

/// Blocks of the chain between checkpoints: enough for it to fork before the first.
const INTERVAL: u64 = 75;

/// The last checkpoint of the first epoch.
const LAST: u64 = 3;

/// The providers of one home.
const PROVIDERS: [&str; 3] = ["one", "two", "three"];

/// Those of them that vote on both branches: more than a third of the table.
const CHEATS: [&str; 2] = ["one", "two"];

/// An instance before the fork, and the process whose providers secure it.
struct Origin {
    instance: AccountAddress,
    program: FinalityProviderProgram,
    keys: Vec<SecretKey>,
    stakes: Vec<Stake>,
}

impl Origin {
    /// All but governance's start: the providers are registered, have committed, and a stake counts for each.
    async fn prepare(chain: &PartnerChain) -> anyhow::Result<Self> {
        let mut slow = params();
        slow["interval"] = json!(INTERVAL);
        let mesh = chain.begin_mesh(&slow, &Committee::of_three()).await?;
        let program =
            FinalityProviderProgram::on(&chain.bitcoind, &mesh.configuration("x"), &PROVIDERS)?;
        let mut keys = Vec::new();
        for name in PROVIDERS {
            let secret = SecretKey::from_bytes(&rand::random())?;
            let (_, account) = program.import_key(name, &secret).await?;
            chain.fund(&account).await?;
            program.register_on("x", name).await?;
            keys.push(secret);
        }
        let stakes = keys
            .iter()
            .map(|key| sign(chain, key, VALUE))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let mut committing = program.start()?;
        mesh.wait_for_commits(PROVIDERS.len()).await?;
        committing.terminate(DEADLINE).await?;
        count(chain, &mesh, &stakes).await?;
        Ok(Self {
            instance: mesh.address().clone(),
            program,
            keys,
            stakes,
        })
    }
}

/// A stake for one of the providers.
pub(crate) fn sign(chain: &PartnerChain, key: &SecretKey, value: Amount) -> anyhow::Result<Stake> {
    let committee = Committee::of_three();
    Stake::sign(&chain.bitcoind, &committee, &key.public_key(), value, 1_000)
}

/// Has stakes count on one branch alone.
pub(crate) async fn count(
    chain: &PartnerChain,
    mesh: &Mesh<'_>,
    stakes: &[Stake],
) -> anyhow::Result<()> {
    let transactions: Vec<_> = stakes.iter().map(|stake| &stake.transaction).collect();
    chain.confirm(&transactions, DEPTH).await?;
    let rewards = chain.fresh_address()?;
    mesh.show(stakes, &[(mesh.domain(), 10_000, &rewards)])
        .await?;
    chain.mine(CHALLENGE).await?;
    mesh.activate(stakes).await
}

async fn providers(mesh: &Mesh<'_>) -> anyhow::Result<Vec<Value>> {
    let answer = mesh.query(json!({ "providers": {} })).await?;
    let providers = answer["providers"].as_array();
    providers.cloned().context("no list of providers")
}

/// The keys that an instance has seen come out.
async fn slashed(mesh: &Mesh<'_>) -> anyhow::Result<BTreeSet<String>> {
    let providers = providers(mesh).await?;
    let slashed = providers
        .iter()
        .filter(|provider| provider["status"] != "active")
        .map(|provider| provider["pk"].as_str().map(str::to_owned))
        .collect::<Option<_>>();
    slashed.context("a provider without a key")
}

/// Every vote that was sent to an instance, as the blocks of its chain have it in the node's own words.
pub(crate) async fn votes_sent(
    chain: &PartnerChain,
    mesh: &Mesh<'_>,
) -> anyhow::Result<Vec<Value>> {
    let sent_to_it = format!("execute._contract_address='{}'", mesh.address().text());
    let arguments = ["txs", "--query", &sent_to_it, "--limit", "100"];
    let found = chain.wasmd.query(&arguments).await?;
    let transactions = found["txs"].as_array().context("no transactions")?;
    let messages = transactions
        .iter()
        .filter_map(|transaction| transaction.pointer("/tx/body/messages")?.as_array())
        .flatten();
    let votes = messages
        .filter_map(|message| message.pointer("/msg/votes/items")?.as_array())
        .flatten();
    Ok(votes.cloned().collect())
}

/// One branch and an instance on it.
struct Branch<'a> {
    chain: &'a PartnerChain,
    mesh: Mesh<'a>,
}

impl<'a> Branch<'a> {
    async fn at(chain: &'a PartnerChain, instance: &AccountAddress) -> anyhow::Result<Self> {
        let mesh = chain.mesh(instance.clone()).await?;
        Ok(Self { chain, mesh })
    }

    /// Brings all votes of the other branch that this one could take by its height. Refusals are in the answer's events.
    async fn hear(&self, other: &Self) -> anyhow::Result<()> {
        let votes = votes_sent(other.chain, &other.mesh).await?;
        if !votes.is_empty() {
            let message = json!({ "votes": { "items": votes } });
            self.mesh.execute(message).await?;
        }
        Ok(())
    }

    /// Waits until so many checkpoints are final here, while this branch hears the other one's votes.
    async fn wait_for_final(&self, count: u64, heard: Option<&Self>) -> anyhow::Result<()> {
        poll_until(DEADLINE, "checkpoints to become final", || async {
            if let Some(other) = heard {
                self.hear(other).await?;
            }
            let next = self.mesh.number("next").await?;
            ensure!(next >= count, "{next} so far");
            anyhow::Ok(())
        })
        .await
    }

    async fn final_hash(&self, checkpoint: u64) -> anyhow::Result<Value> {
        let question = json!({ "finalized": { "k": checkpoint } });
        Ok(self.mesh.query(question).await?["hash"].clone())
    }
}

/// Has a process turn from one branch to the other.
fn follow(program: &FinalityProviderProgram, from: &Branch<'_>, to: &Branch<'_>) {
    let [from, to] = [from, to].map(|branch| branch.chain.wasmd.grpc_url());
    program.reconfigure(&from, &to).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s16_s17_s19_two_branches_have_one_history_or_cost_their_voters_the_stake() {
    let mut chain = PartnerChain::launch_alone().await.unwrap();
    let followed = Origin::prepare(&chain).await.unwrap();
    let betrayed = Origin::prepare(&chain).await.unwrap();
    for instance in [&followed.instance, &betrayed.instance] {
        let mesh = chain.mesh(instance.clone()).await.unwrap();
        mesh.govern(json!({ "start": {} })).await.unwrap();
    }
    let other = chain.fork().await.unwrap();
    for instance in [&followed.instance, &betrayed.instance] {
        let mesh = chain.mesh(instance.clone()).await.unwrap();
        let first = mesh.checkpoint_to_come(0).await.unwrap().height;
        for branch in [&chain, &other] {
            let height = branch.wasmd.height().unwrap();
            assert!(height < first, "forked too late: {height} of {first}");
        }
    }
    let pair = async |instance| {
        let a = Branch::at(&chain, instance).await?;
        anyhow::Ok([a, Branch::at(&other, instance).await?])
    };
    let honest = pair(&followed.instance).await.unwrap();
    let dishonest = pair(&betrayed.instance).await.unwrap();
    tokio::join!(
        s16_s19_only_the_branch_that_is_followed_goes_on(honest, &followed),
        s17_whoever_votes_on_both_burns(dishonest, &betrayed),
    );
}

/// The providers follow branch B. Branch A has all of their votes, and is shown a stake and the spend of another of which B does
/// not know.
async fn s16_s19_only_the_branch_that_is_followed_goes_on(
    [a, b]: [Branch<'_>; 2],
    origin: &Origin,
) {
    follow(&origin.program, &a, &b);
    let mut daemon = origin.program.start().unwrap();
    let whale = sign(a.chain, &origin.keys[0], VALUE * 2).unwrap();
    count(a.chain, &a.mesh, &[whale]).await.unwrap();
    let [.., leaving] = &origin.stakes[..] else {
        panic!("no stakes")
    };
    let unbonding = leaving.unbonding().unwrap();
    a.chain.confirm(&[&unbonding], DEPTH).await.unwrap();
    let inclusion = a.chain.inclusion(unbonding.compute_txid()).unwrap();
    let report = leaving.report(&unbonding, &inclusion);
    a.mesh.execute(report).await.unwrap();

    b.wait_for_final(LAST, None).await.unwrap();
    a.wait_for_final(LAST, Some(&b)).await.unwrap();
    for checkpoint in 0..LAST {
        let hash = b.final_hash(checkpoint).await.unwrap();
        assert_eq!(a.final_hash(checkpoint).await.unwrap(), hash);
    }
    // Whoever holds A's headers sees the difference, its contract does not.
    let checkpoint = a.mesh.checkpoint(LAST - 1).await.unwrap();
    let own = hex::encode(checkpoint.hash);
    assert_ne!(a.final_hash(LAST - 1).await.unwrap(), own.as_str());

    for branch in [&a, &b] {
        branch.mesh.execute(json!({ "roll": {} })).await.unwrap();
    }
    let weights = async |branch: &Branch<'_>| {
        let table = branch.mesh.table(1).await?;
        let of = |key: &SecretKey| Some(table.entry(&key.public_key())?.weight / VALUE.to_sat());
        anyhow::Ok(origin.keys.iter().map(of).collect::<Vec<_>>())
    };
    assert_eq!(weights(&a).await.unwrap(), [Some(3), Some(1), None]);
    assert_eq!(weights(&b).await.unwrap(), [Some(1), Some(1), Some(1)]);

    // B goes on under its next table, and nothing of that counts on A.
    b.wait_for_final(LAST + 2, None).await.unwrap();
    let height = b.mesh.checkpoint(LAST + 1).await.unwrap().height;
    a.chain
        .wasmd
        .wait_for_height(height + 1, DEADLINE)
        .await
        .unwrap();
    a.hear(&b).await.unwrap();
    assert_eq!(a.mesh.number("next").await.unwrap(), LAST);
    assert_eq!(a.mesh.number("epoch").await.unwrap(), 0);
    for branch in [&a, &b] {
        let slashed = slashed(&branch.mesh).await.unwrap();
        assert!(slashed.is_empty(), "honest keys are out: {slashed:?}");
    }
    daemon.terminate(DEADLINE).await.unwrap();
}

/// One home follows branch B. A copy of it, with two of its three keys, follows branch A.
async fn s17_whoever_votes_on_both_burns([a, b]: [Branch<'_>; 2], origin: &Origin) {
    let copy = origin.program.copy().unwrap();
    copy.reconfigure("[[provider]]\nname = \"three\"\n", "")
        .unwrap();
    follow(&origin.program, &a, &b);
    let bitcoind = &a.chain.bitcoind;
    let roles = ["headers", "unbonding", "slashing", "keys"];
    let configuration = a.mesh.configuration("a");
    let watchtower = WatchtowerProgram::on(bitcoind, &configuration, &roles)
        .await
        .unwrap();
    a.chain.fund(watchtower.account()).await.unwrap();
    let watching = watchtower.start().unwrap();
    let voting: [Daemon; 2] = [copy.start().unwrap(), origin.program.start().unwrap()];

    let cheats: BTreeSet<_> = origin.keys[..CHEATS.len()]
        .iter()
        .map(|key| key.public_key().to_string())
        .collect();
    poll_until(
        DEADLINE,
        "the keys to come out on both branches",
        || async {
            a.hear(&b).await?;
            b.hear(&a).await?;
            for branch in [&a, &b] {
                let slashed = slashed(&branch.mesh).await?;
                ensure!(slashed == cheats, "{slashed:?}");
            }
            anyhow::Ok(())
        },
    )
    .await
    .unwrap();

    // Two thirds of the table burn on Bitcoin, on which there is no second history.
    for stake in &origin.stakes[..CHEATS.len()] {
        let slashing = stake.delegation.slashing_tx();
        let txid = slashing.compute_txid();
        poll_until(DEADLINE, "the slashing transaction", || async {
            bitcoind.rpc().get_raw_transaction(&txid, None)?;
            anyhow::Ok(())
        })
        .await
        .unwrap();
        let burnt = slashing.output.first().context("no output").unwrap().value;
        assert_eq!(burnt, Amount::from_sat(PENALTY));
    }
    let honest = origin.stakes[CHEATS.len()].outpoint();
    let unspent = bitcoind
        .rpc()
        .get_tx_out(&honest.txid, honest.vout, Some(true))
        .unwrap();
    assert!(unspent.is_some(), "the honest provider's stake is spent");
    for daemon in voting.into_iter().chain([watching]) {
        let mut daemon = daemon;
        daemon.terminate(DEADLINE).await.unwrap();
    }
}
