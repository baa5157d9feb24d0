//! Replacing a transaction by one that pays more (BIP-0125).

use bdk_wallet::TxOrdering;
use bdk_wallet::error::{BuildFeeBumpError, CreateTxError};
use bitcoin::{Amount, FeeRate, OutPoint, Transaction, Txid};

use crate::build::{Draft, FeeLimit, Spendable, check_rate};
use crate::error::{NotReplaceable, WalletError};
use crate::wallet::Wallet;

impl Wallet {
    /// Builds a replacement of an unconfirmed transaction of this wallet at a higher fee rate.
    ///
    /// The same outputs are paid from the same coins, and from confirmed ones beside them where those are not enough;
    /// change is what shrinks. The id changes: a registered stake must not be replaced.
    ///
    /// # Errors
    ///
    /// [`WalletError::NotReplaceable`], [`WalletError::ReplacementFeeTooLow`], and those of [`build`](Self::build).
    pub fn bump_fee(
        &mut self,
        txid: Txid,
        fee_rate: FeeRate,
        fee_limit: FeeLimit,
    ) -> Result<Draft, WalletError> {
        check_rate(fee_rate, fee_limit)?;
        let not_replaceable = |reason| WalletError::NotReplaceable { txid, reason };
        let replaced = self
            .bdk
            .get_tx(txid)
            .ok_or_else(|| not_replaceable(NotReplaceable::Unknown))?;
        let replaced = replaced.tx_node.tx;
        if self.has_spent_outputs(&replaced) {
            return Err(not_replaceable(NotReplaceable::HasDescendants));
        }

        let mut builder = self.bdk.build_fee_bump(txid).map_err(|error| match error {
            BuildFeeBumpError::TransactionNotFound(_) => not_replaceable(NotReplaceable::Unknown),
            BuildFeeBumpError::TransactionConfirmed(_) => {
                not_replaceable(NotReplaceable::Confirmed)
            }
            BuildFeeBumpError::IrreplaceableTransaction(_) => {
                not_replaceable(NotReplaceable::NotSignalled)
            }
            BuildFeeBumpError::UnknownUtxo(_)
            | BuildFeeBumpError::FeeRateUnavailable
            | BuildFeeBumpError::InvalidOutputIndex(_) => {
                not_replaceable(NotReplaceable::ForeignInputs)
            }
        })?;
        builder.ordering(TxOrdering::Untouched).fee_rate(fee_rate);
        let psbt = builder.finish().map_err(|error| match error {
            CreateTxError::FeeRateTooLow { required } => WalletError::ReplacementFeeTooLow {
                rate: fee_rate,
                required,
            },
            error => self.not_built(error, self.paid_by(&replaced), Spendable::Confirmed),
        })?;
        self.draft(psbt, fee_limit)
    }

    /// Whether a transaction that still counts spends an output of this one.
    fn has_spent_outputs(&self, transaction: &Transaction) -> bool {
        let txid = transaction.compute_txid();
        (0..).take(transaction.output.len()).any(|vout| {
            self.bdk
                .tx_graph()
                .outspends(OutPoint { txid, vout })
                .iter()
                .any(|spender| self.bdk.get_tx(*spender).is_some())
        })
    }

    /// What a transaction pays to others.
    fn paid_by(&self, transaction: &Transaction) -> Amount {
        transaction
            .output
            .iter()
            .filter(|output| !self.bdk.is_mine(output.script_pubkey.clone()))
            .map(|output| output.value)
            .sum()
    }
}
