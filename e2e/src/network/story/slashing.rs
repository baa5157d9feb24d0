//! What the watchtower does about an equivocation: part of the stake is burnt on Bitcoin.

use bitcoin::{Address, Amount, Network as BitcoinNetwork, OutPoint, ScriptBuf, Txid};
use bitcoincore_rpc::RpcApi as _;
use staking::units::BlockInterval;

use super::{DEADLINE, Stake};
use crate::network::audience::{told, wait};
use crate::network::{Audience, Fact, Mined, Network};

/// A slashing transaction is on Bitcoin.
#[derive(Clone, Debug)]
pub struct Burnt {
    /// The stake.
    pub staking_txid: Txid,
    /// What it was worth.
    pub staked: Amount,
    /// The slashing transaction.
    pub mined: Mined,
    /// What is lost.
    pub burnt: Amount,
    /// Where it went.
    pub burnt_to: ScriptBuf,
    /// What is left to the staker.
    pub change: Amount,
    /// Blocks until the staker can have it.
    pub locked_for: BlockInterval,
}

impl Burnt {
    /// The output with what is left to the staker.
    pub fn change_output(&self) -> OutPoint {
        OutPoint::new(self.mined.txid, 1)
    }
}

impl Network {
    /// Waits until the watchtower has slashed a stake.
    pub(super) async fn see_burnt(
        &self,
        stake: &Stake,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Burnt> {
        let delegation = self.delegation(stake.txid()).await?;
        let txid = delegation.slashing_tx.compute_txid();
        let what = "the watchtower to compute the key and slash the provider's stake on Bitcoin";
        let mined = wait(audience, DEADLINE, what, || async { self.mined(txid) }).await?;
        let slashing = self.bitcoind.rpc().get_raw_transaction(&txid, None)?;
        let [burnt, change] = slashing.output.as_slice() else {
            anyhow::bail!("slashing transaction {txid} has not two outputs");
        };
        Ok(told(
            audience,
            Burnt {
                staking_txid: stake.txid(),
                staked: delegation.staking_value,
                mined,
                burnt: burnt.value,
                burnt_to: burnt.script_pubkey.clone(),
                change: change.value,
                locked_for: delegation.unbonding_time,
            },
        ))
    }
}

impl Fact for Burnt {
    fn headline(&self) -> String {
        "slashed on Bitcoin: part of the stake is gone, the rest is the staker's".to_owned()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let to = Address::from_script(&self.burnt_to, BitcoinNetwork::Regtest)
            .map_or_else(|_| self.burnt_to.to_string(), |address| address.to_string());
        let mut details = vec![("stake", format!("{} in {}", self.staked, self.staking_txid))];
        details.extend(self.mined.details());
        details.extend([
            ("burnt", format!("{} to {to}", self.burnt)),
            (
                "left to the staker",
                format!("{} after {} blocks", self.change, self.locked_for),
            ),
        ]);
        details
    }
}
