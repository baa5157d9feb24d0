//! Questions to the contracts.

use std::sync::PoisonError;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bitcoin::consensus::deserialize;
use serde_json::{Value, json};
use staking::keys::FinalityProviderKey;
use staking::proof_of_possession::AccountAddress;
use staking::units::{BitcoinHeight, ChainHeight};

use super::Mesh;
use super::answer::{
    Bytes32, Config, Header, LightConfig, Provider, Slashed, Status, Table, Votes,
};
use super::finality::Polls;
use super::list::Bookmark;
use crate::wasm::Contracts;
use crate::{Chain as _, ChainError, LightClientHeader};

/// What the instance was begun with.
pub(super) async fn config(
    contracts: &Contracts,
    contract: &AccountAddress,
) -> Result<Config, ChainError> {
    contracts.query(contract, &json!({ "config": {} })).await
}

impl Mesh {
    pub(super) async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        question: Value,
    ) -> Result<T, ChainError> {
        self.contracts.query(&self.contract, &question).await
    }

    async fn ask_light<T: serde::de::DeserializeOwned>(
        &self,
        question: Value,
    ) -> Result<T, ChainError> {
        self.contracts.query(&self.light, &question).await
    }

    /// The table of an epoch, its root computed anew.
    async fn table(&self, epoch: u64) -> Result<mesh_core::table::Table, ChainError> {
        let table: Table = self.ask(json!({ "table": { "epoch": epoch } })).await?;
        let table = table.rebuilt(&self.domain)?;
        let term = &table.head().term;
        if term.epoch == epoch {
            return Ok(table);
        }
        Err(ChainError::InvalidAnswer {
            query: "table",
            reason: format!(
                "that of epoch {epoch} was asked for, of {} came",
                term.epoch
            ),
        })
    }

    /// The table of an epoch of the pinned era, which may have begun between two questions.
    async fn table_of_era(&self, epoch: u64) -> Result<mesh_core::table::Table, ChainError> {
        let table = self.table(epoch).await?;
        self.check_era(table.head().term.era).map(|()| table)
    }

    fn check_era(&self, era: u32) -> Result<(), ChainError> {
        if era == self.era {
            return Ok(());
        }
        Err(ChainError::OtherEra {
            chain: self.name.clone(),
            expected: self.era,
            actual: era,
        })
    }

    /// Where finality stands; `None` before it was started.
    ///
    /// # Errors
    ///
    /// [`ChainError::OtherEra`] where that is not the pinned one.
    pub(super) async fn polls(&self) -> Result<Option<Polls>, ChainError> {
        let status: Status = self.ask(json!({ "status": {} })).await?;
        if !status.started {
            return Ok(None);
        }
        self.check_era(status.era)?;
        let in_force = self.table_of_era(status.epoch).await?;
        let before = match status.epoch.checked_sub(1) {
            Some(epoch) => match self.table(epoch).await {
                // A resume cuts an epoch off, and nothing of the era before it is signed any more.
                Ok(table) => Some(table).filter(|table| table.head().term.era == self.era),
                // It is not kept for ever.
                Err(ChainError::Rejected(_)) => None,
                Err(error) => return Err(error),
            },
            None => None,
        };
        let ready = if status.next_table_ready {
            Some(self.table_of_era(status.epoch.saturating_add(1)).await?)
        } else {
            None
        };
        Ok(Some(Polls {
            status,
            in_force,
            before,
            ready,
        }))
    }

    /// Since which height of the chain, at the latest, the table that follows is ready.
    pub(super) async fn ready_since(&self, polls: &Polls) -> Result<Option<u64>, ChainError> {
        let Some(ready) = &polls.ready else {
            return Ok(None);
        };
        let epoch = ready.head().term.epoch;
        let seen = || self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, since)) = *seen()
            && known == epoch
        {
            return Ok(Some(since));
        }
        // Asked after the table was seen, so it was ready at this height.
        let ChainHeight(since) = self.height().await?;
        *seen() = Some((epoch, since));
        Ok(Some(since))
    }

    /// A provider; `None` where it is not registered.
    pub(super) async fn provider(
        &self,
        key: &FinalityProviderKey,
    ) -> Result<Option<Provider>, ChainError> {
        let key = key.to_bytes();
        let before = Bookmark::after(before(key).map(Bytes32));
        let (page, _) = self.page_of::<Provider>(before, 1).await?;
        Ok(page.into_iter().find(|provider| provider.pk.0 == key))
    }

    /// The checkpoints near the next one for which the instance keeps a provider's vote.
    pub(super) async fn votes_of(&self, key: &FinalityProviderKey) -> Result<Vec<u64>, ChainError> {
        let question = json!({ "votes": { "pk": key.to_string() } });
        let votes = self.ask::<Votes>(question).await?.votes;
        Ok(votes.into_iter().map(|vote| vote.k).collect())
    }

    /// The key of a provider that was slashed.
    pub(super) async fn slashed(&self, pk: &[u8; 32]) -> Result<Slashed, ChainError> {
        self.ask(json!({ "slashed": { "pk": hex::encode(pk) } }))
            .await
    }

    /// The newest Bitcoin header.
    pub(super) async fn light_tip(&self) -> Result<LightClientHeader, ChainError> {
        header(&self.ask_light(json!({ "tip": {} })).await?)
    }

    /// The Bitcoin header at a height; the contract must have it.
    pub(super) async fn light_header(
        &self,
        height: BitcoinHeight,
    ) -> Result<LightClientHeader, ChainError> {
        let question = json!({ "header": { "height": height.0 } });
        header(&self.ask_light(question).await?)
    }

    /// Height of the newest of the headers that `btc-light` was begun with.
    pub(super) async fn light_base(&self) -> Result<BitcoinHeight, ChainError> {
        let config: LightConfig = self.ask_light(json!({ "config": {} })).await?;
        Ok(BitcoinHeight(config.base_height))
    }
}

fn header(answer: &Header) -> Result<LightClientHeader, ChainError> {
    let invalid = |reason: String| ChainError::InvalidAnswer {
        query: "header",
        reason: format!("field `raw`: {reason}"),
    };
    let raw = STANDARD
        .decode(&answer.raw)
        .map_err(|error| invalid(error.to_string()))?;
    Ok(LightClientHeader {
        height: BitcoinHeight(answer.height),
        header: deserialize(&raw).map_err(|error| invalid(error.to_string()))?,
    })
}

/// The bytes that come directly before these in order; `None` before the first.
pub(super) fn before<const N: usize>(mut bytes: [u8; N]) -> Option<[u8; N]> {
    for byte in bytes.iter_mut().rev() {
        let (less, borrowed) = byte.overflowing_sub(1);
        *byte = less;
        if !borrowed {
            return Some(bytes);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::before;

    #[test]
    fn the_bytes_before_others_are_one_less() {
        assert_eq!(before([0, 0]), None);
        assert_eq!(before([0, 1]), Some([0, 0]));
        assert_eq!(before([3, 0]), Some([2, 255]));
    }
}
