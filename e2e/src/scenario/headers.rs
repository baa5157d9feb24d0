//! Bitcoin's headers and proofs brought to the chain without the watchtower.

use anyhow::Context as _;
use bitcoin::Txid;
use bitcoin::block::Header;
use bitcoincore_rpc::RpcApi as _;
use chain::{Chain as _, Message, Receipt};
use staking::inclusion::InclusionProof;
use staking::units::BitcoinHeight;

use super::Stage;

/// Headers in one message.
const HEADERS_IN_A_MESSAGE: usize = 500;

impl Stage {
    /// Brings every header up to Bitcoin's tip to the chain, which must not be on another branch.
    pub async fn bring_headers(&self) -> anyhow::Result<()> {
        let known = u64::from(self.chain.light_client_tip().await?.height.0);
        let rpc = self.bitcoind.rpc();
        let headers: Vec<Header> = (known + 1..=self.bitcoind.height()?)
            .map(|height| Ok(rpc.get_block_header(&rpc.get_block_hash(height)?)?))
            .collect::<anyhow::Result<_>>()?;
        let mut from = BitcoinHeight(u32::try_from(known + 1)?);
        for chunk in headers.chunks(HEADERS_IN_A_MESSAGE) {
            let headers = chunk.to_vec();
            self.submit(Message::InsertHeaders { from, headers })
                .await?;
            from.0 += u32::try_from(chunk.len())?;
        }
        Ok(())
    }

    /// Mines, and brings the new headers.
    pub async fn mine(&self, blocks: u64) -> anyhow::Result<()> {
        self.bitcoind.mine(blocks)?;
        self.bring_headers().await
    }

    /// The inclusion proof of a mined transaction.
    pub fn inclusion_proof(&self, txid: Txid) -> anyhow::Result<InclusionProof> {
        let rpc = self.bitcoind.rpc();
        let block = rpc
            .get_raw_transaction_info(&txid, None)?
            .blockhash
            .context("not mined")?;
        Ok(InclusionProof::new(&rpc.get_block(&block)?, txid)?)
    }

    /// The inclusion proof of a mined transaction, and the height of its block.
    pub fn included(&self, txid: Txid) -> anyhow::Result<(InclusionProof, BitcoinHeight)> {
        let proof = self.inclusion_proof(txid)?;
        let block = self
            .bitcoind
            .rpc()
            .get_block_header_info(&proof.block_hash)?;
        Ok((proof, BitcoinHeight(u32::try_from(block.height)?)))
    }

    /// Sends one message with the test's own account.
    pub async fn submit(&self, message: Message) -> anyhow::Result<Receipt> {
        Ok(self
            .chain
            .submit(vec![message])
            .await
            .pop()
            .context("no outcome")??)
    }
}
