//! Finding a seed's stakes on the chains, where the journal was lost.

use std::num::NonZeroU32;

use bitcoin::{OutPoint, Transaction, Txid};
use bitcoin_source::{BitcoinSource as _, SourceError};
use chain::{Chain, Delegation, StakingOutput};
use staking::params::ParamsVersions;

use super::stake::Stake;
use crate::error::Error;
use crate::journal::{Entry, Hubless, Intent};
use crate::restake::ConsentRecord;
use crate::staker::Connected;

/// Stakes asked for at once.
const PAGE: NonZeroU32 = NonZeroU32::MIN.saturating_add(499);

impl Connected {
    /// Goes through all stakes of Babylon and of the partner chains, and writes those of this seed that the journal does
    /// not have into it.
    ///
    /// What was wanted of them is unknown, so nothing is done with them until their owner says so.
    ///
    /// # Errors
    ///
    /// Fails where a chain does not answer; what was found before is kept.
    pub async fn find_stakes(&self) -> Result<Vec<Txid>, Error> {
        let spinner = self
            .staker
            .progress
            .spinner("looking through the chains' stakes");
        let mut new = Vec::new();
        if let Some(babylon) = &self.nodes.babylon {
            let versions = babylon.staking_params().await?;
            for delegation in self.own(babylon.as_ref()).await? {
                if let Some(entry) = self.of_hub(delegation, &versions) {
                    new.extend(self.add(entry).await?);
                }
            }
        }
        // After the hub: what it has is not without one.
        for instance in self.partners.instances().await? {
            spinner.set_message(format!(
                "looking through the stakes of chain {}",
                instance.name
            ));
            let mesh = instance.reached()?;
            let versions = mesh.staking_params().await?;
            for delegation in self.own(mesh).await? {
                let txid = delegation.staking_txid();
                if let Some(known) = self.staker.entry(txid).await? {
                    self.complete(known, &delegation).await?;
                    continue;
                }
                match self.without_hub(delegation, &versions).await? {
                    Ok(entry) => new.extend(self.add(entry).await?),
                    Err(reason) => tracing::warn!(%txid, reason, "a stake is left out"),
                }
            }
        }
        Ok(new)
    }

    /// All stakes of this seed that a chain knows.
    async fn own(&self, chain: &dyn Chain) -> Result<Vec<Delegation>, Error> {
        let (mut own, mut after) = (Vec::new(), None);
        loop {
            let page = chain.delegations(None, after, PAGE).await?;
            let ours = page.delegations.into_iter();
            own.extend(ours.filter(|delegation| delegation.staker == self.identity.staker));
            after = page.next;
            if after.is_none() {
                return Ok(own);
            }
        }
    }

    /// Takes signatures of the committee's from a chain for a stake without a hub of which we have no quorum.
    async fn complete(&self, known: Entry, delegation: &Delegation) -> Result<(), Error> {
        let txid = known.staking_txid();
        match Stake::hubless(known, self.identity.staker) {
            Ok(Some(stake)) if stake.held().is_some_and(|held| !held.is_quorum()) => {
                let published = delegation.covenant_signatures();
                self.note_signatures(&stake, &published).await?;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%txid, %error, "a stake is left as it is"),
        }
        Ok(())
    }

    fn of_hub(&self, delegation: Delegation, versions: &ParamsVersions) -> Option<Entry> {
        let txid = delegation.staking_txid();
        let Some(entry) = entry(&delegation) else {
            tracing::warn!(%txid, "a stake with several finality providers is left out");
            return None;
        };
        let staker = self.identity.staker;
        // Whatever the node says: only what this seed signed is ours.
        match Stake::rebuild(entry.clone(), staker, Some(delegation), versions) {
            Ok(_) => Some(entry),
            Err(error) => {
                tracing::warn!(%txid, %error, "a stake is left out");
                None
            }
        }
    }

    /// A stake of a partner chain's, which keeps no staking transaction: Bitcoin has it. Or why it is none of ours.
    async fn without_hub(
        &self,
        mut delegation: Delegation,
        versions: &ParamsVersions,
    ) -> Result<Result<Entry, String>, Error> {
        let outpoint = delegation.staking_outpoint();
        let Some(staking_tx) = self.staking_tx(&delegation, outpoint).await? else {
            return Ok(Err("Bitcoin does not have its transaction there".to_owned()));
        };
        let Some(params) = versions.version(delegation.params_version).cloned() else {
            return Ok(Err("the chain does not have its covenant set".to_owned()));
        };
        delegation.staking_output = StakingOutput::Transaction {
            staking_tx,
            output_index: outpoint.vout,
        };
        let Some(mut entry) = entry(&delegation) else {
            return Ok(Err("it has several finality providers".to_owned()));
        };
        let valid = match delegation.validate(&params) {
            Ok(valid) => valid,
            Err(error) => return Ok(Err(error.to_string())),
        };
        // Whatever the node says: only what this seed signed is ours.
        let staker_signatures = delegation.staker_signatures();
        if let Err(error) = valid.check_staker_signatures(&staker_signatures) {
            return Ok(Err(error.to_string()));
        }
        let mut hubless = Hubless {
            params,
            staker_signatures,
            covenant_signatures: Vec::new(),
        };
        hubless.take_in(&delegation.covenant_signatures(), |member| {
            valid.check_covenant_signatures(member).is_ok()
        });
        entry.hubless = Some(Box::new(hubless));
        Ok(match Stake::hubless(entry.clone(), self.identity.staker) {
            // Transactions of another form than ours would lead to outputs that we do not look at.
            Ok(Some(stake)) if stake.delegation == valid => Ok(entry),
            Ok(_) => Err("its transactions are not those that this program makes".to_owned()),
            Err(error) => Err(error.to_string()),
        })
    }

    async fn staking_tx(
        &self,
        delegation: &Delegation,
        outpoint: OutPoint,
    ) -> Result<Option<Transaction>, Error> {
        let Some((height, _)) = delegation.bitcoin_span else {
            return Ok(None);
        };
        let bitcoin = &self.nodes.bitcoin;
        // Whatever height the node says: one that Bitcoin does not have says nothing of other stakes.
        if height > bitcoin.tip().await?.height {
            return Ok(None);
        }
        let block = match bitcoin.block_hash(height).await {
            Ok(hash) => bitcoin.block(hash).await,
            Err(error) => Err(error),
        };
        let block = match block {
            Err(SourceError::NotFound { .. }) => return Ok(None),
            block => block?,
        };
        let mut transactions = block.txdata.into_iter();
        Ok(transactions.find(|transaction| transaction.compute_txid() == outpoint.txid))
    }

    /// Writes a stake into the journal, if it is not there.
    async fn add(&self, entry: Entry) -> Result<Option<Txid>, Error> {
        let txid = entry.staking_txid();
        let ledger = self.staker.ledger().await?;
        if ledger.journal.get(txid)?.is_some() {
            return Ok(None);
        }
        // Made elsewhere, where consents may have been signed, too.
        let record = ConsentRecord::open(&self.staker.home).await?;
        record.mark_restored()?;
        self.staker.write_down(&ledger, &entry)?;
        Ok(Some(txid))
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
        hubless: None,
    })
}
