//! The signer through its public face: what it signs, what it refuses and what it remembers.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod fixture;

use std::sync::Arc;

use bitcoin::{Amount, Network, ScriptBuf, TxOut};
use covenant::audit::{Event, read};
use covenant::home::Home;
use covenant::signer::{
    CovenantSigner, Remote, SignerError, SigningRequest, TrustedParams, examine, fingerprint, serve,
};
use eots::adaptor::{DecryptionKey, decrypt};
use eots::curve::Native;
use fixture::{
    blocks, covenant_key, params, pending, request, secret, signer, signer_under, valid,
};
use proto::endpoint::Endpoint;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// What makes a good request a bad one.
type Change = fn(&mut SigningRequest);

/// Rule of the refusal.
async fn refused(signer: &dyn CovenantSigner, request: SigningRequest) -> String {
    match signer.sign(request).await {
        Err(SignerError::Refused(refusal)) => refusal.rule,
        other => panic!("not refused: {other:?}"),
    }
}

fn events(directory: &TempDir) -> Vec<Event> {
    read(&Home::new(directory.path()).audit_log())
        .unwrap()
        .map(|entry| entry.unwrap().entry.event)
        .collect()
}

#[tokio::test]
async fn c06_signatures_verify_and_only_the_providers_key_brings_out_the_slashing() {
    let directory = tempfile::tempdir().unwrap();
    let signer = signer(directory.path(), "alice");
    let delegation = valid(1, 2, &params());
    let signatures = signer.sign(request(1, 2)).await.unwrap();
    delegation.check_covenant_signatures(&signatures).unwrap();
    let alice = secret("alice").public_key();
    let message = delegation.slashing_sighash().to_bytes();
    for (index, signature) in signatures.slashing.iter().enumerate() {
        let key = DecryptionKey::from_secret_key(&secret(&format!("provider {index}")));
        decrypt(&Native, &alice, &key, &message, signature).unwrap();
        let other = DecryptionKey::from_secret_key(&secret("somebody"));
        decrypt(&Native, &alice, &other, &message, signature).unwrap_err();
    }
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let signer = signer(directory.path(), "alice");
    let breaks: [(&str, Change); 9] = [
        ("slashing-amount", |request| {
            request.delegation.slashing_tx.output[0].value -= Amount::ONE_SAT;
        }),
        ("slashing-script", |request| {
            request.delegation.slashing_tx.output[0].script_pubkey = ScriptBuf::new_op_return([]);
        }),
        ("slashing-outputs", |request| {
            let extra = TxOut {
                value: Amount::from_sat(1_000),
                ..request.delegation.slashing_tx.output[0].clone()
            };
            request.delegation.slashing_tx.output.push(extra);
        }),
        ("unbonding-fee", |request| {
            request.delegation.unbonding_tx.output[0].value += Amount::ONE_SAT;
            let unbonding = request.delegation.unbonding_tx.compute_txid();
            request.delegation.unbonding_slashing_tx.input[0]
                .previous_output
                .txid = unbonding;
        }),
        ("unbonding-script", |request| {
            request.delegation.unbonding_tx.output[0].script_pubkey = ScriptBuf::new_op_return([]);
        }),
        ("unbonding-outputs", |request| {
            let extra = request.delegation.unbonding_tx.output[0].clone();
            request.delegation.unbonding_tx.output.push(extra);
        }),
        ("staking-output-missing", |request| {
            request.delegation.staking_time = blocks(9_999);
        }),
        ("unbonding-time", |request| {
            request.delegation.unbonding_time = blocks(1);
        }),
        ("staker-slashing-signature", |request| {
            request.delegation.staker_slashing_signature =
                request.delegation.staker_unbonding_slashing_signature;
        }),
    ];
    for (rule, change) in breaks {
        let mut request = request(1, 1);
        change(&mut request);
        assert_eq!(refused(&signer, request).await, rule);
    }
    // Nothing of it stands in the way of the real one.
    signer.sign(request(1, 1)).await.unwrap();
}

#[tokio::test]
async fn parameters_are_those_of_the_operator_not_those_of_the_request() {
    let directory = tempfile::tempdir().unwrap();
    let signer = signer(directory.path(), "alice");
    let mut evil = params();
    evil.slashing_script = ScriptBuf::new_p2wpkh(&bitcoin::WPubkeyHash::from_raw_hash(
        bitcoin::hashes::Hash::from_byte_array([9; 20]),
    ));
    let consistent = SigningRequest::of_chain(pending(1, 1, &evil), evil.clone()).unwrap();
    assert_eq!(refused(&signer, consistent).await, "untrusted-params");
    evil.version = 7;
    let consistent = SigningRequest::of_chain(pending(1, 1, &evil), evil).unwrap();
    assert_eq!(refused(&signer, consistent).await, "unknown-params");
}

#[test]
fn every_parameter_changes_the_fingerprint() {
    let changes: [fn(&mut staking::params::StakingParams); 6] = [
        |params| params.version = 1,
        |params| params.unbonding_time = blocks(1),
        |params| params.unbonding_fee += Amount::ONE_SAT,
        |params| params.slashing_script = ScriptBuf::new(),
        |params| params.slashing_rate = "0.2".parse().unwrap(),
        |params| params.min_slashing_fee += Amount::ONE_SAT,
    ];
    for change in changes {
        let mut changed = params();
        change(&mut changed);
        assert_ne!(fingerprint(&changed), fingerprint(&params()));
    }
}

#[test]
fn a_committee_that_does_not_have_the_member_is_refused() {
    let refusal = examine(&request(1, 1), covenant_key("mallory")).unwrap_err();
    assert_eq!(refusal.rule, "not-a-member");
}

#[test]
fn a_member_who_is_the_finality_provider_too_is_refused() {
    // Its adaptor signatures would be encrypted to its own key.
    let mut request = request(1, 1);
    request.delegation.finality_providers =
        vec![staking::keys::FinalityProviderKey(covenant_key("alice").0)];
    let refusal = examine(&request, covenant_key("alice")).unwrap_err();
    assert_eq!(refusal.rule, "duplicate-key");
}

#[tokio::test]
async fn a_second_unbonding_transaction_is_refused_even_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let first = request(1, 1);
    signer(directory.path(), "alice")
        .sign(first.clone())
        .await
        .unwrap();
    // The same stake under parameters with another unbonding fee: valid in itself, but a second way out.
    let mut other_params = params();
    other_params.unbonding_fee += Amount::ONE_SAT;
    let other =
        SigningRequest::of_chain(pending(1, 1, &other_params), other_params.clone()).unwrap();
    assert_eq!(other.delegation.staking_tx, first.delegation.staking_tx);
    let home = Home::new(directory.path());
    let secret = covenant::signer::CovenantSecret::from_bytes(&secret("alice").to_bytes()).unwrap();
    let history = covenant::signer::SigningHistory::open(&home, secret.key()).unwrap();
    let pin = covenant::signer::PinnedParams {
        version: 0,
        fingerprint: fingerprint(&other_params),
    };
    let reopened = covenant::signer::Embedded::new(
        history,
        secret,
        Network::Regtest,
        TrustedParams::pinned([pin]),
    )
    .unwrap();
    assert_eq!(refused(&reopened, other).await, "second-unbonding");
}

#[tokio::test]
async fn a_stake_that_two_sets_of_parameters_fit_is_slashed_by_one_of_them_only() {
    // Such sets may be Babylon's own version and one for stakers, which no configuration compares.
    let changes: [fn(&mut staking::params::StakingParams); 3] = [
        |params| params.slashing_rate = "0.05".parse().unwrap(),
        |params| {
            let hash = bitcoin::hashes::Hash::from_byte_array([9; 20]);
            let hash = bitcoin::WPubkeyHash::from_raw_hash(hash);
            params.slashing_script = ScriptBuf::new_p2wpkh(&hash);
        },
        |params| params.min_slashing_fee += Amount::ONE_SAT,
    ];
    for change in changes {
        let directory = tempfile::tempdir().unwrap();
        signer(directory.path(), "alice")
            .sign(request(1, 1))
            .await
            .unwrap();
        let mut milder = params();
        milder.version = 5;
        change(&mut milder);
        let other = SigningRequest::of_chain(pending(1, 1, &milder), milder.clone()).unwrap();
        let reopened = signer_under(directory.path(), "alice", &milder);
        assert_eq!(refused(&reopened, other).await, "second-slashing");
        // The first set's are given again.
        drop(reopened);
        signer(directory.path(), "alice")
            .sign(request(1, 1))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn the_same_delegation_may_be_signed_again() {
    let directory = tempfile::tempdir().unwrap();
    signer(directory.path(), "alice")
        .sign(request(1, 1))
        .await
        .unwrap();
    signer(directory.path(), "alice")
        .sign(request(1, 1))
        .await
        .unwrap();
}

#[tokio::test]
async fn every_answer_is_in_the_audit_log() {
    let directory = tempfile::tempdir().unwrap();
    let signer = signer(directory.path(), "alice");
    signer.sign(request(1, 1)).await.unwrap();
    let mut broken = request(2, 1);
    broken.delegation.unbonding_time = blocks(1);
    refused(&signer, broken.clone()).await;
    let events = events(&directory);
    let delegation = valid(1, 1, &params());
    assert!(matches!(events[0], Event::Started { .. }));
    assert!(matches!(
        events[1],
        Event::Signed { staking_output, unbonding_txid, .. }
            if staking_output == delegation.staking_outpoint()
                && unbonding_txid == delegation.unbonding_outpoint().txid
    ));
    assert!(matches!(
        &events[2],
        Event::Refused { staking_txid, rule, .. }
            if *staking_txid == broken.delegation.staking_tx.compute_txid() && rule == "unbonding-time"
    ));
}

#[tokio::test]
async fn many_requests_at_once_are_all_signed_and_all_logged() {
    let directory = tempfile::tempdir().unwrap();
    let signer = Arc::new(signer(directory.path(), "alice"));
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let signer = Arc::clone(&signer);
            tokio::spawn(async move { signer.sign(request(number, 1)).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(events(&directory).len(), 21);
}

#[tokio::test]
async fn a_signer_in_another_process_gives_the_same_answers() {
    let directory = tempfile::tempdir().unwrap();
    let local = Arc::new(signer(directory.path(), "alice"));
    let endpoint = Endpoint::Unix(directory.path().join("signer.sock"));
    let stop = CancellationToken::new();
    let serving = tokio::spawn({
        let (signer, endpoint, stop) = (local, endpoint.clone(), stop.clone());
        async move { serve(signer, &endpoint, stop.cancelled_owned()).await }
    });
    let remote = Remote::new(endpoint).unwrap();
    while remote.identity().await.is_err() {
        tokio::task::yield_now().await;
    }
    let identity = remote.identity().await.unwrap();
    assert_eq!(
        (identity.key, identity.network),
        (covenant_key("alice"), Network::Regtest)
    );
    let signatures = remote.sign(request(1, 2)).await.unwrap();
    valid(1, 2, &params())
        .check_covenant_signatures(&signatures)
        .unwrap();
    let mut broken = request(2, 1);
    broken.delegation.unbonding_time = blocks(1);
    assert_eq!(refused(&remote, broken).await, "unbonding-time");
    stop.cancel();
    serving.await.unwrap().unwrap();
    assert!(matches!(
        remote.sign(request(3, 1)).await,
        Err(SignerError::Unavailable(_))
    ));
}
