//! What must hold for any key, nonce and message.

#![cfg(feature = "native")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![expect(
    clippy::disallowed_methods,
    reason = "signing itself is tested, with keys of no value"
)]

use eots::adaptor::{self, AdaptorSignature, DecryptError, DecryptionKey, EncryptionKey};
use eots::curve::{Curve, Native};
use eots::{ExtractError, SecretKey, SecretRandomness, Signature, Signed};
use eots::{bip340, extract, randomness, sign, verify};
use proptest::prelude::*;

fn secret_key() -> impl Strategy<Value = SecretKey> {
    any::<[u8; 32]>().prop_filter_map("in range", |bytes| SecretKey::from_bytes(&bytes).ok())
}

fn negated(key: &SecretKey) -> SecretKey {
    let secret = secp256k1::SecretKey::from_slice(key.to_bytes().as_slice()).unwrap();
    SecretKey::from_bytes(&secret.negate().secret_bytes()).unwrap()
}

/// The key and its negative: one of their points has even y, the other odd.
fn even_and_odd(key: SecretKey) -> [SecretKey; 2] {
    [negated(&key), key]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_vote_verifies_and_two_disclose_the_key(
        key in secret_key(), nonce in secret_key(), first: Vec<u8>, second: Vec<u8>,
    ) {
        prop_assume!(first != second);
        let mut extracted = Vec::new();
        for key in even_and_odd(key) {
            for nonce in even_and_odd(nonce.clone()) {
                let nonce = || SecretRandomness::from_bytes(&nonce.to_bytes()).unwrap();
                let public = nonce().public();
                let sign = |message: &[u8]| sign(&key, nonce(), message).unwrap();
                let (first_signature, second_signature) = (sign(&first), sign(&second));
                verify(&Native, &key.public_key(), &public, &first, &first_signature).unwrap();
                verify(&Native, &key.public_key(), &public, &second, &second_signature).unwrap();
                extracted.push(extract(
                    &Native,
                    &key.public_key(),
                    &public,
                    Signed { message: &first, signature: &first_signature },
                    Signed { message: &second, signature: &second_signature },
                ).unwrap());
            }
        }
        let point = secp256k1::SecretKey::from_slice(extracted[0].to_bytes().as_slice())
            .unwrap()
            .x_only_public_key(secp256k1::SECP256K1);
        prop_assert_eq!(point.1, secp256k1::Parity::Even);
        prop_assert!(extracted.iter().all(|key| key == &extracted[0]));
    }

    #[test]
    fn a_vote_is_an_ordinary_signature_of_the_hashed_message(key in secret_key(), height: u64, message: Vec<u8>) {
        use sha2::Digest;
        let nonce = randomness::derive(&key, "chain-test", height);
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(nonce.public().as_bytes());
        bytes[32..].copy_from_slice(sign(&key, nonce, &message).unwrap().as_bytes());
        let signature = bip340::Signature::from_bytes(bytes).unwrap();
        let hash = sha2::Sha256::digest(&message).into();
        prop_assert!(bip340::verify(&Native, &key.public_key(), &hash, &signature).is_ok());
    }

    #[test]
    fn votes_that_are_no_equivocation_disclose_nothing(
        key in secret_key(), other in secret_key(), first: [u8; 40], second: [u8; 40], s: [u8; 32],
    ) {
        prop_assume!(first != second);
        let nonce = || randomness::derive(&key, "chain-test", 1);
        let public = nonce().public();
        let genuine = sign(&key, nonce(), &first).unwrap();
        let try_with = |message: &[u8], signature: &Signature| extract(
            &Native,
            &key.public_key(),
            &public,
            Signed { message: &first, signature: &genuine },
            Signed { message, signature },
        );
        let by_another = sign(&other, nonce(), &second).unwrap();
        let under_another = sign(&key, randomness::derive(&key, "chain-test", 2), &second).unwrap();
        prop_assert_eq!(try_with(&first, &by_another), Err(ExtractError::SameMessage));
        prop_assert_eq!(try_with(&second, &genuine), Err(ExtractError::SameSignature));
        let other_key = Err(ExtractError::OtherKey(key.public_key()));
        prop_assert_eq!(&try_with(&second, &by_another), &other_key);
        prop_assert_eq!(&try_with(&second, &under_another), &other_key);
        if let Ok(forged) = Signature::from_bytes(s) {
            prop_assert_eq!(&try_with(&second, &forged), &other_key);
        }
    }

    #[test]
    fn randomness_differs_by_key_chain_and_height(key in secret_key(), other in secret_key(), height: u64) {
        let public = randomness::derive(&key, "chain-test", height).public();
        prop_assert_eq!(randomness::derive(&key, "chain-test", height).public(), public);
        prop_assert_ne!(randomness::derive(&other, "chain-test", height).public(), public);
        prop_assert_ne!(randomness::derive(&key, "chain-tesu", height).public(), public);
        prop_assert_ne!(randomness::derive(&key, "chain-test", height ^ 1).public(), public);
    }

    /// Both parities of P, R0 and T, the last also where it is not lifted to even.
    #[test]
    fn an_adaptor_signature_decrypts_and_the_pair_discloses_the_decryption_key(
        signer in secret_key(), provider in secret_key(), message: [u8; 32], aux: [u8; 32],
    ) {
        let provider_key = provider.public_key();
        let keys = even_and_odd(provider).map(|provider| {
            DecryptionKey::from_bytes(&provider.to_bytes()).unwrap()
        });
        for signer in even_and_odd(signer) {
            for decryption_key in &keys {
                let encryption_key = decryption_key.encryption_key();
                let signature = adaptor::sign(&signer, &encryption_key, &message, &aux).unwrap();
                let public = signer.public_key();
                prop_assert!(adaptor::verify(&Native, &public, &encryption_key, &message, &signature).is_ok());
                let decrypted = adaptor::decrypt(&Native, &public, decryption_key, &message, &signature).unwrap();
                prop_assert!(bip340::verify(&Native, &public, &message, &decrypted).is_ok());
                let extracted = adaptor::extract(&Native, &encryption_key, &signature, &decrypted).unwrap();
                prop_assert_eq!(extracted.to_bytes(), decryption_key.to_bytes());
                prop_assert_eq!(extracted.to_secret_key().to_bytes(), decryption_key.to_bytes());
                prop_assert_eq!(extracted.to_secret_key().public_key(), provider_key);
            }
        }
    }

    #[test]
    fn an_adaptor_signature_is_worth_nothing_under_another_key(
        signer in secret_key(), provider in secret_key(), other in secret_key(), message: [u8; 32], aux: [u8; 32],
    ) {
        let decryption_key = DecryptionKey::from_secret_key(&provider);
        let encryption_key = decryption_key.encryption_key();
        let signature = adaptor::sign(&signer, &encryption_key, &message, &aux).unwrap();
        let public = signer.public_key();
        let wrong_key = DecryptionKey::from_secret_key(&other);
        prop_assert!(adaptor::verify(&Native, &public, &wrong_key.encryption_key(), &message, &signature).is_err());
        prop_assert!(adaptor::verify(&Native, &other.public_key(), &encryption_key, &message, &signature).is_err());
        let decrypted_wrongly = adaptor::decrypt(&Native, &public, &wrong_key, &message, &signature);
        prop_assert!(matches!(decrypted_wrongly, Err(DecryptError::Invalid { .. })), "{decrypted_wrongly:?}");

        let unrelated = bip340::sign(&signer, &message, &aux);
        prop_assert!(adaptor::extract(&Native, &encryption_key, &signature, &unrelated).is_err());
        let decrypted = adaptor::decrypt(&Native, &public, &decryption_key, &message, &signature).unwrap();
        prop_assert!(adaptor::extract(&Native, &wrong_key.encryption_key(), &signature, &decrypted).is_err());
    }

    /// Spec 4.3: 66 bytes with the parity last are read, and written as 65.
    #[test]
    fn the_old_form_of_an_adaptor_signature_is_the_same_signature(
        signer in secret_key(), provider in secret_key(), message: [u8; 32], aux: [u8; 32], byte: u8,
    ) {
        let encryption_key = EncryptionKey::from_x_only(&provider.public_key()).unwrap();
        let signature = adaptor::sign(&signer, &encryption_key, &message, &aux).unwrap();
        let mut old = signature.to_bytes().to_vec();
        old.push(old[0] - 2);
        old[0] = 0x02;
        prop_assert_eq!(AdaptorSignature::from_slice(&old), Ok(signature));
        old[65] = byte;
        prop_assert_eq!(AdaptorSignature::from_slice(&old).is_ok(), byte < 2);
        old[65] = 0;
        old[0] = byte;
        prop_assert_eq!(AdaptorSignature::from_slice(&old).is_ok(), byte == 2);
    }
}

/// Nothing is encrypted where s·G − e·P is infinity: whoever sees the signature could decrypt it with any key.
#[test]
fn an_adaptor_signature_without_a_nonce_is_refused() {
    use eots::curve::{Pure, Scalar};
    use k256::U256;
    use k256::elliptic_curve::ops::Reduce;

    let signer = SecretKey::from_bytes(&[1; 32]).unwrap();
    let message = [3; 32];
    let provider = SecretKey::from_bytes(&[2; 32]).unwrap();
    let decryption_key = DecryptionKey::from_secret_key(&provider);
    let encryption_key = decryption_key.encryption_key();
    // R0 = T, so R would have to be infinity; s = e·d makes it so.
    let tagged = |tag: &[u8], parts: [&[u8]; 3]| -> [u8; 32] {
        use sha2::Digest;
        let tag = sha2::Sha256::digest(tag);
        let mut hasher = sha2::Sha256::new().chain_update(tag).chain_update(tag);
        for part in parts {
            hasher.update(part);
        }
        hasher.finalize().into()
    };
    let x = provider.public_key();
    let challenge = tagged(
        b"BIP0340/challenge",
        [x.as_ref(), signer.public_key().as_ref(), &message],
    );
    let e = <Scalar as Reduce<U256>>::reduce_bytes(&challenge.into());
    let even = DecryptionKey::from_secret_key(&signer);
    let s = e * <Scalar as Reduce<U256>>::reduce_bytes(&(*even.to_bytes()).into());
    let mut bytes = [0; 65];
    bytes[..33].copy_from_slice(&encryption_key.to_compressed());
    bytes[33..].copy_from_slice(&s.to_bytes());
    let signature = AdaptorSignature::from_bytes(bytes).unwrap();
    // It does decrypt to a valid signature, yet it is not one that was encrypted.
    assert!(
        adaptor::decrypt(
            &Native,
            &signer.public_key(),
            &decryption_key,
            &message,
            &signature
        )
        .is_ok()
    );
    let public = signer.public_key();
    assert!(adaptor::verify(&Native, &public, &encryption_key, &message, &signature).is_err());
    assert!(adaptor::verify(&Pure, &public, &encryption_key, &message, &signature).is_err());
}

#[test]
fn an_adaptor_signature_with_zero_s_is_refused() {
    let signer = SecretKey::from_bytes(&[1; 32]).unwrap();
    let decryption_key = DecryptionKey::from_bytes(&[2; 32]).unwrap();
    let nonce = Native
        .multiply_generator(&eots::curve::Scalar::from(5_u64))
        .unwrap();
    let mut bytes = [0; 65];
    bytes[..33].copy_from_slice(&nonce.to_compressed());
    let signature = AdaptorSignature::from_bytes(bytes).unwrap();
    let encryption_key = decryption_key.encryption_key();
    let public = signer.public_key();
    assert!(adaptor::verify(&Native, &public, &encryption_key, &[3; 32], &signature).is_err());
    assert_eq!(
        adaptor::decrypt(&Native, &public, &decryption_key, &[3; 32], &signature),
        Err(DecryptError::ZeroScalar)
    );
}
