//! Messages that the chain, the node or we refuse: each alone, with an error that tells what to do.

use bitcoin::hashes::Hash as _;
use bitcoin::{Txid, secp256k1};
use chain::babylon::{AccountKey, Babylon, Config};
use chain::{AddCovenantSignatures, Chain as _, ChainError, Message, Rejection};
use eots::SecretKey;
use staking::keys::CovenantKey;
use staking::units::BitcoinHeight;
use testenv::Port;
use testenv::scenario::{Stage, babylon_config};

use super::money::{empty_account, held_by};
use super::provider::Provider;
use super::sharing::next_header;

fn rejection(answer: &Result<chain::Receipt, ChainError>) -> (&str, u32) {
    match answer {
        Err(ChainError::Rejected(Rejection {
            codespace, code, ..
        })) => (codespace, *code),
        other => panic!("not a refusal: {other:?}"),
    }
}

pub(crate) async fn bad_messages_are_refused_alone_and_the_others_land_in_order(stage: &Stage) {
    let (_, chain) = stage.account().await.unwrap();
    let provider = Provider::new(chain.clone()).unwrap();
    let receiver = empty_account(&stage.babylond).unwrap();
    let transfer = |to: &str, amount| Message::Send {
        to: to.to_owned(),
        amount,
    };
    // A commitment must begin after the one before it, so those of this list land in this order or not at all.
    let messages = vec![
        (provider.registration().unwrap(), None),
        (provider.commitment(1, 100).unwrap(), None),
        // Overlaps the one before.
        (
            provider.commitment(50, 100).unwrap(),
            Some(("finality", 1106)),
        ),
        (transfer(&receiver, u128::MAX >> 1), Some(("sdk", 5))),
        (provider.commitment(101, 100).unwrap(), None),
        // Too short.
        (
            provider.commitment(201, 5).unwrap(),
            Some(("finality", 1105)),
        ),
        (signatures_of_nothing(), Some(("btcstaking", 1102))),
        (
            Message::SelectiveSlashingEvidence(SecretKey::from_bytes(&rand::random()).unwrap()),
            Some(("btcstaking", 1100)),
        ),
        // No address at all: the node refuses the whole transaction without naming a message.
        (transfer("nowhere", 1), Some(("sdk", 7))),
        (transfer(&receiver, 30), None),
        // The same provider once more.
        (provider.registration().unwrap(), Some(("btcstaking", 1103))),
        (provider.commitment(201, 100).unwrap(), None),
    ];
    let (messages, expected): (Vec<_>, Vec<_>) = messages.into_iter().unzip();
    let answers = chain.submit(messages).await;

    assert_eq!(answers.len(), expected.len());
    let mut height = None;
    for (position, (answer, expected)) in answers.iter().zip(&expected).enumerate() {
        if let Some(expected) = expected {
            assert_eq!(rejection(answer), *expected, "message {position}");
        } else {
            let receipt = answer.as_ref().unwrap();
            assert!(height <= Some(receipt.height), "message {position}");
            height = Some(receipt.height);
        }
    }
    let commits = chain.public_randomness_commits(&provider.key).await;
    let ranges: Vec<_> = commits
        .unwrap()
        .iter()
        .map(|c| (c.start.0, c.count))
        .collect();
    assert_eq!(ranges, [(1, 100), (101, 100), (201, 100)]);
    assert_eq!(held_by(&stage.babylond, &receiver).await.unwrap(), 30);
}

/// Well-formed signatures of a delegation that nobody registered.
#[expect(
    clippy::disallowed_methods,
    reason = "the keys are constants and guard nothing"
)]
fn signatures_of_nothing() -> Message {
    let signature = secp256k1::schnorr::Signature::from_slice(&[1; 64]).unwrap();
    let secret = SecretKey::from_bytes(&[1; 32]).unwrap();
    let adaptor = || {
        let provider = SecretKey::from_bytes(&[2; 32]).unwrap().public_key();
        let encryption_key = eots::adaptor::EncryptionKey::from_x_only(&provider).unwrap();
        vec![eots::adaptor::sign(&secret, &encryption_key, &[3; 32], &[4; 32]).unwrap()]
    };
    Message::AddCovenantSignatures(AddCovenantSignatures {
        covenant: CovenantKey::from_slice(secret.public_key().as_bytes()).unwrap(),
        staking_txid: Txid::from_byte_array([5; 32]),
        slashing_signatures: adaptor(),
        unbonding_signature: signature,
        unbonding_slashing_signatures: adaptor(),
        expansion_signature: None,
    })
}

pub(crate) async fn what_cannot_be_sent_at_all_says_why(stage: &Stage) {
    let receiver = empty_account(&stage.babylond).unwrap();
    let transfer = || Message::Send {
        to: receiver.clone(),
        amount: 1,
    };
    let config = babylon_config(&stage.babylond).unwrap();

    let penniless = connect(config.clone()).await.unwrap();
    let answer = penniless.submit(vec![transfer()]).await.remove(0);
    assert!(
        matches!(&answer, Err(ChainError::InsufficientFunds { account, .. }) if account == penniless.account()),
        "{answer:?}"
    );

    let (secret, chain) = stage.account().await.unwrap();
    let answers = chain
        .submit(vec![
            Message::InsertHeaders {
                from: BitcoinHeight(1),
                headers: Vec::new(),
            },
            transfer(),
        ])
        .await;
    assert!(
        matches!(answers[0], Err(ChainError::InvalidMessage { .. })),
        "{answers:?}"
    );
    assert!(answers[1].is_ok(), "{answers:?}");

    let thrifty = Config {
        max_fee: 10.try_into().unwrap(),
        ..config
    };
    let key = AccountKey::from_secret(&secret).unwrap();
    let thrifty = Babylon::connect(thrifty, key).await.unwrap();
    let answer = thrifty.submit(vec![transfer()]).await.remove(0);
    assert!(
        matches!(answer, Err(ChainError::FeeAboveCap { max_fee: 10, fee, .. }) if fee > 10),
        "{answer:?}"
    );
    assert_eq!(held_by(&stage.babylond, &receiver).await.unwrap(), 1);
}

pub(crate) async fn a_node_that_is_away_or_of_another_chain_is_told_apart(stage: &Stage) {
    let config = babylon_config(&stage.babylond).unwrap();
    let other = Config {
        chain_id: "bbn-1".into(),
        ..config.clone()
    };
    let error = connect(other).await.unwrap_err();
    assert!(
        matches!(&error, ChainError::WrongChain { expected, actual }
            if expected == "bbn-1" && actual == stage.babylond.chain_id()),
        "{error}"
    );

    let nobody = Port::reserve().unwrap();
    let away = Config {
        grpc_url: format!("http://{}", nobody.address()).try_into().unwrap(),
        ..config
    };
    let error = connect(away).await.unwrap_err();
    assert!(
        matches!(&error, ChainError::Unreachable { endpoint, .. } if endpoint.contains(&nobody.address())),
        "{error}"
    );
}

async fn connect(config: Config) -> Result<Babylon, ChainError> {
    let key = AccountKey::from_secret(&rand::random()).unwrap();
    Babylon::connect(config, key).await
}

pub(crate) async fn a_message_sent_twice_takes_effect_once(stage: &Stage) {
    /// The header to begin with is known already.
    const FORK_BEGINS_WITH_KNOWN_HEADER: u32 = 1108;
    let (_, chain) = stage.account().await.unwrap();
    let header = next_header(stage).await;
    let answers = chain
        .submit(vec![header.clone(), header.clone(), header])
        .await;
    assert!(answers[0].is_ok(), "{answers:?}");
    for answer in &answers[1..] {
        assert_eq!(
            rejection(answer),
            ("btclightclient", FORK_BEGINS_WITH_KNOWN_HEADER)
        );
    }
}
