//! Where a transaction of the wallet is.

use bdk_wallet::chain::ChainPosition;
use bitcoin::Txid;
use bitcoin_source::{BlockId, Location};
use staking::units::BitcoinHeight;

use crate::wallet::Wallet;

impl Wallet {
    /// Where a transaction that pays or spends this wallet is, as of the last [`sync`](Self::sync).
    ///
    /// `None` for one that the wallet does not know, and for one that was dropped from the mempool or replaced. Needs no
    /// transaction index of the node, also once all outputs are spent.
    pub fn location(&self, txid: Txid) -> Option<Location> {
        let position = self.bdk.get_tx(txid)?.chain_position;
        match position {
            ChainPosition::Unconfirmed { .. } => Some(Location::Mempool),
            ChainPosition::Confirmed { anchor, .. } => Some(Location::Block {
                block: BlockId {
                    height: BitcoinHeight(anchor.block_id.height),
                    hash: anchor.block_id.hash,
                },
                confirmations: self.confirmations(&position),
            }),
        }
    }
}
