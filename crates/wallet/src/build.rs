//! Building a transaction that pays given outputs.

use bdk_wallet::coin_selection::InsufficientFunds;
use bdk_wallet::error::CreateTxError;
use bdk_wallet::{KeychainKind, TxOrdering};
use bitcoin::{Amount, FeeRate, OutPoint, Psbt, Transaction, TxOut, Txid, Weight};

use crate::coins::CoinState;
use crate::error::WalletError;
use crate::wallet::Wallet;

/// What a signature adds to a taproot key path input: an item count, a length and 64 bytes.
const SIGNED_INPUT: Weight = Weight::from_wu(66);
/// What the first witness adds to a transaction: marker and flag.
const SEGWIT_MARKER: Weight = Weight::from_wu(2);

/// The most that may be paid in fees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeLimit {
    /// Highest fee rate.
    pub rate: FeeRate,
    /// Highest fee of one transaction.
    pub total: Amount,
}

/// Which coins a transaction may spend; reserved and immature ones and unconfirmed payments of others never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spendable {
    /// Those in blocks: for transactions whose id must never change, such as a registered stake's.
    Confirmed,
    /// Also change of own transactions that wait in the mempool.
    ConfirmedAndChange,
}

/// A transaction to build.
#[derive(Debug, Clone)]
pub struct TransactionRequest {
    /// What to pay, in this order; change comes last.
    pub outputs: Vec<TxOut>,
    /// At which fee rate.
    pub fee_rate: FeeRate,
    /// And at most at which fee.
    pub fee_limit: FeeLimit,
    /// From which coins.
    pub spendable: Spendable,
}

/// A transaction that is complete but for its signatures. Its id is final: every input is segwit.
///
/// It signals replaceability (BIP-0125). Building it changes nothing: its coins are only set aside by
/// [`Wallet::reserve`].
#[derive(Debug, Clone)]
pub struct Draft {
    pub(crate) psbt: Psbt,
    fee: Amount,
    change: Option<usize>,
}

impl Draft {
    /// The transaction without signatures.
    pub fn transaction(&self) -> &Transaction {
        &self.psbt.unsigned_tx
    }

    /// Its id, which signing does not change.
    pub fn txid(&self) -> Txid {
        self.transaction().compute_txid()
    }

    /// The coins it spends.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = OutPoint> {
        self.transaction()
            .input
            .iter()
            .map(|input| input.previous_output)
    }

    /// The fee.
    pub fn fee(&self) -> Amount {
        self.fee
    }

    /// Its weight once signed.
    pub fn signed_weight(&self) -> Weight {
        let inputs = self.transaction().input.iter();
        inputs.fold(self.transaction().weight() + SEGWIT_MARKER, |weight, _| {
            weight + SIGNED_INPUT
        })
    }

    /// The fee rate once signed.
    pub fn fee_rate(&self) -> FeeRate {
        self.fee / self.signed_weight()
    }

    /// The output that returns change, where there is one.
    pub fn change(&self) -> Option<&TxOut> {
        self.transaction().output.get(self.change?)
    }
}

impl Wallet {
    /// Builds a transaction that pays the outputs.
    ///
    /// # Errors
    ///
    /// [`WalletError::InsufficientFunds`], [`WalletError::Dust`], [`WalletError::NoOutputs`],
    /// [`WalletError::FeeRateAboveCap`] and [`WalletError::FeeAboveCap`]; the wallet is unchanged.
    pub fn build(&mut self, request: &TransactionRequest) -> Result<Draft, WalletError> {
        check_rate(request.fee_rate, request.fee_limit)?;
        check_outputs(&request.outputs)?;

        let barred = self.unconfirmed_coins_barred_by(request.spendable);
        let mut builder = self.bdk.build_tx();
        builder
            .ordering(TxOrdering::Untouched)
            .fee_rate(request.fee_rate)
            .unspendable(barred);
        for output in &request.outputs {
            builder.add_recipient(output.script_pubkey.clone(), output.value);
        }
        let psbt = builder.finish().map_err(|error| {
            let outputs = request.outputs.iter().map(|output| output.value).sum();
            self.not_built(error, outputs, request.spendable)
        })?;
        self.draft(psbt, request.fee_limit)
    }

    /// Checks a finished transaction against the fee limit and wraps it up.
    pub(crate) fn draft(&mut self, psbt: Psbt, limit: FeeLimit) -> Result<Draft, WalletError> {
        let change = psbt.unsigned_tx.output.iter().rposition(|output| {
            let path = self.bdk.derivation_of_spk(output.script_pubkey.clone());
            matches!(path, Some((KeychainKind::Internal, _)))
        });
        let refused = |reason: &dyn ToString| WalletError::Refused {
            action: "build the transaction",
            reason: reason.to_string(),
        };
        let fee = psbt.fee().map_err(|error| refused(&error))?;
        let draft = Draft { psbt, fee, change };
        // bdk takes the change address at once; it is taken when the draft is reserved.
        if let Some(index) = self.change_index(&draft) {
            self.bdk.unmark_used(KeychainKind::Internal, index);
        }
        if fee > limit.total {
            return Err(WalletError::FeeAboveCap {
                fee,
                cap: limit.total,
            });
        }
        Ok(draft)
    }

    /// Where the change address of a draft is derived.
    pub(crate) fn change_index(&self, draft: &Draft) -> Option<u32> {
        let script = draft.change()?.script_pubkey.clone();
        self.bdk.derivation_of_spk(script).map(|(_, index)| index)
    }

    fn unconfirmed_coins_barred_by(&self, spendable: Spendable) -> Vec<OutPoint> {
        self.coins()
            .into_iter()
            .filter(|coin| match coin.state {
                CoinState::Incoming => true,
                CoinState::UnconfirmedChange => spendable == Spendable::Confirmed,
                _ => false,
            })
            .map(|coin| coin.outpoint)
            .collect()
    }

    pub(crate) fn not_built(
        &self,
        error: CreateTxError,
        outputs: Amount,
        spendable: Spendable,
    ) -> WalletError {
        match error {
            CreateTxError::CoinSelection(InsufficientFunds { needed, available }) => {
                let balance = self.balance();
                let change = match spendable {
                    Spendable::Confirmed => balance.unconfirmed_change,
                    Spendable::ConfirmedAndChange => Amount::ZERO,
                };
                WalletError::InsufficientFunds {
                    available,
                    needed,
                    fee: needed.checked_sub(outputs).unwrap_or_default(),
                    reserved: balance.reserved,
                    unconfirmed: balance.incoming + change,
                }
            }
            error => WalletError::Refused {
                action: "build the transaction",
                reason: error.to_string(),
            },
        }
    }
}

/// Refuses a fee rate above the cap, before anything is built.
pub(crate) fn check_rate(rate: FeeRate, limit: FeeLimit) -> Result<(), WalletError> {
    if rate > limit.rate {
        return Err(WalletError::FeeRateAboveCap {
            rate,
            cap: limit.rate,
        });
    }
    Ok(())
}

fn check_outputs(outputs: &[TxOut]) -> Result<(), WalletError> {
    if outputs.is_empty() {
        return Err(WalletError::NoOutputs);
    }
    for (index, output) in outputs.iter().enumerate() {
        let minimum = output.script_pubkey.minimal_non_dust();
        // Data outputs hold nothing on purpose.
        if output.value < minimum && !output.script_pubkey.is_op_return() {
            return Err(WalletError::Dust {
                index,
                value: output.value,
                minimum,
            });
        }
    }
    Ok(())
}
