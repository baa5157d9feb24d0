//! The header reporter: keeps the chain's Bitcoin light client at our node's tip.
//!
//! Headers only, a few hundred at a time, so memory does not depend on how far the chain is behind. Nothing is kept
//! between rounds: each one asks both sides for their tips, finds where they part ([`fork`]) and decides
//! ([`decision`]). Another reporter's headers are therefore no disturbance, only less to do.

mod branch;
pub mod decision;
pub mod fork;

use std::sync::Arc;
use std::time::Duration;

use bitcoin::block::Header;
use bitcoin_source::{BitcoinSource, BlockId, SourceError};
use chain::{Chain, ChainError, LightClientHeader, Message};
use staking::units::BitcoinHeight;

use crate::config::HeadersConfig;
use crate::metrics;
use crate::role::{Role, RoundError};
use crate::startup::Link;
use crate::status::{Cell, HeadersStatus};

use decision::{Decision, Policy, View, decide};
use fork::{ForkSearch, Next};

/// Messages of an extension that are on their way at once; their headers are what memory holds.
const MESSAGES_AT_ONCE: usize = 10;

/// The header reporter.
pub struct HeaderReporter {
    bitcoin: Arc<dyn BitcoinSource>,
    chain: Arc<dyn Chain>,
    /// What metrics call the chain.
    name: String,
    config: HeadersConfig,
    interval: Duration,
    status: Cell<HeadersStatus>,
}

impl HeaderReporter {
    /// Puts a reporter together; it looks for blocks every `interval`.
    pub fn new(
        link: Link,
        config: HeadersConfig,
        interval: Duration,
        status: Cell<HeadersStatus>,
    ) -> Self {
        Self {
            bitcoin: link.bitcoin,
            chain: link.chain,
            name: link.name,
            config,
            interval,
            status,
        }
    }

    /// The highest height at which the light client has our node's block.
    async fn common_height(
        &self,
        ours: BlockId,
        theirs: &LightClientHeader,
    ) -> Result<BitcoinHeight, RoundError> {
        let base = self.chain.light_client_base().await?;
        let top = ours.height.min(theirs.height);
        let mut search = ForkSearch::between(base.height.0, top.0);
        loop {
            match search.next() {
                Next::Compare(height) => {
                    let hash = self.bitcoin.block_hash(BitcoinHeight(height)).await?;
                    let common = match (BitcoinHeight(height), hash) {
                        (height, hash) if height == theirs.height => hash == theirs.hash(),
                        (height, hash) => self.chain.contains_header(height, &hash).await?,
                    };
                    search.answer(height, common);
                }
                Next::Found(height) => return Ok(BitcoinHeight(height)),
                Next::Disjoint if top < base.height => return Ok(top),
                Next::Disjoint => {
                    return Err(RoundError::OtherBitcoin {
                        chain: base.hash(),
                        height: base.height,
                    });
                }
            }
        }
    }

    /// Appends headers, several messages at once.
    async fn extend(
        &self,
        theirs: &LightClientHeader,
        mut from: BitcoinHeight,
    ) -> Result<(), RoundError> {
        let mut messages = Vec::new();
        let first = from;
        while messages.len() < MESSAGES_AT_ONCE {
            let headers = self
                .bitcoin
                .headers(from, self.config.headers_per_message)
                .await?;
            let Some(next) = u32::try_from(headers.len())
                .ok()
                .filter(|count| *count > 0)
                .and_then(|count| from.checked_add(count))
            else {
                break;
            };
            from = next;
            messages.push(headers);
        }
        self.submit(theirs, first, messages).await
    }

    /// Sends our branch: as much as must be in one message, and up to a full message.
    async fn reorganise(
        &self,
        theirs: &LightClientHeader,
        from: BitcoinHeight,
        at_least: u32,
    ) -> Result<(), RoundError> {
        let most = self.config.headers_per_message;
        let Some(headers) = branch::read(&*self.bitcoin, from, at_least, most).await? else {
            // The tip fell meanwhile; the next round looks again.
            return Ok(());
        };
        tracing::info!(%from, blocks = at_least, "reporting a reorganisation of bitcoin");
        self.submit(theirs, from, vec![headers]).await
    }

    /// Sends headers to a chain whose tip was `theirs`.
    async fn submit(
        &self,
        theirs: &LightClientHeader,
        from: BitcoinHeight,
        messages: Vec<Vec<Header>>,
    ) -> Result<(), RoundError> {
        let sizes: Vec<_> = messages.iter().map(Vec::len).collect();
        let mut next = Some(from);
        let messages = messages
            .into_iter()
            .map_while(|headers| {
                let from = next?;
                let count = u32::try_from(headers.len()).ok();
                next = count.and_then(|count| from.checked_add(count));
                Some(Message::InsertHeaders { from, headers })
            })
            .collect();
        let outcomes = self.chain.submit(messages).await;
        for (count, outcome) in sizes.into_iter().zip(outcomes) {
            match outcome {
                Ok(receipt) => {
                    tracing::info!(%from, count, tx = receipt.tx_hash, "headers reported");
                    metrics::HEADERS.add_for(&self.name, count as u64);
                    self.status.update(|status| status.reported += count as u64);
                }
                Err(ChainError::Rejected(refusal)) => {
                    // Somebody else reported meanwhile: the next round looks again.
                    if self.chain.light_client_tip().await? != *theirs {
                        tracing::debug!(%from, %refusal, "the chain moved meanwhile");
                        return Ok(());
                    }
                    let reason = refusal.to_string();
                    return Err(RoundError::HeadersRefused { from, reason });
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn show(&self, ours: BlockId, theirs: &LightClientHeader) {
        metrics::BITCOIN_TIP.set(f64::from(ours.height.0));
        let lag = ours.height.0.saturating_sub(theirs.height.0);
        metrics::HEADER_LAG.set_for(&self.name, f64::from(lag));
        self.status.update(|status| {
            status.bitcoin_tip = ours.height;
            status.chain_tip = theirs.height;
        });
    }
}

impl Role for HeaderReporter {
    fn interval(&self) -> Duration {
        self.interval
    }

    async fn round(&mut self) -> Result<(), RoundError> {
        let ours = self.bitcoin.tip().await?;
        let theirs = self.chain.light_client_tip().await?;
        self.show(ours, &theirs);
        if ours.hash == theirs.hash() {
            metrics::HALTING_REORG.set_for(&self.name, 0.0);
            return Ok(());
        }
        let common = match self.common_height(ours, &theirs).await {
            // Our node's chain became shorter while it was asked.
            Err(RoundError::Bitcoin(SourceError::NotFound { .. })) => return Ok(()),
            common => common?,
        };
        let view = View {
            ours: ours.height,
            theirs: theirs.height,
            common,
        };
        let policy = Policy {
            halting_depth: self.chain.light_client_params().await?.halting_depth,
            allow_halting_reorg: self.config.allow_halting_reorg,
        };
        let decision = decide(view, policy);
        let refused = matches!(decision, Decision::Refuse { .. });
        metrics::HALTING_REORG.set_for(&self.name, f64::from(u8::from(refused)));
        match decision {
            Decision::Nothing | Decision::WaitForWork => Ok(()),
            Decision::Extend { from } => self.extend(&theirs, from).await,
            Decision::Reorganise { from, at_least } => {
                self.reorganise(&theirs, from, at_least).await
            }
            Decision::Refuse { depth } => Err(RoundError::HaltingReorg {
                depth,
                limit: policy.halting_depth.unwrap_or(depth),
            }),
        }
    }
}
