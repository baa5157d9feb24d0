//! Looking after the signing record: how far keys have come is shown, what is old is forgotten.

use std::time::Duration;

use chain::SecuredChain;
use daemon::service::Service;
use staking::keys::FinalityProviderKey;
use tracing::Span;

use crate::keys::public_key;
use crate::metrics::SIGNED_TO;
use crate::provider::{Next, Worker, spawn};
use crate::signer::{Embedded, EotsSigner, SignerError};
use crate::startup::{Setting, seat};

/// How often keys are looked at.
const INTERVAL: Duration = Duration::from_secs(30);

/// Rounds from one that forgets to the next: an hour. Forgetting costs a sync.
const ROUNDS_BETWEEN_PRUNING: u32 = 120;

/// Looks after the record of what `signer` signs for a chain, for as long as the service runs.
pub fn start(service: &Service, setting: &Setting, chain: &SecuredChain, signer: Embedded) {
    let task = seat("signing record", chain);
    let mut names = Vec::new();
    for entry in &setting.config.providers {
        let name = seat(&entry.name, chain);
        SIGNED_TO.register_for(&name);
        // A provider without a readable key has nothing to show, and says so where it is started.
        if let Ok(key) = public_key(entry, &setting.home) {
            names.push((key, name));
        }
    }
    let upkeep = Upkeep {
        signer,
        names,
        round: 0,
    };
    let health = service.dependency(&task);
    spawn(service.supervisor(), Span::none(), task, health, upkeep);
}

struct Upkeep {
    signer: Embedded,
    names: Vec<(FinalityProviderKey, String)>,
    round: u32,
}

impl Worker for Upkeep {
    type Error = SignerError;

    fn interval(&self) -> Duration {
        INTERVAL
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge is read to a few digits"
    )]
    async fn round(&mut self) -> Result<Next, SignerError> {
        for held in self.signer.keys().await? {
            if let Some((_, name)) = self.names.iter().find(|(key, _)| *key == held.key) {
                let height = held.signed_to.unwrap_or_default();
                SIGNED_TO.set_for(name, height.0 as f64);
            }
        }
        if self.round.is_multiple_of(ROUNDS_BETWEEN_PRUNING) {
            self.signer.prune().await?;
        }
        self.round = self.round.wrapping_add(1);
        Ok(Next::Round)
    }
}
