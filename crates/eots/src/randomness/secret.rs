//! Nonces, and how they are derived from the secret key.

use core::fmt;

use hmac::{Hmac, Mac};
use k256::Scalar;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::PublicRandomness;
use crate::SecretKey;
use crate::curve::{self, Curve};
use crate::encoding::{InvalidSecret, canonical_scalar, scalar_bytes};
use crate::key::even_y;

/// A nonce: a number k from 1 to n − 1, with the public randomness it stands behind.
///
/// Two signatures of different messages under one nonce disclose the secret key. So it cannot be cloned and
/// [`sign`](crate::sign) consumes it; that it is not derived twice for different messages is what a durable signing
/// record must see to. Zeroised when dropped.
#[derive(ZeroizeOnDrop)]
pub struct SecretRandomness {
    even: Scalar,
    #[zeroize(skip)]
    public: PublicRandomness,
}

impl SecretRandomness {
    /// Reads a nonce, 32 bytes big endian, and computes its public randomness.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, InvalidSecret> {
        Self::from_candidate(bytes).ok_or(InvalidSecret {
            what: "secret randomness",
        })
    }

    fn from_candidate(bytes: &[u8; 32]) -> Option<Self> {
        let mut nonce = canonical_scalar(bytes)?;
        let point = curve::DEFAULT.multiply_generator(&nonce)?;
        let even = even_y(&nonce, &point);
        nonce.zeroize();
        Some(Self {
            even,
            public: PublicRandomness::from_coordinate(*point.x()),
        })
    }

    /// What is published of it.
    pub const fn public(&self) -> PublicRandomness {
        self.public
    }

    /// The representative of ±k whose point has even y.
    pub(crate) const fn even(&self) -> &Scalar {
        &self.even
    }
}

impl fmt::Debug for SecretRandomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretRandomness(of public randomness {})", self.public)
    }
}

/// Derives the nonce of a height on Babylon Genesis by the convention of its finality providers (spec 3.3):
/// `HMAC-SHA256(secret key, BE64(height) ‖ chain id ‖ BE64(iteration))`.
///
/// Votes do not name the chain they are for. A chain that is started again under its old id asks for other votes at the
/// same heights and so under the same nonces, which discloses the key: use a new key or a new chain id (spec 3.14).
pub fn derive(key: &SecretKey, chain_id: &str, height: u64) -> SecretRandomness {
    derive_from(&key.to_bytes(), |mac, iteration| {
        mac.update(&height.to_be_bytes());
        mac.update(chain_id.as_bytes());
        mac.update(&u64::from(iteration).to_be_bytes());
    })
}

/// Derives the nonce of a checkpoint of a partner chain:
/// `HMAC-SHA256(secret key with even y, "btc-mesh/1/nonce" ‖ domain ‖ BE64(checkpoint) ‖ BE32(iteration))`.
///
/// The domain names one instance of the contract, so no two chains share a nonce; its prefix keeps it apart from
/// [`derive()`]. It depends on nothing else: committing to the same checkpoint again gives the same randomness.
pub fn derive_for_checkpoint(
    key: &SecretKey,
    domain: &[u8; 32],
    checkpoint: u64,
) -> SecretRandomness {
    derive_from(&scalar_bytes(key.even()).into(), |mac, iteration| {
        mac.update(b"btc-mesh/1/nonce");
        mac.update(domain);
        mac.update(&checkpoint.to_be_bytes());
        mac.update(&iteration.to_be_bytes());
    })
}

/// Public randomness of `count` heights from `start`, as [`derive()`] derives it; ends early at the last height there is.
///
/// Each item costs one multiplication. Ranges are independent of each other, so parts of one can be computed by
/// several threads.
pub fn public_range(
    key: &SecretKey,
    chain_id: &str,
    start: u64,
    count: u64,
) -> impl Iterator<Item = PublicRandomness> {
    (0..count)
        .map_while(move |offset| start.checked_add(offset))
        .map(move |height| derive(key, chain_id, height).public())
}

/// The first of the HMACs that is a number from 1 to n − 1. What distinguishes chains and heights is up to `input`,
/// which gets the number of the attempt.
fn derive_from(
    secret: &Zeroizing<[u8; 32]>,
    input: impl Fn(&mut Hmac<Sha256>, u32),
) -> SecretRandomness {
    let mut iteration = 0;
    loop {
        let mut mac = hmac(secret);
        input(&mut mac, iteration);
        let mut candidate: [u8; 32] = mac.finalize().into_bytes().into();
        let randomness = SecretRandomness::from_candidate(&candidate);
        candidate.zeroize();
        if let Some(randomness) = randomness {
            return randomness;
        }
        // Once in 2¹²⁸; the counter cannot run out.
        iteration += 1;
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn hmac(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}
