//! The slasher: evidence of equivocation gives a key away, and with it every stake of that provider is slashed.
//!
//! ```text
//! chain: evidence ──extract──> key ──┐
//! chain: delegations, signatures ────┴─ Case ── where is it on bitcoin? ── decision ── slashing transaction
//! ```
//!
//! Nothing here is a secret: anybody can do it. A slashing transaction is final in itself, so sending it twice is
//! harmless, and each look at Bitcoin finds again what was dropped or undone by a reorg. What is final is noted, so
//! that a restart does not begin from the start.

pub mod case;
pub mod culprit;
pub mod decision;
pub mod evidence;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bitcoin::consensus::serialize;
use bitcoin::{OutPoint, Txid};
use bitcoin_source::{BitcoinSource, SourceError};
use chain::Chain;
use daemon::attempts::{Attempts, Reason};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use staking::keys::FinalityProviderKey;
use tokio::time::Instant;

use crate::config::SlashingConfig;
use crate::metrics;
use crate::revealed::RevealedKeys;
use crate::role::{Role, RoundError};
use crate::startup::Link;
use crate::status::{Cell, SlashedDelegation, SlashingStatus};
use crate::store::Table;

use case::{Case, Progress};
use culprit::Culprit;

/// Delegations looked at at once; the Bitcoin node's own limit is in its configuration.
const CASES_AT_ONCE: usize = 8;

/// How often to ask for a provider's delegations: the committee may still have been signing when it was slashed.
const LISTING_INTERVAL: Duration = Duration::from_mins(10);

/// How often to look at delegations on which there is nothing to do.
const QUIET_INTERVAL: Duration = Duration::from_secs(30);

/// Keys from elsewhere that a round asks this chain about.
const ASKED_IN_A_ROUND: usize = 20;

/// Most delegations that the status lists.
const MOST_LISTED: usize = 100;

/// A slashing that is final.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finished {
    slashing_txid: Txid,
}

/// A delegation that is watched.
struct Watched {
    /// Shared with the look that is under way.
    case: Arc<Case>,
    progress: Option<Progress>,
    /// When to look again.
    due: Instant,
}

/// A slashed provider's delegations.
struct Docket {
    culprit: Culprit,
    cases: BTreeMap<OutPoint, Watched>,
    listed: Option<Instant>,
}

/// Slashes.
pub struct Slasher {
    bitcoin: Arc<dyn BitcoinSource>,
    chain: Arc<dyn Chain>,
    /// What metrics call the chain.
    name: String,
    /// The keys that are out on any chain.
    keys: Cell<RevealedKeys>,
    config: SlashingConfig,
    page_size: NonZeroU32,
    dockets: BTreeMap<FinalityProviderKey, Docket>,
    /// Providers whose evidence gives no key; each was logged once.
    unconvicted: BTreeSet<FinalityProviderKey>,
    /// Of keys that are out and that this chain did not know: when it was asked.
    asked: BTreeMap<FinalityProviderKey, Instant>,
    finished: Table<Finished>,
    attempts: Attempts,
    status: Cell<SlashingStatus>,
}

impl Slasher {
    /// Puts the role together.
    pub fn new(
        link: Link,
        keys: Cell<RevealedKeys>,
        config: SlashingConfig,
        page_size: NonZeroU32,
        attempts: Attempts,
        finished: Table<Finished>,
        status: Cell<SlashingStatus>,
    ) -> Self {
        Self {
            bitcoin: link.bitcoin,
            chain: link.chain,
            name: link.name,
            keys,
            config,
            page_size,
            dockets: BTreeMap::new(),
            unconvicted: BTreeSet::new(),
            asked: BTreeMap::new(),
            finished,
            attempts,
            status,
        }
    }

    /// Opens a docket for every provider that was convicted since the last look, on this chain or on another.
    async fn convict(&mut self) -> Result<(), RoundError> {
        for evidence in self.chain.evidences().await? {
            let key = evidence.finality_provider();
            if self.dockets.contains_key(&key) {
                continue;
            }
            match Culprit::convict(&evidence) {
                Ok(culprit) => self.open(culprit),
                Err(error) => {
                    if self.unconvicted.insert(key) {
                        tracing::error!(provider = %key, %error, "evidence on the chain gives no key");
                    }
                }
            }
        }
        self.take_over().await
    }

    /// Opens dockets for keys that came out elsewhere, of providers that this chain knows too. Anybody can give keys away
    /// that nobody has staked with, so a round asks about a few, those that were not asked about for longest.
    async fn take_over(&mut self) -> Result<(), RoundError> {
        let culprits = self.keys.read(RevealedKeys::culprits);
        let unknown = culprits
            .into_iter()
            .filter(|culprit| !self.dockets.contains_key(&culprit.key));
        let mut unknown: Vec<_> = unknown
            .map(|culprit| (self.asked.get(&culprit.key).copied(), culprit))
            .collect();
        unknown.sort_by_key(|(asked, culprit)| (*asked, culprit.key));
        for (_, culprit) in unknown.into_iter().take(ASKED_IN_A_ROUND) {
            self.asked.insert(culprit.key, Instant::now());
            if self.chain.finality_provider(&culprit.key).await?.is_some() {
                self.asked.remove(&culprit.key);
                self.open(culprit);
            }
        }
        Ok(())
    }

    fn open(&mut self, culprit: Culprit) {
        let key = culprit.key;
        if self.dockets.contains_key(&key) {
            return;
        }
        tracing::warn!(provider = %key, chain = self.name, "a finality provider has equivocated; its key is out");
        self.unconvicted.remove(&key);
        let docket = Docket {
            culprit,
            cases: BTreeMap::new(),
            listed: None,
        };
        self.dockets.insert(key, docket);
    }

    /// Brings the list of a provider's delegations up to date.
    async fn list(&mut self, key: FinalityProviderKey) -> Result<(), RoundError> {
        let Some(docket) = self.dockets.get_mut(&key) else {
            return Ok(());
        };
        if docket
            .listed
            .is_some_and(|listed| listed.elapsed() < LISTING_INTERVAL)
        {
            return Ok(());
        }
        let finished: BTreeSet<_> = self
            .finished
            .all()?
            .into_iter()
            .map(|(output, _)| output)
            .collect();
        let listed = docket
            .culprit
            .cases(&*self.chain, &self.name, self.page_size, |output| {
                finished.contains(&serialize(output))
            })
            .await?;
        for (output, case) in listed {
            match case {
                Ok(case) => {
                    // A newer listing may have more signatures.
                    let known = docket.cases.remove(&output);
                    let (progress, due) =
                        known.map_or((None, Instant::now()), |known| (known.progress, known.due));
                    let watched = Watched {
                        case: Arc::new(case),
                        progress,
                        due,
                    };
                    docket.cases.insert(output, watched);
                }
                Err(reason) => self.attempts.park(output, &reason)?,
            }
        }
        docket.listed = Some(Instant::now());
        Ok(())
    }

    /// Looks at all delegations of a provider that are due.
    async fn advance(&mut self, key: FinalityProviderKey) -> Result<(), RoundError> {
        let Some(docket) = self.dockets.get(&key) else {
            return Ok(());
        };
        let now = Instant::now();
        let due: Vec<_> = docket
            .cases
            .iter()
            .filter(|(output, watched)| watched.due <= now && self.attempts.is_due(output))
            .map(|(output, watched)| (*output, Arc::clone(&watched.case)))
            .collect();
        let confirmations = self.config.final_confirmations.get();
        let (bitcoin, secret) = (&*self.bitcoin, docket.culprit.secret());
        let outcomes: Vec<(OutPoint, Progress)> = stream::iter(due)
            .map(|(output, case)| async move {
                let progress = case.advance(bitcoin, secret, confirmations).await?;
                Ok::<_, SourceError>((output, progress))
            })
            .buffer_unordered(CASES_AT_ONCE)
            .try_collect()
            .await?;
        for (output, progress) in outcomes {
            self.note(key, output, progress)?;
        }
        Ok(())
    }

    fn note(
        &mut self,
        key: FinalityProviderKey,
        output: OutPoint,
        progress: Progress,
    ) -> Result<(), RoundError> {
        let mut pause = self.config.check_interval();
        match &progress {
            Progress::Finished(slashing_txid) => {
                tracing::info!(%output, %slashing_txid, "a slashing is final");
                let slashing_txid = *slashing_txid;
                let finished = Finished { slashing_txid };
                self.finished.put(&serialize(&output), &finished)?;
                self.attempts.finished(&output);
            }
            Progress::Sent { .. } => self.attempts.finished(&output),
            Progress::Gone | Progress::NotOnBitcoin => {
                self.attempts.finished(&output);
                pause = QUIET_INTERVAL;
            }
            Progress::Failed(reason) => self.attempts.failed(output, reason)?,
            Progress::Impossible(reason) => self.attempts.park(output, reason)?,
        }
        let Some(docket) = self.dockets.get_mut(&key) else {
            return Ok(());
        };
        if matches!(progress, Progress::Finished(_)) {
            docket.cases.remove(&output);
        } else if let Some(watched) = docket.cases.get_mut(&output) {
            watched.progress = Some(progress);
            watched.due = Instant::now() + pause;
        }
        Ok(())
    }

    async fn show(&self) -> Result<(), RoundError> {
        let slashed = self.chain.finality_providers().await?;
        let without_key = slashed
            .iter()
            .filter(|provider| provider.slashed_at.is_some())
            .filter(|provider| !self.dockets.contains_key(&provider.key))
            .map(|provider| provider.key.to_string())
            .collect();
        let watched = || self.dockets.values().flat_map(|docket| &docket.cases);
        let is_sent = |watched: &Watched| matches!(watched.progress, Some(Progress::Sent { .. }));
        let status = SlashingStatus {
            slashed_providers: self.dockets.keys().map(ToString::to_string).collect(),
            without_key,
            delegations: watched()
                .take(MOST_LISTED)
                .filter_map(|(output, watched)| {
                    Some(SlashedDelegation {
                        staking_txid: output.txid,
                        state: watched.progress.as_ref()?.to_string(),
                    })
                })
                .collect(),
            unconfirmed: watched().filter(|(_, watched)| is_sent(watched)).count(),
            finished: self.finished.all()?.len(),
        };
        metrics::SLASHING_UNCONFIRMED.set_for(&self.name, metrics::count(status.unconfirmed));
        self.status.update(|shown| *shown = status);
        Ok(())
    }
}

impl Role for Slasher {
    fn interval(&self) -> Duration {
        self.config.check_interval()
    }

    async fn round(&mut self) -> Result<(), RoundError> {
        metrics::PARKED.set(metrics::count(self.attempts.refresh()?));
        self.convict().await?;
        let providers: Vec<_> = self.dockets.keys().copied().collect();
        for key in providers {
            self.list(key).await?;
            self.advance(key).await?;
        }
        self.show().await
    }
}

/// What came of slashing the stakes of one provider now.
#[derive(Debug)]
pub struct SlashedNow {
    /// How far each is that was looked at.
    pub stakes: BTreeMap<OutPoint, Progress>,
    /// Whether all were looked at, or what ended that.
    pub ended: Result<(), RoundError>,
}

/// After so many stakes in a row that the Bitcoin node does not answer for by hand, it is taken for silent.
const MOST_SILENCES: u32 = 3;

/// Slashes every stake of one provider now; used by hand, beside a running watchtower or without one.
///
/// Returns how far each is, also where a node does not answer for some, or stops answering. Nothing is noted: asking again looks again.
pub async fn slash_now(
    bitcoin: &dyn BitcoinSource,
    chain: &dyn Chain,
    name: &str,
    culprit: &Culprit,
    page_size: NonZeroU32,
    final_confirmations: u32,
) -> SlashedNow {
    let mut slashed = SlashedNow {
        stakes: BTreeMap::new(),
        ended: Ok(()),
    };
    let cases = match culprit.cases(chain, name, page_size, |_| false).await {
        Ok(cases) => cases,
        Err(error) => {
            slashed.ended = Err(error.into());
            return slashed;
        }
    };
    let mut silences = 0;
    for (output, case) in cases {
        let case = match case {
            Ok(case) => case,
            Err(reason) => {
                let impossible = Progress::Impossible(reason);
                slashed.stakes.insert(output, impossible);
                continue;
            }
        };
        let secret = culprit.secret();
        match case.advance(bitcoin, secret, final_confirmations).await {
            Ok(progress) => {
                slashed.stakes.insert(output, progress);
                silences = 0;
            }
            Err(error) => {
                let failed = Progress::Failed(Reason::new("bitcoin", error.to_string()));
                slashed.stakes.insert(output, failed);
                silences += 1;
                if silences == MOST_SILENCES {
                    slashed.ended = Err(error.into());
                    break;
                }
            }
        }
    }
    slashed
}
