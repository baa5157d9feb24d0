//! The few curve operations that verification needs, so that each place brings its own.
//!
//! Everything that verifies takes a [`Curve`]: programs pass [`Native`] (libsecp256k1), code without C passes [`Pure`]
//! (k256), and a contract passes its own type around the host's `secp256k1_recover_pubkey`, which
//! [`recovery::Inputs`] turns into a linear combination. All give the same answers; tests hold them to it.

#[cfg(feature = "native")]
mod native;
mod pure;
pub mod recovery;

#[cfg(feature = "native")]
pub use native::Native;
pub use pure::Pure;

/// An integer modulo the group order; constant time in all but its conversions from text.
pub use k256::Scalar;

use k256::U256;
use k256::elliptic_curve::bigint::Encoding;

use crate::PublicKey;
use crate::encoding::{FIELD_PRIME, reduced_scalar};
use crate::hash::challenge;

/// What this build multiplies secrets and lifts x coordinates with where the caller has no say.
#[cfg(feature = "native")]
pub(crate) const DEFAULT: Native = Native;
/// What this build multiplies secrets and lifts x coordinates with where the caller has no say.
#[cfg(not(feature = "native"))]
pub(crate) const DEFAULT: Pure = Pure;

/// The generator G, whose y is even, as an x-only key: `a·lift_x(GENERATOR)` is `a·G`.
pub const GENERATOR: PublicKey = PublicKey::from_checked_bytes([
    0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac, 0x55, 0xa0, 0x62, 0x95, 0xce, 0x87, 0x0b, 0x07,
    0x02, 0x9b, 0xfc, 0xdb, 0x2d, 0xce, 0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16, 0xf8, 0x17, 0x98,
]);

/// A point of secp256k1 other than infinity, by its affine coordinates, each 32 bytes big endian.
///
/// A [`Curve`] vouches for its points: they are not checked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    x: [u8; 32],
    y: [u8; 32],
}

impl Point {
    /// Takes coordinates that a curve implementation has computed.
    pub const fn from_coordinates(x: [u8; 32], y: [u8; 32]) -> Self {
        Self { x, y }
    }

    /// Takes the SEC1 uncompressed form, as `secp256k1_recover_pubkey` returns it; `None` without its leading `04`.
    pub fn from_uncompressed(bytes: &[u8; 65]) -> Option<Self> {
        let (&[0x04], coordinates) = bytes.split_first_chunk::<1>()? else {
            return None;
        };
        let (x, y) = coordinates.split_first_chunk::<32>()?;
        Some(Self {
            x: *x,
            y: y.try_into().ok()?,
        })
    }

    /// The x coordinate.
    pub const fn x(&self) -> &[u8; 32] {
        &self.x
    }

    /// Whether the y coordinate is odd.
    pub const fn is_y_odd(&self) -> bool {
        self.y[31] & 1 == 1
    }

    /// The point with the same x and the other y.
    #[must_use]
    pub fn negate(&self) -> Self {
        // No point of this group has y = 0, so p - y is below p.
        let y = U256::from_be_bytes(FIELD_PRIME).wrapping_sub(&U256::from_be_bytes(self.y));
        Self {
            x: self.x,
            y: y.to_be_bytes(),
        }
    }

    /// SEC1 uncompressed form: `04`, x, y.
    pub fn to_uncompressed(&self) -> [u8; 65] {
        let mut bytes = [0x04; 65];
        bytes[1..33].copy_from_slice(&self.x);
        bytes[33..].copy_from_slice(&self.y);
        bytes
    }

    /// SEC1 compressed form: `02` for even y, `03` for odd y, then x.
    pub fn to_compressed(&self) -> [u8; 33] {
        let mut bytes = [0x02 | u8::from(self.is_y_odd()); 33];
        bytes[1..].copy_from_slice(&self.x);
        bytes
    }
}

/// Arithmetic of secp256k1 as verification needs it.
pub trait Curve {
    /// `a·lift_x(p) + b·G`, where `lift_x` gives the point with even y (BIP-0340).
    ///
    /// `None` where no point has this x or the result is infinity. Variable time: for public values only.
    fn linear_combination(&self, a: &Scalar, p: &PublicKey, b: &Scalar) -> Option<Point>;

    /// `scalar·G`; `None` for zero. Constant time wherever programs use it with a secret.
    fn multiply_generator(&self, scalar: &Scalar) -> Option<Point>;

    /// `a + b`; `None` where that is infinity. Variable time.
    fn add(&self, a: &Point, b: &Point) -> Option<Point> {
        pure::add(a, b)
    }

    /// The point with this x and even y; `None` where there is none, or x is not below the field prime.
    fn lift_x(&self, x: &[u8; 32]) -> Option<Point> {
        pure::lift_x(x)
    }

    /// Whether `r ‖ s` is a BIP-0340 signature of the 32-byte message by the key. `s` must be below the group order.
    fn verify_bip340(
        &self,
        key: &PublicKey,
        message: &[u8; 32],
        r: &[u8; 32],
        s: &[u8; 32],
    ) -> bool {
        let e = reduced_scalar(&challenge(r, key.as_bytes(), message));
        self.linear_combination(&-e, key, &reduced_scalar(s))
            .is_some_and(|nonce| nonce.x() == r && !nonce.is_y_odd())
    }
}

/// `lift_x(key) + tweak·G`: the output key of a taproot output with this tweak (BIP-0341).
///
/// `None` where that is infinity, which no hash is known to lead to, or no point has the key's x.
pub fn tweak(curve: &impl Curve, key: &PublicKey, tweak: &[u8; 32]) -> Option<Point> {
    curve.linear_combination(&Scalar::ONE, key, &reduced_scalar(tweak))
}

/// So that callers who do not want to be generic pass a `&dyn Curve`.
impl<C: Curve + ?Sized> Curve for &C {
    fn linear_combination(&self, a: &Scalar, p: &PublicKey, b: &Scalar) -> Option<Point> {
        (**self).linear_combination(a, p, b)
    }

    fn multiply_generator(&self, scalar: &Scalar) -> Option<Point> {
        (**self).multiply_generator(scalar)
    }

    fn add(&self, a: &Point, b: &Point) -> Option<Point> {
        (**self).add(a, b)
    }

    fn lift_x(&self, x: &[u8; 32]) -> Option<Point> {
        (**self).lift_x(x)
    }

    fn verify_bip340(
        &self,
        key: &PublicKey,
        message: &[u8; 32],
        r: &[u8; 32],
        s: &[u8; 32],
    ) -> bool {
        (**self).verify_bip340(key, message, r, s)
    }
}
