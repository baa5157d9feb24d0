//! Signing a draft.

use bitcoin::Transaction;

use crate::build::Draft;
use crate::error::WalletError;
use crate::wallet::Wallet;

impl Wallet {
    /// Signs every input of a draft.
    ///
    /// # Errors
    ///
    /// [`WalletError::Locked`] where the wallet is locked.
    pub fn sign(&self, draft: &Draft) -> Result<Transaction, WalletError> {
        let key = self.unlocked()?;
        let mut psbt = draft.psbt.clone();
        psbt.sign(key, self.bdk.secp_ctx())
            .map_err(|(_, errors)| refused(format!("{errors:?}")))?;
        let outcome = self
            .bdk
            .try_finalize_psbt(&mut psbt)
            .map_err(|error| refused(error.to_string()))?;
        if !outcome.is_finalized() {
            return Err(refused(format!("{outcome:?}")));
        }
        let signed = psbt
            .extract_tx()
            .map_err(|error| refused(error.to_string()))?;
        if signed.compute_txid() != draft.txid() {
            return Err(refused("its id changed".to_owned()));
        }
        Ok(signed)
    }
}

fn refused(reason: String) -> WalletError {
    WalletError::Refused {
        action: "sign the transaction",
        reason,
    }
}
