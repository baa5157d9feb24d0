//! How public values cross the border: fixed-length bytes, hex text, and one error for all that is refused there.

use k256::elliptic_curve::ff::PrimeField;
use k256::{FieldBytes, Scalar, U256};

/// The field prime p of secp256k1, big endian.
pub(crate) const FIELD_PRIME: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xfc, 0x2f,
];

/// Bytes or text that are not the public value they should be.
///
/// Nodes reduce some over-range values silently (spec 6.5); this crate refuses them all, because no honest program
/// produces one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Wrong number of bytes.
    #[error("{what} is {found} bytes long, it must be {expected}")]
    Length {
        /// Which value was read.
        what: &'static str,
        /// Its number of bytes.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// Text that is not hex.
    #[error("{what} is not hex text: {reason}")]
    NotHex {
        /// Which value was read.
        what: &'static str,
        /// Where the text goes wrong.
        reason: String,
    },
    /// An x coordinate at or above the field prime.
    #[error("{what} `{value}` is not below the field prime of secp256k1")]
    AboveFieldPrime {
        /// Which value was read.
        what: &'static str,
        /// What was given, in hex.
        value: String,
    },
    /// A scalar at or above the group order.
    #[error("{what} `{value}` is not below the group order of secp256k1")]
    AboveGroupOrder {
        /// Which value was read.
        what: &'static str,
        /// What was given, in hex.
        value: String,
    },
    /// An x coordinate that no curve point has.
    #[error("{what} `{value}` is not the x coordinate of a point of secp256k1")]
    NotOnCurve {
        /// Which value was read.
        what: &'static str,
        /// What was given, in hex.
        value: String,
    },
    /// A byte that should tell the parity of a point and does not.
    #[error("{what} has parity byte {byte:#04x}, which its encoding does not know (spec 4.3)")]
    Parity {
        /// Which value was read.
        what: &'static str,
        /// What was given.
        byte: u8,
    },
}

/// A secret scalar outside 1..n. The error does not carry the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be a number from 1 to the group order of secp256k1 less 1")]
pub struct InvalidSecret {
    pub(crate) what: &'static str,
}

/// Exactly `N` bytes of a slice.
pub(crate) fn fixed<const N: usize>(
    what: &'static str,
    bytes: &[u8],
) -> Result<[u8; N], ParseError> {
    bytes.try_into().map_err(|_| ParseError::Length {
        what,
        expected: N,
        found: bytes.len(),
    })
}

/// Refuses x coordinates at or above p.
pub(crate) fn check_field(what: &'static str, bytes: &[u8; 32]) -> Result<(), ParseError> {
    // Big-endian byte order is numeric order.
    if *bytes < FIELD_PRIME {
        Ok(())
    } else {
        Err(ParseError::AboveFieldPrime {
            what,
            value: hex::encode(bytes),
        })
    }
}

/// Refuses scalars at or above n.
pub(crate) fn check_order(what: &'static str, bytes: &[u8; 32]) -> Result<(), ParseError> {
    if canonical_scalar(bytes).is_some() {
        Ok(())
    } else {
        Err(ParseError::AboveGroupOrder {
            what,
            value: hex::encode(bytes),
        })
    }
}

/// The scalar of 32 big-endian bytes, where they are below n.
pub(crate) fn canonical_scalar(bytes: &[u8; 32]) -> Option<Scalar> {
    Option::from(Scalar::from_repr(FieldBytes::from(*bytes)))
}

/// The scalar of 32 big-endian bytes modulo n.
pub(crate) fn reduced_scalar(bytes: &[u8; 32]) -> Scalar {
    <Scalar as k256::elliptic_curve::ops::Reduce<U256>>::reduce_bytes(&FieldBytes::from(*bytes))
}

/// Big-endian bytes of a scalar.
pub(crate) fn scalar_bytes(scalar: &Scalar) -> [u8; 32] {
    scalar.to_repr().into()
}

/// Hex text and slices for a type that has `from_slice` and `as_bytes`.
macro_rules! hex_text {
    ($name:ident, $length:literal, $what:expr) => {
        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                self.as_bytes()
                    .iter()
                    .try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl ::core::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl ::core::str::FromStr for $name {
            type Err = $crate::ParseError;

            fn from_str(text: &str) -> Result<Self, $crate::ParseError> {
                let bytes = ::hex::decode(text).map_err(|error| $crate::ParseError::NotHex {
                    what: $what,
                    reason: error.to_string(),
                })?;
                Self::from_slice(&bytes)
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = $crate::ParseError;

            fn try_from(bytes: &[u8]) -> Result<Self, $crate::ParseError> {
                Self::from_slice(bytes)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                self.as_bytes()
            }
        }

        impl From<$name> for [u8; $length] {
            fn from(value: $name) -> Self {
                *value.as_bytes()
            }
        }
    };
}
pub(crate) use hex_text;
