//! Keys that are out: whatever one chain knows is shown to all others.
//!
//! A key is its own evidence: it needs neither the chain that it came out on nor anybody's word. Each chain's role puts the
//! keys that its chain knows into one set and shows the chain those of the set that it lacks, so that a chain that does not
//! answer keeps nothing from the others.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use chain::{ChainError, FinalityProvider, Message};
use daemon::retry::{Backoff, Schedule};
use staking::keys::FinalityProviderKey;

use crate::metrics;
use crate::role::{Role, RoundError};
use crate::slashing::culprit::Culprit;
use crate::startup::Link;
use crate::status::{Cell, KeysStatus};

/// Pauses after refusals.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(5),
    longest: Duration::from_mins(10),
};

/// The keys that are out on any chain.
#[derive(Debug, Default)]
pub struct RevealedKeys(BTreeMap<FinalityProviderKey, Culprit>);

impl RevealedKeys {
    /// Adds a key; says whether it is new.
    pub fn add(&mut self, culprit: Culprit) -> bool {
        self.0.insert(culprit.key, culprit).is_none()
    }

    /// All of them.
    pub fn culprits(&self) -> Vec<Culprit> {
        self.0.values().cloned().collect()
    }
}

/// What to do about a key on a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    /// Nobody has registered it there; somebody may.
    Wait,
    /// Show it.
    Show,
    /// The chain knows it.
    Known,
}

fn decide(provider: Option<&FinalityProvider>) -> Decision {
    match provider {
        None => Decision::Wait,
        Some(provider) if provider.slashed_at.is_some() => Decision::Known,
        Some(_) => Decision::Show,
    }
}

/// Carries keys from and to one chain.
pub struct Revealing {
    link: Link,
    interval: Duration,
    keys: Cell<RevealedKeys>,
    /// Those that the chain knows too.
    known: BTreeSet<FinalityProviderKey>,
    schedule: Schedule<FinalityProviderKey>,
    status: Cell<KeysStatus>,
}

impl Revealing {
    /// Puts the role together.
    pub fn new(
        link: Link,
        interval: Duration,
        keys: Cell<RevealedKeys>,
        status: Cell<KeysStatus>,
    ) -> Self {
        Self {
            link,
            interval,
            keys,
            known: BTreeSet::new(),
            schedule: Schedule::new(BACKOFF),
            status,
        }
    }

    /// Learns what the chain knows. Evidence that gives no key is the slasher's to complain about.
    async fn gather(&mut self) -> Result<(), RoundError> {
        for evidence in self.link.chain.evidences().await? {
            let Ok(culprit) = Culprit::convict(&evidence) else {
                continue;
            };
            let provider = culprit.key;
            if self.keys.update(|keys| keys.add(culprit)) {
                tracing::warn!(%provider, chain = self.link.name, "a key is out");
            }
        }
        Ok(())
    }

    /// Shows the chain a key that it may not know.
    async fn bring(&mut self, culprit: &Culprit) -> Result<(), RoundError> {
        let key = culprit.key;
        if self.decision(&key).await? != Decision::Show {
            return Ok(());
        }
        let message = Message::SelectiveSlashingEvidence(culprit.secret().clone());
        let outcome = self.link.chain.submit(vec![message]).await;
        let outcome = outcome.into_iter().next();
        match outcome.unwrap_or(Err(ChainError::Stopped)) {
            Ok(receipt) => {
                let (chain, tx) = (&self.link.name, receipt.tx_hash);
                tracing::warn!(provider = %key, chain, tx, "showed a key that is out elsewhere");
                metrics::KEYS_SHOWN.increment_for(chain);
                self.status.update(|status| status.shown += 1);
                self.schedule.forget(&key);
            }
            Err(ChainError::Rejected(refusal)) => {
                // Unless somebody else was faster.
                if self.decision(&key).await? == Decision::Show {
                    let (chain, reason) = (&self.link.name, refusal.to_string());
                    tracing::error!(provider = %key, chain, reason, "the chain refuses a key that is out");
                    self.schedule
                        .failed(key, Instant::now(), rand::random(), reason);
                }
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    async fn decision(&mut self, key: &FinalityProviderKey) -> Result<Decision, RoundError> {
        let provider = self.link.chain.finality_provider(key).await?;
        let decision = decide(provider.as_ref());
        if decision == Decision::Known {
            self.known.insert(*key);
            self.schedule.forget(key);
        }
        Ok(decision)
    }
}

impl Role for Revealing {
    fn interval(&self) -> Duration {
        self.interval
    }

    async fn round(&mut self) -> Result<(), RoundError> {
        self.gather().await?;
        let culprits = self.keys.read(RevealedKeys::culprits);
        for culprit in &culprits {
            if !self.known.contains(&culprit.key)
                && self.schedule.is_due(&culprit.key, Instant::now())
            {
                self.bring(culprit).await?;
            }
        }
        let keys = culprits.iter().map(|culprit| culprit.key.to_string());
        self.status.update(|status| status.out = keys.collect());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use eots::SecretKey;
    use staking::units::ChainHeight;

    use super::*;

    fn culprit(byte: u8) -> Culprit {
        let secret = SecretKey::from_bytes(&[byte; 32]).unwrap();
        let key = FinalityProviderKey::from_slice(secret.public_key().as_bytes()).unwrap();
        Culprit::convict(&chain::Evidence::Key {
            finality_provider: key,
            secret,
        })
        .unwrap()
    }

    #[test]
    fn a_key_is_gathered_once_whichever_chain_it_comes_from() {
        let mut keys = RevealedKeys::default();
        assert!(keys.add(culprit(1)));
        assert!(keys.add(culprit(2)));
        assert!(!keys.add(culprit(1)));
        assert_eq!(keys.culprits().len(), 2);
    }

    #[test]
    fn a_key_is_shown_where_its_provider_is_registered_and_not_slashed() {
        let mut provider = FinalityProvider {
            key: culprit(1).key,
            address: String::new(),
            moniker: String::new(),
            commission: String::new(),
            jailed: true,
            slashed_at: None,
            highest_voted_height: None,
            commit_number: 0,
        };
        assert_eq!(decide(None), Decision::Wait);
        assert_eq!(decide(Some(&provider)), Decision::Show);
        provider.slashed_at = Some(ChainHeight(1));
        assert_eq!(decide(Some(&provider)), Decision::Known);
    }
}
