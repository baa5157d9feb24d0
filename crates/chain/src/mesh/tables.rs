//! The tables that votes hand over to, and the stakes that stand behind them.

use std::collections::BTreeSet;

use bitcoin::{Amount, OutPoint};
use eots::PublicKey;
use futures::TryStreamExt as _;
use mesh_core::table::Table;
use serde_json::json;
use staking::units::{BitcoinHeight, BlockInterval};

use super::finality::Polls;
use super::query;
use super::stake::{SlashKit, Stake};
use super::{Mesh, StakeStanding};
use crate::ChainError;

/// The tables that votes for open checkpoints hand over to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HandedOver {
    /// The one in force, which late votes for the last checkpoint before it name.
    pub in_force: Option<Table>,
    /// The one that is ready to follow.
    pub ready: Option<Table>,
}

/// How long what a table counts must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableTerms {
    /// How old a table may be that makes checkpoints final, blocks of Bitcoin.
    pub max_age: u32,
    /// Time kept for slashing on Bitcoin, blocks.
    pub slash_margin: u32,
}

/// A stake that an instance lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedStake {
    /// The staking output.
    pub outpoint: OutPoint,
    /// Its provider.
    pub provider: PublicKey,
    /// Value of the output.
    pub value: Amount,
    /// Height of its block.
    pub start: BitcoinHeight,
    /// Height at which its timelock is over.
    pub end: BitcoinHeight,
    /// Where it stands.
    pub standing: StakeStanding,
}

/// Where the coins of a stake are after one of its own transactions spent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StakeExits {
    /// The output of the unbonding transaction.
    pub unbonding: OutPoint,
    /// How long that stays locked once it is in a block, and can be burnt.
    pub timelock: BlockInterval,
    /// The outputs of both slashing transactions.
    pub slashing: Vec<OutPoint>,
}

impl Mesh {
    /// The tables that votes for open checkpoints hand over to.
    ///
    /// # Errors
    ///
    /// When the node does not answer, its answer cannot be read, or the era is not the pinned one.
    pub async fn handed_over(&self) -> Result<HandedOver, ChainError> {
        let polls = self.polls().await?;
        Ok(polls.map(Polls::handed_over).unwrap_or_default())
    }

    /// How long what a table counts must be there. Asked anew: governance may change it.
    ///
    /// # Errors
    ///
    /// When the node does not answer, or its answer cannot be read.
    pub async fn table_terms(&self) -> Result<TableTerms, ChainError> {
        let params = query::config(&self.contracts, &self.contract).await?.params;
        Ok(TableTerms {
            max_age: params.max_age,
            slash_margin: params.slash_margin,
        })
    }

    /// The providers that the instance knows to be slashed: it takes no vote of theirs.
    ///
    /// # Errors
    ///
    /// As [`Self::table_terms`].
    pub async fn slashed_providers(&self) -> Result<BTreeSet<PublicKey>, ChainError> {
        self.slashed_ones()
            .map_ok(|provider| PublicKey::from_checked_bytes(provider.pk.0))
            .try_collect()
            .await
    }

    /// All stakes that the instance lists, whatever their standing.
    ///
    /// # Errors
    ///
    /// When the node does not answer, or its answer cannot be read.
    pub async fn listed_stakes(&self) -> Result<Vec<ListedStake>, ChainError> {
        self.list::<Stake>()
            .map_ok(ListedStake::from)
            .try_collect()
            .await
    }

    /// Where the coins of a stake may be; `None` where the instance does not keep that any more.
    ///
    /// # Errors
    ///
    /// As [`Self::listed_stakes`].
    pub async fn stake_exits(&self, stake: OutPoint) -> Result<Option<StakeExits>, ChainError> {
        let question = json!({ "slash_kit": { "outpoint": stake } });
        let kit: SlashKit = match self.ask(question).await {
            Ok(kit) => kit,
            Err(ChainError::Rejected(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let exits = kit.exits(stake);
        exits.map(Some).map_err(|reason| ChainError::InvalidAnswer {
            query: "slash_kit",
            reason,
        })
    }
}

impl From<Stake> for ListedStake {
    fn from(stake: Stake) -> Self {
        Self {
            outpoint: stake.outpoint,
            provider: PublicKey::from_checked_bytes(stake.provider.0),
            value: Amount::from_sat(stake.value),
            start: BitcoinHeight(stake.start),
            end: BitcoinHeight(stake.end),
            standing: stake.into(),
        }
    }
}
