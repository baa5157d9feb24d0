//! A chain that bitcoin stake secures, as our programs see it.
//!
//! Programs hold an `Arc<dyn Chain>` and do not know which chain it is: questions come back as domain types, and
//! everything they want to happen is a [`Message`] given to [`Chain::submit`]. [`babylon`] speaks to Babylon Genesis,
//! [`mesh`] to the contracts of a partner chain, both over gRPC; [`SecuredChain`] is either of them as a configuration names
//! it. What chains of the Cosmos SDK have in common is in
//! [`cosmos`], what speaks to contracts in [`wasm`]. Nothing outside this crate sees protobuf or the contracts' JSON.

mod ancestors;
pub mod babylon;
pub mod cosmos;
mod delegation;
mod error;
mod finality;
mod light_client;
pub mod mesh;
mod message;
mod reward;
mod secured;
mod signed;
mod vote;
pub mod wasm;

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use async_trait::async_trait;
use bitcoin::{BlockHash, OutPoint, Txid};
use staking::keys::FinalityProviderKey;
use staking::params::ParamsVersions;
use staking::units::{BitcoinHeight, ChainHeight};

pub use ancestors::{AncestorsError, bring_ancestors, knows_block};
pub use delegation::{
    Awaited, CovenantAdaptorSignatures, CovenantSignature, Delegation, DelegationStatus,
    InvalidDelegation, Page, PageKey, StakeExpansion, StakingOutput, TooFewSignatures, holding,
    quorum,
};
pub use error::{ChainError, Rejection};
pub use finality::{
    CommitStart, DoubleVote, EffectiveCommit, Evidence, FinalityBlock, FinalityParams,
    FinalityProvider, PublicRandomnessCommit, SigningInfo,
};
pub use light_client::{
    LightClientHeader, LightClientParams, SpendLimits, SpendRules, Unreportable,
};
pub use message::{
    AddCovenantSignatures, AddFinalityVote, AddInclusionProof, CommitPublicRandomness,
    CreateDelegation, CreateFinalityProvider, Message, Receipt, ReportSpend,
};
pub use reward::Reward;
pub use secured::{Account, Connected, SecuredChain};
pub use signed::{SignedDelegation, WrittenCovenantSignatures};
pub use vote::{ForeignVote, VoteContent, VotingDomain};

/// One chain secured by bitcoin stake.
///
/// Every method is one question or one submission; none keeps state that a restart would need.
#[async_trait]
pub trait Chain: Send + Sync {
    /// The chain's id, such as `bbn-1`.
    fn chain_id(&self) -> &str;

    /// Address of the account that pays for and signs submissions.
    fn account(&self) -> &str;

    /// Balance of [`Self::account`] in the fee denomination's smallest unit.
    async fn balance(&self) -> Result<u128, ChainError>;

    /// Height of the chain's newest block.
    async fn height(&self) -> Result<ChainHeight, ChainError>;

    // --- Bitcoin light client ---

    /// The newest Bitcoin header the chain knows.
    async fn light_client_tip(&self) -> Result<LightClientHeader, ChainError>;

    /// The oldest Bitcoin header the chain knows.
    async fn light_client_base(&self) -> Result<LightClientHeader, ChainError>;

    /// Whether the light client's main chain has this header at this height.
    async fn contains_header(
        &self,
        height: BitcoinHeight,
        hash: &BlockHash,
    ) -> Result<bool, ChainError>;

    /// The lowest height from this one on of which the light client has the header; `None` above its newest. A light
    /// client that forgets nothing has it at the height itself.
    async fn header_kept_from(
        &self,
        height: BitcoinHeight,
    ) -> Result<Option<BitcoinHeight>, ChainError> {
        let tip = self.light_client_tip().await?.height;
        Ok((height <= tip).then_some(height))
    }

    /// Confirmation depth and what else the chain asks of Bitcoin.
    async fn light_client_params(&self) -> Result<LightClientParams, ChainError>;

    // --- Stakes ---

    /// All versions of the staking parameters.
    async fn staking_params(&self) -> Result<ParamsVersions, ChainError>;

    /// One delegation by its staking transaction; `None` where the chain does not know it. The first one where a chain
    /// takes several outputs of one transaction.
    async fn delegation(&self, staking_txid: Txid) -> Result<Option<Delegation>, ChainError>;

    /// The delegation whose stake is this output; `None` where the chain does not know it.
    async fn delegation_at(&self, stake: OutPoint) -> Result<Option<Delegation>, ChainError> {
        let delegation = self.delegation(stake.txid).await?;
        Ok(delegation.filter(|delegation| delegation.staking_outpoint() == stake))
    }

    /// One page of the delegations in `status`, or of all where it is `None`.
    ///
    /// What the chain stores but we cannot read is listed beside the rest, so that it blocks nothing.
    async fn delegations(
        &self,
        status: Option<DelegationStatus>,
        after: Option<PageKey>,
        limit: NonZeroU32,
    ) -> Result<Page, ChainError>;

    /// One page of the delegations to one finality provider.
    async fn delegations_to(
        &self,
        finality_provider: &FinalityProviderKey,
        after: Option<PageKey>,
        limit: NonZeroU32,
    ) -> Result<Page, ChainError>;

    // --- Finality providers ---
    //
    // Heights are those that are voted on: of blocks on Babylon, numbers of checkpoints on a partner chain.

    /// Whose votes this chain takes.
    fn voting_domain(&self) -> VotingDomain;

    /// The newest height that takes votes now; `None` before the first.
    async fn votable_height(&self) -> Result<Option<ChainHeight>, ChainError>;

    /// The newest height for which a vote may have been signed by now, wherever its key is; `None` before the first.
    ///
    /// # Errors
    ///
    /// [`ChainError::Behind`] where the node is not as far as its chain, so that nobody can say.
    async fn signable_height(&self) -> Result<Option<ChainHeight>, ChainError>;

    /// All registered finality providers.
    async fn finality_providers(&self) -> Result<Vec<FinalityProvider>, ChainError>;

    /// One finality provider; `None` where it is not registered.
    async fn finality_provider(
        &self,
        key: &FinalityProviderKey,
    ) -> Result<Option<FinalityProvider>, ChainError>;

    /// Parameters of finality votes, public randomness and liveness.
    async fn finality_params(&self) -> Result<FinalityParams, ChainError>;

    /// Liveness record of a provider; `None` before it was first active.
    async fn signing_info(
        &self,
        key: &FinalityProviderKey,
    ) -> Result<Option<SigningInfo>, ChainError>;

    /// Voting power in satoshi at a height; 0 where it has none.
    async fn voting_power(
        &self,
        key: &FinalityProviderKey,
        height: ChainHeight,
    ) -> Result<u64, ChainError>;

    /// First height at which somebody had voting power; `None` before.
    async fn finality_activated_at(&self) -> Result<Option<ChainHeight>, ChainError>;

    /// The block to vote on; `None` where votes are not taken for this height (yet).
    async fn finality_block(
        &self,
        height: ChainHeight,
    ) -> Result<Option<FinalityBlock>, ChainError>;

    /// Height of the newest block that finality votes have finalised; `None` before the first.
    async fn last_finalized_block(&self) -> Result<Option<ChainHeight>, ChainError>;

    /// Whether the chain has the provider's vote for a height.
    async fn has_voted(
        &self,
        key: &FinalityProviderKey,
        height: ChainHeight,
    ) -> Result<bool, ChainError>;

    /// A provider's commitments to public randomness, oldest first.
    async fn public_randomness_commits(
        &self,
        key: &FinalityProviderKey,
    ) -> Result<Vec<PublicRandomnessCommit>, ChainError>;

    /// The commitments under which a provider's votes for these heights count, lowest first.
    async fn effective_commits(
        &self,
        key: &FinalityProviderKey,
        heights: RangeInclusive<ChainHeight>,
    ) -> Result<Vec<EffectiveCommit>, ChainError>;

    /// Evidence of equivocation, one for each provider.
    async fn evidences(&self) -> Result<Vec<Evidence>, ChainError>;

    /// Rewards that [`Self::account`] could withdraw now, by kind of stakeholder.
    async fn rewards(&self) -> Result<Vec<Reward>, ChainError>;

    // --- Acting ---

    /// Sends the messages in as few transactions as their gas allows and waits until each is in a block.
    ///
    /// The answer has one entry for each message, in order: a refused message does not take the others with it. The
    /// messages of one call are executed in their order; a later one may build on an earlier one. Calls may run side by
    /// side and then share transactions.
    ///
    /// After any error but [`ChainError::Timeout`] and [`ChainError::Stopped`] the message has not taken effect. After
    /// those two it may have, or may still: whoever would be hurt by its happening twice looks before sending it again.
    async fn submit(&self, messages: Vec<Message>) -> Vec<Result<Receipt, ChainError>>;
}
