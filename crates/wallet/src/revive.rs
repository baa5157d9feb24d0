//! Making a draft again of a transaction that was built before, possibly by a process that is no more.

use bdk_wallet::LocalOutput;
use bitcoin::{OutPoint, Psbt, Transaction};

use crate::build::{Draft, FeeLimit};
use crate::error::WalletError;
use crate::wallet::Wallet;

impl Wallet {
    /// Makes a draft of a transaction that spends this wallet's coins only; witnesses it has are dropped.
    ///
    /// The coins may be reserved, and spent by this very transaction.
    ///
    /// # Errors
    ///
    /// [`WalletError::UnknownCoin`] where a coin is not the wallet's, or not to be seen any more, and
    /// [`WalletError::FeeAboveCap`]; the wallet is unchanged.
    pub fn revive(
        &mut self,
        transaction: &Transaction,
        limit: FeeLimit,
    ) -> Result<Draft, WalletError> {
        let mut unsigned = transaction.clone();
        for input in &mut unsigned.input {
            input.witness.clear();
        }
        let coins = unsigned
            .input
            .iter()
            .map(|input| self.own_output(input.previous_output))
            .collect::<Result<Vec<_>, _>>()?;
        let refused = |reason: String| WalletError::Refused {
            action: "revive the transaction",
            reason,
        };
        let mut psbt =
            Psbt::from_unsigned_tx(unsigned).map_err(|error| refused(error.to_string()))?;
        for (input, coin) in psbt.inputs.iter_mut().zip(coins) {
            *input = self
                .bdk
                .get_psbt_input(coin, None, true)
                .map_err(|error| refused(error.to_string()))?;
        }
        self.draft(psbt, limit)
    }

    fn own_output(&self, outpoint: OutPoint) -> Result<LocalOutput, WalletError> {
        self.bdk
            .list_output()
            .find(|output| output.outpoint == outpoint)
            .ok_or(WalletError::UnknownCoin(outpoint))
    }
}
