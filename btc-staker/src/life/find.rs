//! Finding a seed's stakes on the chain, where the journal was lost.

use std::num::NonZeroU32;

use bitcoin::Txid;
use chain::{Delegation, StakingOutput};

use super::stake::Stake;
use crate::error::Error;
use crate::journal::{Entry, Intent};
use crate::restake::ConsentRecord;
use crate::staker::Connected;

/// Stakes asked for at once.
const PAGE: NonZeroU32 = NonZeroU32::MIN.saturating_add(499);

impl Connected {
    /// Goes through all stakes of the chain and writes those of this seed that the journal does not have into it.
    ///
    /// What was wanted of them is unknown, so nothing is done with them until their owner says so.
    pub async fn find_stakes(&self) -> Result<Vec<Txid>, Error> {
        let versions = self.nodes.chain.staking_params().await?;
        let spinner = self
            .staker
            .progress
            .spinner("looking through the chain's stakes");
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = self.nodes.chain.delegations(None, after, PAGE).await?;
            spinner.inc(page.delegations.len() as u64);
            let ours = page
                .delegations
                .into_iter()
                .filter(|delegation| delegation.staker == self.identity.staker);
            for delegation in ours {
                let txid = delegation.staking_txid();
                let Some(entry) = entry(&delegation) else {
                    tracing::warn!(%txid, "a stake with several finality providers is left out");
                    continue;
                };
                let staker = self.identity.staker;
                // Whatever the node says: only what this seed signed is ours.
                match Stake::rebuild(entry.clone(), staker, Some(delegation), &versions) {
                    Ok(_) => found.push(entry),
                    Err(error) => tracing::warn!(%txid, %error, "a stake is left out"),
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let ledger = self.staker.ledger().await?;
        let mut new = Vec::new();
        for entry in found {
            let txid = entry.staking_txid();
            if ledger.journal.get(txid)?.is_none() {
                // Made elsewhere, where consents may have been signed, too.
                let record = ConsentRecord::open(&self.staker.home).await?;
                record.mark_restored()?;
                ledger.journal.put(&entry)?;
                new.push(txid);
            }
        }
        Ok(new)
    }
}

fn entry(delegation: &Delegation) -> Option<Entry> {
    let [finality_provider] = delegation.finality_providers.as_slice() else {
        return None;
    };
    let StakingOutput::Transaction {
        staking_tx,
        output_index,
    } = &delegation.staking_output
    else {
        return None;
    };
    let mut staking_tx = staking_tx.clone();
    for input in &mut staking_tx.input {
        input.witness.clear();
    }
    Some(Entry {
        staking_tx,
        staking_output_index: *output_index,
        finality_provider: *finality_provider,
        staking_time: delegation.staking_time,
        staking_value: delegation.staking_value,
        params_version: delegation.params_version,
        intent: Intent::Unknown,
        withdrawal: None,
    })
}
