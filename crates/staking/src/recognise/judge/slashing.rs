//! Spends by the slashing leaf, of a staking or an unbonding output.

use super::super::finding::Slashing;
use super::super::reason::Reason;
use super::{Judge, covenant_signers, non_empty};
use crate::delegation::SlashedOutput;
use crate::outputs::{SlashingChangeOutput, node};
use crate::scripts::{DelegationKeys, timelock_script};

impl Judge<'_> {
    pub(super) fn slashing(&self, keys: &DelegationKeys) -> Result<Slashing, Reason> {
        let [sibling] = self.spend.siblings.as_slice() else {
            return Err(Reason::Depth(self.spend.siblings.len()));
        };
        let covenant = keys.covenant();
        let versions = self.versions_of(covenant)?;
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
}
