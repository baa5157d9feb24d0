//! Scenario 13 with Babylon: a key that comes out on a partner chain ends its provider on Babylon, and the other way.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use bitcoin::Amount;
use chain::Chain as _;
use chain::babylon::Babylon;
use serde_json::json;
use staking::keys::FinalityProviderKey;
use testenv::partner_chain::{CHALLENGE, DEADLINE, DEPTH, PartnerChain, Stake, UNBONDING, params};
use testenv::programs::WatchtowerProgram;
use testenv::scenario::Stage;
use testenv::{BabylondSettings, GenesisEdit, poll_until};

use super::side::{Side, spent};
use crate::watchtower::support::Provider;

const STAKED: Amount = Amount::from_sat(500_000);

const ROLES: [&str; 6] = [
    "headers",
    "activation",
    "unbonding",
    "slashing",
    "keys",
    "upkeep",
];

/// Waits until Babylon counts a provider as slashed and gives it no power.
async fn slashed_on_babylon(babylon: &Babylon, provider: &FinalityProviderKey) {
    poll_until(DEADLINE, "Babylon to slash the provider", || async {
        let known = babylon.finality_provider(provider).await?;
        let known = known.context("it is not registered")?;
        ensure!(known.slashed_at.is_some(), "it is not slashed");
        let power = babylon.voting_power(provider, babylon.height().await?);
        ensure!(power.await? == 0, "it has power");
        anyhow::Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s13_a_key_that_is_out_on_babylon_or_on_a_partner_chain_ends_its_provider_on_both() {
    let stage = Stage::launch(BabylondSettings {
        unbonding_time: UNBONDING,
        // Nobody votes here but to misbehave, and whoever is jailed cannot.
        genesis_edits: vec![GenesisEdit {
            pointer: "/app_state/finality/params/signed_blocks_window".to_owned(),
            value: "100000".into(),
        }],
        ..BabylondSettings::default()
    })
    .await
    .unwrap();
    stage.mine(5).await.unwrap();
    let providers = [
        Provider::register(&stage).await.unwrap(),
        Provider::register(&stage).await.unwrap(),
    ];
    let committed_from = providers[0].commit(&stage).await.unwrap();
    stage.finalize_current_epoch().await.unwrap();
    let staker = stage.staker().await.unwrap();
    let mut staked = Vec::new();
    for provider in &providers {
        let stake = stage.active_stake(&staker, provider.key, STAKED).await;
        staked.push(stake.unwrap());
    }
    let Stage {
        bitcoind,
        babylond,
        committee,
        chain: babylon,
    } = stage;
    let bitcoind = Arc::new(bitcoind);
    let stakes = staked.into_iter().map(|stake| {
        let staker = staker.secret().clone();
        Stake::cosigned(&committee, staker, stake.delegation, stake.staking_tx).unwrap()
    });
    let stakes: Vec<_> = stakes.collect();

    // The same stakes count on a partner chain.
    let x = PartnerChain::launch(Arc::clone(&bitcoind)).await.unwrap();
    let versions = babylon.staking_params().await.unwrap();
    let covenant = versions.all().last().unwrap();
    let mesh = x.begin_mesh_under(&params(), covenant).await.unwrap();
    let keys = providers.each_ref().map(|provider| provider.secret.clone());
    let side = Side::with(&x, mesh, &keys).await.unwrap();
    let chains = side.mesh.configuration("x");
    let program = WatchtowerProgram::serving(&bitcoind, &babylond, &chains, &ROLES)
        .await
        .unwrap();
    x.fund(program.account()).await.unwrap();
    let mut daemon = program.start().unwrap();
    bitcoind.mine(DEPTH).unwrap();
    side.headers_arrive().await.unwrap();
    let shares = [(side.mesh.domain(), 5_000, &side.rewards)];
    side.mesh.show(&stakes, &shares).await.unwrap();
    bitcoind.mine(CHALLENGE).unwrap();
    for stake in &stakes {
        side.stake_becomes(stake, "active").await.unwrap();
    }
    side.mesh.govern(json!({ "start": {} })).await.unwrap();

    // Out on Babylon, shown to the partner chain.
    let on_babylon = providers[0].equivocate(&babylon, committed_from);
    on_babylon.await.unwrap();
    killed_when_it_hears_of(&mut daemon, &providers[0].key).await;
    side.knows_the_key(0).await.unwrap();
    slashed_on_babylon(&babylon, &providers[0].key).await;
    spent(&bitcoind, stakes[0].delegation.slashing_tx())
        .await
        .unwrap();

    // Out on the partner chain, shown to Babylon as selective slashing evidence.
    side.equivocate(1).await.unwrap();
    killed_when_it_hears_of(&mut daemon, &providers[1].key).await;
    slashed_on_babylon(&babylon, &providers[1].key).await;
    side.knows_the_key(1).await.unwrap();
    spent(&bitcoind, stakes[1].delegation.slashing_tx())
        .await
        .unwrap();
    let double_votes = babylon.evidences().await.unwrap();
    assert!(
        double_votes
            .iter()
            .all(|it| it.finality_provider() == providers[0].key),
        "Babylon has seen no vote of the second provider"
    );
    for stake in &stakes {
        side.stake_becomes(stake, "ended").await.unwrap();
    }
    assert!(daemon.terminate(DEADLINE).await.unwrap().success());
}

/// In the middle of carrying the key from one chain to the other and to Bitcoin.
async fn killed_when_it_hears_of(daemon: &mut testenv::Daemon, provider: &FinalityProviderKey) {
    let line = daemon.wait_for_line(&provider.to_string(), DEADLINE).await;
    line.unwrap();
    daemon.kill_nine();
    daemon.restart().unwrap();
}
