//! Spends by the unbonding leaf: an unbonding, or the expansion of a stake.

use bitcoin::taproot::TapNodeHash;
use bitcoin::{OutPoint, ScriptBuf, TxOut};

use super::super::finding::{Expansion, Finding, Unbonding};
use super::super::reason::Reason;
use super::{Judge, covenant_signers};
use crate::keys::{CovenantKey, StakerKey};
use crate::outputs::{OutputKey, node};
use crate::params::{CovenantCommittee, StakingParams};
use crate::scripts::{timelock_script, unbonding_script};
use crate::units::BlockInterval;

impl Judge<'_> {
    pub(super) fn unbonding_path(
        &self,
        staker: StakerKey,
        covenant: &CovenantCommittee,
    ) -> Result<Finding, Reason> {
        let [_timelock, slashing] = self.spend.siblings.as_slice() else {
            return Err(Reason::Depth(self.spend.siblings.len()));
        };
        let versions = self.versions_of(covenant)?;
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

    /// The first input is the previous stake, the second pays for it (spec 1.10). With the same finality provider and
    /// committee only the staking time of the new stake is unknown: it is looked for among the bounds of the parameters
    /// and the previous one.
    fn expansion(
        &self,
        staker: StakerKey,
        covenant: &CovenantCommittee,
        versions: &[&StakingParams],
        slashing: TapNodeHash,
    ) -> Result<Expansion, Reason> {
        let first = self.tx.input.first().map(|input| input.previous_output);
        if first != Some(self.input.previous_output) {
            return Err(Reason::StakeNotFirst);
        }
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
}
