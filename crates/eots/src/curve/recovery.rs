//! A linear combination by way of ECDSA public key recovery.
//!
//! Recovery computes `Q = r⁻¹·(s·R − z·G)` for a nonce point R with x coordinate r. Taking a key P for R, `s = a·r` and
//! `z = −b·r` makes that `Q = a·P + b·G`. So the one curve operation that hosts of contracts offer, and that
//! libsecp256k1 does fastest for a point other than G, is the one that Schnorr verification needs. The whole point comes
//! back, so nothing is lost to x-only comparison.

use k256::Scalar;

use crate::PublicKey;
use crate::encoding::{canonical_scalar, reduced_scalar, scalar_bytes};

/// What to hand to public key recovery so that it returns `a·lift_x(p) + b·G`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inputs {
    /// The "message hash" z.
    pub hash: [u8; 32],
    /// The "signature" r ‖ s; s may be high.
    pub signature: [u8; 64],
    /// 0, or 2 where the x coordinate is not below the group order (one key in 2¹²⁸; CosmWasm hosts refuse 2).
    pub recovery_id: u8,
}

impl Inputs {
    /// Prepares `a·lift_x(p) + b·G`.
    ///
    /// `None` where recovery cannot express it: `a` is zero, or the x coordinate is the group order itself.
    pub fn new(a: &Scalar, p: &PublicKey, b: &Scalar) -> Option<Self> {
        let x = reduced_scalar(p.as_bytes());
        let product = a * &x;
        if bool::from(product.is_zero()) {
            return None;
        }
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&scalar_bytes(&x));
        signature[32..].copy_from_slice(&scalar_bytes(&product));
        Some(Self {
            hash: scalar_bytes(&-(b * &x)),
            signature,
            recovery_id: if canonical_scalar(p.as_bytes()).is_some() {
                0
            } else {
                2
            },
        })
    }
}
