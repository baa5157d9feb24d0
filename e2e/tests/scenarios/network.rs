//! The story that `cargo localnet --story` tells, each fact of it held against what the nodes answer.

use anyhow::{Context as _, ensure};
use bitcoin::{Amount, OutPoint, Transaction, Txid};
use bitcoincore_rpc::RpcApi as _;
use serde_json::Value;
use staking::units::ChainHeight;
use testenv::network::{
    ChainTransaction, EquivocationStory, Finalized, LifeOfAStake, Network, Settings, Stake,
    Unbonded, Withdrawn, equivocation, life_of_a_stake,
};

use crate::captured_output::CapturedOutput;

/// What the staker's wallet starts with.
const COINS: Amount = Amount::from_sat(400_000_000);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stake_lives_its_life_and_an_equivocating_provider_burns_another() {
    let audience = &mut CapturedOutput;
    let mut network = Network::launch(Settings::default(), audience)
        .await
        .unwrap();

    let life = life_of_a_stake(&network, audience).await.unwrap();
    let after_life = the_first_stake_came_and_went(&network, &life)
        .await
        .unwrap();

    let story = equivocation(&network, audience).await.unwrap();
    let left = the_equivocating_provider_burnt_a_tenth(&network, &story)
        .await
        .unwrap();
    let locked = story.honest.registered.terms.amount + story.honest.broadcast.0.fee;
    assert_eq!(
        balance(&network).await.unwrap(),
        after_life - locked - left,
        "a satoshi is missing"
    );
    network.stop().await.unwrap();
}

/// Checks the first story; returns what the wallet should hold.
async fn the_first_stake_came_and_went(
    network: &Network,
    life: &LifeOfAStake,
) -> anyhow::Result<Amount> {
    let stake = &life.stake;
    let amount = stake.registered.terms.amount;
    the_stake_became_active(network, stake).await?;
    the_randomness_was_timestamped(network, life).await?;
    let Finalized { first, last } = life.finalized;
    ensure!(last.0 - first.0 >= 2, "only {first} to {last}");
    blocks_are_final(network, life.finalized).await?;
    ensure!(
        voters(network, life.voted.height)
            .await?
            .contains(&stake.registered.terms.provider.to_string())
    );
    ensure!(life.voted.power == amount, "power: {}", life.voted.power);

    the_stake_was_unbonded(network, stake, &life.unbonded).await?;
    let unbonding_fee = life.unbonded.mined.fee;
    the_coins_came_back(network, &life.withdrawn, amount - unbonding_fee)?;
    let fees = stake.broadcast.0.fee + unbonding_fee + life.withdrawn.mined.fee;
    ensure!(
        balance(network).await? == COINS - fees,
        "a satoshi is missing"
    );
    Ok(COINS - fees)
}

/// Before Bitcoin it was pending, from its proof on it was active, and every member's signature is of the committee.
pub(crate) async fn the_stake_became_active(
    network: &Network,
    stake: &Stake,
) -> anyhow::Result<()> {
    let txid = stake.txid();
    let amount = stake.registered.terms.amount;
    let registered = &stake.registered.transaction;
    let state = new_state(network, registered, "EventBTCDelegationCreated").await?;
    ensure!(state == "PENDING", "registered as {state}");
    let (event, id) = ("EventCovenantQuorumReached", txid.to_string());
    let signed = network.transaction_with(event, "staking_tx_hash", &id);
    let state = new_state(network, &signed.await?, event).await?;
    ensure!(state == "VERIFIED", "signed, and then {state}");
    let proven = &stake.activated.transaction;
    let event = "EventBTCDelegationInclusionProofReceived";
    let state = new_state(network, proven, event).await?;
    ensure!(state == "ACTIVE", "proven, but {state}");
    ensure!(registered.height < proven.height);

    let params = network.babylond.query(&["btcstaking", "params"]).await?;
    let committee = params
        .pointer("/params/covenant_pks")
        .context("no committee")?;
    let committee: Vec<String> = serde_json::from_value(committee.clone())?;
    let signed = &stake.cosigned.members;
    ensure!(signed.len() >= 2, "{} have signed", signed.len());
    ensure!(
        signed
            .iter()
            .all(|key| committee.contains(&key.to_string()))
    );

    let staking = mined(network, txid)?;
    ensure!(staking.output.iter().any(|output| output.value == amount));
    ensure!(stake.activated.span.0 == stake.broadcast.0.height);
    ensure!(
        stake.activated.transaction.sender == network.watchtower.home.account(),
        "the watchtower was not the one who proved it"
    );
    Ok(())
}

async fn the_randomness_was_timestamped(
    network: &Network,
    life: &LifeOfAStake,
) -> anyhow::Result<()> {
    let epoch = life.timestamped.epoch.to_string();
    let answer = network
        .babylond
        .query(&["checkpointing", "raw-checkpoint", &epoch])
        .await?;
    let status = text(&answer, "/raw_checkpoint/status")?;
    ensure!(status == "CKPT_STATUS_FINALIZED", "epoch {epoch}: {status}");
    for part in life.timestamped.checkpoint {
        let carries_data = |tx: &Transaction| {
            tx.output
                .iter()
                .any(|output| output.script_pubkey.is_op_return())
        };
        ensure!(
            carries_data(&mined(network, part.txid)?),
            "no data in {}",
            part.txid
        );
    }
    Ok(())
}

async fn the_stake_was_unbonded(
    network: &Network,
    stake: &Stake,
    unbonded: &Unbonded,
) -> anyhow::Result<()> {
    let unbonding = mined(network, unbonded.mined.txid)?;
    ensure!(unbonding.input[0].previous_output.txid == stake.txid());
    ensure!(network.delegation_state(stake.txid()).await? == "UNBONDED");
    ensure!(
        unbonded.transaction.sender == network.watchtower.home.account(),
        "the watchtower was not the one who reported it"
    );
    let provider = stake.registered.terms.provider;
    let after = ChainHeight(unbonded.transaction.height.0 + 1);
    ensure!(network.voting_power(provider, after).await? == Amount::ZERO);
    Ok(())
}

/// Checks the second story; returns what the wallet has lost.
async fn the_equivocating_provider_burnt_a_tenth(
    network: &Network,
    story: &EquivocationStory,
) -> anyhow::Result<Amount> {
    the_stake_became_active(network, &story.honest).await?;
    the_stake_became_active(network, &story.betrayed).await?;
    there_is_evidence(network, story).await?;

    let staked = story.betrayed.registered.terms.amount;
    let slashing = mined(network, story.burnt.mined.txid)?;
    ensure!(slashing.input[0].previous_output.txid == story.betrayed.txid());
    let [burnt, change] = slashing.output.as_slice() else {
        anyhow::bail!("slashing has {} outputs", slashing.output.len());
    };
    let params = network.babylond.query(&["btcstaking", "params"]).await?;
    let rate: f64 = text(&params, "/params/slashing_rate")?.parse()?;
    ensure!((burnt.value.to_btc() / staked.to_btc() - rate).abs() < 1e-8);
    ensure!(change.value == staked - burnt.value - story.burnt.mined.fee);
    ensure!((story.burnt.burnt, story.burnt.change) == (burnt.value, change.value));

    the_others_go_on(network, story).await?;
    let from = OutPoint::new(story.burnt.mined.txid, 1);
    ensure!(story.withdrawn.from == from);
    the_coins_came_back(network, &story.withdrawn, change.value)?;
    let fees = story.betrayed.broadcast.0.fee + story.burnt.mined.fee;
    Ok(burnt.value + fees + story.withdrawn.mined.fee)
}

async fn there_is_evidence(network: &Network, story: &EquivocationStory) -> anyhow::Result<()> {
    let provider = story.equivocated.provider.to_string();
    let answer = network
        .babylond
        .query(&["finality", "list-evidences"])
        .await?;
    let evidences = answer.get("evidences").and_then(Value::as_array);
    let [evidence] = evidences.context("no evidences")?.as_slice() else {
        anyhow::bail!("not one evidence: {answer}");
    };
    ensure!(text(evidence, "/fp_btc_pk_hex")? == provider);
    ensure!(text(evidence, "/block_height")? == story.equivocated.height.to_string());

    let known = network
        .babylond
        .query(&["btcstaking", "finality-provider", &provider])
        .await?;
    let slashed_at = text(&known, "/finality_provider/slashed_babylon_height")?;
    ensure!(slashed_at == story.slashed.slashed_at.to_string());
    let status = network
        .watchtower
        .home
        .command(&["status"])
        .await?
        .result()?;
    let slashed = status
        .pointer("/slashing/slashed_providers")
        .context("no slasher")?;
    ensure!(
        slashed == &Value::from(vec![provider]),
        "slashed: {slashed}"
    );
    Ok(())
}

/// The honest provider, which runs in the same process, lost nothing and votes; the other one does not.
async fn the_others_go_on(network: &Network, story: &EquivocationStory) -> anyhow::Result<()> {
    let honest = story.honest.registered.terms;
    let last = story.finalized.last;
    ensure!(story.finalized.first.0 > story.slashed.slashed_at.0);
    blocks_are_final(network, story.finalized).await?;
    ensure!(network.voting_power(honest.provider, last).await? == honest.amount);
    ensure!(
        network
            .voting_power(story.equivocated.provider, last)
            .await?
            == Amount::ZERO
    );
    ensure!(network.delegation_state(story.honest.txid()).await? == "ACTIVE");
    ensure!(voters(network, last).await? == [honest.provider.to_string()]);
    Ok(())
}

fn the_coins_came_back(
    network: &Network,
    withdrawn: &Withdrawn,
    locked: Amount,
) -> anyhow::Result<()> {
    let withdrawal = mined(network, withdrawn.mined.txid)?;
    ensure!(withdrawal.input[0].previous_output == withdrawn.from);
    let arrived: Amount = withdrawal.output.iter().map(|output| output.value).sum();
    ensure!(
        arrived == locked - withdrawn.mined.fee,
        "{arrived} of {locked}"
    );
    Ok(())
}

pub(crate) async fn blocks_are_final(network: &Network, blocks: Finalized) -> anyhow::Result<()> {
    for height in blocks.first.0..=blocks.last.0 {
        let answer = network
            .babylond
            .query(&["finality", "block", &height.to_string()])
            .await?;
        ensure!(
            answer.pointer("/block/finalized") == Some(&Value::Bool(true)),
            "block {height}: {answer}"
        );
    }
    Ok(())
}

pub(crate) async fn voters(network: &Network, height: ChainHeight) -> anyhow::Result<Vec<String>> {
    let answer = network
        .babylond
        .query(&["finality", "votes-at-height", &height.to_string()])
        .await?;
    let keys = answer.get("btc_pks").context("no keys")?;
    Ok(serde_json::from_value(keys.clone())?)
}

/// The state of a delegation that an event in a transaction announced.
async fn new_state(
    network: &Network,
    transaction: &ChainTransaction,
    event: &str,
) -> anyhow::Result<String> {
    let found = network.babylond.query(&["tx", &transaction.hash]).await?;
    let name = format!("babylon.btcstaking.v1.{event}");
    let events = found.get("events").and_then(Value::as_array);
    let event = events
        .context("no events")?
        .iter()
        .find(|event| event.get("type").and_then(Value::as_str) == Some(&name));
    let attributes = event.and_then(|event| event.get("attributes")?.as_array());
    let state = attributes
        .context("no such event")?
        .iter()
        .find(|attribute| attribute.get("key").and_then(Value::as_str) == Some("new_state"));
    let state = text(state.context("no new state")?, "/value")?;
    // Values of events are JSON in text.
    Ok(serde_json::from_str(&state)?)
}

/// A transaction that bitcoind has in a block.
pub(crate) fn mined(network: &Network, txid: Txid) -> anyhow::Result<Transaction> {
    let found = network
        .bitcoind
        .rpc()
        .get_raw_transaction_info(&txid, None)?;
    ensure!(
        found.confirmations.unwrap_or_default() > 0,
        "{txid} is in no block"
    );
    Ok(found.transaction()?)
}

async fn balance(network: &Network) -> anyhow::Result<Amount> {
    let shown = network
        .staker
        .command(&["wallet", "balance"])
        .await?
        .result()?;
    let confirmed = shown.get("confirmed_sat").and_then(Value::as_u64);
    Ok(Amount::from_sat(confirmed.context("no balance")?))
}

pub(crate) fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    Ok(found
        .with_context(|| format!("no {pointer} in {value}"))?
        .to_owned())
}
