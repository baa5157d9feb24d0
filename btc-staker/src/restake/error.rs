//! Why a stake cannot be shown to partner chains.

use bitcoin::Txid;
use daemon::output::{CommandError, Exit};
use mesh_core::consent::ConsentError;
use staking::keys::FinalityProviderKey;

use super::number::NumberError;
use super::record::RecordError;

/// Why a stake cannot be shown to partner chains. Nothing was signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestakeError {
    /// The configuration names no partner chain.
    #[error("the configuration has no [[chain]]: there is nobody to show a stake to")]
    NoChains,
    /// The configuration has no chain of this name.
    #[error("the configuration has no chain with the name `{0}`")]
    UnknownChain(String),
    /// Two shares for one chain, or two addresses.
    #[error("chain `{0}` is named twice")]
    NamedTwice(String),
    /// A reward address without a share.
    #[error("there is a reward address for chain `{0}`, but no share")]
    NoShare(String),
    /// A reward address that is none of the chain's.
    #[error("chain `{chain}`: `{address}` is no address of it: {reason}")]
    RewardAddress {
        /// The chain.
        chain: String,
        /// What was asked for.
        address: String,
        /// Why not.
        reason: String,
    },
    /// A share for Babylon of a stake that it does not have.
    #[error("babylon cannot have a share: the stake is not registered there")]
    NotOnBabylon,
    /// The list is no consent.
    #[error(transparent)]
    List(#[from] ConsentError),
    /// The stake is not in a block, or not any more in its staking output.
    #[error("stake {0} is not in its staking output in a block of Bitcoin: it could count nowhere")]
    NotStaked(Txid),
    /// The committee has not signed.
    #[error("{valid} members of the covenant committee have signed stake {txid}, {quorum} must")]
    TooFewSignatures {
        /// The stake.
        txid: Txid,
        /// How many have.
        valid: usize,
        /// How many must.
        quorum: usize,
    },
    /// No chain that the list concerns was reached.
    #[error("none of the chains that this concerns answers: {0}")]
    NobodyReached(String),
    /// The instance would not take the stake.
    #[error("chain `{chain}` does not take this stake: {reason}")]
    NotTaken {
        /// The chain.
        chain: String,
        /// Why not.
        reason: String,
    },
    /// The provider's key is out.
    #[error("chain `{chain}`: provider {provider} has equivocated; a stake with it counts nowhere")]
    ProviderSlashed {
        /// The chain.
        chain: String,
        /// The provider.
        provider: FinalityProviderKey,
    },
    /// The consent's number.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// Another command signed a consent of this stake meanwhile, or a chain was shown one.
    #[error("what is known of this stake's consents has changed since the summary")]
    Changed,
    /// The record of consents.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A consent of the record does not carry our signature.
    #[error(
        "the recorded consent {number} of stake {txid} is not signed by this home's seed; the file `consents.redb` is \
         another home's"
    )]
    ForeignConsent {
        /// The stake.
        txid: Txid,
        /// Its number.
        number: u32,
    },
    /// The clock cannot be used.
    #[error("the clock says a time before 1970 or after 2106: no number can be made from it")]
    Clock,
}

impl From<RestakeError> for CommandError {
    fn from(error: RestakeError) -> Self {
        use RestakeError as E;
        let (exit, code, hint) = match &error {
            E::NoChains => (Exit::Configuration, "no-partner-chains", None),
            E::UnknownChain(_) => (Exit::Configuration, "unknown-chain", None),
            E::NamedTwice(_)
            | E::NoShare(_)
            | E::RewardAddress { .. }
            | E::NotOnBabylon
            | E::List(_) => (Exit::Usage, "invalid-shares", None),
            E::NotStaked(_) => (
                Exit::Failed,
                "not-staked",
                Some("`btc-staker status` says where it is"),
            ),
            E::TooFewSignatures { .. } => (Exit::Failed, "not-signed", None),
            E::NobodyReached(_) => (Exit::Unreachable, "chain-unreachable", None),
            E::NotTaken { .. } => (Exit::Refused, "not-taken", None),
            E::ProviderSlashed { .. } => (Exit::Refused, "provider-slashed", None),
            E::Number(_) | E::Clock => (Exit::Refused, "consent-number", None),
            E::Changed => (
                Exit::Refused,
                "consent-changed",
                Some("run the command again"),
            ),
            E::Record(_) | E::ForeignConsent { .. } => (Exit::Refused, "consent-record", None),
        };
        let answer = Self::caused_by(exit, code, &error);
        match hint {
            Some(hint) => answer.with_hint(hint),
            None => answer,
        }
    }
}
