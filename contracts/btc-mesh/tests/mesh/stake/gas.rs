//! What messages cost in storage, so that records stay small.

use btc_mesh::msg::ExecuteMsg;

use super::scene::Scene;
use crate::rig::{Terms, covenant_set, params};

#[test]
fn a_stake_under_six_of_nine_keys_fits_its_share_of_the_gas() {
    let mut scene = Scene::with(params(), covenant_set(9, 6));
    let terms = |number| Terms {
        signers: 6,
        ..Terms::number(number)
    };
    scene.active(terms(1));
    let (staking, msg) = scene.ready(terms(2));
    let size = cosmwasm_std::to_json_vec(&msg).unwrap().len() as u64;
    // 10 for each byte of the transaction, 60,000 to load the code, 50,000 for the curve (4.4).
    let stake = scene.rig.storage_gas(ExecuteMsg::Stake(Box::new(msg)));
    let all = stake + 10 * size + 60_000 + 50_000;
    println!("stake: {stake} of storage, {size} bytes, {all} in all but the virtual machine's own");
    assert!(all <= 350_000, "{all}");
    scene.rig.mine(params().challenge);
    let outpoint = staking.outpoint();
    let activate = scene.rig.storage_gas(ExecuteMsg::Activate { outpoint });
    println!("activate: {activate} of storage");
    assert!(activate <= 100_000, "{activate}");
}

#[test]
fn stakes_of_a_provider_that_expire_together_write_it_once() {
    let mut scene = Scene::new();
    let stakes: Vec<_> = (0..12)
        .map(|number| scene.active(Terms::number(number)))
        .collect();
    let expires = scene.rig.stake(stakes[11].outpoint()).expires;
    scene.rig.mine(expires - scene.tip());
    let one = scene.rig.storage_gas(ExecuteMsg::Expire { limit: 1 });
    let rest = scene.rig.storage_gas(ExecuteMsg::Expire { limit: 11 });
    let further = (rest - one) / 10;
    println!("expire: {one} of storage, {further} for each further one");
    // Without its provider's record and place in the ranking.
    assert!(further + 15_000 < one, "{further}");
}
