//! The curve by the host's public key recovery, which is nine times cheaper than the same in wasm.

use cosmwasm_std::Api;
use eots::PublicKey;
use eots::curve::{Curve, GENERATOR, Point, Scalar, recovery};

/// secp256k1 by the host.
///
/// What it cannot express is "invalid": a multiple of zero, and a key whose x coordinate is not below the group order
/// (one in 2¹²⁸), which registration refuses.
pub struct Host<'a>(pub &'a dyn Api);

impl Curve for Host<'_> {
    fn linear_combination(&self, a: &Scalar, p: &PublicKey, b: &Scalar) -> Option<Point> {
        let inputs = recovery::Inputs::new(a, p, b).filter(|inputs| inputs.recovery_id < 2)?;
        let recovered = self
            .0
            .secp256k1_recover_pubkey(&inputs.hash, &inputs.signature, inputs.recovery_id)
            .ok()?;
        Point::from_uncompressed(recovered.as_slice().try_into().ok()?)
    }

    /// Of a key that somebody shows: it is public from now on, so nothing is lost by the variable time.
    fn multiply_generator(&self, scalar: &Scalar) -> Option<Point> {
        self.linear_combination(scalar, &GENERATOR, &Scalar::ZERO)
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
mod tests {
    use cosmwasm_std::testing::MockApi;
    use eots::adaptor::{self, AdaptorSignature, EncryptionKey};
    use eots::curve::Pure;
    use eots::{SecretKey, Signature, bip340};
    use proptest::prelude::*;

    use super::*;

    /// The group order, and the number of the field.
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xfe, 0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36,
        0x41, 0x41,
    ];

    fn secret() -> impl Strategy<Value = SecretKey> {
        any::<[u8; 32]>().prop_filter_map("in range", |bytes| SecretKey::from_bytes(&bytes).ok())
    }

    /// A scalar that is not zero.
    fn scalar() -> impl Strategy<Value = Scalar> {
        any::<u128>().prop_map(|number| Scalar::from(number.max(1)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_host_computes_what_the_curve_does(key in secret(), a in scalar(), b in scalar()) {
            let api = MockApi::default();
            let host = Host(&api);
            let p = key.public_key();
            for a in [a, -a] {
                for b in [b, -b, Scalar::ZERO] {
                    prop_assert_eq!(
                        host.linear_combination(&a, &p, &b),
                        Pure.linear_combination(&a, &p, &b)
                    );
                }
                prop_assert_eq!(host.multiply_generator(&a), Pure.multiply_generator(&a));
            }
        }

        #[test]
        fn a_signature_is_valid_here_if_and_only_if_it_is_elsewhere(
            key in secret(), message: [u8; 32], bit in 0_usize..512, other: [u8; 32],
        ) {
            let api = MockApi::default();
            let host = Host(&api);
            let pk = key.public_key();
            let signature = bip340::sign(&key, &message, &[7; 32]);
            bip340::verify(&host, &pk, &message, &signature).unwrap();
            prop_assert_eq!(
                bip340::verify(&host, &pk, &other, &signature).is_ok(),
                bip340::verify(&Pure, &pk, &other, &signature).is_ok()
            );
            let mut tampered = signature.to_bytes();
            tampered[bit / 8] ^= 1 << (bit % 8);
            if let Ok(tampered) = bip340::Signature::from_bytes(tampered) {
                prop_assert!(bip340::verify(&host, &pk, &message, &tampered).is_err());
            }
        }

        #[test]
        fn an_adaptor_signature_is_valid_here_if_and_only_if_it_is_elsewhere(
            member in secret(), provider in secret(), stranger in secret(), message: [u8; 32],
        ) {
            let api = MockApi::default();
            let host = Host(&api);
            let to = |key: &SecretKey| EncryptionKey::from_x_only(&key.public_key()).unwrap();
            let signature =
                adaptor::sign(&member, &to(&provider), &message, &[9; 32]).unwrap();
            let pk = member.public_key();
            adaptor::verify(&host, &pk, &to(&provider), &message, &signature).unwrap();
            prop_assert!(adaptor::verify(&host, &pk, &to(&stranger), &message, &signature).is_err());
            let mut bytes = signature.to_bytes();
            bytes[40] ^= 1;
            if let Ok(tampered) = AdaptorSignature::from_bytes(bytes) {
                prop_assert!(adaptor::verify(&host, &pk, &to(&provider), &message, &tampered).is_err());
            }
        }
    }

    #[test]
    fn what_recovery_cannot_express_is_invalid_and_aborts_nothing() {
        let api = MockApi::default();
        let host = Host(&api);
        let p = SecretKey::from_bytes(&[0x42; 32]).unwrap().public_key();
        // A challenge of zero; a result at infinity: -1·G + 1·G; no point with this x; x at and above the group order.
        assert_eq!(
            host.linear_combination(&Scalar::ZERO, &p, &Scalar::ONE),
            None
        );
        assert_eq!(
            host.linear_combination(&-Scalar::ONE, &GENERATOR, &Scalar::ONE),
            None
        );
        assert_eq!(
            Pure.linear_combination(&-Scalar::ONE, &GENERATOR, &Scalar::ONE),
            None
        );
        let off_the_curve = PublicKey::from_checked_bytes([5; 32]);
        assert_eq!(
            host.linear_combination(&Scalar::ONE, &off_the_curve, &Scalar::ONE)
                .is_some(),
            Pure.linear_combination(&Scalar::ONE, &off_the_curve, &Scalar::ONE)
                .is_some()
        );
        let mut high = ORDER;
        for _ in 0..64 {
            let key = PublicKey::from_checked_bytes(high);
            assert_eq!(
                host.linear_combination(&Scalar::ONE, &key, &Scalar::ONE),
                None
            );
            high[31] = high[31].wrapping_add(1);
        }
        assert_eq!(host.multiply_generator(&Scalar::ZERO), None);
        // A signature with s = 0, and s at the group order.
        let message = [1; 32];
        let zero = bip340::Signature::from_slice(&[&p.to_bytes()[..], &[0; 32]].concat()).unwrap();
        assert!(bip340::verify(&host, &p, &message, &zero).is_err());
        assert!(Signature::from_bytes(ORDER).is_err());
    }
}
