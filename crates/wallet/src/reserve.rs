//! Setting coins aside, so that two transactions under way never spend the same one.

use bdk_wallet::KeychainKind;
use bitcoin::OutPoint;

use crate::build::Draft;
use crate::error::WalletError;
use crate::wallet::Wallet;

/// So many blocks on top of its spend a reservation is no longer needed: no reorg gives the coin back.
const FORGET_AFTER: u32 = 100;

impl Wallet {
    /// Sets the coins of a draft aside, durably: no later draft spends them until they are released.
    ///
    /// Reserving a draft again changes nothing. After a restart a later draft may return its change to the same address:
    /// that costs privacy, not coins.
    ///
    /// # Errors
    ///
    /// [`WalletError::UnknownCoin`] where a coin was spent since the draft was built.
    pub fn reserve(&mut self, draft: &Draft) -> Result<(), WalletError> {
        for outpoint in draft.inputs() {
            let known =
                self.bdk.is_outpoint_locked(outpoint) || self.bdk.get_utxo(outpoint).is_some();
            if !known {
                return Err(WalletError::UnknownCoin(outpoint));
            }
        }
        for outpoint in draft.inputs() {
            self.bdk.lock_outpoint(outpoint);
        }
        if let Some(index) = self.change_index(draft) {
            self.bdk.mark_used(KeychainKind::Internal, index);
        }
        self.persist()
    }

    /// Gives coins back, durably, for example when a draft is given up before it was sent.
    pub fn release(
        &mut self,
        outpoints: impl IntoIterator<Item = OutPoint>,
    ) -> Result<(), WalletError> {
        for outpoint in outpoints {
            self.bdk.unlock_outpoint(outpoint);
        }
        self.persist()
    }

    /// The reserved coins, spent ones included until their spend is buried.
    pub fn reserved(&self) -> Vec<OutPoint> {
        let mut reserved: Vec<_> = self.bdk.list_locked_outpoints().collect();
        reserved.sort_unstable();
        reserved
    }

    /// Forgets reservations of coins whose spend is buried.
    pub(crate) fn forget_spent_reservations(&mut self) {
        let buried: Vec<_> = self
            .bdk
            .list_locked_outpoints()
            .filter(|outpoint| {
                self.bdk
                    .tx_graph()
                    .outspends(*outpoint)
                    .iter()
                    .any(|spender| {
                        self.bdk.get_tx(*spender).is_some_and(|transaction| {
                            self.confirmations(&transaction.chain_position) >= FORGET_AFTER
                        })
                    })
            })
            .collect();
        for outpoint in buried {
            self.bdk.unlock_outpoint(outpoint);
        }
    }
}
