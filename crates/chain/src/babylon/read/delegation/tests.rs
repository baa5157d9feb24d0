use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::transaction::Version;
use bitcoin::{ScriptBuf, TxIn, TxOut};
use proptest::prelude::*;
use proto::prost::Message;

use super::*;

/// The x coordinate of 2·G.
const KEY: &str = "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5";

/// Hex of a transaction with one input and one output.
fn tx() -> String {
    let transaction = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn::default()],
        output: vec![TxOut {
            value: Amount::from_sat(10_000),
            script_pubkey: ScriptBuf::new(),
        }],
    };
    serialize_hex(&transaction)
}

fn key() -> Vec<u8> {
    hex::decode(KEY).unwrap()
}

fn adaptor_signature() -> Vec<u8> {
    let mut bytes = vec![2];
    bytes.extend(key());
    bytes.extend([1; 32]);
    bytes
}

fn answer() -> BtcDelegationResponse {
    let covenant_signature = SignatureInfo {
        pk: key(),
        sig: vec![1; 64],
    };
    let adaptor = WireAdaptors {
        cov_pk: key(),
        adaptor_sigs: vec![adaptor_signature(), adaptor_signature()],
    };
    BtcDelegationResponse {
        staker_addr: "bbn1staker".to_owned(),
        btc_pk: key(),
        fp_btc_pk_list: vec![key()],
        staking_time: 1_000,
        start_height: 0,
        end_height: 0,
        total_sat: 10_000,
        staking_tx_hex: tx(),
        slashing_tx_hex: tx(),
        delegator_slash_sig_hex: "01".repeat(64),
        covenant_sigs: vec![adaptor.clone()],
        staking_output_idx: 0,
        active: false,
        status_desc: "PENDING".to_owned(),
        unbonding_time: 5,
        undelegation_response: Some(BtcUndelegationResponse {
            unbonding_tx_hex: tx(),
            covenant_unbonding_sig_list: vec![covenant_signature.clone()],
            slashing_tx_hex: tx(),
            delegator_slashing_sig_hex: "01".repeat(64),
            covenant_slashing_sigs: vec![adaptor],
        }),
        params_version: 0,
        stk_exp: Some(StakeExpansionResponse {
            previous_staking_tx_hash_hex: KEY.to_owned(),
            other_funding_tx_out_hex: "10270000000000000151".to_owned(),
            previous_stk_covenant_sigs: vec![covenant_signature],
        }),
    }
}

#[test]
fn a_delegation_is_read_with_all_its_parts() {
    let read = delegation(&answer()).unwrap();
    assert_eq!(read.staking_value, Amount::from_sat(10_000));
    assert_eq!(read.status, DelegationStatus::Pending);
    assert_eq!(read.bitcoin_span, None);
    assert_eq!(read.covenant_slashing_signatures[0].signatures.len(), 2);
    let expansion = read.expansion.unwrap();
    assert_eq!(expansion.previous_staking_txid.to_string(), KEY);
    assert_eq!(expansion.funding_output.value, Amount::from_sat(10_000));
}

#[test]
fn the_heights_are_known_once_one_of_them_is() {
    let proven = BtcDelegationResponse {
        start_height: 7,
        end_height: 1_007,
        ..answer()
    };
    let span = delegation(&proven).unwrap().bitcoin_span;
    assert_eq!(span, Some((BitcoinHeight(7), BitcoinHeight(1_007))));
}

#[test]
fn bytes_after_a_transaction_do_not_change_what_is_read() {
    let trailing = BtcDelegationResponse {
        staking_tx_hex: tx() + "deadbeef",
        ..answer()
    };
    assert_eq!(
        delegation(&trailing).unwrap(),
        delegation(&answer()).unwrap()
    );
}

#[test]
fn adaptor_signatures_of_66_bytes_are_read() {
    let mut long = answer();
    let signature = &mut long.covenant_sigs[0].adaptor_sigs[0];
    signature.push(1);
    let read = delegation(&long).unwrap().covenant_slashing_signatures;
    assert_eq!(read[0].signatures[0].to_bytes()[0], 3);
}

#[test]
fn every_bad_field_is_named() {
    type Damage = fn(&mut BtcDelegationResponse);
    fn undelegation(answer: &mut BtcDelegationResponse) -> &mut BtcUndelegationResponse {
        answer.undelegation_response.as_mut().unwrap()
    }
    let cases: [(Damage, &str); 21] = [
        (|a| a.btc_pk.truncate(31), "btc_pk"),
        (|a| a.fp_btc_pk_list[0].fill(0xff), "fp_btc_pk_list[0]"),
        (|a| a.staking_time = 0, "staking_time"),
        (|a| a.staking_time = 65_536, "staking_time"),
        (|a| a.total_sat = u64::MAX, "total_sat"),
        (|a| a.staking_tx_hex.truncate(20), "staking_tx_hex"),
        (|a| a.slashing_tx_hex = "zz".to_owned(), "slashing_tx_hex"),
        (
            |a| a.delegator_slash_sig_hex = "01".repeat(65),
            "delegator_slash_sig_hex",
        ),
        (
            |a| a.covenant_sigs[0].cov_pk.clear(),
            "covenant_sigs[0].cov_pk",
        ),
        (
            |a| a.covenant_sigs[0].adaptor_sigs[1].clear(),
            "covenant_sigs[0].adaptor_sigs[1]",
        ),
        (|a| a.unbonding_time = 70_000, "unbonding_time"),
        (|a| a.status_desc = "LOST".to_owned(), "status_desc"),
        (|a| a.undelegation_response = None, "undelegation_response"),
        (
            |a| undelegation(a).unbonding_tx_hex.clear(),
            "undelegation_response.unbonding_tx_hex",
        ),
        (
            |a| {
                undelegation(a).covenant_unbonding_sig_list[0]
                    .sig
                    .truncate(1);
            },
            "undelegation_response.covenant_unbonding_sig_list[0].sig",
        ),
        (
            |a| undelegation(a).slashing_tx_hex.clear(),
            "undelegation_response.slashing_tx_hex",
        ),
        (
            |a| undelegation(a).delegator_slashing_sig_hex.clear(),
            "undelegation_response.delegator_slashing_sig_hex",
        ),
        (
            |a| undelegation(a).covenant_slashing_sigs[0].adaptor_sigs[0][0] = 4,
            "undelegation_response.covenant_slashing_sigs[0].adaptor_sigs[0]",
        ),
        (
            |a| {
                a.stk_exp
                    .as_mut()
                    .unwrap()
                    .previous_staking_tx_hash_hex
                    .truncate(62);
            },
            "stk_exp.previous_staking_tx_hash_hex",
        ),
        (
            |a| {
                a.stk_exp
                    .as_mut()
                    .unwrap()
                    .other_funding_tx_out_hex
                    .truncate(8);
            },
            "stk_exp.other_funding_tx_out_hex",
        ),
        (
            |a| {
                a.stk_exp.as_mut().unwrap().previous_stk_covenant_sigs[0]
                    .pk
                    .push(0);
            },
            "stk_exp.previous_stk_covenant_sigs[0].pk",
        ),
    ];
    for (damage, path) in cases {
        let mut damaged = answer();
        damage(&mut damaged);
        assert_eq!(delegation(&damaged).unwrap_err().path(), path);
    }
}

#[test]
fn one_unreadable_delegation_is_listed_beside_the_others() {
    let bad = BtcDelegationResponse {
        status_desc: String::new(),
        ..answer()
    };
    let next = Some(PageKey {
        start: vec![7],
        read: 3,
    });
    let page = page([answer(), bad, answer()], next.clone());
    assert_eq!(page.delegations.len(), 2);
    assert_eq!(page.invalid.len(), 1);
    assert_eq!(page.invalid[0].staking_tx, tx());
    assert!(
        page.invalid[0].reason.contains("status_desc"),
        "{}",
        page.invalid[0].reason
    );
    assert_eq!(page.next, next);
}

proptest! {
    #[test]
    fn damaged_answers_never_panic(
        position in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = answer().encode_to_vec();
        let position = position.index(bytes.len());
        bytes[position] = byte;
        if let Ok(damaged) = BtcDelegationResponse::decode(bytes.as_slice()) {
            let _ = delegation(&damaged);
        }
        bytes.truncate(cut.index(bytes.len()));
        if let Ok(damaged) = BtcDelegationResponse::decode(bytes.as_slice()) {
            let _ = delegation(&damaged);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(answer) = BtcDelegationResponse::decode(bytes.as_slice()) {
            let _ = delegation(&answer);
        }
    }
}
