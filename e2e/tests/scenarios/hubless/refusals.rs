//! What is refused before a coin moves, each by its own code.

use bitcoin::Amount;
use eots::SecretKey;
use staking::params::StakingParams;
use testenv::partner_chain::{PartnerChain, params, staking_params};
use testenv::scenario::Committee as Keys;

use super::scene::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_count_or_come_back_is_refused_before_a_coin_moves() {
    let chain = PartnerChain::launch_alone().await.unwrap();
    let scene = Scene::begin(&chain).await;
    // Another fee of unbonding makes another unbonding transaction: no stake suits both.
    let terms = staking_params(&Keys::of_three()).unwrap();
    let other = StakingParams {
        unbonding_fee: terms.unbonding_fee + Amount::ONE_SAT,
        ..terms
    };
    let z = chain.begin_mesh_under(&params(), &other).await.unwrap();
    // z knows no provider; it is asked only where it has a share.
    scene.program.configure(&z.configuration("z")).unwrap();

    let stranger = SecretKey::from_bytes(&rand::random()).unwrap();
    let stranger = stranger.public_key().to_string();
    let halves = ["--share", "x=0.5", "--share", "y=0.5"];
    for (arguments, code) in [
        (scene.stake_with(&[]), "no-babylon"),
        (scene.stake_with(&["--share", "w=0.5"]), "unknown-chain"),
        (
            scene.stake_with(&["--share", "babylon=0.5"]),
            "unknown-chain",
        ),
        (
            scene.stake_with(&["--share", "x=0.6", "--share", "y=0.5"]),
            "invalid-shares",
        ),
        (scene.stake_with(&["--share", "z=0.5"]), "not-taken"),
        (scene.stake_with(&["--chain", "z"]), "not-taken"),
        (scene.stake_with(&["--chain", "w"]), "unknown-chain"),
        (
            with(&scene, &halves, "--finality-provider", &stranger),
            "not-taken",
        ),
        (with(&scene, &halves, "--amount", "49999"), "staking-value"),
        (
            with(&scene, &halves, "--amount", "100000001"),
            "staking-value",
        ),
        (
            with(&scene, &halves, "--staking-time", "109"),
            "staking-time",
        ),
    ] {
        assert_eq!(
            refused(&scene, arguments.clone()).await,
            code,
            "{arguments:?}"
        );
    }
    let provider = testenv::partner_chain::Provider::new(z.domain(), scene.provider.clone());
    let operator = chain.fresh_address().unwrap();
    let registration = provider.unwrap().registration(1, operator.text(), 1_000);
    z.execute(registration.unwrap()).await.unwrap();
    let arguments = scene.stake_with(&["--share", "x=0.5", "--share", "z=0.5"]);
    assert_eq!(refused(&scene, arguments).await, "no-common-covenant-set");
    // Every member refuses: they sign under other parameters. The coins are free again.
    let arguments = scene.stake_with(&["--share", "z=1"]);
    assert_eq!(refused(&scene, arguments).await, "not-signed");
    let stakes = scene.stakes().await;
    assert_eq!(stakes.len(), 1, "{stakes:?}");
    assert_eq!(stakes[0]["state"], "cancelled", "{stakes:?}");
    assert_eq!(scene.reserved().await, 0);
    assert_eq!(scene.mempool(), []);
}

/// The arguments, with another value for one of them.
fn with<'a>(scene: &'a Scene<'_>, shares: &[&'a str], name: &str, value: &'a str) -> Vec<&'a str> {
    let mut arguments = scene.stake_with(shares);
    let place = arguments.iter().position(|argument| *argument == name);
    arguments[place.unwrap() + 1] = value;
    arguments
}

async fn refused(scene: &Scene<'_>, mut arguments: Vec<&str>) -> String {
    arguments.extend(["--yes", "--no-wait"]);
    let finished = scene.program.command(&arguments).await.unwrap();
    finished.error().unwrap()["code"]
        .as_str()
        .unwrap()
        .to_owned()
}
