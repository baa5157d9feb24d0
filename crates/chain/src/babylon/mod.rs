//! Babylon Genesis over gRPC.
//!
//! [`Babylon`] answers the questions of [`Chain`] from one node and sends one account's messages. What the node says
//! passes through `read` on its way in, our messages through `write` on their way out; the sender of [`cosmos`] makes
//! transactions of them.

pub mod checkpoint;
mod config;
mod node;
mod randomness;
mod read;
mod write;

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use async_trait::async_trait;
use bitcoin::{BlockHash, Txid};
use futures::try_join;
use staking::keys::FinalityProviderKey;
use staking::params::ParamsVersions;
use staking::proof_of_possession::AccountAddress;
use staking::units::{BitcoinHeight, ChainHeight};

// Of these programs speak beside Babylon itself, without caring that other chains have them too.
pub use crate::cosmos::{AccountKey, AccountKeyError, Decimal};
pub use config::Config;

use crate::cosmos;
use crate::cosmos::node::Node;
use crate::cosmos::sender::Sender;
use crate::{
    Chain, ChainError, Delegation, DelegationStatus, DoubleVote, EffectiveCommit, Evidence,
    FinalityBlock, FinalityParams, FinalityProvider, LightClientHeader, LightClientParams, Message,
    Page, PageKey, PublicRandomnessCommit, Receipt, Rejection, Reward, SigningInfo, VotingDomain,
};
use checkpoint::CheckpointStatus;

/// A Babylon node and an account on its chain.
#[derive(Debug)]
pub struct Babylon {
    node: Node,
    /// `None` where nothing is sent.
    sender: Option<Sender>,
    chain_id: String,
    account: AccountAddress,
    fee_denomination: String,
}

impl Babylon {
    /// Connects to the node and starts sending for the account of `account_key`.
    ///
    /// One process may have one connection for each account: the connection keeps the account's sequence. Where another
    /// program uses the account too, both get through, only slower; but a message that both send at the same moment may
    /// become one and the same transaction, and then takes effect once.
    ///
    /// # Errors
    ///
    /// [`ChainError::Unreachable`] while the node does not answer, [`ChainError::WrongChain`] where it serves another
    /// chain, [`ChainError::InvalidMessage`] for an account prefix that no address can have.
    pub async fn connect(config: Config, account_key: AccountKey) -> Result<Self, ChainError> {
        let account = account_key
            .address(&config.account_prefix)
            .map_err(|error| ChainError::InvalidMessage {
                reason: error.to_string(),
            })?;
        let config = cosmos::Config::from(config);
        let node = Node::connect(&config).await?;
        let address = account.text().to_owned();
        let sender = Sender::start(node.clone(), &config, account_key, address);
        Ok(Self {
            sender: Some(sender),
            ..Self::new(node, config, account)
        })
    }

    /// Connects to the node to ask questions only; [`Chain::submit`] refuses every message.
    ///
    /// # Errors
    ///
    /// As [`Self::connect`].
    pub async fn watch(config: Config, account: AccountAddress) -> Result<Self, ChainError> {
        let config = cosmos::Config::from(config);
        let node = Node::connect(&config).await?;
        Ok(Self::new(node, config, account))
    }

    fn new(node: Node, config: cosmos::Config, account: AccountAddress) -> Self {
        Self {
            node,
            sender: None,
            chain_id: config.chain_id,
            account,
            fee_denomination: config.fee_denomination,
        }
    }

    /// The account, as proofs of possession need it.
    pub fn account_address(&self) -> &AccountAddress {
        &self.account
    }

    /// What became of a transaction after [`ChainError::Timeout`]; `None` while it is in no block.
    pub async fn transaction(
        &self,
        tx_hash: &str,
    ) -> Result<Option<Result<Receipt, Rejection>>, ChainError> {
        self.node.transaction(tx_hash).await
    }

    /// Newest epoch whose checkpoint is final on Bitcoin, 0 before the first; commits of later epochs do not count yet (spec
    /// 3.7).
    pub async fn last_finalized_epoch(&self) -> Result<u64, ChainError> {
        let newest = self
            .node
            .newest_checkpoint(CheckpointStatus::Finalized)
            .await?;
        Ok(newest.map_or(0, |checkpoint| checkpoint.raw.epoch))
    }

    /// Who has voted for the block at a height.
    pub async fn votes(&self, height: ChainHeight) -> Result<Vec<FinalityProviderKey>, ChainError> {
        self.node.votes(height).await
    }

    /// The first two votes at one height of each provider whose first are at or above a height.
    pub async fn double_votes(&self, from: ChainHeight) -> Result<Vec<DoubleVote>, ChainError> {
        self.node.evidences(from).await
    }

    /// Everybody with voting power at a height, and their power in satoshi.
    pub async fn active_finality_providers(
        &self,
        height: ChainHeight,
    ) -> Result<Vec<(FinalityProviderKey, u64)>, ChainError> {
        self.node.active_providers(height).await
    }
}

#[async_trait]
impl Chain for Babylon {
    fn chain_id(&self) -> &str {
        &self.chain_id
    }

    fn account(&self) -> &str {
        self.account.text()
    }

    async fn balance(&self) -> Result<u128, ChainError> {
        self.node
            .balance(self.account.text(), &self.fee_denomination)
            .await
    }

    async fn height(&self) -> Result<ChainHeight, ChainError> {
        self.node.height().await
    }

    async fn light_client_tip(&self) -> Result<LightClientHeader, ChainError> {
        self.node.light_client_tip().await
    }

    async fn light_client_base(&self) -> Result<LightClientHeader, ChainError> {
        self.node.light_client_base().await
    }

    async fn contains_header(
        &self,
        _: BitcoinHeight,
        hash: &BlockHash,
    ) -> Result<bool, ChainError> {
        self.node.contains_header(hash).await
    }

    async fn light_client_params(&self) -> Result<LightClientParams, ChainError> {
        self.node.light_client_params().await
    }

    async fn staking_params(&self) -> Result<ParamsVersions, ChainError> {
        self.node.staking_params().await
    }

    async fn delegation(&self, staking_txid: Txid) -> Result<Option<Delegation>, ChainError> {
        self.node.delegation(staking_txid).await
    }

    async fn delegations(
        &self,
        status: Option<DelegationStatus>,
        after: Option<PageKey>,
        limit: NonZeroU32,
    ) -> Result<Page, ChainError> {
        self.node.delegations(status, after, limit).await
    }

    async fn delegations_to(
        &self,
        finality_provider: &FinalityProviderKey,
        after: Option<PageKey>,
        limit: NonZeroU32,
    ) -> Result<Page, ChainError> {
        self.node
            .delegations_to(finality_provider, after, limit)
            .await
    }

    fn voting_domain(&self) -> VotingDomain {
        VotingDomain::Babylon(self.chain_id.clone())
    }

    async fn votable_height(&self) -> Result<Option<ChainHeight>, ChainError> {
        self.height().await.map(Some)
    }

    async fn signable_height(&self) -> Result<Option<ChainHeight>, ChainError> {
        let head = self.node.current_head().await?;
        Ok(Some(head.height))
    }

    async fn finality_providers(&self) -> Result<Vec<FinalityProvider>, ChainError> {
        self.node.finality_providers().await
    }

    async fn finality_provider(
        &self,
        key: &FinalityProviderKey,
    ) -> Result<Option<FinalityProvider>, ChainError> {
        self.node.finality_provider(key).await
    }

    async fn finality_params(&self) -> Result<FinalityParams, ChainError> {
        self.node.finality_params().await
    }

    async fn signing_info(
        &self,
        key: &FinalityProviderKey,
    ) -> Result<Option<SigningInfo>, ChainError> {
        self.node.signing_info(key).await
    }

    async fn voting_power(
        &self,
        key: &FinalityProviderKey,
        height: ChainHeight,
    ) -> Result<u64, ChainError> {
        self.node.voting_power(key, height).await
    }

    async fn finality_activated_at(&self) -> Result<Option<ChainHeight>, ChainError> {
        self.node.finality_activated_at().await
    }

    async fn finality_block(
        &self,
        height: ChainHeight,
    ) -> Result<Option<FinalityBlock>, ChainError> {
        self.node.finality_block(height).await
    }

    async fn last_finalized_block(&self) -> Result<Option<ChainHeight>, ChainError> {
        self.node.last_finalized_block().await
    }

    async fn has_voted(
        &self,
        key: &FinalityProviderKey,
        height: ChainHeight,
    ) -> Result<bool, ChainError> {
        Ok(self.votes(height).await?.contains(key))
    }

    async fn public_randomness_commits(
        &self,
        key: &FinalityProviderKey,
    ) -> Result<Vec<PublicRandomnessCommit>, ChainError> {
        self.node.public_randomness_commits(key).await
    }

    /// Those made in an epoch whose checkpoint is final on Bitcoin (spec 3.7).
    async fn effective_commits(
        &self,
        key: &FinalityProviderKey,
        heights: RangeInclusive<ChainHeight>,
    ) -> Result<Vec<EffectiveCommit>, ChainError> {
        let commits = self.node.public_randomness_commits(key);
        let (last_final, commits) = try_join!(self.last_finalized_epoch(), commits)?;
        randomness::effective(commits, last_final, &heights)
    }

    async fn evidences(&self) -> Result<Vec<Evidence>, ChainError> {
        let votes = self.double_votes(ChainHeight(0)).await?;
        Ok(votes.into_iter().map(Evidence::Votes).collect())
    }

    async fn rewards(&self) -> Result<Vec<Reward>, ChainError> {
        self.node.rewards(self.account.text()).await
    }

    async fn submit(&self, messages: Vec<Message>) -> Vec<Result<Receipt, ChainError>> {
        let Some(sender) = &self.sender else {
            let refused = || ChainError::InvalidMessage {
                reason: format!(
                    "account {} is only watched, its key is needed to send",
                    self.account
                ),
            };
            return messages.iter().map(|_| Err(refused())).collect();
        };
        let encoded = messages
            .iter()
            .map(|message| write::encode(message, self.account.text(), &self.fee_denomination))
            .collect();
        let answers = sender.submit(encoded).await.into_iter();
        answers
            .map(|answer| answer.map(|landed| landed.receipt))
            .collect()
    }
}
