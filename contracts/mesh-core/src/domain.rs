//! The name of one instance of the contract.

use core::fmt;

use crate::hash::{short_text, tagged};

/// 32 bytes that name one instance of the contract, in every message signed for it and in every nonce.
///
/// Height and time of instantiation are in it: a network that was reset repeats chain id and contract address, and an
/// honest provider that signs its checkpoints again must not do so under its old nonces.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Domain([u8; 32]);

/// A chain or contract that cannot be named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{value}` must be 1 to 255 bytes of {form}")]
pub struct DomainError {
    what: &'static str,
    value: String,
    form: &'static str,
}

impl Domain {
    /// The domain of the contract at `contract` on the chain `chain_id`, instantiated at `height` and `time` (nanoseconds
    /// since 1970).
    ///
    /// # Errors
    ///
    /// Refuses empty text, text above 255 bytes, and an address that is not in lower case.
    pub fn new(
        chain_id: &str,
        contract: &str,
        height: u64,
        time: u64,
    ) -> Result<Self, DomainError> {
        let chain = named("chain id", chain_id, "text", !chain_id.is_empty())?;
        let lower = !contract.is_empty() && !contract.bytes().any(|byte| byte.is_ascii_uppercase());
        let contract = named("contract address", contract, "bech32 in lower case", lower)?;
        let bytes = [
            chain.as_slice(),
            &contract,
            &height.to_be_bytes(),
            &time.to_be_bytes(),
        ]
        .concat();
        Ok(Self(tagged("btc-mesh/1/domain", &bytes)))
    }

    /// Takes a domain that was computed before, such as a stored or a pinned one.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Domain({self})")
    }
}

fn named(
    what: &'static str,
    value: &str,
    form: &'static str,
    valid: bool,
) -> Result<Vec<u8>, DomainError> {
    short_text(value)
        .filter(|_| valid)
        .ok_or_else(|| DomainError {
            what,
            value: value.to_owned(),
            form,
        })
}
