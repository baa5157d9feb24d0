//! A finality provider that equivocated, and the delegations to it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use bitcoin::OutPoint;
use chain::{Chain, ChainError, Delegation, Evidence};
use daemon::attempts::Reason;
use eots::SecretKey;
use staking::keys::FinalityProviderKey;

use super::case::Case;
use super::evidence::{EvidenceError, extract_key};

/// A provider whose secret key is known.
#[derive(Debug, Clone)]
pub struct Culprit {
    /// Its public key.
    pub key: FinalityProviderKey,
    secret: SecretKey,
}

impl Culprit {
    /// The provider that evidence of the chain convicts.
    pub fn convict(evidence: &Evidence) -> Result<Self, EvidenceError> {
        Ok(Self {
            key: evidence.finality_provider(),
            secret: match evidence {
                Evidence::Votes(votes) => extract_key(votes)?,
                Evidence::Key { secret, .. } => secret.clone(),
            },
        })
    }

    /// The key that it gave away.
    pub fn secret(&self) -> &SecretKey {
        &self.secret
    }

    /// Every delegation to it, as a case or with the reason why it is none. Those that `skip` names are left out. Metrics call
    /// the chain `name`.
    pub async fn cases(
        &self,
        chain: &dyn Chain,
        name: &str,
        page_size: NonZeroU32,
        skip: impl Fn(&OutPoint) -> bool,
    ) -> Result<BTreeMap<OutPoint, Result<Case, Reason>>, ChainError> {
        let params = chain.staking_params().await?;
        let mut cases = BTreeMap::new();
        let mut after = None;
        loop {
            let page = chain.delegations_to(&self.key, after, page_size).await?;
            for invalid in &page.invalid {
                let (provider, reason) = (self.key, &invalid.reason);
                tracing::error!(%provider, reason, "a delegation to a slashed provider cannot be read");
            }
            for delegation in &page.delegations {
                let output = delegation.staking_outpoint();
                if !skip(&output) && has_signatures(delegation) {
                    cases.insert(output, Case::new(name, delegation, &params));
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(cases),
            }
        }
    }
}

/// Without the committee's signatures nobody can slash; where they are still to come, a later look finds them.
fn has_signatures(delegation: &Delegation) -> bool {
    delegation.status != chain::DelegationStatus::Pending
}
