//! Messages from outside: what is written is read, and anything else is an error that names the field.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod fixture;

use bitcoin::Network;
use committee::message::{
    delegation_from_proto, delegation_to_proto, params_from_proto, params_to_proto,
    refusal_from_proto, signatures_from_proto, signatures_to_proto, terms_from_proto,
    terms_to_proto,
};
use committee::{Refusal, Terms};
use fixture::{covenant_key, delegation, params, request, signatures};
use proptest::prelude::*;
use proto::btcmesh::covenant::v1 as message;
use proto::prost::Message;
use proto::prost::bytes::Bytes;
use proto::strict;

#[test]
fn what_is_written_is_read() {
    let delegation = delegation(1, &params());
    let read = delegation_from_proto(delegation_to_proto(&delegation));
    assert_eq!(read.unwrap(), delegation);
    assert_eq!(
        params_from_proto(params_to_proto(&params())).unwrap(),
        params()
    );
    let given = signatures("alice", request(1).valid());
    let read = signatures_from_proto(signatures_to_proto(&given), given.key);
    assert_eq!(read.unwrap(), given);
    let terms = Terms {
        key: covenant_key("alice"),
        network: Network::Signet,
        params: vec![params()],
    };
    assert_eq!(terms_from_proto(terms_to_proto(&terms)).unwrap(), terms);
}

#[test]
fn the_witness_of_the_staking_transaction_stays_at_home() {
    let delegation = delegation(1, &params());
    assert!(delegation.staking_tx.input[0].witness.is_empty());
}

#[test]
fn what_cannot_be_read_is_named() {
    let named = |change: fn(&mut message::Delegation)| {
        let mut message = delegation_to_proto(&delegation(1, &params()));
        change(&mut message);
        delegation_from_proto(message)
            .unwrap_err()
            .path()
            .to_owned()
    };
    assert_eq!(named(|it| it.staker_key.truncate(31)), "staker_key");
    assert_eq!(
        named(|it| it.finality_provider_keys.push(vec![0; 32])),
        "finality_provider_keys[1]"
    );
    assert_eq!(named(|it| it.staking_time = 0), "staking_time");
    assert_eq!(named(|it| it.unbonding_time = 1 << 16), "unbonding_time");
    assert_eq!(named(|it| it.staking_tx.push(0)), "staking_tx");
    assert_eq!(named(|it| it.slashing_tx.truncate(9)), "slashing_tx");
    assert_eq!(
        named(|it| it.staker_slashing_signature.push(0)),
        "staker_slashing_signature"
    );

    let mut expanded = signatures_to_proto(&signatures("alice", request(1).valid()));
    expanded.expansion = vec![1; 64];
    let error = signatures_from_proto(expanded, covenant_key("alice")).unwrap_err();
    assert_eq!(error.path(), "expansion");
}

#[test]
fn a_field_that_is_unknown_here_is_refused() {
    let known = message::CosignDelegationRequest {
        params_version: 1,
        delegation: Some(delegation_to_proto(&delegation(1, &params()))),
    };
    let mut bytes = known.encode_to_vec();
    // Field 9, a number.
    bytes.extend([9 << 3, 1]);
    let error = strict::decode::<message::CosignDelegationRequest>(&Bytes::from(bytes));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("unknown field number 9"), "{error}");
}

#[test]
fn a_refusal_is_shown_without_tricks() {
    let read = |rule: &str, message: String| {
        refusal_from_proto(message::Refusal {
            rule: rule.to_owned(),
            message,
        })
    };
    let tricky = read("unbonding-fee", format!("no\u{1b}[2J{}", "o".repeat(5_000))).unwrap();
    assert!(tricky.message.starts_with("no[2Jo") && tricky.message.len() == 1_000);
    for rule in ["", "Unbonding fee", "rule\n", &"a".repeat(65)] {
        assert_eq!(read(rule, String::new()).unwrap_err().path(), "rule");
    }
    let plain = Refusal::new("unbonding-fee", "too low");
    assert_eq!(read("unbonding-fee", "too low".into()).unwrap(), plain);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panicking(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = Bytes::from(bytes);
        if let Ok(request) = strict::decode::<message::CosignDelegationRequest>(&bytes)
            && let Some(delegation) = request.delegation
        {
            let _ = delegation_from_proto(delegation);
        }
        if let Ok(signatures) = strict::decode::<message::Signatures>(&bytes) {
            let _ = signatures_from_proto(signatures, covenant_key("alice"));
        }
        if let Ok(terms) = strict::decode::<message::GetMemberResponse>(&bytes) {
            let _ = terms_from_proto(terms);
        }
    }

    #[test]
    fn a_changed_byte_is_never_read_as_the_same(position in any::<prop::sample::Index>(), flip in 1_u8..=255) {
        let delegation = delegation(1, &params());
        let mut bytes = delegation_to_proto(&delegation).encode_to_vec();
        let position = position.index(bytes.len());
        bytes[position] ^= flip;
        if let Ok(read) = strict::decode::<message::Delegation>(&Bytes::from(bytes)) {
            prop_assert_ne!(delegation_from_proto(read).ok(), Some(delegation));
        }
    }
}
