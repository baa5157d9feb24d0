//! Reading: follows Bitcoin's blocks and the chain's delegations, and keeps the book.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bitcoin::OutPoint;
use bitcoin_source::{
    BitcoinSource, BlockId, ChainEvent, Checkpoints, FollowError, Follower, FollowerConfig,
    SourceError, Start,
};
use chain::{Chain, Delegation, DelegationStatus};
use staking::inclusion::InclusionError;
use staking::units::BitcoinHeight;
use tokio::time::{Instant, timeout_at};

use super::book::Book;
use super::discovery::{Whereabouts, whereabouts};
use crate::config::StakesConfig;
use crate::metrics;
use crate::role::{Role, RoundError};
use crate::startup::Link;
use crate::status::{Cell, StakesStatus};
use crate::store::Table;

/// The key of the blocks to resume from.
const CURSOR: &[u8] = b"cursor";

/// How many blocks the cursor holds: the deepest reorg during a downtime.
const CURSOR_BLOCKS: usize = 144;

/// Follows both chains for the book.
pub struct Watch {
    bitcoin: Arc<dyn BitcoinSource>,
    chain: Arc<dyn Chain>,
    /// What metrics call the chain.
    name: String,
    book: Cell<Book>,
    config: StakesConfig,
    poll_interval: Duration,
    cursor: Table<Vec<BlockId>>,
    follower: Option<Follower>,
    /// Where the follower was when the chain was last asked for delegations.
    asked_at: Option<BitcoinHeight>,
    full_discovery: Option<Instant>,
    status: Cell<StakesStatus>,
}

impl Watch {
    /// Puts a watch together; it looks for blocks every `poll_interval`.
    pub fn new(
        link: Link,
        book: Cell<Book>,
        config: StakesConfig,
        poll_interval: Duration,
        cursor: Table<Vec<BlockId>>,
        status: Cell<StakesStatus>,
    ) -> Self {
        Self {
            bitcoin: link.bitcoin,
            chain: link.chain,
            name: link.name,
            book,
            config,
            poll_interval,
            cursor,
            follower: None,
            asked_at: None,
            full_discovery: None,
            status,
        }
    }

    /// Learns of new delegations, and what became of those that have left the lists.
    async fn discover(&mut self) -> Result<(), RoundError> {
        let asked_at = self.scanned();
        let now = Instant::now();
        let full = self.full_discovery.is_none_or(|due| due <= now);
        let mut statuses = vec![DelegationStatus::Pending, DelegationStatus::Verified];
        if full {
            statuses.push(DelegationStatus::Active);
        }
        let mut listed = HashSet::new();
        for status in &statuses {
            // Learnt page by page, so that memory holds one page of whole delegations however many there are.
            let mut after = None;
            loop {
                let page = self
                    .chain
                    .delegations(Some(*status), after, self.config.page_size)
                    .await?;
                for invalid in &page.invalid {
                    tracing::debug!(reason = invalid.reason, "a delegation cannot be read");
                }
                let new = self.unknown(page.delegations, &mut listed);
                self.learn(new).await?;
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        self.review(|status, output| statuses.contains(&status) && !listed.contains(output))
            .await?;
        self.asked_at = asked_at;
        if full {
            self.full_discovery = Some(now + self.config.full_discovery_interval());
        }
        Ok(())
    }

    /// Those of the delegations that are to be looked up on Bitcoin; the status of those that are watched is noted.
    fn unknown(&self, found: Vec<Delegation>, listed: &mut HashSet<OutPoint>) -> Vec<Delegation> {
        self.book.update(|book| {
            found
                .into_iter()
                .filter(|delegation| {
                    let output = delegation.staking_outpoint();
                    listed.insert(output);
                    match book.get_mut(&output) {
                        Some(stake) => {
                            stake.note(delegation);
                            stake.is_to_be_found()
                        }
                        None => true,
                    }
                })
                .collect()
        })
    }

    /// Starts watching delegations, or watches them with what Bitcoin says of them now.
    async fn learn(&mut self, new: Vec<Delegation>) -> Result<(), RoundError> {
        for (mut stake, found) in whereabouts(&*self.bitcoin, new).await? {
            let output = stake.outpoint;
            tracing::debug!(%output, status = ?stake.status, ?found, "watching a stake");
            let known = self.book.read(|book| {
                let known = book.get(&output);
                known.map(|known| (known.missed_from, known.is_displaced))
            });
            let was_displaced = known.is_some_and(|(_, is_displaced)| is_displaced);
            let known = known.map(|(missed_from, _)| missed_from);
            stake.missed_from = match (found, known) {
                (Whereabouts::SpentFrom(height), _) => Some(height),
                // Nothing more was missed since it is watched.
                (Whereabouts::Unknown, Some(missed_from)) => missed_from,
                // It may have been staked and spent in the blocks read since it was not on the list yet.
                (Whereabouts::Unknown, None) => {
                    self.asked_at.and_then(|height| height.checked_add(1))
                }
                (Whereabouts::Unspent(_) | Whereabouts::BeingSpent, _) => None,
            };
            let unproven = stake.status != DelegationStatus::Active;
            // Until its block is there, it is looked up again.
            stake.is_displaced = match found {
                Whereabouts::Unspent(_) => unproven,
                Whereabouts::Unknown | Whereabouts::BeingSpent => was_displaced,
                Whereabouts::SpentFrom(_) => false,
            };
            self.book.update(|book| book.insert(stake));
            if let (Whereabouts::Unspent(id), true) = (found, unproven) {
                let block = match self.bitcoin.block(id.hash).await {
                    Ok(block) => block,
                    // One stake that cannot be proven keeps no other from being watched.
                    Err(error @ (SourceError::Pruned { .. } | SourceError::NotFound { .. })) => {
                        tracing::warn!(%output, block = %id, %error, "a stake cannot be proven");
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                };
                let read = self.read_at(id.height);
                self.book
                    .update(|book| {
                        book.include(output.txid, id, &block)?;
                        // Our node is on another branch than what was read, or was for a moment: asked again.
                        if let Some(read) = read {
                            book.displace(read);
                        }
                        Ok(())
                    })
                    .map_err(|error| contradiction(id, &error))?;
            }
        }
        Ok(())
    }

    /// Asks for the status of stakes that should be on a list and are not.
    async fn review(
        &self,
        is_gone: impl Fn(DelegationStatus, &OutPoint) -> bool,
    ) -> Result<(), RoundError> {
        let gone: Vec<_> = self.book.read(|book| {
            book.stakes()
                .filter(|(output, stake)| is_gone(stake.status, output))
                .map(|(output, _)| *output)
                .collect()
        });
        for output in gone {
            let delegation = self.chain.delegation_at(output).await?;
            self.book
                .update(|book| note_status(book, &output, delegation.as_ref()));
        }
        Ok(())
    }

    /// Where to start: after what was dealt with, or on the first start a little below the tip.
    fn start(&self, tip: BlockId) -> Result<Start, RoundError> {
        let stored = self.cursor.get(CURSOR)?.unwrap_or_default();
        if let Ok(checkpoints) = Checkpoints::new(stored) {
            return Ok(Start::After(checkpoints));
        }
        let height = tip.height.0.saturating_sub(self.config.first_scan_blocks);
        Ok(Start::At(BitcoinHeight(height)))
    }

    fn follow(&self, start: Start) -> Follower {
        let config = FollowerConfig::new(self.poll_interval);
        Follower::new(Arc::clone(&self.bitcoin), start, config)
    }

    /// Reads again from a height that was read before, where something was missed.
    fn read_again_from(&mut self, height: BitcoinHeight) {
        let Some(follower) = &self.follower else {
            return;
        };
        if follower
            .last_connected()
            .is_none_or(|last| last.height < height)
        {
            return;
        }
        let below = follower.checkpoints().filter(|block| block.height < height);
        let start = Checkpoints::new(below.collect()).map_or(Start::At(height), Start::After);
        tracing::info!(%height, "reading blocks again: a stake was spent in one of them");
        self.follower = Some(self.follow(start));
    }

    /// Handles one event, or goes back to the block where that fails.
    fn apply(&mut self, event: &ChainEvent) -> Result<(), RoundError> {
        match event {
            ChainEvent::Connected { id, block } => {
                let connected = self.book.update(|book| book.connect(*id, block));
                if let Err(error) = connected {
                    self.read_again_from(id.height);
                    return Err(contradiction(*id, &error));
                }
            }
            ChainEvent::Disconnected { id } => {
                tracing::info!(%id, "a block has left bitcoin's best chain");
                self.book.update(|book| book.disconnect(*id));
            }
        }
        self.save()
    }

    /// Stores the cursor: never beyond a block from which something is still to be done.
    fn save(&self) -> Result<(), RoundError> {
        let Some(follower) = &self.follower else {
            return Ok(());
        };
        let unsettled = self.book.read(Book::unsettled_from);
        let mut settled: Vec<_> = follower
            .checkpoints()
            .rev()
            .filter(|block| unsettled.is_none_or(|from| block.height < from))
            .take(CURSOR_BLOCKS)
            .collect();
        settled.reverse();
        if !settled.is_empty() {
            self.cursor.put(CURSOR, &settled)?;
        }
        Ok(())
    }

    /// The block that was read at a height, if it was and is remembered.
    fn read_at(&self, height: BitcoinHeight) -> Option<BlockId> {
        let follower = self.follower.as_ref()?;
        follower.checkpoints().find(|block| block.height == height)
    }

    fn scanned(&self) -> Option<BitcoinHeight> {
        let last = self.follower.as_ref()?.last_connected()?;
        Some(last.height)
    }

    fn show(&self) {
        let scanned = self.scanned();
        let watched = self.book.read(|book| book.stakes().len());
        let height = scanned.map_or(0, |height| height.0);
        metrics::SCANNED.set_for(&self.name, f64::from(height));
        metrics::TRACKED.set_for(&self.name, metrics::count(watched));
        self.status.update(|status| {
            status.scanned = scanned;
            status.watched = watched;
        });
    }
}

impl Role for Watch {
    /// The next round begins when the last one's time is over.
    fn interval(&self) -> Duration {
        Duration::ZERO
    }

    async fn round(&mut self) -> Result<(), RoundError> {
        let tip = self.bitcoin.tip().await?;
        self.discover().await?;
        // Counted from here: however long the chain takes to answer, blocks are read in between.
        let until = Instant::now() + self.config.discovery_interval();
        if self.follower.is_none() {
            self.follower = Some(self.follow(self.start(tip)?));
        }
        while let Some(follower) = &mut self.follower {
            let caught_up = follower.last_connected().is_some_and(|last| last == tip);
            if caught_up && let Some(height) = self.book.update(Book::take_missed) {
                self.read_again_from(height);
                continue;
            }
            match timeout_at(until, follower.next_event()).await {
                Ok(Ok(event)) => self.apply(&event)?,
                Ok(Err(error)) => {
                    if matches!(error, FollowError::ForkBelowCheckpoints { .. }) {
                        // Nothing concluded so far can be told right from wrong.
                        self.cursor.remove(CURSOR)?;
                        self.book.update(|book| *book = Book::default());
                        self.follower = None;
                        self.full_discovery = None;
                    }
                    return Err(error.into());
                }
                Err(_) => break,
            }
            self.show();
        }
        self.save()?;
        self.show();
        Ok(())
    }
}

/// Notes what the chain says of a stake; one that is over is not watched any more.
pub(super) fn note_status(book: &mut Book, output: &OutPoint, delegation: Option<&Delegation>) {
    let is_over = |status| {
        matches!(
            status,
            DelegationStatus::Unbonded | DelegationStatus::Expired
        )
    };
    match delegation {
        Some(delegation) if !is_over(delegation.status) => {
            if let Some(stake) = book.get_mut(output) {
                stake.note(delegation);
            }
        }
        _ => book.remove(output),
    }
}

fn contradiction(block: BlockId, error: &InclusionError) -> RoundError {
    SourceError::InvalidAnswer {
        question: format!("block {block}"),
        reason: error.to_string(),
    }
    .into()
}
