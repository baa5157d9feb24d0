//! What the wallet owns.

use std::iter::Sum;
use std::ops::Add;

use bdk_wallet::chain::{Anchor, ChainPosition};
use bdk_wallet::{KeychainKind, LocalOutput};
use bitcoin::constants::COINBASE_MATURITY;
use bitcoin::{Amount, OutPoint, TxOut};
use staking::units::BitcoinHeight;

use crate::wallet::Wallet;

/// An unspent output of the wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coin {
    /// Where it is.
    pub outpoint: OutPoint,
    /// What it is worth, and its script.
    pub output: TxOut,
    /// Number of blocks that confirm it; 0 while it is in the mempool.
    pub confirmations: u32,
    /// Whether and when it can be spent.
    pub state: CoinState,
}

/// Whether a coin can be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CoinState {
    /// In a block, and free.
    Confirmed,
    /// Change of an own transaction that is in no block yet: safe as long as that one is not replaced.
    UnconfirmedChange,
    /// Somebody else's payment that is in no block yet: may still be taken back.
    Incoming,
    /// Mined less than 100 blocks ago.
    Immature,
    /// Set aside for a transaction under way.
    Reserved,
}

/// Sums of coins by [`CoinState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// In blocks, and free: what can be staked now.
    pub confirmed: Amount,
    /// Change of own transactions that are in no block yet.
    pub unconfirmed_change: Amount,
    /// Payments that are in no block yet.
    pub incoming: Amount,
    /// Mined less than 100 blocks ago.
    pub immature: Amount,
    /// Set aside for transactions under way.
    pub reserved: Amount,
}

impl Balance {
    /// Everything the wallet owns.
    pub fn total(&self) -> Amount {
        self.confirmed + self.unconfirmed_change + self.incoming + self.immature + self.reserved
    }
}

impl Add<&Coin> for Balance {
    type Output = Self;

    fn add(mut self, coin: &Coin) -> Self {
        let sum = match coin.state {
            CoinState::Confirmed => &mut self.confirmed,
            CoinState::UnconfirmedChange => &mut self.unconfirmed_change,
            CoinState::Incoming => &mut self.incoming,
            CoinState::Immature => &mut self.immature,
            CoinState::Reserved => &mut self.reserved,
        };
        *sum += coin.output.value;
        self
    }
}

impl<'a> Sum<&'a Coin> for Balance {
    fn sum<I: Iterator<Item = &'a Coin>>(coins: I) -> Self {
        coins.fold(Self::default(), |balance, coin| balance + coin)
    }
}

impl Wallet {
    /// Every unspent coin, as of the last [`sync`](Self::sync).
    pub fn coins(&self) -> Vec<Coin> {
        self.bdk
            .list_unspent()
            .map(|output| self.coin(output))
            .collect()
    }

    /// The sums of [`coins`](Self::coins).
    pub fn balance(&self) -> Balance {
        self.coins().iter().sum()
    }

    fn coin(&self, output: LocalOutput) -> Coin {
        let confirmations = self.confirmations(&output.chain_position);
        let state = if self.bdk.is_outpoint_locked(output.outpoint) {
            CoinState::Reserved
        } else if confirmations > 0 {
            if confirmations < COINBASE_MATURITY && self.is_mined(output.outpoint) {
                CoinState::Immature
            } else {
                CoinState::Confirmed
            }
        } else if output.keychain == KeychainKind::Internal {
            CoinState::UnconfirmedChange
        } else {
            CoinState::Incoming
        };
        Coin {
            outpoint: output.outpoint,
            output: output.txout,
            confirmations,
            state,
        }
    }

    fn is_mined(&self, outpoint: OutPoint) -> bool {
        self.bdk
            .tx_graph()
            .get_tx(outpoint.txid)
            .is_some_and(|transaction| transaction.is_coinbase())
    }

    /// Number of blocks that confirm what is at this position of the wallet's chain.
    pub(crate) fn confirmations<A: Anchor>(&self, position: &ChainPosition<A>) -> u32 {
        match position {
            ChainPosition::Unconfirmed { .. } => 0,
            ChainPosition::Confirmed { anchor, .. } => {
                BitcoinHeight(anchor.confirmation_height_upper_bound())
                    .depth_below(self.tip().height)
                    .map_or(0, |depth| depth.saturating_add(1))
            }
        }
    }
}
