//! An account of the secured chain, as raw bytes and as bech32 text: proofs sign the one or the other.

use std::fmt;
use std::str::FromStr;

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};

/// Address of an account on the secured chain: 20 bytes (a key's hash) or 32 (a contract), and their bech32 text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AccountAddress {
    bytes: Vec<u8>,
    text: String,
}

/// Text or bytes that are no account address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountAddressError {
    /// Not bech32 (BIP-0173) in its canonical lower-case form.
    #[error(
        "account `{0}` is not lower-case bech32 text with a valid checksum; check for a typing error"
    )]
    Bech32(String),
    /// Neither 20 nor 32 bytes.
    #[error("an account address has 20 or 32 bytes, not {0}")]
    Length(usize),
    /// The human-readable part is not one that bech32 allows.
    #[error("`{0}` cannot be the prefix of a bech32 address")]
    Prefix(String),
}

impl AccountAddress {
    /// Spells `bytes` with a prefix such as `bbn`.
    ///
    /// # Errors
    ///
    /// Refuses other lengths than 20 and 32 bytes and prefixes that bech32 does not allow.
    pub fn new(prefix: &str, bytes: &[u8]) -> Result<Self, AccountAddressError> {
        if !matches!(bytes.len(), 20 | 32) {
            return Err(AccountAddressError::Length(bytes.len()));
        }
        let refused = || AccountAddressError::Prefix(prefix.to_owned());
        let human_readable = Hrp::parse(prefix).map_err(|_| refused())?;
        let text = bech32::encode_lower::<Bech32>(human_readable, bytes).map_err(|_| refused())?;
        Ok(Self {
            bytes: bytes.to_vec(),
            text,
        })
    }

    /// The raw address, 20 or 32 bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bech32 text, lower case.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl FromStr for AccountAddress {
    type Err = AccountAddressError;

    fn from_str(text: &str) -> Result<Self, AccountAddressError> {
        let refused = || AccountAddressError::Bech32(text.to_owned());
        let decoded = CheckedHrpstring::new::<Bech32>(text).map_err(|_| refused())?;
        let bytes: Vec<u8> = decoded.byte_iter().collect();
        let address = Self::new(decoded.hrp().as_str(), &bytes)?;
        // The decoder lets upper case and non-zero padding bits pass; the node spells what is signed canonically.
        if address.text == text {
            Ok(address)
        } else {
            Err(refused())
        }
    }
}

impl fmt::Display for AccountAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for AccountAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountAddress({})", self.text)
    }
}
