//! Stakes that are not what they say. What is tried on all sides natively is tried here once each through a real chain.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bitcoin::consensus::{deserialize, serialize};
use bitcoin::secp256k1::SECP256K1;
use bitcoin::transaction::Version;
use bitcoin::{Amount, ScriptBuf, Transaction, TxOut};
use eots::adaptor::{self, EncryptionKey};
use serde_json::{Value, json};
use testenv::partner_chain::{DEPTH, PartnerChain, Stake, base64, params};
use testenv::scenario::Committee;

use super::scene::{PENALTY, Scene, VALUE, fresh_key, refusal};

/// The stake with one change.
fn with(shown: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut shown = shown.clone();
    change(&mut shown["stake"]);
    shown
}

/// The stake with one of its transactions changed.
fn with_transaction(shown: &Value, name: &str, change: impl FnOnce(&mut Transaction)) -> Value {
    with(shown, |stake| {
        let bytes = BASE64_STANDARD.decode(stake[name].as_str().unwrap());
        let mut transaction = deserialize(&bytes.unwrap()).unwrap();
        change(&mut transaction);
        stake[name] = json!(base64(serialize(&transaction)));
    })
}

pub(crate) async fn s08_each_malformed_stake_is_refused_for_its_own_reason(chain: &PartnerChain) {
    let keys = [fresh_key(), fresh_key()];
    let scene = Scene::with_providers(chain, &params(), &keys).await;
    let stake = scene.sign(0, 1_000);
    // Whoever knows the internal key spends without covenant and timelock.
    let staker = stake.delegation.keys().staker();
    let known_key = chain.bitcoind.fund(&TxOut {
        value: Amount::from_sat(VALUE),
        script_pubkey: ScriptBuf::new_p2tr(SECP256K1, staker.0, None),
    });
    let known_key = known_key.unwrap();
    chain
        .confirm(&[&stake.transaction, &known_key], DEPTH)
        .await
        .unwrap();
    let shown = scene.shown(&stake);

    let provider = scene.providers[0].public_key();
    let missing =
        format!("the staking transaction has no output of {VALUE} sat with the staking script");
    let cases = [
        (with_known_key(&scene, &shown, &known_key), missing.clone()),
        (
            with(&shown, |stake| stake["timelock"] = json!(1_001)),
            missing.clone(),
        ),
        (
            with(&shown, |stake| {
                stake["provider"] = json!(scene.providers[1].public_key().to_string());
            }),
            missing,
        ),
        (
            with(&shown, |stake| {
                stake["covenant_signatures"].as_array_mut().unwrap().pop();
            }),
            "1 covenant members signed, the quorum is 2".to_owned(),
        ),
        (
            with(&shown, |stake| {
                stake["covenant_signatures"]
                    .as_array_mut()
                    .unwrap()
                    .reverse();
            }),
            "covenant signatures must be strictly ascending by member".to_owned(),
        ),
        (
            with(&shown, |message| {
                message["covenant_signatures"][1]["slashing"] =
                    json!(for_another_provider(&stake, &scene));
            }),
            format!(
                "the adaptor signature of the slashing transaction for finality provider {provider} is invalid"
            ),
        ),
        (
            with_transaction(&shown, "slashing_tx", |tx| {
                tx.output[0].script_pubkey = tx.output[1].script_pubkey.clone();
            }),
            "the slashing transaction pays the slashed coins to script".to_owned(),
        ),
        (
            with_transaction(&shown, "slashing_tx", |tx| {
                tx.output[0].value -= Amount::from_sat(1);
            }),
            format!("the slashing transaction slashes {} sat", PENALTY - 1),
        ),
        (
            with_transaction(&shown, "unbonding_tx", |tx| tx.version = Version::ONE),
            "the unbonding transaction has version 1".to_owned(),
        ),
        (
            with(&shown, |stake| {
                stake["staker_slashing"] = stake["staker_unbonding_slashing"].clone();
            }),
            "the staker's signature of the slashing transaction is invalid".to_owned(),
        ),
        (
            with(&shown, |stake| stake["covenant"] = json!(1)),
            "there is no covenant set 1".to_owned(),
        ),
        (
            with(&shown, |message| {
                let elsewhere = mesh_core::Domain::from_bytes([7; 32]);
                let shares = [(elsewhere, 1, &scene.rewards)];
                message["consent"] = stake.consent(1, &shares).unwrap();
            }),
            format!(
                "the consent has no share for this instance, {}",
                scene.mesh.domain()
            ),
        ),
    ];
    for (message, words) in cases {
        let refused = refusal(scene.mesh.execute(message).await);
        assert!(refused.contains(&words), "{refused}\nis not: {words}");
    }
    scene.mesh.execute(shown).await.unwrap();
}

/// The same stake in an output that its staker can spend alone.
fn with_known_key(scene: &Scene<'_>, shown: &Value, transaction: &Transaction) -> Value {
    let txid = transaction.compute_txid();
    let vout = transaction
        .output
        .iter()
        .position(|output| output.value.to_sat() == VALUE);
    with(shown, |stake| {
        stake["staking_tx"] = json!(base64(serialize(transaction)));
        stake["vout"] = json!(vout.unwrap());
        stake["inclusion"] = scene.chain.inclusion(txid).unwrap();
    })
}

/// The second signer's adaptor signature, which another provider's key decrypts.
#[expect(
    clippy::disallowed_methods,
    reason = "a committee of scenarios, with keys of no value"
)]
fn for_another_provider(stake: &Stake, scene: &Scene<'_>) -> String {
    let committee = Committee::of_three();
    let signer = stake.covenant[1].covenant.to_bytes();
    let secret = committee
        .secrets()
        .iter()
        .find(|secret| secret.public_key().to_bytes() == signer);
    let other = EncryptionKey::from_x_only(&scene.providers[1].public_key()).unwrap();
    let sighash = stake.delegation.slashing_sighash().to_bytes();
    let signature = adaptor::sign(secret.unwrap(), &other, &sighash, &rand::random());
    base64(signature.unwrap())
}
