//! Who votes for what, and the leave to sign it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest chain domain in bytes.
const MAX_DOMAIN: usize = 128;

/// What separates the votes of one chain from those of any other: a chain id, or the hex of a partner chain's domain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChainDomain(Arc<str>);

/// Text that names no chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("chain domain `{0}` is not 1 to {MAX_DOMAIN} visible ASCII characters")]
pub struct ChainDomainError(String);

/// A key on a chain: what must not sign twice at one height.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The finality provider's EOTS public key (x-only).
    pub public_key: [u8; 32],
    /// The chain it votes on.
    pub chain: ChainDomain,
}

/// One vote that somebody wants signed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Vote {
    /// Who votes where.
    pub identity: Identity,
    /// The height voted on: of a block, or the number of a partner chain's checkpoint.
    pub height: u64,
    /// What the vote says of it: on Babylon the app hash in the header, on a partner chain SHA-256 of the message.
    pub content: [u8; 32],
}

/// Leave to sign one vote, which is on disk. Only this crate makes permits, and each is good for one signature.
///
/// Key, nonce and message must all come from [`Permit::vote`]: the nonce of its height on its chain, and no other.
#[must_use = "the vote is recorded and waits to be signed"]
pub struct Permit {
    vote: Vote,
}

impl Permit {
    /// Called only where the vote's record is known to be durable.
    pub(crate) fn new(vote: Vote) -> Self {
        Self { vote }
    }

    /// What may be signed, and nothing else.
    pub fn vote(&self) -> &Vote {
        &self.vote
    }
}

impl ChainDomain {
    /// The domain as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ChainDomain {
    type Err = ChainDomainError;

    fn from_str(text: &str) -> Result<Self, ChainDomainError> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for ChainDomain {
    type Error = ChainDomainError;

    fn try_from(text: String) -> Result<Self, ChainDomainError> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if visible && (1..=MAX_DOMAIN).contains(&text.len()) {
            Ok(Self(text.into()))
        } else {
            Err(ChainDomainError(text))
        }
    }
}

impl From<ChainDomain> for String {
    fn from(domain: ChainDomain) -> Self {
        domain.0.as_ref().to_owned()
    }
}

impl fmt::Display for ChainDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", hex::encode(self.public_key), self.chain)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({self})")
    }
}

impl fmt::Debug for Vote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = hex::encode(self.content);
        write!(
            f,
            "Vote({} at {} for {content})",
            self.identity, self.height
        )
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({:?})", self.vote)
    }
}
