use proptest::prelude::*;
use proto::cosmos::staking::v1beta1::Description;
use proto::prost::Message;
use proto::prost_types::Duration as WireDuration;

use super::*;

const KEY: &str = "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5";

fn key() -> Vec<u8> {
    hex::decode(KEY).unwrap()
}

fn params() -> Params {
    Params {
        max_active_finality_providers: 100,
        signed_blocks_window: 100,
        finality_sig_timeout: 3,
        min_signed_per_window: b"500000000000000000".to_vec(),
        min_pub_rand: 100,
        jail_duration: Some(WireDuration {
            seconds: 86_400,
            nanos: 0,
        }),
        finality_activation_height: 1,
    }
}

fn evidence_answer() -> EvidenceResponse {
    EvidenceResponse {
        fp_btc_pk_hex: KEY.to_owned(),
        block_height: 9,
        pub_rand: key(),
        canonical_app_hash: vec![1; 32],
        fork_app_hash: vec![2; 32],
        canonical_finality_sig: vec![3; 32],
        fork_finality_sig: vec![4; 32],
    }
}

#[test]
fn the_share_to_be_signed_becomes_the_number_that_may_be_missed() {
    let read = finality_params(Some(params())).unwrap();
    assert_eq!(read.max_missed_in_window, 50);
    assert_eq!(read.jail_duration, Duration::from_hours(24));
    // 0.5 of 5 is 2.5, which rounds to the even 2.
    let odd = Params {
        signed_blocks_window: 5,
        ..params()
    };
    assert_eq!(finality_params(Some(odd)).unwrap().max_missed_in_window, 3);
}

#[test]
fn every_bad_parameter_is_named() {
    type Damage = fn(&mut Params);
    let cases: [(Damage, &str); 6] = [
        (
            |p| p.signed_blocks_window = -1,
            "params.signed_blocks_window",
        ),
        (
            |p| p.finality_sig_timeout = -1,
            "params.finality_sig_timeout",
        ),
        (
            |p| p.min_signed_per_window = b"0.5".to_vec(),
            "params.min_signed_per_window",
        ),
        (
            |p| p.min_signed_per_window = vec![0xff],
            "params.min_signed_per_window",
        ),
        (
            |p| p.min_signed_per_window = b"2000000000000000000".to_vec(),
            "params.min_signed_per_window",
        ),
        (|p| p.jail_duration = None, "params.jail_duration"),
    ];
    for (damage, path) in cases {
        let mut damaged = params();
        damage(&mut damaged);
        assert_eq!(finality_params(Some(damaged)).unwrap_err().path(), path);
    }
}

#[test]
fn a_provider_with_an_unreadable_name_is_still_read() {
    let read = finality_provider(FinalityProviderResponse {
        description: Some(Description {
            moniker: vec![0xff, b'a'],
            ..Description::default()
        }),
        commission: "50000000000000000".to_owned(),
        addr: "bbn1provider".to_owned(),
        btc_pk: key(),
        ..FinalityProviderResponse::default()
    })
    .unwrap();
    assert_eq!(read.moniker, "\u{fffd}a");
    assert_eq!(read.commission, "0.05");
    assert_eq!((read.slashed_at, read.highest_voted_height), (None, None));
}

#[test]
fn the_key_called_hex_is_read_as_raw_bytes() {
    let answer = ActiveFinalityProvidersAtHeightResponse {
        btc_pk_hex: key(),
        height: 1,
        voting_power: 10_000,
    };
    let (read, power) = active_provider(&answer).unwrap();
    assert_eq!((read.to_string().as_str(), power), (KEY, 10_000));
    let text = ActiveFinalityProvidersAtHeightResponse {
        btc_pk_hex: KEY.as_bytes().to_vec(),
        ..answer
    };
    assert_eq!(active_provider(&text).unwrap_err().path(), "btc_pk_hex");
}

#[test]
fn evidence_without_a_vote_for_the_canonical_block_is_read() {
    let half = EvidenceResponse {
        canonical_finality_sig: vec![],
        ..evidence_answer()
    };
    assert_eq!(evidence(&half).unwrap().canonical_signature, None);
    assert!(
        evidence(&evidence_answer())
            .unwrap()
            .canonical_signature
            .is_some()
    );
}

#[test]
fn every_bad_field_of_evidence_is_named() {
    type Damage = fn(&mut EvidenceResponse);
    let cases: [(Damage, &str); 6] = [
        (|e| e.fp_btc_pk_hex.push('0'), "fp_btc_pk_hex"),
        (|e| e.pub_rand.truncate(31), "pub_rand"),
        (|e| e.canonical_app_hash.clear(), "canonical_app_hash"),
        (|e| e.fork_app_hash.push(0), "fork_app_hash"),
        (
            |e| e.canonical_finality_sig.truncate(1),
            "canonical_finality_sig",
        ),
        (|e| e.fork_finality_sig.clear(), "fork_finality_sig"),
    ];
    for (damage, path) in cases {
        let mut damaged = evidence_answer();
        damage(&mut damaged);
        assert_eq!(evidence(&damaged).unwrap_err().path(), path);
    }
}

#[test]
fn a_bad_app_hash_or_commitment_is_named() {
    let bad = IndexedBlock {
        height: 1,
        app_hash: vec![0; 31],
        finalized: false,
    };
    assert_eq!(block(Some(bad)).unwrap_err().path(), "block.app_hash");
    assert_eq!(block(None).unwrap_err().path(), "block");
    let bad = PubRandCommitResponse {
        commitment: vec![0; 33],
        ..Default::default()
    };
    assert_eq!(
        commits([(7, bad)]).unwrap_err().path(),
        "pub_rand_commit_map[7].commitment"
    );
}

#[test]
fn the_epoch_of_unix_time_means_not_jailed() {
    let free = SigningInfoResponse {
        start_height: 5,
        jailed_until: Some(Timestamp::default()),
        ..SigningInfoResponse::default()
    };
    assert_eq!(signing_info(Some(free.clone())).unwrap().jailed_until, None);
    let jailed = SigningInfoResponse {
        jailed_until: Some(Timestamp {
            seconds: 60,
            nanos: 0,
        }),
        ..free.clone()
    };
    assert_eq!(
        signing_info(Some(jailed)).unwrap().jailed_until,
        Some(SystemTime::UNIX_EPOCH + Duration::from_mins(1))
    );
    let negative = SigningInfoResponse {
        start_height: -1,
        ..free
    };
    assert_eq!(
        signing_info(Some(negative)).unwrap_err().path(),
        "signing_info.start_height"
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(answer) = Params::decode(bytes.as_slice()) {
            let _ = finality_params(Some(answer));
        }
        if let Ok(answer) = EvidenceResponse::decode(bytes.as_slice()) {
            let _ = evidence(&answer);
        }
        if let Ok(answer) = SigningInfoResponse::decode(bytes.as_slice()) {
            let _ = signing_info(Some(answer));
        }
        if let Ok(answer) = FinalityProviderResponse::decode(bytes.as_slice()) {
            let _ = finality_provider(answer);
        }
    }

    #[test]
    fn any_time_and_duration_never_panic(seconds in any::<i64>(), nanos in any::<i32>()) {
        let _ = jailed_until(Timestamp { seconds, nanos });
        let _ = finality_params(Some(Params {
            jail_duration: Some(WireDuration { seconds, nanos }),
            ..params()
        }));
    }
}
