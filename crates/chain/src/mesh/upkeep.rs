//! What anybody may do so that an instance goes on: tables, expiry, reorganisations, rewards.

use std::future::ready;

use futures::TryStreamExt as _;
use serde::Deserialize;
use serde_json::json;

use super::stake::Stake;
use super::write::MeshMessage;
use super::{Mesh, receipt};
use crate::wasm::Executed;
use crate::{ChainError, Receipt};

/// Most stakes or providers that one message looks at.
const LIMIT: u32 = 100;

/// Where an instance stands, as far as its upkeep depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "five independent facts of the contract's answer"
)]
pub struct Standing {
    /// Whether the first table is in force.
    pub started: bool,
    /// Whether it takes no stakes and votes any more.
    pub closed: bool,
    /// The epoch in force.
    pub epoch: u64,
    /// The next checkpoint to become final.
    pub next: u64,
    /// The last checkpoint of the epoch.
    pub last: u64,
    /// How many checkpoints before the last the next table may be made.
    pub margin: u32,
    /// Whether the next table is ready.
    pub next_table_ready: bool,
    /// Whether a reorganisation of Bitcoin must still be dealt with.
    pub unwinding: bool,
    /// Whether what is known of Bitcoin is too old, or the table, for anything to become final.
    pub halted: bool,
    /// Bitcoin's tip as the chain knows it.
    pub bitcoin_tip: u32,
    /// How many of the chain's blocks after an epoch its votes are still taken for rewards.
    pub late: u32,
}

/// What became of the settlement of an epoch's rewards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// Some providers were credited, others are left.
    Begun(Receipt),
    /// All providers are credited.
    Done(Receipt),
    /// Somebody else has settled it, or its table is not kept any more.
    Over,
    /// Late votes are still taken.
    TooEarly,
}

#[derive(Deserialize)]
struct Status {
    started: bool,
    epoch: u64,
    next: u64,
    last: u64,
    next_table_ready: bool,
    tip: u32,
    halted: Option<String>,
    unwinding: bool,
}

#[derive(Deserialize)]
struct Config {
    params: Params,
    closed: bool,
}

#[derive(Deserialize)]
struct Params {
    margin: u32,
    late: u32,
}

#[derive(Deserialize)]
struct Tallies {
    tallies: Vec<Tally>,
    total: u64,
}

#[derive(Deserialize)]
struct Tally {
    weight: u64,
}

impl Mesh {
    /// Where the instance stands now.
    ///
    /// # Errors
    ///
    /// As [`Contracts::query`](crate::wasm::Contracts::query).
    pub async fn standing(&self) -> Result<Standing, ChainError> {
        let Config { params, closed } = self.ask(json!({ "config": {} })).await?;
        let status: Status = self.ask(json!({ "status": {} })).await?;
        Ok(Standing {
            started: status.started,
            closed,
            epoch: status.epoch,
            next: status.next,
            last: status.last,
            margin: params.margin,
            next_table_ready: status.next_table_ready,
            unwinding: status.unwinding,
            halted: status.halted.is_some(),
            bitcoin_tip: status.tip,
            late: params.late,
        })
    }

    /// Whether more than two thirds of the table have voted for one block at a checkpoint that is not final.
    ///
    /// # Errors
    ///
    /// As [`Self::standing`].
    pub async fn has_quorum(&self, checkpoint: u64) -> Result<bool, ChainError> {
        let answer = self.ask(json!({ "tally": { "k": checkpoint } })).await;
        let Tallies { tallies, total } = answer?;
        let quorum = u128::from(total).saturating_mul(2);
        let mut weights = tallies.iter().map(|tally| u128::from(tally.weight));
        Ok(weights.any(|weight| weight.saturating_mul(3) > quorum))
    }

    /// Whether a stake still counts whose time is over at a height of Bitcoin. Looks at all of them.
    ///
    /// # Errors
    ///
    /// As [`Self::standing`].
    pub async fn has_expired(&self, bitcoin_tip: u32) -> Result<bool, ChainError> {
        self.list::<Stake>()
            .try_any(|stake| ready(stake.has_expired(bitcoin_tip)))
            .await
    }

    /// Makes the next epoch's table, or begins to.
    ///
    /// # Errors
    ///
    /// As [`Contracts::execute`](crate::wasm::Contracts::execute).
    pub async fn roll(&self) -> Result<Receipt, ChainError> {
        self.tell(&MeshMessage::Roll {}).await.map(receipt)
    }

    /// Ends stakes whose time is over, up to a hundred of them; `None` where none was.
    ///
    /// # Errors
    ///
    /// As [`Self::roll`].
    pub async fn expire(&self) -> Result<Option<Receipt>, ChainError> {
        let expire = MeshMessage::Expire { limit: LIMIT };
        let executed = self.tell(&expire).await?;
        let ended = executed
            .events
            .iter()
            .filter_map(|event| event.attribute("expired"))
            .any(|ended| ended != "0");
        Ok(ended.then(|| receipt(executed)))
    }

    /// Takes back what rested on blocks that Bitcoin has left, up to a hundred stakes of it.
    ///
    /// # Errors
    ///
    /// As [`Self::roll`].
    pub async fn unwind(&self) -> Result<Receipt, ChainError> {
        let unwind = MeshMessage::Unwind { limit: LIMIT };
        self.tell(&unwind).await.map(receipt)
    }

    /// Makes final what has a quorum.
    ///
    /// # Errors
    ///
    /// As [`Self::roll`].
    pub async fn poke(&self) -> Result<Receipt, ChainError> {
        self.tell(&MeshMessage::Poke {}).await.map(receipt)
    }

    /// Credits an epoch's rewards, to up to a hundred of its providers.
    ///
    /// # Errors
    ///
    /// As [`Self::roll`], but for what [`Settlement`] tells.
    pub async fn settle(&self, epoch: u64) -> Result<Settlement, ChainError> {
        let limit = LIMIT;
        match self.tell(&MeshMessage::Settle { epoch, limit }).await {
            Ok(executed) if is_done(&executed) => Ok(Settlement::Done(receipt(executed))),
            Ok(executed) => Ok(Settlement::Begun(receipt(executed))),
            Err(ChainError::Rejected(refusal)) => {
                refused(epoch, &refusal.log).ok_or(ChainError::Rejected(refusal))
            }
            Err(error) => Err(error),
        }
    }
}

fn is_done(executed: &Executed) -> bool {
    let mut events = executed.events.iter();
    let settled = events.find(|event| event.kind == "wasm-settle");
    settled.and_then(|event| event.attribute("done")) == Some("true")
}

/// What the contract's words of refusal say of a settlement; no question of its own answers that.
fn refused(epoch: u64, words: &str) -> Option<Settlement> {
    if words == format!("epoch {epoch} is settled")
        || words.starts_with(&format!("the table of epoch {epoch} is not kept"))
    {
        Some(Settlement::Over)
    } else if words.starts_with(&format!("epoch {epoch} can be settled from")) {
        Some(Settlement::TooEarly)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_somebody_else_did_or_time_heals_is_no_failure() {
        for (words, expected) in [
            ("epoch 7 is settled", Some(Settlement::Over)),
            (
                "the table of epoch 7 is not kept any more or not made yet",
                Some(Settlement::Over),
            ),
            (
                "epoch 7 can be settled from height 90 on, this chain is at 80",
                Some(Settlement::TooEarly),
            ),
            (
                "epoch 7 is settled in part; settle the rest of it first",
                None,
            ),
            ("epoch 70 is settled", None),
            ("10stake is owed but only 1stake is held", None),
        ] {
            assert_eq!(refused(7, words), expected, "{words}");
        }
    }
}
