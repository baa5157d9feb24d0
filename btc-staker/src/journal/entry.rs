//! One stake in the journal.

use bitcoin::{Amount, OutPoint, Transaction, Txid};
use serde::{Deserialize, Serialize};
use staking::keys::FinalityProviderKey;
use staking::units::BlockInterval;

use super::hubless::Hubless;

/// A stake of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The staking transaction without witness; its id is that of the stake.
    #[serde(with = "bitcoin::consensus::serde::With::<bitcoin::consensus::serde::Hex>")]
    pub staking_tx: Transaction,
    /// Which output of it is the stake.
    pub staking_output_index: u32,
    /// The chosen finality provider.
    pub finality_provider: FinalityProviderKey,
    /// Timelock of the staking output.
    pub staking_time: BlockInterval,
    /// Value of the staking output.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub staking_value: Amount,
    /// Version of the parameters that the stake was built under.
    pub params_version: u32,
    /// What the owner wants.
    pub intent: Intent,
    /// The transaction that takes the coins back, once there is one: the newest.
    pub withdrawal: Option<Withdrawal>,
    /// What a stake without a hub needs besides; `None` for one that Babylon has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hubless: Option<Box<Hubless>>,
}

/// What the owner of a stake wants to become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Intent {
    /// Make it, and keep it to its end.
    Stake,
    /// End it early.
    Unbond,
    /// Not make it after all: it was not broadcast, and its coins are free again.
    Cancel,
    /// Unknown: the stake was found on the chain after the journal was lost.
    Unknown,
}

/// A transaction that takes a stake's coins back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// The signed transaction.
    #[serde(with = "bitcoin::consensus::serde::With::<bitcoin::consensus::serde::Hex>")]
    pub transaction: Transaction,
    /// Whether it was seen so deep in the chain that nobody has to look again.
    pub buried: bool,
    /// What it was made to replace: until one of them is buried, either may be out there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Box<Self>>,
}

impl Withdrawal {
    /// One that was not sent yet, in place of `before`.
    pub fn replacing(before: Option<Self>, transaction: Transaction) -> Self {
        let txid = transaction.compute_txid();
        let is_another = |before: &Self| before.transaction.compute_txid() != txid;
        Self {
            transaction,
            buried: false,
            replaced: match before {
                Some(before) if is_another(&before) => Some(Box::new(before)),
                // The same once more.
                Some(before) => before.replaced,
                None => None,
            },
        }
    }

    /// All that may be out there, the newest first.
    pub fn attempts(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |attempt| attempt.replaced.as_deref())
    }
}

impl Entry {
    /// Id of the staking transaction, by which the stake is known everywhere.
    pub fn staking_txid(&self) -> Txid {
        self.staking_tx.compute_txid()
    }

    /// The wallet's coins that the staking transaction spends.
    pub fn coins(&self) -> impl Iterator<Item = OutPoint> {
        self.staking_tx
            .input
            .iter()
            .map(|input| input.previous_output)
    }

    /// Whether the wallet's coins are set aside for it.
    pub fn needs_its_coins(&self) -> bool {
        self.intent == Intent::Stake && self.withdrawal.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::store::tests::entry;

    #[test]
    fn what_a_withdrawal_replaces_is_known_as_long_as_it_may_be_mined() {
        let transaction = |number| entry(number).staking_tx;
        let first = Withdrawal::replacing(None, transaction(1));
        let second = Withdrawal::replacing(Some(first), transaction(2));
        let again = Withdrawal::replacing(Some(second.clone()), transaction(2));
        assert_eq!(again, second);
        let third = Withdrawal::replacing(Some(again), transaction(3));
        let text = serde_json::to_string(&third).unwrap();
        let read: Withdrawal = serde_json::from_str(&text).unwrap();
        let attempts = read.attempts().map(|attempt| attempt.transaction.clone());
        assert!(attempts.eq([transaction(3), transaction(2), transaction(1)]));
    }
}
