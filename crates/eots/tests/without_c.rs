//! What a contract does with the crate: verify and extract. Runs with and without the feature `native`.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use eots::adaptor::{self, AdaptorSignature, DecryptionKey, EncryptionKey};
use eots::curve::Pure;
use eots::{PublicKey, SecretKey, Signed, bip340, extract, verify, vote_message};
use serde_json::Value;

fn cases(vectors: &str) -> Vec<Value> {
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    vectors["cases"].as_array().unwrap().clone()
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap()
}

fn bytes(case: &Value, field: &str) -> [u8; 32] {
    hex::decode(text(case, field)).unwrap().try_into().unwrap()
}

#[test]
fn votes_verify_and_two_of_them_disclose_the_key() {
    let cases = cases(include_str!("vectors/eots.json"));
    assert!(!cases.is_empty());
    for case in cases {
        let height = case["height"].as_u64().unwrap();
        let key = text(&case, "public_key").parse().unwrap();
        let randomness = text(&case, "public_randomness").parse().unwrap();
        let vote = vote_message(height, &bytes(&case, "app_hash"));
        let fork = vote_message(height, &bytes(&case, "fork_app_hash"));
        let signature = text(&case, "signature").parse().unwrap();
        let fork_signature = text(&case, "fork_signature").parse().unwrap();

        verify(&Pure, &key, &randomness, &vote, &signature).unwrap();
        verify(&Pure, &key, &randomness, &fork, &fork_signature).unwrap();
        assert!(verify(&Pure, &key, &randomness, &vote, &fork_signature).is_err());
        let vote = Signed {
            message: &vote,
            signature: &signature,
        };
        let fork = Signed {
            message: &fork,
            signature: &fork_signature,
        };
        let secret = extract(&Pure, &key, &randomness, vote, fork).unwrap();
        assert_eq!(*secret.to_bytes(), bytes(&case, "extracted_key"));
        assert_eq!(secret.public_key(), key);
    }
}

#[test]
fn adaptor_signatures_verify_decrypt_and_disclose_the_decryption_key() {
    let cases = cases(include_str!("vectors/adaptor.json"));
    assert!(!cases.is_empty());
    for case in cases {
        let signer: PublicKey = text(&case, "signer_public").parse().unwrap();
        let provider: PublicKey = text(&case, "encryption_key").parse().unwrap();
        let encryption_key = EncryptionKey::from_x_only(&provider).unwrap();
        let signature: AdaptorSignature = text(&case, "adaptor_signature").parse().unwrap();
        let message = bytes(&case, "message");
        adaptor::verify(&Pure, &signer, &encryption_key, &message, &signature).unwrap();

        let secret = SecretKey::from_bytes(&bytes(&case, "finality_provider_secret")).unwrap();
        let decryption_key = DecryptionKey::from_secret_key(&secret);
        assert_eq!(decryption_key.encryption_key(), encryption_key);
        let decrypted =
            adaptor::decrypt(&Pure, &signer, &decryption_key, &message, &signature).unwrap();
        assert_eq!(decrypted.to_string(), text(&case, "decrypted_signature"));
        bip340::verify(&Pure, &signer, &message, &decrypted).unwrap();
        let disclosed = adaptor::extract(&Pure, &encryption_key, &signature, &decrypted).unwrap();
        assert_eq!(*disclosed.to_bytes(), bytes(&case, "decryption_key"));
    }
}
