//! Nonces of partner chains: the derivation that the formats fix, computed apart from this code (in Python).

#![cfg(feature = "native")]
#![allow(clippy::unwrap_used, missing_docs)]

use eots::SecretKey;
use eots::randomness::{derive, derive_for_checkpoint};

/// Secret key, and public randomness of checkpoint 7 under the domain `d0…d0`.
const VECTORS: [(u8, &str); 2] = [
    // The point of this key has odd y, so its negative goes into the HMAC.
    (
        0x42,
        "72c5b6575411ff76f54a02826737390109a9e6ff3be56bff24165616c3956682",
    ),
    (
        0x43,
        "1f0a511115c15c4f63da0424df8530724b27ec74d167aa3a7cf1c32f295506ef",
    ),
];

const DOMAIN: [u8; 32] = [0xd0; 32];

#[test]
fn public_randomness_of_a_checkpoint_is_that_of_the_formats() {
    for (byte, expected) in VECTORS {
        let key = SecretKey::from_bytes(&[byte; 32]).unwrap();
        let randomness = derive_for_checkpoint(&key, &DOMAIN, 7);
        assert_eq!(randomness.public().to_string(), expected);
    }
}

#[test]
fn no_other_domain_checkpoint_or_convention_shares_a_nonce() {
    let key = SecretKey::from_bytes(&[0x42; 32]).unwrap();
    let public = derive_for_checkpoint(&key, &DOMAIN, 7).public();
    assert_ne!(derive_for_checkpoint(&key, &[0xd1; 32], 7).public(), public);
    assert_ne!(derive_for_checkpoint(&key, &DOMAIN, 8).public(), public);
    assert_ne!(derive(&key, "chain-test", 7).public(), public);
}
