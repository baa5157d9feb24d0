//! The encoding of adaptor signatures (spec 4.3).

use k256::Scalar;

use crate::curve::{self, Curve};
use crate::encoding::{ParseError, check_order, fixed, hex_text, reduced_scalar};

const ADAPTOR_SIGNATURE: &str = "adaptor signature";

/// An adaptor signature, 65 bytes: the nonce point R0 of the decrypted signature, compressed, and the encrypted s.
///
/// R0 is on the curve and s below the group order. Nothing else holds before it is verified.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AdaptorSignature([u8; 65]);

impl AdaptorSignature {
    /// Reads the 65-byte form, or the old one of 66 bytes whose parity is in its last byte.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, ParseError> {
        if bytes.len() != 66 {
            return Self::from_bytes(fixed(ADAPTOR_SIGNATURE, bytes)?);
        }
        let [mut signature @ .., parity]: [u8; 66] = fixed(ADAPTOR_SIGNATURE, bytes)?;
        signature[0] = match (signature[0], parity) {
            (0x02, 0x00) => 0x02,
            (0x02, 0x01) => 0x03,
            (0x02, byte) | (byte, _) => {
                return Err(ParseError::Parity {
                    what: ADAPTOR_SIGNATURE,
                    byte,
                });
            }
        };
        Self::from_bytes(signature)
    }

    /// Reads the 65-byte form.
    pub fn from_bytes(bytes: [u8; 65]) -> Result<Self, ParseError> {
        let signature = Self(bytes);
        if !matches!(bytes[0], 0x02 | 0x03) {
            return Err(ParseError::Parity {
                what: ADAPTOR_SIGNATURE,
                byte: bytes[0],
            });
        }
        check_order(ADAPTOR_SIGNATURE, &signature.s_bytes())?;
        if curve::DEFAULT.lift_x(&signature.x()).is_none() {
            return Err(ParseError::NotOnCurve {
                what: ADAPTOR_SIGNATURE,
                value: hex::encode(signature.x()),
            });
        }
        Ok(signature)
    }

    /// Puts together a compressed point and a scalar that are in range already.
    #[cfg(feature = "native")]
    pub(super) fn from_parts(nonce: &[u8; 33], s: &Scalar) -> Self {
        let mut bytes = [0; 65];
        bytes[..33].copy_from_slice(nonce);
        bytes[33..].copy_from_slice(&crate::encoding::scalar_bytes(s));
        Self(bytes)
    }

    /// The 65-byte form.
    pub const fn to_bytes(self) -> [u8; 65] {
        self.0
    }

    /// The 65-byte form.
    pub const fn as_bytes(&self) -> &[u8; 65] {
        &self.0
    }

    /// R0, compressed.
    pub(super) fn nonce(&self) -> [u8; 33] {
        core::array::from_fn(|i| self.0[i])
    }

    /// The x coordinate of R0, which the decrypted signature has too.
    pub(super) fn x(&self) -> [u8; 32] {
        core::array::from_fn(|i| self.0[1 + i])
    }

    pub(super) fn s(&self) -> Scalar {
        reduced_scalar(&self.s_bytes())
    }

    /// Whether R0 has odd y, in which case the signer's nonce was negated, and the encryption with it.
    pub(super) const fn is_nonce_odd(&self) -> bool {
        self.0[0] == 0x03
    }

    fn s_bytes(&self) -> [u8; 32] {
        core::array::from_fn(|i| self.0[33 + i])
    }
}

hex_text!(AdaptorSignature, 65, ADAPTOR_SIGNATURE);
