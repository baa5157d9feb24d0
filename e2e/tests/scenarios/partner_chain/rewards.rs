//! What an instance pays: nothing is made, lost, or paid twice.

use serde_json::{Value, json};
use testenv::partner_chain::Mesh;

use super::finality::Life;
use super::scene::{Scene, all_told, refusal, told};

/// What is paid in.
const INFLOW: u128 = 1_000_000;

/// After an epoch in which two providers voted for all four checkpoints, one for three, and one was slashed; all weigh the
/// same, and take a tenth.
pub(crate) async fn s23_what_is_paid_owed_and_left_is_what_came_in(life: &Life<'_>) {
    let (scene, mesh) = (&life.scene, &life.scene.mesh);
    let funded = mesh.fund(INFLOW).await.unwrap();
    assert_eq!(told(&funded, "fund", "amount"), INFLOW.to_string());
    let settle = json!({ "settle": { "epoch": 0, "limit": 100 } });
    let settled = mesh.execute(settle.clone()).await.unwrap();
    // 250,000 for each of two, three quarters of that for the third; a vote that is missing earns nobody anything.
    assert_eq!(told(&settled, "settle", "credited"), "687500");
    assert_eq!(rewards(mesh).await, [687_500, 312_500, 0]);
    assert_eq!(refusal(mesh.execute(settle).await), "epoch 0 is settled");

    let outpoints: Vec<_> = life
        .stakes
        .iter()
        .map(|stake| stake.outpoint().to_string())
        .collect();
    let providers: Vec<_> = scene
        .providers
        .iter()
        .map(|provider| provider.public_key().to_string())
        .collect();
    let claim = json!({ "claim": { "outpoints": outpoints, "providers": providers } });
    let paid = claimed(scene, &claim).await;
    // Stakes begin to vest, the slashed provider's among them, which has nothing.
    assert_eq!(paid, [0, 0, 0, 0, 25_000, 25_000, 18_750, 0]);
    let commissions = scene.chain.anybody.balance(&scene.operator).await.unwrap();
    assert_eq!(commissions, 68_750);

    // Half of the vesting time.
    scene.chain.mine(50).await.unwrap();
    let paid = claimed(scene, &claim).await;
    assert_eq!(paid, [112_500, 112_500, 84_375, 0, 0, 0, 0, 0]);
    assert_eq!(claimed(scene, &claim).await, [0; 8]);
    let staker = scene.chain.anybody.balance(&scene.rewards).await.unwrap();
    assert_eq!(staker, 309_375);

    let [owed, pot, paid] = rewards(mesh).await;
    assert_eq!([owed, pot, paid], [309_375, 312_500, 378_125]);
    assert_eq!(owed + pot + paid, INFLOW);
    let held = scene.chain.anybody.balance(mesh.address()).await.unwrap();
    assert_eq!(held, owed + pot);
}

/// What each stake and provider of a claim was paid, in the contract's words.
pub(crate) async fn claimed(scene: &Scene<'_>, claim: &Value) -> Vec<u128> {
    let executed = scene.mesh.execute(claim.clone()).await.unwrap();
    all_told(&executed, "claim", "paid")
        .iter()
        .map(|paid| paid.parse().unwrap())
        .collect()
}

/// What is owed, left in the pot, and paid.
pub(crate) async fn rewards(mesh: &Mesh<'_>) -> [u128; 3] {
    let answer = mesh.query(json!({ "rewards": {} })).await.unwrap();
    ["owed", "pot", "paid"].map(|name| answer[name].as_str().unwrap().parse().unwrap())
}
