//! `finality-provider` reports stake: what one instance of `btc-mesh` knows of the provider's stakes and their consents is
//! brought to the other, without a hub and without the stakers.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bitcoin::{Amount, OutPoint};
use eots::SecretKey;
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;
use testenv::partner_chain::{
    CHALLENGE, CONSENT_DELAY, DEADLINE, DEPTH, Mesh, PartnerChain, Stake, params,
};
use testenv::poll_until;
use testenv::programs::FinalityProviderProgram;
use testenv::scenario::Committee;

use crate::staking::absent;

/// Of each stake, in sat.
const VALUE: Amount = Amount::from_sat(1 << 20);

/// The provider, the instances on which it is registered, and a chain that is down.
struct Life<'a> {
    chain: &'a PartnerChain,
    x: Mesh<'a>,
    y: Mesh<'a>,
    /// Of another committee, so that it takes none of the stakes.
    z: Mesh<'a>,
    program: FinalityProviderProgram,
    key: SecretKey,
    rewards: AccountAddress,
}

impl<'a> Life<'a> {
    async fn begin(chain: &'a PartnerChain) -> anyhow::Result<Self> {
        let committee = Committee::of_three();
        let x = chain.begin_mesh(&params(), &committee).await?;
        let y = chain.begin_mesh(&params(), &committee).await?;
        let others = Committee::of(4, 3);
        let z = chain.begin_mesh(&params(), &others).await?;
        let sections = [
            absent(),
            x.configuration("x"),
            y.configuration("y"),
            z.configuration("z"),
        ];
        let bitcoind = &chain.bitcoind;
        let program =
            FinalityProviderProgram::reporting(None, bitcoind, &sections.concat(), &["main"])?;
        let key = SecretKey::from_bytes(&rand::random())?;
        let (_, account) = program.import_key("main", &key).await?;
        chain.fund(&account).await?;
        for name in ["x", "y", "z"] {
            program.register_on(name, "main").await?;
        }
        let rewards = chain.fresh_address()?;
        Ok(Self {
            chain,
            x,
            y,
            z,
            program,
            key,
            rewards,
        })
    }

    /// A stake that Bitcoin does not know yet.
    fn sign(&self, timelock: u16) -> anyhow::Result<Stake> {
        let (bitcoind, committee) = (&self.chain.bitcoind, Committee::of_three());
        Stake::sign(
            bitcoind,
            &committee,
            &self.key.public_key(),
            VALUE,
            timelock,
        )
    }

    /// Makes stakes that X is shown: half of each is X's, a quarter each Y's and Z's. The rewards of the one at `bad` would
    /// go to no address of Y's.
    async fn show_to_x(&self, count: usize, bad: usize) -> anyhow::Result<Vec<Stake>> {
        let stakes = (0..count)
            .map(|_| self.sign(1_000))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let transactions: Vec<_> = stakes.iter().map(|stake| &stake.transaction).collect();
        self.chain.confirm(&transactions, DEPTH).await?;
        let elsewhere = AccountAddress::new("osmo", self.rewards.bytes())?;
        for (position, stake) in stakes.iter().enumerate() {
            let on_y = if position == bad {
                &elsewhere
            } else {
                &self.rewards
            };
            let shares = [
                (self.x.domain(), 5_000, &self.rewards),
                (self.y.domain(), 2_500, on_y),
                (self.z.domain(), 2_500, &self.rewards),
            ];
            let inclusion = self.chain.inclusion(stake.transaction.compute_txid())?;
            let message = stake.message(&inclusion, &stake.consent(1, &shares)?)?;
            self.x.execute(message).await?;
        }
        Ok(stakes)
    }

    /// What was given up on.
    async fn parked(&self) -> anyhow::Result<Vec<Value>> {
        let listed = self.program.command(&["parked", "list"]).await?.result()?;
        listed["parked"].as_array().cloned().context("no list")
    }

    /// Waits until Y says this of a stake.
    async fn wait_for_y(&self, stake: OutPoint, field: &str, value: &Value) -> anyhow::Result<()> {
        wait_for(&self.y, stake, field, value).await
    }
}

/// Waits until an instance says this of a stake.
async fn wait_for(
    mesh: &Mesh<'_>,
    stake: OutPoint,
    field: &str,
    value: &Value,
) -> anyhow::Result<()> {
    poll_until(DEADLINE, "a stake to be reported", || async {
        let known = known(mesh, stake).await?;
        ensure!(known[field] == *value, "{known}");
        anyhow::Ok(())
    })
    .await
}

/// What an instance says of a stake.
async fn known(mesh: &Mesh<'_>, stake: OutPoint) -> anyhow::Result<Value> {
    let question = json!({ "stake": { "outpoint": stake.to_string() } });
    mesh.query(question).await.context("not known")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_shown_to_one_chain_is_brought_to_the_other_beside_one_that_is_refused() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let life = Life::begin(&chain).await.unwrap();
    let stakes = life.show_to_x(5, 2).await.unwrap();
    let mut daemon = life.program.start().unwrap();

    // Killed as soon as one is there, in the middle of the others.
    poll_until(DEADLINE, "the first stake to be reported", || async {
        for stake in &stakes {
            if known(&life.y, stake.outpoint()).await.is_ok() {
                return Ok(());
            }
        }
        anyhow::bail!("none yet")
    })
    .await
    .unwrap();
    daemon.kill_nine();
    daemon.restart().unwrap();
    let good = [0, 1, 3, 4].map(|position| stakes[position].outpoint());
    let refused = stakes[2].outpoint();
    for stake in good {
        life.wait_for_y(stake, "consent_seq", &json!(1))
            .await
            .unwrap();
    }
    assert!(known(&life.y, refused).await.is_err());

    chain.mine(CHALLENGE).await.unwrap();
    for (mesh, part) in [(&life.x, 2), (&life.y, 4)] {
        for stake in good {
            let activate = json!({ "activate": { "outpoint": stake.to_string() } });
            mesh.execute(activate).await.unwrap();
            let weight = known(mesh, stake).await.unwrap()["weight"].clone();
            assert_eq!(weight, VALUE.to_sat() / part);
        }
    }
    what_a_chain_could_never_take_is_not_sent(&life).await;
    what_is_refused_is_given_up_on_until_its_staker_mends_it(&life, &stakes[2]).await;
    a_newer_list_reaches_whom_it_was_not_shown(&life, &stakes[0]).await;

    // While nobody looks, so that each chain hears of one of the lists only.
    daemon.kill_nine();
    two_lists_are_shown(&life, &stakes[1]).await;
    daemon.restart().unwrap();
    let conflict = json!({ "ended": { "reason": { "conflict": {} } } });
    for mesh in [&life.x, &life.y] {
        let stake = stakes[1].outpoint();
        wait_for(mesh, stake, "status", &conflict).await.unwrap();
        assert_eq!(known(mesh, stake).await.unwrap()["weight"], 0);
    }

    let absent = life.program.status_of("main@absent").await.unwrap();
    let problem = absent["problems"]["start"].as_str().unwrap();
    assert!(problem.contains("did not answer"), "{problem}");
    daemon.terminate(Duration::from_secs(30)).await.unwrap();
}

/// No account of a stake has the signatures of Z's committee.
async fn what_a_chain_could_never_take_is_not_sent(life: &Life<'_>) {
    poll_until(DEADLINE, "what Z cannot take to be parked", || async {
        let parked = life.parked().await?;
        let of_z = parked.iter().filter(|item| {
            let id = item["id"].as_str().unwrap_or_default();
            id.starts_with("stake-main-z-") && item["rule"] == "no-covenant-set"
        });
        ensure!(of_z.count() == 5, "{parked:?}");
        anyhow::Ok(())
    })
    .await
    .unwrap();
    // Of the process that was begun again, which reads what is parked before it looks at a chain.
    let status = poll_until(DEADLINE, "the status to say so", || async {
        let status = life.program.status_of("main@z").await?;
        ensure!(status["reporting"]["parked"] == 5, "{status}");
        anyhow::Ok(status)
    })
    .await
    .unwrap();
    assert_eq!(status["reporting"]["shown"], 0, "{status}");
}

async fn what_is_refused_is_given_up_on_until_its_staker_mends_it(life: &Life<'_>, bad: &Stake) {
    let outpoint = bad.outpoint();
    let id = format!("stake-main-y-{}-{}", outpoint.txid, outpoint.vout);
    let item = poll_until(DEADLINE, "the refused stake to be parked", || async {
        let parked = life.parked().await?;
        let item = parked.iter().find(|item| item["id"] == id);
        item.cloned().context("not parked")
    })
    .await
    .unwrap();
    assert!(item["message"].as_str().unwrap().contains("osmo"), "{item}");
    let status = poll_until(DEADLINE, "the status to say so", || async {
        let status = life.program.status_of("main@y").await?;
        ensure!(status["reporting"]["parked"] == 1, "{status}");
        anyhow::Ok(status)
    })
    .await
    .unwrap();
    let reporting = &status["reporting"];
    for (field, expected) in [
        ("stakes", 5),
        ("consented", 5),
        ("known", 4),
        ("waiting", 0),
    ] {
        assert_eq!(reporting[field], expected, "{field}: {reporting}");
    }

    // Its staker sends the rewards elsewhere, by a list that X is shown.
    let shares = [
        (life.x.domain(), 5_000, &life.rewards),
        (life.y.domain(), 2_500, &life.rewards),
    ];
    let consent = bad.consent(2, &shares).unwrap();
    life.x.execute(bad.consent_message(&consent)).await.unwrap();
    life.wait_for_y(outpoint, "consent_seq", &json!(2))
        .await
        .unwrap();
}

async fn a_newer_list_reaches_whom_it_was_not_shown(life: &Life<'_>, stake: &Stake) {
    let outpoint = stake.outpoint();
    // X alone is left; Y, which is not in the list, must hear of it.
    let shares = [(life.x.domain(), 10_000, &life.rewards)];
    let consent = stake.consent(2, &shares).unwrap();
    life.x
        .execute(stake.consent_message(&consent))
        .await
        .unwrap();
    life.wait_for_y(outpoint, "consent_seq", &json!(2))
        .await
        .unwrap();
    assert_eq!(known(&life.y, outpoint).await.unwrap()["weight"], 0);
    life.chain.mine(CONSENT_DELAY).await.unwrap();
    let activate = json!({ "activate": { "outpoint": outpoint.to_string() } });
    life.x.execute(activate).await.unwrap();
    let on_x = known(&life.x, outpoint).await.unwrap();
    assert_eq!(on_x["weight"], VALUE.to_sat(), "{on_x}");
}

/// A staker gives all to one chain by one list, and to the other by another. Somebody has ended it on X already, which shows
/// its list all the same; Y counts it still.
async fn two_lists_are_shown(life: &Life<'_>, stake: &Stake) {
    let [on_x, on_y] = [&life.x, &life.y].map(|mesh| {
        let shares = [(mesh.domain(), 10_000, &life.rewards)];
        stake.consent_message(&stake.consent(2, &shares).unwrap())
    });
    life.x.execute(on_x).await.unwrap();
    life.x.execute(on_y.clone()).await.unwrap();
    life.y.execute(on_y).await.unwrap();
}

/// Headers of one message, of which the light client keeps two at most.
const PORTION: u64 = 2_016;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stake_in_a_block_that_the_chain_has_forgotten_is_reported_all_the_same() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let life = Life::begin(&chain).await.unwrap();
    let stake = life.sign(20_000).unwrap();
    chain.confirm(&[&stake.transaction], DEPTH).await.unwrap();
    let shares = [&life.x, &life.y].map(|mesh| (mesh.domain(), 5_000, &life.rewards));
    life.x.show([&stake], &shares).await.unwrap();
    let included = chain.inclusion(stake.transaction.compute_txid()).unwrap();
    for _ in 0..2 {
        chain.mine(PORTION).await.unwrap();
    }
    let question = json!({ "header": { "height": included["height"] } });
    chain.ask_light(&question).await.unwrap_err();

    let mut daemon = life.program.start().unwrap();
    life.wait_for_y(stake.outpoint(), "consent_seq", &json!(1))
        .await
        .unwrap();
    chain.ask_light(&question).await.unwrap();
    daemon.terminate(Duration::from_secs(30)).await.unwrap();
}
