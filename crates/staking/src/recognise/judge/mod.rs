//! Judging a spend by one of the scripts: what it proves about the spent output, and what it is spent on.

mod slashing;
mod unbonding_path;

use bitcoin::{Transaction, TxIn};

use super::finding::{Finding, Withdrawal, WithdrawnOutput};
use super::leaf::LeafScript;
use super::reason::Reason;
use super::spend::LeafSpend;
use crate::keys::{CovenantKey, StakerKey};
use crate::outputs::node;
use crate::params::{CovenantCommittee, ParamsVersions, StakingParams};
use crate::scripts::unbonding_script;
use crate::units::BlockInterval;

/// Tells what `input` of `tx`, which spends by a leaf, does.
pub(super) fn judge(
    params: &ParamsVersions,
    tx: &Transaction,
    input: &TxIn,
    spend: &LeafSpend,
) -> Result<Finding, Reason> {
    let judge = Judge {
        params,
        tx,
        input,
        spend,
    };
    match &spend.leaf {
        LeafScript::Timelock { staker, timelock } => judge
            .withdrawal(*staker, *timelock)
            .map(Finding::Withdrawal),
        LeafScript::Unbonding { staker, covenant } => judge.unbonding_path(*staker, covenant),
        LeafScript::Slashing(keys) => judge.slashing(keys).map(Finding::Slashing),
    }
}

struct Judge<'a> {
    params: &'a ParamsVersions,
    tx: &'a Transaction,
    input: &'a TxIn,
    spend: &'a LeafSpend,
}

impl Judge<'_> {
    fn withdrawal(&self, staker: StakerKey, timelock: BlockInterval) -> Result<Withdrawal, Reason> {
        let (output, params_versions) = match self.spend.siblings.as_slice() {
            [sibling, _slashing] => {
                let versions = self.versions(|params| {
                    node(&unbonding_script(staker, &params.covenant)) == *sibling
                });
                (
                    WithdrawnOutput::Staking,
                    non_empty(versions, Reason::UnknownCommittee)?,
                )
            }
            rest @ ([] | [_]) => {
                let versions = self.versions(|params| params.unbonding_time == timelock);
                let output = if rest.is_empty() {
                    WithdrawnOutput::SlashingChange
                } else {
                    WithdrawnOutput::Unbonding
                };
                (
                    output,
                    non_empty(versions, Reason::UnknownTimelock(timelock))?,
                )
            }
            deeper => return Err(Reason::Depth(deeper.len())),
        };
        self.signatures(1)?;
        self.check_maturity(timelock)?;
        Ok(Withdrawal {
            spent: self.input.previous_output,
            spent_script: self.spend.spent_script.clone(),
            output,
            staker,
            timelock,
            params_versions,
        })
    }

    /// A relative timelock counts from version 2, and must ask for no less than the script (BIP-0112).
    fn check_maturity(&self, timelock: BlockInterval) -> Result<(), Reason> {
        let (sequence, version) = (self.input.sequence, self.tx.version.0);
        let depth = sequence.to_consensus_u32() & 0xffff;
        let mature = sequence.is_height_locked() && depth >= u32::from(timelock.blocks());
        if mature && version >= 2 {
            Ok(())
        } else {
            let sequence = sequence.to_consensus_u32();
            Err(Reason::Immature {
                sequence,
                version,
                timelock,
            })
        }
    }

    fn versions(&self, matches: impl Fn(&StakingParams) -> bool) -> Vec<u32> {
        let matching = self.params.all().iter().filter(|params| matches(params));
        matching.map(|params| params.version).collect()
    }

    /// The versions of the parameters with this committee; at least one.
    fn versions_of(&self, covenant: &CovenantCommittee) -> Result<Vec<&StakingParams>, Reason> {
        let all = self.params.all().iter();
        non_empty(
            all.filter(|params| params.covenant == *covenant).collect(),
            Reason::UnknownCommittee,
        )
    }

    /// Who signed, one entry for each key of the script; the staker, who comes last, must have.
    fn signatures(&self, required: usize) -> Result<&[bool], Reason> {
        let signed = self.spend.signed.as_slice();
        match signed.split_last() {
            Some((staker, others)) if signed.len() == required => {
                if *staker {
                    Ok(others)
                } else {
                    Err(Reason::StakerSignature)
                }
            }
            _ => Err(Reason::WitnessItems {
                actual: signed.len(),
                required,
            }),
        }
    }
}

/// The members that signed; `signed` begins with the committee, descending by key.
fn covenant_signers(
    covenant: &CovenantCommittee,
    signed: &[bool],
) -> Result<Vec<CovenantKey>, Reason> {
    let signers: Vec<_> = covenant
        .keys()
        .iter()
        .rev()
        .zip(signed)
        .filter_map(|(key, signed)| signed.then_some(*key))
        .collect();
    let (actual, quorum) = (signers.len(), covenant.quorum());
    if actual == quorum {
        Ok(signers)
    } else {
        Err(Reason::CovenantSignatures { actual, quorum })
    }
}

fn non_empty<T>(list: Vec<T>, otherwise: Reason) -> Result<Vec<T>, Reason> {
    if list.is_empty() {
        Err(otherwise)
    } else {
        Ok(list)
    }
}
