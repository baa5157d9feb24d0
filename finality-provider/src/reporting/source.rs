//! Reading one chain into the book: the stakes with a provider, and the consents that the chain was shown.
//!
//! A round reads one page. When the last one is read, the list rests for some rounds. A page that cannot be one of the chain's
//! begins the list anew: where it went on was told by the same node.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use bitcoin::OutPoint;
use bitcoin_source::{BitcoinSource as _, Bitcoind, SourceError};
use chain::babylon::Babylon;
use chain::mesh::{BABYLON, Mesh, StakeStanding, StakeState};
use chain::{Chain, ChainError, Connected, DelegationStatus, PageKey, SignedDelegation};
use staking::delegation::ValidDelegation;
use staking::keys::FinalityProviderKey;
use staking::params::StakingParams;

use super::ReportingError;
use super::book::{Book, Teller};
use super::decision::Known;
use super::proof::fit;

/// Stakes of one page.
const PAGE: u8 = 100;

/// Rounds from the end of the list to its beginning.
const REST: u32 = 10;

/// One provider's view of one chain.
pub(super) struct Source {
    provider: FinalityProviderKey,
    list: List,
    /// Where the list goes on; `None` at its beginning.
    after: Option<PageKey>,
    /// The chain's name.
    chain: String,
    bitcoin: Arc<Bitcoind>,
    book: Book,
    /// Rounds until the list is begun again.
    resting: u32,
    /// What a partner chain knows of stakes that are in the book.
    standings: BTreeMap<OutPoint, Known>,
    /// Numbers of the consents that were asked for.
    heard: BTreeMap<OutPoint, u32>,
    /// What was handed over that the chain would not take, so that it is said once.
    misfits: Vec<SignedDelegation>,
}

/// Whose list it is.
#[derive(Clone)]
enum List {
    Babylon(Arc<Babylon>),
    Partner(Arc<Mesh>),
}

impl Source {
    pub(super) fn new(
        provider: FinalityProviderKey,
        connected: &Connected,
        bitcoin: Arc<Bitcoind>,
        book: Book,
    ) -> Self {
        let (name, list) = match connected {
            Connected::Babylon(babylon) => (BABYLON, List::Babylon(Arc::clone(babylon))),
            Connected::Partner(mesh) => (mesh.name(), List::Partner(Arc::clone(mesh))),
        };
        Self {
            provider,
            chain: name.to_owned(),
            list,
            after: None,
            bitcoin,
            book,
            resting: 0,
            standings: BTreeMap::new(),
            heard: BTreeMap::new(),
            misfits: Vec::new(),
        }
    }

    /// What the chain was last seen to know of a stake.
    pub(super) fn known(&self, outpoint: &OutPoint) -> Option<Known> {
        self.standings.get(outpoint).copied()
    }

    /// Notes what the chain was asked of a stake in the book.
    pub(super) fn note(&mut self, outpoint: OutPoint, standing: &StakeStanding) -> Known {
        let known = Known {
            state: standing.state,
            consent_number: standing.consent_number,
            has_share: standing.basis_points > 0 || standing.increase.is_some(),
        };
        self.standings.insert(outpoint, known);
        known
    }

    /// Reads the page whose turn it is.
    pub(super) async fn read(&mut self) -> Result<(), ReportingError> {
        if let Some(left) = self.resting.checked_sub(1) {
            self.resting = left;
            return Ok(());
        }
        let after = self.after.clone();
        let read = match self.list.clone() {
            List::Babylon(babylon) => self.read_babylon(&babylon, after).await,
            List::Partner(mesh) => self.read_partner(&mesh, after).await,
        };
        match read {
            Ok(next) => {
                if next.is_none() {
                    self.resting = REST;
                }
                self.after = next;
                Ok(())
            }
            Err(error) => {
                if let ReportingError::Chain(ChainError::InvalidAnswer { .. }) = error {
                    self.after = None;
                }
                Err(error)
            }
        }
    }

    /// Babylon reads no consents: its stakes are all that it tells.
    async fn read_babylon(
        &self,
        babylon: &Babylon,
        after: Option<PageKey>,
    ) -> Result<Option<PageKey>, ReportingError> {
        let limit = NonZeroU32::from(const { std::num::NonZeroU8::new(PAGE).unwrap() });
        let page = babylon.delegations_to(&self.provider, after, limit).await?;
        let mut fresh = page.delegations;
        fresh.retain(|told| {
            told.status == DelegationStatus::Active
                && !self.book.has(&told.staking_outpoint(), &self.teller())
        });
        if !fresh.is_empty() {
            let versions = babylon.staking_params().await?;
            for told in fresh {
                let params = versions.version(told.params_version);
                self.add_told(params, told.into()).await?;
            }
        }
        Ok(page.next)
    }

    async fn read_partner(
        &mut self,
        mesh: &Mesh,
        after: Option<PageKey>,
    ) -> Result<Option<PageKey>, ReportingError> {
        if after.is_none() {
            self.read_handed(mesh).await?;
        }
        let page = mesh
            .standings_with(&self.provider, after, PAGE.into())
            .await?;
        let mut versions = None;
        for (outpoint, standing) in &page.stakes {
            let has_ended = matches!(standing.state, StakeState::Ended(_));
            if !has_ended && !self.book.has(outpoint, &self.teller()) {
                let versions = match &mut versions {
                    Some(versions) => versions,
                    versions => versions.insert(mesh.staking_params().await?),
                };
                if let Some(told) = of_one(mesh.delegation_at(*outpoint).await, outpoint)?.flatten()
                {
                    let params = versions.version(told.params_version);
                    self.add_told(params, told.into()).await?;
                }
            }
            // What it was shown of a stake that has ended here may concern others, such as one of two lists under one number.
            if self.book.knows(outpoint) {
                self.note(*outpoint, standing);
                self.hear(mesh, *outpoint, standing.consent_number).await?;
            }
        }
        Ok(page.next)
    }

    /// Takes in what was handed over, if the chain would take it: whatever else it is, it must not stand for the stake.
    async fn read_handed(&mut self, mesh: &Mesh) -> Result<(), ReportingError> {
        let handed = self.book.handed(self.provider);
        let outpoints: Vec<_> = handed.iter().map(|told| told.staking_outpoint).collect();
        if outpoints.is_empty() {
            return Ok(());
        }
        // Most files are of stakes that are over: nothing of those is verified.
        let outputs = self.bitcoin.confirmed_outputs(&outpoints).await?;
        let terms = mesh.instance_terms().await?;
        let staked = handed.into_iter().zip(outputs);
        for told in staked.filter_map(|(told, output)| output.map(|_| told)) {
            let outpoint = told.staking_outpoint;
            match fit(&terms, &told) {
                Ok(fitting) => {
                    self.add(Teller::Staker, &fitting.delegation, told).await?;
                }
                Err(error) if !self.misfits.contains(&told) => {
                    tracing::warn!(%outpoint, %error, chain = self.chain, "a delegation that was handed over is not taken");
                    self.misfits.push(told);
                }
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn teller(&self) -> Teller {
        Teller::Chain(self.chain.clone())
    }

    /// Asks for a consent that the chain was not asked for.
    async fn hear(
        &mut self,
        mesh: &Mesh,
        outpoint: OutPoint,
        number: u32,
    ) -> Result<(), ReportingError> {
        if self.heard.get(&outpoint) == Some(&number) {
            return Ok(());
        }
        if let Some(exposure) = of_one(mesh.exposure(outpoint).await, &outpoint)? {
            if let Err(error) = self.book.hear(outpoint, exposure.consent()) {
                tracing::warn!(%outpoint, %error, chain = self.chain, "a consent that a chain shows is none");
            }
            self.heard.insert(outpoint, number);
        }
        Ok(())
    }

    /// Takes in what the chain tells of a stake that was made under these parameters.
    async fn add_told(
        &self,
        params: Option<&StakingParams>,
        told: SignedDelegation,
    ) -> Result<(), SourceError> {
        let outpoint = told.staking_outpoint;
        let passed_over = |reason: &dyn fmt::Display| {
            tracing::debug!(%outpoint, %reason, chain = self.chain, "a stake is passed over");
        };
        if told.finality_providers != [self.provider] {
            passed_over(&"its provider is not this one alone");
            return Ok(());
        }
        let Some(params) = params else {
            passed_over(&"the chain does not tell its parameters");
            return Ok(());
        };
        match told.validate(params) {
            Ok(valid) => self.add(self.teller(), &valid, told).await,
            Err(error) => {
                passed_over(&error);
                Ok(())
            }
        }
    }

    /// Takes a stake into the book if Bitcoin has the output that follows from its keys, and nobody has spent it.
    async fn add(
        &self,
        teller: Teller,
        valid: &ValidDelegation,
        told: SignedDelegation,
    ) -> Result<(), SourceError> {
        let outpoint = told.staking_outpoint;
        let reason = match self.bitcoin.unspent_output(outpoint).await? {
            Some(unspent) if unspent.output == *valid.staking_output().tx_out() => {
                self.book.add(self.provider, teller, told);
                return Ok(());
            }
            Some(_) => "bitcoin has another output there",
            None => "bitcoin has no such output, or it is spent",
        };
        tracing::debug!(%outpoint, reason, %teller, "a stake is passed over");
        Ok(())
    }
}

/// What a chain says of one stake; `None` where that cannot be used, which concerns no other stake.
fn of_one<T>(answer: Result<T, ChainError>, outpoint: &OutPoint) -> Result<Option<T>, ChainError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error @ (ChainError::Rejected(_) | ChainError::InvalidAnswer { .. })) => {
            tracing::debug!(%outpoint, %error, "a chain's account of a stake cannot be used");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
