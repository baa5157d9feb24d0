//! Where the covenant key lives: the only code that signs for a committee member.
//!
//! The service asks a [`CovenantSigner`], which is [`Embedded`] in the process or [`Remote`] behind gRPC; both end in
//! the same [`Embedded`] code, so that a separate process changes where the key is, not what may be signed. A request
//! takes this way:
//!
//! 1. the parameters must be ones that the signer trusts ([`TrustedParams`]);
//! 2. [`examine`] rebuilds every script and transaction and compares; nothing the sender built is signed as it came;
//! 3. [`SigningRecord`] makes sure, durably, that no other unbonding or slashing transaction is ever signed for the same
//!    output;
//! 4. [`CovenantSecret`] signs, which by its types can only be plain signatures of the unbonding path and adaptor
//!    signatures of the slashing paths;
//! 5. the audit log has the entry on disk before the answer leaves.

mod embedded;
mod examine;
mod history;
mod params;
mod record;
mod remote;
mod request;
mod secret;
mod server;
mod wire;

use async_trait::async_trait;
use bitcoin::Network;
use staking::delegation::CovenantSignatures;
use staking::keys::CovenantKey;

pub use committee::Refusal;
pub use embedded::{Embedded, SignerStatus};
pub use examine::examine;
pub use history::{HistoryError, SigningHistory};
pub use params::{ConnectedChain, PinnedParams, PinnedParamsError, TrustedParams, fingerprint};
pub use record::{
    NotPermitted, Opened, OutdatedRecord, Permission, RecordError, SignedTransactions,
    SigningRecord,
};
pub use remote::Remote;
pub use request::{Origin, SigningRequest};
pub use secret::{CovenantSecret, SecretError};
pub use server::serve;

/// Which committee member a signer is, and for which Bitcoin network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Its key.
    pub key: CovenantKey,
    /// Its network.
    pub network: Network,
}

/// The refusal of every stake expansion.
pub fn no_expansion() -> Refusal {
    Refusal::new(
        "expansion",
        "stake expansions are not signed yet by this version",
    )
}

/// Why a signer gave no signatures.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// The delegation breaks a rule; asking again changes nothing.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The signer does not answer, or cannot keep its records, so it signs nothing at the moment.
    #[error("the signer does not sign at the moment: {0}")]
    Unavailable(String),
}

/// Holds a committee member's key and signs with it.
#[async_trait]
pub trait CovenantSigner: Send + Sync {
    /// Who it signs for.
    async fn identity(&self) -> Result<Identity, SignerError>;

    /// All signatures that a delegation needs (spec 4.10); they are given only after the record of them is durable.
    async fn sign(&self, request: SigningRequest) -> Result<CovenantSignatures, SignerError>;
}
