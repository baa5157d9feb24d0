//! Judging a spend by one of the scripts: what it proves about the spent output, and what it is spent on.

use bitcoin::taproot::TapNodeHash;
use bitcoin::{OutPoint, ScriptBuf, Transaction, TxIn, TxOut};

use super::finding::{Expansion, Finding, Slashing, Unbonding, Withdrawal, WithdrawnOutput};
use super::leaf::LeafScript;
use super::reason::Reason;
use super::spend::LeafSpend;
use crate::delegation::SlashedOutput;
use crate::keys::{CovenantKey, StakerKey};
use crate::outputs::{OutputKey, SlashingChangeOutput, node};
use crate::params::{CovenantCommittee, ParamsVersions, StakingParams};
use crate::scripts::{DelegationKeys, timelock_script, unbonding_script};
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

    fn unbonding_path(
        &self,
        staker: StakerKey,
        covenant: &CovenantCommittee,
    ) -> Result<Finding, Reason> {
        let [_timelock, slashing] = self.spend.siblings.as_slice() else {
            return Err(Reason::Depth(self.spend.siblings.len()));
        };
        let versions: Vec<_> = self
            .params
            .all()
            .iter()
            .filter(|params| params.covenant == *covenant)
            .collect();
        let versions = non_empty(versions, Reason::UnknownCommittee)?;
        let signed = self.signatures(covenant.keys().len() + 1)?;
        let signers = covenant_signers(covenant, signed)?;
        match (self.tx.input.len(), self.tx.output.as_slice()) {
            (1, [created]) => self
                .unbonding(created, staker, &versions, *slashing, signers)
                .map(Finding::Unbonding),
            (2, _) => self
                .expansion(staker, covenant, &versions, *slashing)
                .map(Finding::Expansion),
            (inputs, outputs) => Err(Reason::UnbondingShape {
                inputs,
                outputs: outputs.len(),
            }),
        }
    }

    /// The slashing leaf is the same in staking and unbonding output, so the witness gives the latter away.
    fn unbonding(
        &self,
        created: &TxOut,
        staker: StakerKey,
        versions: &[&StakingParams],
        slashing: TapNodeHash,
        signers: Vec<CovenantKey>,
    ) -> Result<Unbonding, Reason> {
        let mut matching = versions.iter().filter(|params| {
            let timelock = node(&timelock_script(staker, params.unbonding_time));
            let root = TapNodeHash::from_node_hashes(timelock, slashing);
            OutputKey::new(root).script_pubkey == created.script_pubkey
        });
        let first = matching
            .next()
            .ok_or_else(|| Reason::UnbondingOutput(created.script_pubkey.clone()))?;
        Ok(Unbonding {
            staking_outpoint: self.input.previous_output,
            staker,
            value: created.value,
            unbonding_time: first.unbonding_time,
            signers,
            params_versions: std::iter::once(first)
                .chain(matching)
                .map(|params| params.version)
                .collect(),
        })
    }

    /// With the same finality provider and committee only the staking time of the new stake is unknown: it is looked
    /// for among the bounds of the parameters and the previous one.
    fn expansion(
        &self,
        staker: StakerKey,
        covenant: &CovenantCommittee,
        versions: &[&StakingParams],
        slashing: TapNodeHash,
    ) -> Result<Expansion, Reason> {
        let unbonding = node(&unbonding_script(staker, covenant));
        let mut times: Vec<_> = versions
            .iter()
            .flat_map(|params| [params.min_staking_time, params.max_staking_time])
            .collect();
        times.sort_unstable();
        times.dedup();
        let scripts: Vec<(Option<BlockInterval>, ScriptBuf)> = times
            .into_iter()
            .map(|time| {
                let timelock = node(&timelock_script(staker, time));
                let inner = TapNodeHash::from_node_hashes(timelock, unbonding);
                let root = TapNodeHash::from_node_hashes(inner, slashing);
                (Some(time), OutputKey::new(root).script_pubkey)
            })
            .chain([(None, self.spend.spent_script.clone())])
            .collect();
        (0..)
            .zip(&self.tx.output)
            .find_map(|(vout, output)| {
                let (staking_time, _) = scripts
                    .iter()
                    .find(|(_, script)| *script == output.script_pubkey)?;
                Some(Expansion {
                    previous: self.input.previous_output,
                    staker,
                    stake: OutPoint {
                        txid: self.tx.compute_txid(),
                        vout,
                    },
                    value: output.value,
                    staking_time: *staking_time,
                    params_versions: versions.iter().map(|params| params.version).collect(),
                })
            })
            .ok_or(Reason::NoNewStake)
    }

    fn slashing(&self, keys: &DelegationKeys) -> Result<Slashing, Reason> {
        let [sibling] = self.spend.siblings.as_slice() else {
            return Err(Reason::Depth(self.spend.siblings.len()));
        };
        let covenant = keys.covenant();
        let versions: Vec<_> = self
            .params
            .all()
            .iter()
            .filter(|params| params.covenant == *covenant)
            .collect();
        let versions = non_empty(versions, Reason::UnknownCommittee)?;
        let (members, providers) = (covenant.keys().len(), keys.finality_providers().len());
        let signed = self.signatures(members + providers + 1)?;
        let signers = covenant_signers(covenant, signed)?;
        let slashed_providers: Vec<_> = keys
            .sorted_finality_providers()
            .into_iter()
            .rev()
            .zip(signed.iter().skip(members))
            .filter_map(|(key, signed)| signed.then_some(key))
            .collect();
        let [finality_provider] = slashed_providers.as_slice() else {
            return Err(Reason::ProviderSignatures(slashed_providers.len()));
        };
        let (1, [slashed, change]) = (self.tx.input.len(), self.tx.output.as_slice()) else {
            let (inputs, outputs) = (self.tx.input.len(), self.tx.output.len());
            return Err(Reason::SlashingShape { inputs, outputs });
        };
        let matching: Vec<_> = versions
            .into_iter()
            .filter(|params| {
                let expected = SlashingChangeOutput::new(keys.staker(), params.unbonding_time);
                slashed.script_pubkey == params.slashing_script
                    && change.script_pubkey == *expected.script_pubkey()
            })
            .collect();
        let matching = non_empty(matching, Reason::SlashingOutputs)?;
        // In the unbonding output the slashing leaf's only neighbour is the timelock.
        let unbonding = matching
            .iter()
            .any(|params| node(&timelock_script(keys.staker(), params.unbonding_time)) == *sibling);
        Ok(Slashing {
            spent: self.input.previous_output,
            output: if unbonding {
                SlashedOutput::Unbonding
            } else {
                SlashedOutput::Staking
            },
            staker: keys.staker(),
            finality_provider: Some(*finality_provider),
            slashed: slashed.value,
            change: change.value,
            signers,
            params_versions: matching.iter().map(|params| params.version).collect(),
        })
    }

    fn versions(&self, matches: impl Fn(&StakingParams) -> bool) -> Vec<u32> {
        let matching = self.params.all().iter().filter(|params| matches(params));
        matching.map(|params| params.version).collect()
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
