//! Why a stake cannot be made.

use daemon::output::{CommandError, Exit};
use staking::keys::FinalityProviderKey;
use staking::proof_of_possession::AccountAddress;

/// Why a stake cannot be made as its owner asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProposalError {
    /// The chain does not know the provider.
    #[error("the chain knows no finality provider {0}")]
    UnknownProvider(FinalityProviderKey),
    /// The provider equivocated.
    #[error("finality provider {0} was slashed: a stake with it would be slashed too")]
    SlashedProvider(FinalityProviderKey),
    /// The parameters are not those that its owner has seen.
    #[error(
        "the staking parameters have changed: version {governing} governs now, the stake was planned under version {planned}; nothing was signed"
    )]
    ParamsChanged {
        /// Version that was shown.
        planned: u32,
        /// Version that governs.
        governing: u32,
    },
    /// No covenant set suits all chains.
    #[error("these chains take no stake in common like this one: {reason}")]
    NoCommonSet {
        /// Why not.
        reason: String,
    },
    /// There will never be a quorum.
    #[error(
        "the configuration names {configured} members of these chains' covenant committee ([[committee]]), {quorum} must sign"
    )]
    TooFewMembers {
        /// Members of the committee that are configured.
        configured: usize,
        /// How many must sign.
        quorum: usize,
    },
    /// Nobody can pay for the registration.
    #[error("account {0} has no coins to pay for the registration on the chain")]
    EmptyAccount(AccountAddress),
}

impl From<ProposalError> for CommandError {
    fn from(error: ProposalError) -> Self {
        let (exit, code, hint) = match &error {
            ProposalError::UnknownProvider(_) => (
                Exit::Failed,
                "unknown-provider",
                "`btc-staker providers` lists those that the chain knows",
            ),
            ProposalError::SlashedProvider(_) => (
                Exit::Refused,
                "provider-slashed",
                "choose another one: `btc-staker providers` lists them",
            ),
            ProposalError::ParamsChanged { .. } => (
                Exit::Refused,
                "params-changed",
                "look at the new summary with --dry-run and stake again",
            ),
            ProposalError::NoCommonSet { .. } => (
                Exit::Refused,
                "no-common-covenant-set",
                "`btc-staker params --chain` shows what each of them accepts; a stake for each chain by itself may do",
            ),
            ProposalError::TooFewMembers { .. } => (
                Exit::Configuration,
                "too-few-members",
                "add a [[committee]] for each member, with its key and its address for stakers",
            ),
            ProposalError::EmptyAccount(_) => (
                Exit::Failed,
                "account-empty",
                "send it a few coins of the chain for gas",
            ),
        };
        Self::caused_by(exit, code, &error).with_hint(hint)
    }
}
