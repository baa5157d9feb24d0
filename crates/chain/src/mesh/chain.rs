//! The questions and messages of [`Chain`], asked and told to the contracts.

use std::future::ready;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use async_trait::async_trait;
use bitcoin::{BlockHash, OutPoint, Txid};
use eots::{PublicKey, SecretKey};
use futures::stream::{Stream, TryStreamExt as _};
use staking::keys::FinalityProviderKey;
use staking::params::ParamsVersions;
use staking::units::{BitcoinHeight, ChainHeight};

use super::Mesh;
use super::answer::{CommitInfo, Provider, ProviderStatus};
use super::finality::{Polls, unseen};
use super::stake::Stake;
use crate::cosmos::Decimal;
use crate::{
    Chain, ChainError, CommitStart, Delegation, DelegationStatus, EffectiveCommit, Evidence,
    FinalityBlock, FinalityParams, FinalityProvider, LightClientHeader, LightClientParams, Message,
    Page, PageKey, PublicRandomnessCommit, Receipt, Reward, SigningInfo, SpendLimits, SpendRules,
    VoteContent, VotingDomain,
};

/// Headers that a chain is asked for in search of one that it has: those of twenty years.
const MOST_ASKED: usize = 7_500;

/// Longest spending transaction that `btc-mesh` reads, bytes.
const MAX_SPEND: usize = 400_000;

/// The kind of stakeholder that earns commissions, as the trait's other chains call it.
pub(super) const PROVIDER_REWARDS: &str = "finality_provider";

#[async_trait]
impl Chain for Mesh {
    fn chain_id(&self) -> &str {
        self.contracts.chain_id()
    }

    fn account(&self) -> &str {
        self.contracts
            .account()
            .map_or("", |account| account.text())
    }

    async fn balance(&self) -> Result<u128, ChainError> {
        match self.contracts.account() {
            Some(account) => self.contracts.balance(account).await,
            None => Ok(0),
        }
    }

    async fn height(&self) -> Result<ChainHeight, ChainError> {
        self.contracts.height().await
    }

    async fn light_client_tip(&self) -> Result<LightClientHeader, ChainError> {
        self.light_tip().await
    }

    async fn light_client_base(&self) -> Result<LightClientHeader, ChainError> {
        let base = self.light_base().await?;
        match self.light_header(base).await {
            // After four weeks another header has its place, and only every 144th is there for good.
            Err(ChainError::Rejected(refusal)) => match kept_from(base) {
                Some(kept) => self.light_header(kept).await,
                None => Err(refusal.into()),
            },
            answer => answer,
        }
    }

    async fn contains_header(
        &self,
        height: BitcoinHeight,
        hash: &BlockHash,
    ) -> Result<bool, ChainError> {
        match self.light_header(height).await {
            Ok(header) => Ok(header.height == height && header.hash() == *hash),
            // It keeps no header there.
            Err(ChainError::Rejected(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// After four weeks every 144th is left, and what somebody brought again.
    async fn header_kept_from(
        &self,
        height: BitcoinHeight,
    ) -> Result<Option<BitcoinHeight>, ChainError> {
        let tip = self.light_tip().await?.height;
        let base = self.light_base().await?;
        let kept = kept_heights_from(height).take(MOST_ASKED);
        let heights = std::iter::once(height).chain(kept);
        for candidate in heights
            .take_while(|candidate| *candidate <= tip)
            .chain([base])
        {
            match self.light_header(candidate).await {
                Ok(_) => return Ok((candidate >= height).then_some(candidate)),
                Err(ChainError::Rejected(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// An instance puts no checkpoints on Bitcoin.
    async fn light_client_params(&self) -> Result<LightClientParams, ChainError> {
        Ok(LightClientParams {
            confirmation_depth: self.params.depth_min,
            finalization_timeout: self.params.depth_min,
            checkpoint_tag: [0; 4],
            halting_depth: None,
            spends: SpendRules {
                depth: self.params.depth_min,
                with_funding: false,
                limits: Some(SpendLimits {
                    transaction_bytes: MAX_SPEND,
                }),
            },
        })
    }

    /// One version for each covenant set; stakes say which is theirs.
    async fn staking_params(&self) -> Result<ParamsVersions, ChainError> {
        self.covenant_params().await
    }

    async fn delegation(&self, staking_txid: Txid) -> Result<Option<Delegation>, ChainError> {
        self.first_of(staking_txid).await
    }

    async fn delegation_at(&self, stake: OutPoint) -> Result<Option<Delegation>, ChainError> {
        self.at(stake).await
    }

    /// Nothing is ever pending: a stake is shown with its signatures and its inclusion.
    async fn delegations(
        &self,
        status: Option<DelegationStatus>,
        after: Option<PageKey>,
        limit: NonZeroU32,
    ) -> Result<Page, ChainError> {
        if status == Some(DelegationStatus::Pending) {
            return Ok(Page::default());
        }
        let wanted =
            |stake: &Stake| status.is_none_or(|status| stake.delegation_status() == status);
        self.page(after, limit, wanted).await
    }

    async fn delegations_to(
        &self,
        finality_provider: &FinalityProviderKey,
        after: Option<PageKey>,
        limit: NonZeroU32,
    ) -> Result<Page, ChainError> {
        let key = finality_provider.to_bytes();
        self.page(after, limit, |stake| stake.provider.0 == key)
            .await
    }

    fn voting_domain(&self) -> VotingDomain {
        VotingDomain::PartnerChain(self.domain)
    }

    async fn votable_height(&self) -> Result<Option<ChainHeight>, ChainError> {
        // Asked first, so that what the contract says is of this block or a later one.
        let head = self.height().await?;
        let Some(polls) = self.polls().await? else {
            return Ok(None);
        };
        let ready_since = self.ready_since(&polls).await?;
        Ok(polls.votable(head.0, ready_since).map(ChainHeight))
    }

    async fn signable_height(&self) -> Result<Option<ChainHeight>, ChainError> {
        let head = self.contracts.node().current_head().await?;
        let polls = self.polls().await?;
        Ok(polls
            .and_then(|polls| polls.signable(head.height.0, unseen(head.age)))
            .map(ChainHeight))
    }

    async fn finality_providers(&self) -> Result<Vec<FinalityProvider>, ChainError> {
        self.list::<Provider>()
            .and_then(|provider| self.described(provider, None))
            .try_collect()
            .await
    }

    async fn finality_provider(
        &self,
        key: &FinalityProviderKey,
    ) -> Result<Option<FinalityProvider>, ChainError> {
        let Some(provider) = self.provider(key).await? else {
            return Ok(None);
        };
        let highest = self.votes_of(key).await?.into_iter().max();
        self.described(provider, highest.map(ChainHeight))
            .await
            .map(Some)
    }

    /// Jail lasts for epochs, whose length in time nothing prescribes.
    async fn finality_params(&self) -> Result<FinalityParams, ChainError> {
        let polls = self.polls().await?;
        let open = polls.as_ref().map_or(Some(0), Polls::first_open);
        let open = open.ok_or_else(|| ChainError::InvalidAnswer {
            query: "table",
            reason: "its checkpoints end above 2^64".to_owned(),
        })?;
        let epoch: u64 = self.params.epoch_len.into();
        let floor = epoch.saturating_mul(self.params.participation_floor.into()) / 10_000;
        Ok(FinalityParams {
            // An epoch that is not covered whole keeps the provider out of its table.
            min_public_randomness: epoch.saturating_mul(2),
            activation_height: ChainHeight(0),
            commit_start: CommitStart::At(ChainHeight(open)),
            signed_blocks_window: epoch,
            max_missed_in_window: epoch.saturating_sub(floor),
            // The contract takes votes from `window` below the next checkpoint on, and the newest may be the one below it.
            finality_vote_timeout: self.params.window.saturating_sub(1).into(),
            jail_duration: Duration::ZERO,
        })
    }

    /// The contract keeps none.
    async fn signing_info(
        &self,
        _: &FinalityProviderKey,
    ) -> Result<Option<SigningInfo>, ChainError> {
        Ok(None)
    }

    async fn voting_power(
        &self,
        key: &FinalityProviderKey,
        height: ChainHeight,
    ) -> Result<u64, ChainError> {
        let polls = self.polls().await?;
        let key = PublicKey::from(key.0);
        Ok(polls.map_or(0, |polls| {
            polls.seat(&key, height.0).map_or(0, |seat| seat.weight)
        }))
    }

    async fn finality_activated_at(&self) -> Result<Option<ChainHeight>, ChainError> {
        Ok(self.polls().await?.map(|_| ChainHeight(0)))
    }

    /// The checkpoint with this number, if the ones below it are final and its header is committed.
    async fn finality_block(
        &self,
        height: ChainHeight,
    ) -> Result<Option<FinalityBlock>, ChainError> {
        let head = self.height().await?;
        let Some(polls) = self.polls().await? else {
            return Ok(None);
        };
        let ready_since = self.ready_since(&polls).await?;
        if Some(height.0) > polls.votable(head.0, ready_since) {
            return Ok(None);
        }
        let Some(block) = polls.height(height.0) else {
            return Ok(None);
        };
        let is_final = height.0 < polls.status.next;
        let hash = match self.contracts.node().header_hash(ChainHeight(block)).await {
            Ok(hash) => hash,
            // A node that was begun from a snapshot, or that forgets, has no old blocks; late votes for them are given up.
            Err(ChainError::Rejected(_) | ChainError::InvalidAnswer { .. }) if is_final => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok(polls.vote(height.0, &hash).map(|vote| FinalityBlock {
            height,
            content: VoteContent::Checkpoint(vote),
            finalized: is_final,
        }))
    }

    async fn last_finalized_block(&self) -> Result<Option<ChainHeight>, ChainError> {
        let polls = self.polls().await?;
        let last = polls.and_then(|polls| polls.status.next.checked_sub(1));
        Ok(last.map(ChainHeight))
    }

    async fn has_voted(
        &self,
        key: &FinalityProviderKey,
        height: ChainHeight,
    ) -> Result<bool, ChainError> {
        Ok(self.votes_of(key).await?.contains(&height.0))
    }

    /// The two newest; what a table names is among the effective ones.
    async fn public_randomness_commits(
        &self,
        key: &FinalityProviderKey,
    ) -> Result<Vec<PublicRandomnessCommit>, ChainError> {
        let provider = self.provider(key).await?;
        let commits = provider.map(|provider| provider.commits.0);
        Ok(commits.iter().flatten().map(commit).collect())
    }

    async fn effective_commits(
        &self,
        key: &FinalityProviderKey,
        heights: RangeInclusive<ChainHeight>,
    ) -> Result<Vec<EffectiveCommit>, ChainError> {
        let polls = self.polls().await?;
        let key = PublicKey::from(key.0);
        Ok(polls.map_or(Vec::new(), |polls| polls.commits(&key, &heights)))
    }

    async fn evidences(&self) -> Result<Vec<Evidence>, ChainError> {
        self.slashed_ones()
            .and_then(|provider| self.evidence(provider))
            .try_collect()
            .await
    }

    async fn rewards(&self) -> Result<Vec<Reward>, ChainError> {
        let earned = self
            .operated()
            .await?
            .into_iter()
            .fold(0_u128, |sum, provider| {
                sum.saturating_add(provider.earned.0)
            });
        let reward = Reward {
            kind: PROVIDER_REWARDS.to_owned(),
            amount: earned,
            denomination: self.denomination.clone(),
        };
        Ok((earned > 0).then_some(reward).into_iter().collect())
    }

    async fn submit(&self, messages: Vec<Message>) -> Vec<Result<Receipt, ChainError>> {
        self.submit_all(messages).await
    }
}

impl Mesh {
    async fn described(
        &self,
        provider: Provider,
        highest_voted_height: Option<ChainHeight>,
    ) -> Result<FinalityProvider, ChainError> {
        let slashed_at = match provider.status {
            ProviderStatus::Slashed => {
                Some(ChainHeight(self.slashed(&provider.pk.0).await?.height))
            }
            ProviderStatus::Active | ProviderStatus::Jailed {} => None,
        };
        Ok(FinalityProvider {
            key: key(&provider)?,
            address: provider.operator,
            moniker: String::new(),
            commission: Decimal::from_basis_points(provider.commission).to_string(),
            jailed: matches!(provider.status, ProviderStatus::Jailed {}),
            slashed_at,
            highest_voted_height,
            commit_number: provider.commit_seq,
        })
    }

    async fn evidence(&self, provider: Provider) -> Result<Evidence, ChainError> {
        let answer = self.slashed(&provider.pk.0).await?;
        let wrong = |reason: &str| ChainError::InvalidAnswer {
            query: "slashed",
            reason: format!("field `sk`: {reason}"),
        };
        let secret = SecretKey::from_bytes(&answer.sk.0).map_err(|_| wrong("no secret key"))?;
        if *secret.public_key().as_bytes() != provider.pk.0 {
            return Err(wrong("not the provider's"));
        }
        Ok(Evidence::Key {
            finality_provider: key(&provider)?,
            secret,
        })
    }

    /// The providers whose operator is this account.
    pub(super) async fn operated(&self) -> Result<Vec<Provider>, ChainError> {
        let account = self.account();
        self.list::<Provider>()
            .try_filter(|provider| ready(provider.operator == account))
            .try_collect()
            .await
    }

    /// The providers that were slashed.
    pub(super) fn slashed_ones(&self) -> impl Stream<Item = Result<Provider, ChainError>> + Send {
        self.list::<Provider>()
            .try_filter(|provider| ready(provider.status == ProviderStatus::Slashed))
    }
}

/// Every so many headers one is kept.
const SPACING: u32 = 144;

/// The lowest height from this one on whose header `btc-light` keeps for good.
fn kept_from(height: BitcoinHeight) -> Option<BitcoinHeight> {
    height
        .0
        .checked_next_multiple_of(SPACING)
        .map(BitcoinHeight)
}

/// The heights from this one on whose headers `btc-light` keeps for good, if it ever had them.
fn kept_heights_from(height: BitcoinHeight) -> impl Iterator<Item = BitcoinHeight> {
    std::iter::successors(kept_from(height), |kept| {
        kept.0.checked_add(SPACING).map(BitcoinHeight)
    })
}

/// A provider's key.
pub(super) fn key(provider: &Provider) -> Result<FinalityProviderKey, ChainError> {
    FinalityProviderKey::from_slice(&provider.pk.0).map_err(|error| ChainError::InvalidAnswer {
        query: "providers",
        reason: format!("field `pk`: {error}"),
    })
}

fn commit(info: &CommitInfo) -> PublicRandomnessCommit {
    PublicRandomnessCommit {
        start: ChainHeight(info.start),
        count: info.num,
        commitment: eots::commitment::Commitment::from_bytes(info.root.0),
        epoch: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_kept_for_good_at_every_144th_height() {
        let kept = |height| kept_from(BitcoinHeight(height)).map(|kept| kept.0);
        assert_eq!(kept(824_531), Some(824_544));
        assert_eq!(kept(824_544), Some(824_544));
        assert_eq!(kept(u32::MAX), None);
        let heights = kept_heights_from(BitcoinHeight(824_531)).map(|kept| kept.0);
        assert_eq!(heights.take(2).collect::<Vec<_>>(), [824_544, 824_688]);
    }
}
