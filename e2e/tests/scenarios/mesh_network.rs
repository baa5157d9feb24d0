//! The story that `cargo localnet --mesh --story` tells, each fact of it held against what the nodes answer.

use anyhow::{Context as _, ensure};
use bitcoin::{Amount, hex::FromHex as _};
use chain::Chain as _;
use eots::SecretKey;
use serde_json::{Value, json};
use testenv::network::{
    Checkpoints, Claimed, MeshStory, Network, Partner, Powerless, Settings, one_stake_three_chains,
};
use testenv::partner_chain::PartnerChain;

use crate::captured_output::CapturedOutput;
use crate::network::{blocks_are_final, mined, text, the_stake_became_active, voters};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_stake_secures_three_chains_and_one_double_vote_ends_a_provider_on_all_of_them() {
    let audience = &mut CapturedOutput;
    let mut network = Network::launch(Settings::mesh(), audience).await.unwrap();
    let story = one_stake_three_chains(&network, audience).await.unwrap();

    the_stakes_count_on_every_chain(&network, &story)
        .await
        .unwrap();
    for (partner, index) in network.partners.iter().zip(0..) {
        let (before, after) = (&story.checkpoints[index], &story.checkpoints_after[index]);
        checkpoints_are_final(partner, before).await.unwrap();
        checkpoints_are_final(partner, after).await.unwrap();
        rewards_arrived(partner, &story, &story.claimed[index])
            .await
            .unwrap();
    }
    blocks_are_final(&network, story.finalized).await.unwrap();
    the_key_is_out_on_the_first_chain(&network, &story)
        .await
        .unwrap();
    a_tenth_of_the_stake_is_burnt(&network, &story).unwrap();
    the_power_is_gone_everywhere(&network, &story)
        .await
        .unwrap();
    the_others_go_on(&network, &story).await.unwrap();
    the_table_says_the_same(&network, &story).await.unwrap();
    network.stop().await.unwrap();
}

/// The whole of each stake on Babylon, and the half that its owner signed for on each partner chain.
async fn the_stakes_count_on_every_chain(
    network: &Network,
    story: &MeshStory,
) -> anyhow::Result<()> {
    let [honest @ .., _] = story.stakes.as_slice() else {
        anyhow::bail!("no stakes");
    };
    ensure!(honest.len() == 3);
    for stake in &story.stakes {
        the_stake_became_active(network, stake).await?;
    }
    for (stake, restaked) in honest.iter().zip(&story.restaked) {
        ensure!(stake.txid() == restaked.staking_txid);
        ensure!(network.delegation_state(stake.txid()).await? == "ACTIVE");
        let terms = stake.registered.terms;
        for partner in &network.partners {
            let known = shown_stake(network, partner, stake.txid()).await?;
            ensure!(known["status"] == json!({ "active": {} }), "{known}");
            ensure!(known["provider"] == terms.provider.to_string(), "{known}");
            ensure!(known["value"] == terms.amount.to_sat(), "{known}");
            ensure!(known["weight"] == terms.amount.to_sat() / 2, "{known}");
            ensure!(known["consent_seq"] == restaked.consent_number, "{known}");
        }
    }
    let amount = honest[0].registered.terms.amount;
    let counted = [amount, amount / 2, amount / 2];
    ensure!(story.powered.len() == counted.len());
    for (powered, counted) in story.powered.iter().zip(counted) {
        let keys: Vec<_> = powered.powers.iter().map(|(key, _)| *key).collect();
        let all: Vec<_> = network.providers.iter().map(|known| known.key).collect();
        ensure!(keys == all);
        let whole = powered.powers.iter().all(|(_, power)| *power == counted);
        ensure!(whole, "{powered:?}");
    }
    Ok(())
}

/// What is final is the node's own block, by more than two thirds.
async fn checkpoints_are_final(partner: &Partner, seen: &Checkpoints) -> anyhow::Result<()> {
    ensure!(seen.last - seen.first >= 2, "{seen:?}");
    ensure!(seen.voted * 3 > seen.total * 2, "{seen:?}");
    for checkpoint in seen.first..=seen.last {
        let found = partner
            .ask(&json!({ "finalized": { "k": checkpoint } }))
            .await?;
        ensure!(found["decreed"] == false, "{found}");
        let height = found["height"].as_u64().context("no height")?;
        let own = partner.chain.header_hash(height).await?;
        let final_hash = <[u8; 32]>::from_hex(&text(&found, "/hash")?)?;
        ensure!(final_hash == own, "{found}");
    }
    Ok(())
}

/// They went to the account that the consents name, and nowhere else.
async fn rewards_arrived(
    partner: &Partner,
    story: &MeshStory,
    claimed: &Claimed,
) -> anyhow::Result<()> {
    let (before, after) = claimed.balances;
    ensure!(
        claimed.paid > 0 && after == before + claimed.paid,
        "{claimed:?}"
    );
    ensure!(partner.rewards_paid().await? == claimed.paid, "{claimed:?}");
    ensure!(partner.balance(&claimed.account).await? == after);
    let stakes = partner.ask(&json!({ "stakes": {} })).await?;
    let stakes = stakes["stakes"].as_array().context("no stakes")?;
    ensure!(stakes.len() == story.stakes.len());
    ensure!(
        stakes
            .iter()
            .all(|stake| stake["reward_address"] == claimed.account.as_str()),
        "{stakes:?}"
    );
    Ok(())
}

async fn the_key_is_out_on_the_first_chain(
    network: &Network,
    story: &MeshStory,
) -> anyhow::Result<()> {
    let vote = &story.double_voted;
    ensure!(vote.chain == network.partners[0].name);
    ensure!(vote.canonical_hash != vote.fork_hash);
    ensure!(vote.transaction == network.partners[0].slashed_in(vote.provider).await?);
    for partner in &network.partners {
        let question = json!({ "slashed": { "pk": vote.provider.to_string() } });
        let answer = partner.ask(&question).await?;
        let secret = <[u8; 32]>::from_hex(&text(&answer, "/sk")?)?;
        let key = SecretKey::from_bytes(&secret)?.public_key();
        ensure!(key == vote.provider.into(), "the key of another provider");
    }
    // It did not come out on Babylon.
    let evidences = network
        .babylond
        .query(&["finality", "list-evidences"])
        .await?;
    let evidences = evidences.get("evidences").and_then(Value::as_array);
    ensure!(evidences.is_none_or(Vec::is_empty), "{evidences:?}");
    Ok(())
}

fn a_tenth_of_the_stake_is_burnt(network: &Network, story: &MeshStory) -> anyhow::Result<()> {
    let betrayed = story.stakes.last().context("no stake")?;
    ensure!(story.burn_sent.txid == story.burnt.mined.txid);
    let slashing = mined(network, story.burnt.mined.txid)?;
    ensure!(slashing.input[0].previous_output.txid == betrayed.txid());
    let staked = betrayed.registered.terms.amount;
    ensure!(slashing.output[0].value == staked / 10);
    let left = staked - staked / 10 - story.burnt.mined.fee;
    ensure!(slashing.output[1].value == left);
    Ok(())
}

/// Babylon and the second partner chain were shown the key by the watchtower; nobody had to show it to the first.
async fn the_power_is_gone_everywhere(network: &Network, story: &MeshStory) -> anyhow::Result<()> {
    let culprit = story.double_voted.provider;
    let watchtower = network.watchtower.home.account();
    let [on_babylon, on_partners @ ..] = story.powerless.as_slice() else {
        anyhow::bail!("Babylon is missing");
    };
    ensure!(
        on_babylon.transaction.sender == watchtower,
        "{on_babylon:?}"
    );
    let query = ["btcstaking", "finality-provider", &culprit.to_string()];
    let known = network.babylond.query(&query).await?;
    let slashed_at = text(&known, "/finality_provider/slashed_babylon_height")?;
    ensure!(slashed_at == on_babylon.transaction.height.to_string());
    let height = network.chain.height().await?;
    ensure!(network.voting_power(culprit, height).await? == Amount::ZERO);

    let [first, second] = on_partners else {
        anyhow::bail!("two partner chains were expected");
    };
    ensure!(first.transaction == story.double_voted.transaction);
    let account = PartnerChain::account(watchtower)?;
    ensure!(second.transaction.sender == account.text(), "{second:?}");
    for (partner, Powerless { chain, .. }) in network.partners.iter().zip(on_partners) {
        ensure!(partner.name == chain);
        ensure!(partner.power(culprit).await? == Amount::ZERO);
        let question = json!({ "provider": { "pk": culprit.to_string() } });
        let known = partner.ask(&question).await?;
        ensure!(known["status"] == "slashed", "{known}");
    }
    Ok(())
}

async fn the_others_go_on(network: &Network, story: &MeshStory) -> anyhow::Result<()> {
    let culprit = story.double_voted.provider;
    let after = story.finalized_after;
    ensure!(after.first.0 > story.powerless[0].transaction.height.0);
    blocks_are_final(network, after).await?;
    let voters = voters(network, after.last).await?;
    ensure!(!voters.contains(&culprit.to_string()), "{voters:?}");
    let honest = network
        .providers
        .iter()
        .filter(|known| known.key != culprit);
    for provider in honest {
        let amount = network.voting_power(provider.key, after.last).await?;
        ensure!(amount == story.stakes[0].registered.terms.amount);
        for partner in &network.partners {
            ensure!(partner.power(provider.key).await? == amount / 2);
            let question = json!({ "provider": { "pk": provider.key.to_string() } });
            let known = partner.ask(&question).await?;
            ensure!(known["status"] == "active", "{known}");
        }
    }
    Ok(())
}

async fn the_table_says_the_same(network: &Network, story: &MeshStory) -> anyhow::Result<()> {
    let outcome = &story.outcome;
    ensure!(outcome.provider == story.double_voted.provider);
    let chains: Vec<_> = outcome.rows.iter().map(|row| row.chain.as_str()).collect();
    ensure!(chains == ["Bitcoin", "Babylon", "x", "y"], "{chains:?}");
    let (bitcoin, others) = outcome.rows.split_first().context("no rows")?;
    let staked = story.stakes[0].registered.terms.amount;
    ensure!((bitcoin.before, bitcoin.after) == (staked, story.burnt.change));
    ensure!(bitcoin.ended_in == story.burnt.mined.txid.to_string());
    for (row, powerless) in others.iter().zip(&story.powerless) {
        ensure!(
            row.before > Amount::ZERO && row.after == Amount::ZERO,
            "{row:?}"
        );
        ensure!(row.ended_in == powerless.transaction.hash, "{row:?}");
    }
    for (partner, row) in network.partners.iter().zip(&others[1..]) {
        let paid = partner.rewards_paid().await?;
        ensure!(row.rewards == format!("{paid} stake"), "{row:?}");
    }
    Ok(())
}

/// What a partner chain's instance knows of a stake.
async fn shown_stake(
    network: &Network,
    partner: &Partner,
    txid: bitcoin::Txid,
) -> anyhow::Result<Value> {
    let delegation = network.chain.delegation(txid).await?;
    let outpoint = delegation.context("unknown to Babylon")?.staking_outpoint();
    let question = json!({ "stake": { "outpoint": outpoint.to_string() } });
    partner.ask(&question).await
}
