//! From voting power back to the wallet.

use anyhow::ensure;
use bitcoin::{Amount, OutPoint};
use chain::DelegationStatus;
use staking::units::BlockInterval;

use super::errand::Errand;
use super::{DEADLINE, Stake};
use crate::network::audience::{told, wait};
use crate::network::{Audience, ChainTransaction, Fact, Mined, Network};

/// A stake was ended early.
#[derive(Clone, Debug)]
pub struct Unbonded {
    /// The unbonding transaction.
    pub mined: Mined,
    /// The report of it to the chain.
    pub transaction: ChainTransaction,
    /// Blocks until the coins can be withdrawn.
    pub unbonding_time: BlockInterval,
}

/// Coins came back to the staker's wallet.
#[derive(Clone, Copy, Debug)]
pub struct Withdrawn {
    /// The transaction that took them.
    pub mined: Mined,
    /// The output that they came from.
    pub from: OutPoint,
    /// What arrived.
    pub amount: Amount,
}

impl Unbonded {
    /// The unbonding output.
    pub fn output(&self) -> OutPoint {
        OutPoint::new(self.mined.txid, 0)
    }
}

impl Network {
    /// Ends an active stake with `btc-staker unbond` and waits until the chain knows.
    pub(super) async fn unbond(
        &self,
        stake: &Stake,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Unbonded> {
        let staking_txid = stake.txid();
        let delegation = self.delegation(staking_txid).await?;
        let unbonding_txid = delegation.unbonding_tx.compute_txid();
        let arguments = ["unbond", &staking_txid.to_string(), "--yes"];
        let mut command = Errand::start(self, &arguments, audience)?;
        let what = "the unbonding transaction to be in a Bitcoin block";
        let event = wait(audience, DEADLINE, what, || async {
            self.mined(unbonding_txid)
        });
        let mined = command.bring_about(event).await?;
        let what = "the watchtower to report it to Babylon";
        let event = wait(audience, DEADLINE, what, || async {
            let status = self.delegation(staking_txid).await?.status;
            ensure!(status == DelegationStatus::Unbonded, "it is {status:?}");
            anyhow::Ok(())
        });
        command.bring_about(event).await?;
        command.end().await?;
        let event = "EventBTCDelgationUnbondedEarly";
        let transaction = self
            .transaction_with(event, "staking_tx_hash", &staking_txid.to_string())
            .await?;
        Ok(told(
            audience,
            Unbonded {
                mined,
                transaction,
                unbonding_time: delegation.unbonding_time,
            },
        ))
    }

    /// Takes the coins of a timelocked output back with `btc-staker withdraw`, as soon as that is possible.
    pub(super) async fn withdraw(
        &self,
        stake: &Stake,
        from: OutPoint,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Withdrawn> {
        let staking_txid = stake.txid();
        let unbonding_time = self.delegation(staking_txid).await?.unbonding_time;
        let locked_at = self.mined(from.txid)?.height;
        let spendable_at = u64::from(locked_at.0) + u64::from(unbonding_time.blocks());
        let what = format!("the timelock of {unbonding_time} blocks to end");
        wait(audience, DEADLINE, &what, || async {
            let height = self.bitcoind.height()?;
            ensure!(height >= spendable_at, "Bitcoin is at height {height}");
            anyhow::Ok(())
        })
        .await?;
        let arguments = ["withdraw", &staking_txid.to_string(), "--yes"];
        let mut command = Errand::start(self, &arguments, audience)?;
        let what = "the withdrawal to be in a Bitcoin block";
        let event = wait(audience, DEADLINE, what, || async {
            self.spend_of(from, locked_at)
        });
        let withdrawal = command.bring_about(event).await?;
        command.end().await?;
        Ok(told(
            audience,
            Withdrawn {
                mined: self.mined(withdrawal.compute_txid())?,
                from,
                amount: withdrawal.output.iter().map(|output| output.value).sum(),
            },
        ))
    }
}

impl Fact for Unbonded {
    fn headline(&self) -> String {
        "unbonded: the stake gives no power any more".to_owned()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let mut details = self.mined.details();
        details.extend([
            ("reported to Babylon", self.transaction.to_string()),
            ("reported by", self.transaction.sender.clone()),
            (
                "still locked for",
                format!("{} Bitcoin blocks", self.unbonding_time),
            ),
        ]);
        details
    }
}

impl Fact for Withdrawn {
    fn headline(&self) -> String {
        "withdrawn: the coins are in the wallet".to_owned()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let mut details = self.mined.details();
        details.push(("from", self.from.to_string()));
        details.push(("amount", self.amount.to_string()));
        details
    }
}
