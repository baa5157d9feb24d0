//! The task of one provider on one chain: it reads the chain into the book, and shows a partner chain what it lacks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bitcoin::OutPoint;
use bitcoin_source::{BitcoinSource as _, Bitcoind};
use chain::mesh::{InstanceTerms, Mesh};
use chain::{Chain as _, ChainError, Connected, Receipt};
use daemon::attempts::{Attempts, Reason};
use futures::future::join_all;
use mesh_core::consent::Target;
use staking::keys::FinalityProviderKey;

use super::book::{Book, Consented};
use super::decision::{Decision, Known, RELAY_INTERVAL, decide, decide_conflict};
use super::ready::{Ground, Readiness, prepare};
use super::source::Source;
use super::{ReportingError, ReportingStatus, Seat};
use crate::metrics::{self, show};
use crate::provider::{Concern, Next, StatusCell, Worker};

/// Stakes that are shown at once. Votes of the same account share the transactions, so they are not many.
const BATCH: usize = 4;

/// Reports one provider's stakes to one chain.
pub struct Reporter {
    name: String,
    provider: FinalityProviderKey,
    /// The chain that is shown something; Babylon is only read.
    shown: Option<Arc<Mesh>>,
    source: Source,
    book: Book,
    attempts: Attempts,
    /// What was known of each stake: whenever it changes, what was refused is tried again, and after a restart.
    offered: BTreeMap<OutPoint, Offer>,
    /// When the chain was last shown a consent of a stake.
    consents_shown: BTreeMap<OutPoint, Instant>,
    bitcoin: Arc<Bitcoind>,
    interval: Duration,
    status: StatusCell,
}

/// How much is known of a stake, and what follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offer {
    accounts: usize,
    consent_number: u32,
    decision: Decision,
}

/// What a chain is to be shown in one round.
#[derive(Debug, Default)]
struct Due {
    stakes: Vec<Consented>,
    consents: Vec<Consented>,
    conflicts: Vec<Consented>,
}

impl Reporter {
    pub(super) fn new(
        seat: Seat,
        bitcoin: Arc<Bitcoind>,
        book: Book,
        attempts: Attempts,
        interval: Duration,
    ) -> Self {
        let source = Source::new(
            seat.provider,
            &seat.connected,
            Arc::clone(&bitcoin),
            book.clone(),
        );
        let shown = match &seat.connected {
            Connected::Partner(mesh) => Some(Arc::clone(mesh)),
            Connected::Babylon(_) => None,
        };
        Self {
            name: seat.name,
            provider: seat.provider,
            shown,
            bitcoin,
            source,
            book,
            attempts,
            offered: BTreeMap::new(),
            consents_shown: BTreeMap::new(),
            interval,
            status: seat.status,
        }
    }

    /// Shows the chain what it lacks, and says what keeps it from being shown any stake at all.
    async fn show(&mut self, mesh: &Mesh) -> Result<Option<String>, ReportingError> {
        let Due {
            stakes,
            consents,
            conflicts,
        } = self.due(mesh).await?;
        self.show_conflicts(mesh, conflicts).await?;
        self.show_consents(mesh, consents).await?;
        if stakes.is_empty() {
            return Ok(None);
        }
        let terms = mesh.instance_terms().await?;
        if let Some(obstacle) = self.obstacle(mesh, &terms).await? {
            return Ok(Some(obstacle));
        }
        let ground = Ground {
            terms,
            tip: mesh.light_client_tip().await?.height,
            depth: mesh.light_client_params().await?.confirmation_depth,
            own_tip: self.bitcoin.tip().await?.height,
        };
        for batch in stakes.chunks(BATCH) {
            self.show_stakes(mesh, &ground, batch).await?;
        }
        Ok(None)
    }

    /// What the chain lacks and is to be shown now.
    async fn due(&mut self, mesh: &Mesh) -> Result<Due, ReportingError> {
        let target = Target::instance(&mesh.domain());
        let mut due = Due::default();
        let mut status = ReportingStatus::default();
        self.consents_shown
            .retain(|_, shown| shown.elapsed() < RELAY_INTERVAL);
        for stake in self.book.consented(&self.provider) {
            let outpoint = stake.outpoint;
            let consent_number = stake.consent.number;
            let has_share = stake.consent.share_of(&target).is_some();
            status.consented += usize::from(has_share);
            let known = self.look(mesh, outpoint, has_share).await?;
            status.known += usize::from(known.is_some());
            let shown_since = self.consents_shown.get(&outpoint).map(Instant::elapsed);
            let decision = match &stake.conflict {
                Some(_) => decide_conflict(known),
                None => decide(consent_number, has_share, known, shown_since),
            };
            let offer = Offer {
                accounts: stake.told.len(),
                consent_number,
                decision,
            };
            if decision != Decision::Later && self.offered.insert(outpoint, offer) != Some(offer) {
                self.attempts.again(&outpoint)?;
            }
            let shown = match decision {
                Decision::Later => continue,
                Decision::Nothing => {
                    self.attempts.finished(&outpoint);
                    continue;
                }
                Decision::ShowConsent => &mut due.consents,
                Decision::ShowStake => &mut due.stakes,
                Decision::ShowConflict => &mut due.conflicts,
            };
            if self.attempts.is_parked(&outpoint) {
                status.parked += 1;
                continue;
            }
            status.waiting += 1;
            if self.attempts.is_due(&outpoint) {
                shown.push(stake);
            }
        }
        let known_stakes = self.book.count(&self.provider);
        self.status.update(|seat| {
            let shown = seat.reporting.as_ref().map_or(0, |before| before.shown);
            seat.reporting = Some(ReportingStatus {
                stakes: known_stakes,
                shown,
                ..status
            });
        });
        Ok(due)
    }

    /// What the chain knows of a stake; it is asked where that is not known and matters.
    async fn look(
        &mut self,
        mesh: &Mesh,
        outpoint: OutPoint,
        has_share: bool,
    ) -> Result<Option<Known>, ChainError> {
        match self.source.known(&outpoint) {
            Some(known) => Ok(Some(known)),
            None if has_share => self.ask(mesh, outpoint).await,
            None => Ok(None),
        }
    }

    async fn ask(&mut self, mesh: &Mesh, outpoint: OutPoint) -> Result<Option<Known>, ChainError> {
        let standing = mesh.stake_standing(outpoint).await?;
        Ok(standing.map(|standing| self.source.note(outpoint, &standing)))
    }

    /// What keeps every stake with this provider from being taken.
    async fn obstacle(
        &self,
        mesh: &Mesh,
        terms: &InstanceTerms,
    ) -> Result<Option<String>, ChainError> {
        let network = self.bitcoin.network();
        if terms.closed {
            return Ok(Some("the instance is closed: it takes no stake".to_owned()));
        }
        if terms.test_only == (network == bitcoin::Network::Bitcoin) {
            return Ok(Some(format!(
                "the instance follows another Bitcoin network than `{network}`; check `bitcoin.network`"
            )));
        }
        let known = mesh.finality_provider(&self.provider).await?;
        Ok(match known {
            None => Some(
                "the provider is not registered there, so no stake with it is taken".to_owned(),
            ),
            Some(known) if known.slashed_at.is_some() => {
                Some("the provider is slashed: a stake with it counts nowhere".to_owned())
            }
            Some(_) => None,
        })
    }

    async fn show_consents(
        &mut self,
        mesh: &Mesh,
        stakes: Vec<Consented>,
    ) -> Result<(), ReportingError> {
        for batch in stakes.chunks(BATCH) {
            let told = batch
                .iter()
                .map(|stake| mesh.show_consent(stake.outpoint, &stake.consent));
            let answers = join_all(told).await;
            for (stake, answer) in batch.iter().zip(answers) {
                self.settle(mesh, stake.outpoint, "consent", answer).await?;
            }
        }
        Ok(())
    }

    async fn show_conflicts(
        &mut self,
        mesh: &Mesh,
        stakes: Vec<Consented>,
    ) -> Result<(), ReportingError> {
        for stake in stakes {
            if let Some([first, second]) = &stake.conflict {
                let answer = mesh.show_conflict(stake.outpoint, [first, second]).await;
                self.settle(mesh, stake.outpoint, "conflict", answer)
                    .await?;
            }
        }
        Ok(())
    }

    async fn show_stakes(
        &mut self,
        mesh: &Mesh,
        ground: &Ground,
        stakes: &[Consented],
    ) -> Result<(), ReportingError> {
        let mut ready = Vec::new();
        for stake in stakes {
            match prepare(&self.bitcoin, mesh, ground, stake).await? {
                Readiness::Ready(stake) => ready.push(stake),
                Readiness::Later => {}
                Readiness::Fails(reason) => self.attempts.failed(stake.outpoint, &reason)?,
                Readiness::GivenUp(reason) => self.attempts.park(stake.outpoint, &reason)?,
            }
        }
        let told = ready.iter().map(|stake| stake.tell(mesh));
        let answers = join_all(told).await;
        for (stake, answer) in ready.iter().zip(answers) {
            self.settle(mesh, stake.outpoint, "stake", answer).await?;
        }
        Ok(())
    }

    /// Notes what became of something that the chain was shown.
    async fn settle(
        &mut self,
        mesh: &Mesh,
        outpoint: OutPoint,
        what: &'static str,
        answer: Result<Receipt, ChainError>,
    ) -> Result<(), ReportingError> {
        if let Ok(_) | Err(ChainError::Timeout { .. }) = &answer {
            self.consents_shown.insert(outpoint, Instant::now());
        }
        if let Err(error @ ChainError::Timeout { .. }) = &answer {
            // Says nothing about the stake, such as where the chain has halted: the next round decides by what it knows then.
            tracing::warn!(%outpoint, what, %error, "not known to be taken");
            self.ask(mesh, outpoint).await?;
            return Ok(());
        }
        let before = self.source.known(&outpoint);
        match answer.map_err(Reason::of_message) {
            Ok(receipt) => {
                tracing::info!(%outpoint, what, tx = receipt.tx_hash, "shown to the chain");
                metrics::REPORTED.increment_for(&self.name);
                self.status.update(|seat| {
                    seat.reporting.get_or_insert_default().shown += 1;
                });
                if self.ask(mesh, outpoint).await? == before {
                    // It would be paid for again and again.
                    let message =
                        format!("the chain took the {what}, and knows no more than before");
                    let reason = Reason::new("no-change", message);
                    self.attempts.failed(outpoint, &reason)?;
                } else {
                    self.attempts.finished(&outpoint);
                }
                Ok(())
            }
            Err(Ok(reason)) => {
                // Somebody else may have been faster: the next round decides by what the chain knows now.
                if self.ask(mesh, outpoint).await? == before {
                    self.attempts.failed(outpoint, &reason)?;
                }
                Ok(())
            }
            Err(Err(error)) => Err(error.into()),
        }
    }
}

impl Worker for Reporter {
    type Error = ReportingError;

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn round(&mut self) -> Result<Next, ReportingError> {
        self.attempts.refresh()?;
        // Also that the node is on the configured network.
        let bitcoin = self.bitcoin.check().await?;
        if bitcoin.initial_block_download {
            let tip = bitcoin.tip.height;
            return Ok(Next::Waiting(format!(
                "our bitcoin node is catching up, at height {tip}: it cannot say which stakes are unspent"
            )));
        }
        self.source.read().await?;
        let Some(mesh) = self.shown.clone() else {
            let stakes = self.book.count(&self.provider);
            self.status.update(|seat| {
                seat.reporting.get_or_insert_default().stakes = stakes;
            });
            return Ok(Next::Round);
        };
        Ok(match self.show(&mesh).await? {
            None => Next::Round,
            Some(obstacle) => Next::Waiting(obstacle),
        })
    }

    fn ended(&mut self, problem: Option<String>) {
        self.status.set_problem(Concern::Reporting, problem);
        show(&self.status.get());
    }
}
