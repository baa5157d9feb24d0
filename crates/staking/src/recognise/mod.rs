//! Telling what any Bitcoin transaction is to the protocol.
//!
//! Spends name themselves: a witness shows the leaf script, with its keys, and the path to the root, from which the
//! rest of the tree is compared with what the parameters imply. Outputs do not: a stake is recognised by the
//! OP_RETURN that phase 1 put beside it, or because its delegation is known. Software of any origin is recognised;
//! what is only almost the protocol's is reported with its reason. Signatures are not verified, as the spent outputs
//! may be unknown; a transaction in a block has valid ones.

mod finding;
mod judge;
mod known;
mod leaf;
mod reason;
mod spend;

use bitcoin::{OutPoint, Transaction};

use crate::delegation::ValidDelegation;
use crate::params::ParamsVersions;
use crate::phase1::{Phase1Error, Phase1Stake, Tag};

pub use finding::{Expansion, Finding, Slashing, Stake, Unbonding, Withdrawal, WithdrawnOutput};
pub use leaf::LeafError;
pub use reason::{Kind, NearMiss, Reason};

/// What is known of a network, to recognise its transactions by.
#[derive(Debug, Clone, Copy)]
pub struct Recogniser<'a> {
    params: &'a ParamsVersions,
    phase1_tag: Option<Tag>,
    delegations: &'a [ValidDelegation],
}

/// What a transaction is to the protocol; nothing at all where both lists are empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recognition {
    /// What it is. A transaction can be several things, such as a withdrawal that stakes again.
    pub findings: Vec<Finding>,
    /// What it only looks like.
    pub near_misses: Vec<NearMiss>,
}

impl<'a> Recogniser<'a> {
    /// Recognises spends by their witness.
    pub fn new(params: &'a ParamsVersions) -> Self {
        Self {
            params,
            phase1_tag: None,
            delegations: &[],
        }
    }

    /// Recognises stakes of phase 1 too.
    #[must_use]
    pub fn with_phase1_tag(self, tag: Tag) -> Self {
        Self {
            phase1_tag: Some(tag),
            ..self
        }
    }

    /// Recognises the transactions of these delegations too, even where their witness is missing.
    #[must_use]
    pub fn with_delegations(self, delegations: &'a [ValidDelegation]) -> Self {
        Self {
            delegations,
            ..self
        }
    }

    /// Tells what a transaction is.
    pub fn recognise(&self, tx: &Transaction) -> Recognition {
        let mut recognition = Recognition::default();
        for input in &tx.input {
            let Some((kind, spend)) = spend::parse(&input.witness) else {
                continue;
            };
            // Both spend by the same leaf.
            let kind = match kind {
                Kind::Unbonding if tx.input.len() == 2 => Kind::Expansion,
                kind => kind,
            };
            match spend.and_then(|spend| judge::judge(self.params, tx, input, &spend)) {
                Ok(finding) => recognition.findings.push(finding),
                Err(reason) => {
                    let input = Some(input.previous_output);
                    recognition.near_misses.push(NearMiss {
                        kind,
                        input,
                        reason,
                    });
                }
            }
        }
        if recognition.findings.is_empty() {
            recognition
                .findings
                .extend(known::presigned(self.delegations, tx));
        }
        let stakes: Vec<_> = known::stakes(self.delegations, tx)
            .map(Finding::Staking)
            .collect();
        if stakes.is_empty() {
            self.recognise_phase1(tx, &mut recognition);
        }
        recognition.findings.extend(stakes);
        recognition
    }

    /// Looks for the stake of phase 1 under every committee there was.
    fn recognise_phase1(&self, tx: &Transaction, recognition: &mut Recognition) {
        let Some(tag) = self.phase1_tag else { return };
        let mut refused = None;
        let mut found: Option<Stake> = None;
        for params in self.params.all() {
            match Phase1Stake::recognise(tx, tag, &params.covenant) {
                Ok(stake) => match &mut found {
                    Some(found) => found.params_versions.push(params.version),
                    None => found = Some(phase1_stake(tx, &stake, params.version)),
                },
                // Most transactions; the answer does not depend on the committee.
                Err(Phase1Error::NoPayload) => return,
                Err(error) => refused = Some(error),
            }
        }
        match (found, refused) {
            (Some(stake), _) => recognition.findings.push(Finding::Staking(stake)),
            (None, Some(error)) => {
                let (kind, reason) = (Kind::Staking, Reason::Phase1(error));
                recognition.near_misses.push(NearMiss {
                    kind,
                    input: None,
                    reason,
                });
            }
            (None, None) => {}
        }
    }
}

fn phase1_stake(tx: &Transaction, stake: &Phase1Stake, params_version: u32) -> Stake {
    Stake {
        outpoint: OutPoint {
            txid: tx.compute_txid(),
            vout: stake.staking_output_index,
        },
        value: stake.staking_output.value(),
        staker: stake.payload.staker,
        finality_providers: vec![stake.payload.finality_provider],
        staking_time: stake.payload.staking_time,
        params_versions: vec![params_version],
    }
}
