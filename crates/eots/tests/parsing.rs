//! What is refused where bytes and text come in, and what is never shown.

#![cfg(feature = "native")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::str::FromStr;

use eots::adaptor::{AdaptorSignature, DecryptionKey, EncryptionKey};
use eots::commitment::Commitment;
use eots::{ParseError, PublicKey, PublicRandomness, SecretKey, SecretRandomness, Signature};
use eots::{bip340, randomness};
use proptest::prelude::*;

const GROUP_ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
const GROUP_ORDER_LESS_1: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140";
const FIELD_PRIME: &str = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f";
const FIELD_PRIME_LESS_1: &str = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2e";
const ON_CURVE: &str = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
const OFF_CURVE: &str = "0000000000000000000000000000000000000000000000000000000000000005";

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    hex::decode(hex).unwrap().try_into().unwrap()
}

#[test]
fn scalars_end_below_the_group_order() {
    assert!(Signature::from_str(GROUP_ORDER_LESS_1).is_ok());
    assert!(matches!(
        Signature::from_str(GROUP_ORDER),
        Err(ParseError::AboveGroupOrder { .. })
    ));
    assert!(SecretKey::from_bytes(&bytes(GROUP_ORDER_LESS_1)).is_ok());
    for refused in [[0; 32], bytes(GROUP_ORDER), [0xff; 32]] {
        assert!(SecretKey::from_bytes(&refused).is_err());
        assert!(SecretRandomness::from_bytes(&refused).is_err());
        assert!(DecryptionKey::from_bytes(&refused).is_err());
    }
}

#[test]
fn x_coordinates_end_below_the_field_prime() {
    assert!(PublicRandomness::from_str(FIELD_PRIME_LESS_1).is_ok());
    assert!(matches!(
        PublicRandomness::from_str(FIELD_PRIME),
        Err(ParseError::AboveFieldPrime { .. })
    ));
    assert!(PublicKey::from_str(ON_CURVE).is_ok());
    for refused in [FIELD_PRIME, OFF_CURVE, &"0".repeat(64)] {
        assert!(matches!(
            PublicKey::from_str(refused),
            Err(ParseError::NotOnCurve { .. })
        ));
        let key = PublicKey::from_checked_bytes(bytes(refused));
        assert!(EncryptionKey::from_x_only(&key).is_err());
    }
}

#[test]
fn bip340_signatures_have_both_halves_in_range() {
    let parse = |r: &str, s: &str| bip340::Signature::from_str(&format!("{r}{s}"));
    assert!(parse(ON_CURVE, GROUP_ORDER_LESS_1).is_ok());
    assert!(matches!(
        parse(ON_CURVE, GROUP_ORDER),
        Err(ParseError::AboveGroupOrder { .. })
    ));
    assert!(matches!(
        parse(FIELD_PRIME, ON_CURVE),
        Err(ParseError::AboveFieldPrime { .. })
    ));
}

#[test]
fn adaptor_signatures_have_a_parity_a_point_and_a_scalar() {
    let parse =
        |parity: &str, x: &str, s: &str| AdaptorSignature::from_str(&format!("{parity}{x}{s}"));
    assert!(parse("02", ON_CURVE, GROUP_ORDER_LESS_1).is_ok());
    assert!(parse("03", ON_CURVE, &"0".repeat(64)).is_ok());
    for parity in ["00", "01", "04", "82", "ff"] {
        assert!(matches!(
            parse(parity, ON_CURVE, ON_CURVE),
            Err(ParseError::Parity { .. })
        ));
    }
    assert!(matches!(
        parse("02", ON_CURVE, GROUP_ORDER),
        Err(ParseError::AboveGroupOrder { .. })
    ));
    for x in [OFF_CURVE, FIELD_PRIME] {
        assert!(matches!(
            parse("02", x, ON_CURVE),
            Err(ParseError::NotOnCurve { .. })
        ));
    }
}

#[test]
fn encryption_keys_keep_the_parity_they_are_given_with() {
    for parity in ["02", "03"] {
        let text = format!("{parity}{ON_CURVE}");
        let key = EncryptionKey::from_compressed(&bytes::<33>(&text)).unwrap();
        assert_eq!(key.to_string(), text);
    }
    for refused in [
        format!("04{ON_CURVE}"),
        format!("02{OFF_CURVE}"),
        format!("00{ON_CURVE}"),
    ] {
        assert!(EncryptionKey::from_compressed(&bytes::<33>(&refused)).is_err());
    }
    assert!(EncryptionKey::from_compressed(&[0; 33]).is_err());
    let x_only = PublicKey::from_str(ON_CURVE).unwrap();
    let even = EncryptionKey::from_x_only(&x_only).unwrap();
    assert_eq!(even.to_string(), format!("02{ON_CURVE}"));
}

#[test]
fn refusals_name_the_value_and_the_rule() {
    assert_eq!(
        PublicKey::from_str(OFF_CURVE).unwrap_err().to_string(),
        format!("public key `{OFF_CURVE}` is not the x coordinate of a point of secp256k1")
    );
    assert_eq!(
        Signature::from_slice(&[1; 64]).unwrap_err().to_string(),
        "EOTS signature is 64 bytes long, it must be 32"
    );
    assert_eq!(
        Commitment::from_str("0g").unwrap_err().to_string(),
        "commitment is not hex text: Invalid character 'g' at position 1"
    );
    assert_eq!(
        SecretKey::from_bytes(&[0xff; 32]).unwrap_err().to_string(),
        "secret key must be a number from 1 to the group order of secp256k1 less 1"
    );
}

#[test]
fn secrets_are_not_shown() {
    let secret = SecretKey::from_bytes(&[0x42; 32]).unwrap();
    let nonce = randomness::derive(&secret, "chain-test", 7);
    let decryption_key = DecryptionKey::from_secret_key(&secret);
    let text = format!("{secret:?} {nonce:?} {decryption_key:?}");
    let shown = text.to_lowercase();
    for hidden in [secret.to_bytes(), decryption_key.to_bytes()] {
        let hidden = hex::encode(hidden);
        assert!(
            !shown.contains(&hidden[..16]) && !shown.contains(&hidden[48..]),
            "{text}"
        );
    }
    assert!(shown.contains(&secret.public_key().to_string()));
    assert!(shown.contains(&nonce.public().to_string()));
}

/// Whatever is accepted is given back as it came.
fn reads<T: FromStr + ToString + for<'a> TryFrom<&'a [u8]> + AsRef<[u8]>>(bytes: &[u8]) {
    if let Ok(value) = T::try_from(bytes) {
        assert_eq!(value.as_ref(), bytes);
        assert!(T::from_str(&value.to_string()).is_ok());
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), text: String) {
        reads::<PublicKey>(&bytes);
        reads::<PublicRandomness>(&bytes);
        reads::<Signature>(&bytes);
        reads::<Commitment>(&bytes);
        reads::<bip340::Signature>(&bytes);
        if bytes.len() != 66 {
            reads::<AdaptorSignature>(&bytes);
        }
        let _ = EncryptionKey::from_compressed(&bytes);
        prop_assert!(PublicKey::from_str(&text).is_err());
        prop_assert!(AdaptorSignature::from_str(&text).is_err());
    }

    #[test]
    fn no_bytes_of_the_right_length_make_a_parser_panic(bytes: [u8; 32], more: [u8; 32], first in 0_u8..5, last in 0_u8..3) {
        reads::<PublicKey>(&bytes);
        reads::<PublicRandomness>(&bytes);
        reads::<Signature>(&bytes);
        reads::<bip340::Signature>(&[bytes, more].concat());
        let adaptor = [&[first][..], &bytes, &more].concat();
        reads::<AdaptorSignature>(&adaptor);
        let old = [&adaptor[..], &[last]].concat();
        if let Ok(signature) = AdaptorSignature::from_slice(&old) {
            prop_assert!(first == 2 && last < 2);
            prop_assert_eq!(signature.as_bytes()[0], 2 + last);
            prop_assert_eq!(&signature.as_bytes()[1..], &old[1..65]);
        }
        if let Ok(key) = EncryptionKey::from_compressed(&adaptor[..33]) {
            prop_assert_eq!(&key.to_compressed()[..], &adaptor[..33]);
        }
    }
}
