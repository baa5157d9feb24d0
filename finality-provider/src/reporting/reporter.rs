//! The task of one provider on one chain: it reads the chain into the book, and shows a partner chain what it lacks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bitcoin::{OutPoint, Transaction};
use bitcoin_source::{BitcoinSource as _, Bitcoind, BlockId, Location};
use chain::mesh::{InstanceTerms, Mesh, SignedConsent, StakeProof};
use chain::{Chain as _, ChainError, Connected, Delegation, Receipt};
use daemon::attempts::{Attempts, Reason};
use futures::future::join_all;
use mesh_core::consent::Target;
use staking::delegation::without_witness;
use staking::inclusion::InclusionProof;
use staking::keys::FinalityProviderKey;
use staking::units::BitcoinHeight;

use super::book::{Book, Consented};
use super::decision::{Decision, Known, decide};
use super::proof::{Fitting, fit};
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
    /// By how many chains each stake was told of, and the number of its newest consent: whenever either changes, what was
    /// refused is tried again.
    offered: BTreeMap<OutPoint, (usize, u32)>,
    bitcoin: Arc<Bitcoind>,
    interval: Duration,
    status: StatusCell,
}

/// What every stake is judged by in one round.
struct Ground {
    terms: InstanceTerms,
    /// The chain's view of Bitcoin.
    tip: BitcoinHeight,
    depth: u32,
    /// Our node's.
    own_tip: BitcoinHeight,
}

/// A stake that is ready to be shown.
struct Ready {
    outpoint: OutPoint,
    consent: SignedConsent,
    told: Arc<Delegation>,
    fitting: Fitting,
    staking_tx: Transaction,
    block_height: BitcoinHeight,
    inclusion_proof: InclusionProof,
}

/// Whether a stake can be shown now.
enum Readiness {
    Ready(Box<Ready>),
    /// The chain does not know its block, or it is not deep enough.
    Later,
    /// It fails, and may heal.
    Fails(Reason),
    /// It fails for good.
    GivenUp(Reason),
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
            interval,
            status: seat.status,
        }
    }

    /// Shows the chain what it lacks, and says what keeps it from being shown any stake at all.
    async fn show(&mut self, mesh: &Mesh) -> Result<Option<String>, ReportingError> {
        let target = Target::instance(&mesh.domain());
        let (mut stakes, mut consents) = (Vec::new(), Vec::new());
        let mut status = ReportingStatus::default();
        for stake in self.book.consented(&self.provider) {
            let has_share = stake.consent.signed.share_of(&target).is_some();
            status.consented += usize::from(has_share);
            let offer = (stake.told.len(), stake.consent.signed.number);
            let before = self.offered.insert(stake.outpoint, offer);
            if before.is_some_and(|before| before != offer) {
                self.attempts.again(&stake.outpoint)?;
            }
            if self.attempts.is_parked(&stake.outpoint) {
                status.parked += usize::from(has_share);
                continue;
            }
            let known = self.look(mesh, stake.outpoint, has_share).await?;
            status.known += usize::from(known.is_some());
            let decision = decide(stake.consent.signed.number, has_share, known);
            if decision == Decision::Nothing {
                self.attempts.finished(&stake.outpoint);
                continue;
            }
            if stake.consent.contradicted {
                let number = stake.consent.signed.number;
                let message = format!("its staker signed two lists under the number {number}");
                self.attempts
                    .park(stake.outpoint, &Reason::new("two-lists", message))?;
                continue;
            }
            status.waiting += 1;
            if self.attempts.is_due(&stake.outpoint) {
                match decision {
                    Decision::ShowStake => stakes.push(stake),
                    _ => consents.push(stake),
                }
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
                .map(|stake| mesh.show_consent(stake.outpoint, &stake.consent.signed));
            let answers = join_all(told).await;
            for (stake, answer) in batch.iter().zip(answers) {
                self.settle(mesh, stake.outpoint, "consent", answer).await?;
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
            match self.prepare(mesh, ground, stake).await? {
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

    /// Gathers what proves a stake.
    async fn prepare(
        &self,
        mesh: &Mesh,
        ground: &Ground,
        stake: &Consented,
    ) -> Result<Readiness, ReportingError> {
        let outpoint = stake.outpoint;
        if ground.own_tip < ground.tip {
            // What our node has not seen yet is not missing.
            return Ok(Readiness::Later);
        }
        let Some(unspent) = self.bitcoin.unspent_output(outpoint).await? else {
            let message = "its output is spent, or not in our bitcoin node's chain";
            return Ok(Readiness::Fails(Reason::new("spent", message)));
        };
        let Location::Block { block, .. } = unspent.location else {
            return Ok(Readiness::Later);
        };
        if !is_deep(ground, &block) || !mesh.contains_header(block.height, &block.hash).await? {
            return Ok(Readiness::Later);
        }
        let mut misfit = String::new();
        let mut fitting = None;
        for told in &stake.told {
            match fit(&ground.terms, told) {
                Ok(fits) => {
                    fitting = Some((Arc::clone(told), fits));
                    break;
                }
                Err(error) => misfit = error.to_string(),
            }
        }
        let Some((told, fitting)) = fitting else {
            return Ok(Readiness::GivenUp(Reason::new("no-covenant-set", misfit)));
        };
        if unspent.output != *fitting.delegation.staking_output().tx_out() {
            let message = "bitcoin has another output there";
            return Ok(Readiness::GivenUp(Reason::new("other-output", message)));
        }
        let content = self.bitcoin.block(block.hash).await?;
        let proof = InclusionProof::new(&content, outpoint.txid);
        let mut transactions = content.txdata.into_iter();
        let staking_tx = transactions.find(|one| one.compute_txid() == outpoint.txid);
        let (Ok(inclusion_proof), Some(staking_tx)) = (proof, staking_tx) else {
            // It was moved by a reorganisation between two questions.
            return Ok(Readiness::Later);
        };
        Ok(Readiness::Ready(Box::new(Ready {
            outpoint,
            consent: stake.consent.signed.clone(),
            told,
            fitting,
            // Every byte costs gas.
            staking_tx: without_witness(&staking_tx),
            block_height: block.height,
            inclusion_proof,
        })))
    }

    /// Notes what became of something that the chain was shown.
    async fn settle(
        &mut self,
        mesh: &Mesh,
        outpoint: OutPoint,
        what: &'static str,
        answer: Result<Receipt, ChainError>,
    ) -> Result<(), ReportingError> {
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

/// Whether a block is deep enough below the chain's view of Bitcoin.
fn is_deep(ground: &Ground, block: &BlockId) -> bool {
    let deep = block.height.0.checked_add(ground.depth);
    deep.is_some_and(|deep| deep <= ground.tip.0)
}

impl Ready {
    async fn tell(&self, mesh: &Mesh) -> Result<Receipt, ChainError> {
        let staker_signatures = self.told.staker_signatures();
        let proof = StakeProof {
            covenant_set: self.fitting.covenant_set,
            delegation: &self.fitting.delegation,
            staking_tx: &self.staking_tx,
            block_height: self.block_height,
            inclusion_proof: &self.inclusion_proof,
            staker_signatures: &staker_signatures,
            covenant_signatures: &self.fitting.covenant_signatures,
        };
        mesh.show_stake(&proof, &self.consent).await
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
