//! The three kinds of x-only key (BIP-0340) a delegation names, as types that cannot be swapped.

use std::fmt;
use std::str::FromStr;

use bitcoin::XOnlyPublicKey;
use serde::{Deserialize, Serialize};

/// Bytes or text that are no x-only public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{role} key `{value}` is not the x coordinate of a curve point (32 bytes of hex, BIP-0340)"
)]
pub struct KeyError {
    role: &'static str,
    value: String,
}

macro_rules! role_key {
    ($(#[$doc:meta])* $name:ident, $role:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub XOnlyPublicKey);

        impl $name {
            /// Parses the 32 bytes of an x coordinate.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, KeyError> {
                XOnlyPublicKey::from_slice(bytes)
                    .map(Self)
                    .map_err(|_| KeyError { role: $role, value: hex::encode(bytes) })
            }

            /// The 32 bytes of the x coordinate, big endian.
            pub fn to_bytes(self) -> [u8; 32] {
                self.0.serialize()
            }
        }

        impl From<$name> for eots::PublicKey {
            fn from(key: $name) -> Self {
                Self::from_checked_bytes(key.to_bytes())
            }
        }

        impl TryFrom<eots::PublicKey> for $name {
            type Error = KeyError;

            fn try_from(key: eots::PublicKey) -> Result<Self, KeyError> {
                Self::from_slice(key.as_bytes())
            }
        }

        impl FromStr for $name {
            type Err = KeyError;

            fn from_str(text: &str) -> Result<Self, KeyError> {
                XOnlyPublicKey::from_str(text)
                    .map(Self)
                    .map_err(|_| KeyError { role: $role, value: text.to_owned() })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

role_key!(
    /// Key of the holder of the stake; the only one that can spend it after the timelock.
    StakerKey,
    "staker"
);
role_key!(
    /// Key of a finality provider: it signs votes (EOTS), and its discrete logarithm decrypts the
    /// covenant committee's signatures of the slashing paths.
    FinalityProviderKey,
    "finality provider"
);
role_key!(
    /// Key of one covenant committee member.
    CovenantKey,
    "covenant"
);
