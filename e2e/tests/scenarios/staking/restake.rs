//! A stake of Babylon's shown to two instances of `btc-mesh` by `btc-staker`: the numbers are those of the design's
//! scenarios 2, 3 and 22.

use std::time::Duration;

use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;
use testenv::Babylond;
use testenv::partner_chain::{CHALLENGE, CONSENT_DELAY, DEPTH, PartnerChain};
use testenv::programs::BtcStakerProgram;

use super::imported::an_instance_takes_what_babylon_has_byte_for_byte;
use super::partners::{Holder, Instances, Staked, VALUE, absent, each, restake};

const HALVES: [&str; 4] = ["--share", "x=0.5", "--share", "y=50%"];
const SHIFTED: [&str; 5] = ["--share", "x=0.2", "--share", "y=0.8", "--yes"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s02_s03_a_stake_of_babylons_counts_on_two_instances_by_its_shares() {
    let staked = Staked::launch().await;
    let instances = staked.instances().await;
    let Staked {
        holder,
        chain,
        babylond,
        ..
    } = &staked;
    let account = PartnerChain::account(&holder.account).unwrap();
    chain.mine(DEPTH).await.unwrap();

    a_summary_says_what_is_at_risk_and_signs_nothing(holder).await;
    what_was_signed_and_told_to_nobody_is_in_the_record(holder).await;
    chain.fund(&holder.account).await.unwrap();
    two_halves_wait_and_then_count(holder, &instances, &account).await;
    an_instance_takes_what_babylon_has_byte_for_byte(babylond, holder, &instances).await;
    let number = a_shifted_share_counts_after_its_delay(holder, &instances).await;
    a_chain_that_is_down_hinders_no_other(holder, &instances, number).await;
    whoever_is_killed_goes_on_without_a_conflict(holder, &instances).await;
    a_restored_home_uses_no_number_again(babylond, holder, &instances).await;
    what_is_taken_back_counts_on_babylon_alone(holder, &instances).await;
}

async fn a_summary_says_what_is_at_risk_and_signs_nothing(holder: &Holder) {
    let (code, shown) = holder
        .restake(&[&HALVES[..], &["--dry-run"]].concat())
        .await;
    assert_eq!(
        (code, &shown["consent_number"]),
        (0, &Value::Null),
        "{shown}"
    );
    let summary = &shown["summary"];
    assert_eq!(summary["consent_number"], 1, "{summary}");
    assert_eq!(summary["amount_sat"], VALUE);
    assert_eq!(summary["penalty_sat"], VALUE / 10);
    for share in summary["shares"].as_array().unwrap() {
        assert_eq!(
            (&share["basis_points"], &share["weight_sat"]),
            (&json!(5_000), &json!(VALUE / 2))
        );
    }
    let exposure = holder.exposure().await;
    assert_eq!(exposure["signed_consent"], Value::Null);
    assert_eq!(each(&exposure, "state"), ["unknown", "unknown"]);

    let stake = holder.stake.to_string();
    for (arguments, code) in [
        (vec!["--share", "z=0.5"], "unknown-chain"),
        (
            vec!["--share", "x=0.5", "--share", "x=0.5"],
            "invalid-shares",
        ),
        (
            vec!["--share", "x=0.6", "--share", "y=0.5"],
            "invalid-shares",
        ),
        (
            vec!["--share", "x=0.5", "--reward-address", "y=wasm1"],
            "invalid-shares",
        ),
        (
            vec![
                "--share",
                "x=0.5",
                "--reward-address",
                &holder_address(holder),
            ],
            "invalid-shares",
        ),
    ] {
        let arguments = [vec!["restake", stake.as_str()], arguments, vec!["--yes"]].concat();
        let finished = holder.program.command(&arguments).await.unwrap();
        assert_eq!(finished.error().unwrap()["code"], code, "{arguments:?}");
    }
}

/// Babylon's form of the holder's address, named for a chain whose addresses begin otherwise.
fn holder_address(holder: &Holder) -> String {
    format!("x={}", holder.account)
}

/// The account has no coins on the chains yet.
async fn what_was_signed_and_told_to_nobody_is_in_the_record(holder: &Holder) {
    let arguments = [&HALVES[..], &["--yes"]].concat();
    let (code, restaked) = holder.restake(&arguments).await;
    assert_eq!(code, 8, "{restaked}");
    assert_eq!(each(&restaked, "outcome"), ["failed", "failed"]);
    let exposure = holder.exposure().await;
    assert_eq!(exposure["signed_consent"], 1, "{exposure}");
    assert_eq!(each(&exposure, "state"), ["unknown", "unknown"]);
}

async fn two_halves_wait_and_then_count(
    holder: &Holder,
    instances: &Instances<'_>,
    account: &AccountAddress,
) {
    let arguments = [&HALVES[..], &["--yes"]].concat();
    let (code, restaked) = holder.restake(&arguments).await;
    assert_eq!(
        (code, &restaked["consent_number"]),
        (0, &json!(1)),
        "{restaked}"
    );
    assert_eq!(each(&restaked, "outcome"), ["shown", "shown"]);
    let pending = holder.exposure().await;
    assert_eq!(each(&pending, "state"), ["pending", "pending"]);
    assert_eq!(each(&pending, "weight_sat"), [0, 0]);

    // The same command again.
    let (code, again) = holder.restake(&arguments).await;
    assert_eq!((code, &again["consent_number"]), (0, &json!(1)), "{again}");
    assert_eq!(each(&again, "outcome"), ["unchanged", "unchanged"]);

    instances.chain.mine(CHALLENGE).await.unwrap();
    instances.activate(&instances.meshes).await;
    let active = holder.exposure().await;
    assert_eq!(active["signed_consent"], 1);
    assert_eq!(each(&active, "state"), ["active", "active"]);
    assert_eq!(each(&active, "weight_sat"), [VALUE / 2, VALUE / 2]);
    assert_eq!(each(&active, "penalty_sat"), [VALUE / 10, VALUE / 10]);
    assert_eq!(
        each(&active, "reward_address"),
        [account.text(), account.text()]
    );
    for shared_with in each(&active, "shared_with") {
        let shares = shared_with.as_array().unwrap().iter();
        let mut shares: Vec<_> = shares
            .map(|share| {
                (
                    share["chain"].as_str().unwrap(),
                    share["basis_points"].as_u64().unwrap(),
                )
            })
            .collect();
        shares.sort_unstable();
        assert_eq!(shares, [("x", 5_000), ("y", 5_000)]);
    }
    assert_eq!(instances.known("weight").await, [VALUE / 2, VALUE / 2]);
    let status = holder.program.status(holder.stake).await.unwrap();
    let partners = status["partner_chains"].as_array().unwrap();
    assert!(
        partners.iter().all(|partner| partner["state"] == "active"),
        "{status}"
    );
    let rewards = holder
        .program
        .command(&["rewards", "--claim"])
        .await
        .unwrap();
    for chain in rewards.result().unwrap()["chains"].as_array().unwrap() {
        let stake = &chain["stakes"][0];
        assert_eq!(
            (&stake["owed"], &stake["paid"]),
            (&json!("0"), &json!("0")),
            "{chain}"
        );
    }
}

async fn a_shifted_share_counts_after_its_delay(holder: &Holder, instances: &Instances<'_>) -> u64 {
    let (code, shifted) = holder.restake(&SHIFTED).await;
    assert_eq!(code, 0, "{shifted}");
    let number = shifted["consent_number"].as_u64().unwrap();
    assert!(number > 1_700_000_000, "{shifted}");
    assert_eq!(
        each(&shifted, "outcome"),
        ["consent-shown", "consent-shown"]
    );
    // What is taken away acts at once, what is added waits.
    let waiting = holder.exposure().await;
    assert_eq!(each(&waiting, "weight_sat"), [VALUE / 5, VALUE / 2]);
    assert_eq!(waiting["chains"][1]["increase"]["basis_points"], 8_000);
    assert_eq!(instances.known("consent_seq").await, [number, number]);

    let (code, again) = holder.restake(&SHIFTED).await;
    assert_eq!(
        (code, &again["consent_number"]),
        (0, &json!(number)),
        "{again}"
    );
    assert_eq!(each(&again, "outcome"), ["unchanged", "unchanged"]);
    instances.chain.mine(CONSENT_DELAY).await.unwrap();
    instances.activate(&instances.meshes[1..]).await;
    assert_eq!(instances.known("weight").await, [VALUE / 5, VALUE / 5 * 4]);
    number
}

async fn a_chain_that_is_down_hinders_no_other(
    holder: &Holder,
    instances: &Instances<'_>,
    number: u64,
) {
    holder.program.configure(&absent()).unwrap();
    let (code, again) = holder.restake(&SHIFTED).await;
    assert_eq!(
        (code, &again["consent_number"]),
        (8, &json!(number)),
        "{again}"
    );
    assert_eq!(
        each(&again, "outcome"),
        ["unchanged", "unchanged", "failed"]
    );
    let thirds = [
        "--share",
        "x=0.3",
        "--share",
        "y=0.3",
        "--share",
        "absent=0.3",
        "--yes",
    ];
    let (code, shown) = holder.restake(&thirds).await;
    assert_eq!(code, 8, "{shown}");
    assert_eq!(
        each(&shown, "outcome"),
        ["consent-shown", "consent-shown", "failed"]
    );
    let number = shown["consent_number"].as_u64().unwrap();
    assert_eq!(instances.known("consent_seq").await, [number, number]);
}

/// Killed at any moment: what was signed is in the record, and no number has two lists.
async fn whoever_is_killed_goes_on_without_a_conflict(holder: &Holder, instances: &Instances<'_>) {
    let stake = holder.stake.to_string();
    for (share, after) in [
        ("y=0.19", 700),
        ("y=0.18", 1_400),
        ("y=0.17", 2_100),
        ("y=0.16", 2_800),
    ] {
        let arguments = [
            "restake", &stake, "--share", "x=0.1", "--share", share, "--yes",
        ];
        let mut killed = holder.program.start(&arguments).unwrap();
        tokio::time::sleep(Duration::from_millis(after)).await;
        killed.kill_nine();
    }
    let (_, last) = holder
        .restake(&["--share", "x=0.1", "--share", "y=0.15", "--yes"])
        .await;
    let number = last["consent_number"].as_u64().unwrap();
    assert_eq!(
        instances.known("consent_seq").await,
        [number, number],
        "{last}"
    );
    let active = json!({ "active": {} });
    assert_eq!(instances.known("status").await, [active.clone(), active]);
    assert_eq!(instances.known("basis_points").await, [1_000, 1_500]);
}

/// The machine is lost, and with it the record; the words are not.
async fn a_restored_home_uses_no_number_again(
    babylond: &Babylond,
    holder: &Holder,
    instances: &Instances<'_>,
) {
    let before = holder.exposure().await["signed_consent"].as_u64().unwrap();
    let bitcoind = &instances.chain.bitcoind;
    let restored = BtcStakerProgram::new(bitcoind, babylond, 0).unwrap();
    let words = restored.write_private("words", &holder.words).unwrap();
    let source = format!("file:{}", words.display());
    let restore = ["wallet", "restore", "--words-source", &source];
    restored.command(&restore).await.unwrap().result().unwrap();
    restored.configure(&instances.configuration()).unwrap();
    let arguments = ["--share", "x=1", "--yes"];
    let (code, restaked) = restake(&restored, holder.stake, &arguments).await;
    assert_eq!(code, 0, "{restaked}");
    let number = restaked["consent_number"].as_u64().unwrap();
    assert!(number > before, "{restaked}");
    assert_eq!(
        each(&restaked, "outcome"),
        ["consent-shown", "consent-shown"]
    );
    assert_eq!(instances.known("consent_seq").await, [number, number]);
    // Left out of the list.
    assert_eq!(instances.known("weight").await[1], 0);
    let active = json!({ "active": {} });
    assert_eq!(instances.known("status").await, [active.clone(), active]);
}

/// By the home that knows nothing of the restored one's consents.
async fn what_is_taken_back_counts_on_babylon_alone(holder: &Holder, instances: &Instances<'_>) {
    let before = instances.known("consent_seq").await[0].as_u64().unwrap();
    let (code, revoked) = holder.restake(&["--revoke", "--yes"]).await;
    assert_eq!(code, 8, "one chain is absent: {revoked}");
    assert_eq!(revoked["summary"]["revokes"], true);
    assert_eq!(revoked["summary"]["counted_by_babylon"], true);
    let number = revoked["consent_number"].as_u64().unwrap();
    assert!(number > before, "{revoked}");
    assert_eq!(instances.known("consent_seq").await, [number, number]);
    assert_eq!(instances.known("weight").await, [0, 0]);
    let active = json!({ "active": {} });
    assert_eq!(instances.known("status").await, [active.clone(), active]);
    let status = holder.program.status(holder.stake).await.unwrap();
    assert_eq!(status["state"], "active", "{status}");
}
