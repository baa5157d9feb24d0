//! Epochs made final on Bitcoin without the watchtower: a second hand at the format of spec 5.7.

use anyhow::{Context as _, ensure};
use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::{Transaction, Txid};
use bitcoincore_rpc::RpcApi as _;
use chain::Message;
use chain::babylon::checkpoint::{CheckpointStatus, RawCheckpoint};
use serde_json::{Value, json};

use super::{DEADLINE, Stage};
use crate::poll_until;

/// Tag of test chains.
const TAG: [u8; 4] = [1, 2, 3, 4];

impl Stage {
    /// Makes all epochs up to the one that is running now final, as public randomness committed in it needs.
    pub async fn finalize_current_epoch(&self) -> anyhow::Result<()> {
        let current = self.chain.current_epoch().await?.epoch;
        let mut submissions = Vec::new();
        for epoch in 1..=current {
            let done = self.chain.epoch_status(epoch).await?.is_some_and(|status| {
                !matches!(
                    status,
                    CheckpointStatus::Accumulating | CheckpointStatus::Sealed
                )
            });
            if !done {
                submissions.push(self.submit_checkpoint(epoch).await?);
            }
        }
        self.bring_headers().await?;
        for [first, second] in submissions {
            let proofs = [
                self.checkpoint_proof(first)?,
                self.checkpoint_proof(second)?,
            ];
            self.submit(Message::InsertCheckpointProof(Box::new(proofs)))
                .await?;
        }
        self.mine(6).await?;
        poll_until(DEADLINE, "the epoch to be final", || async {
            let status = self.chain.epoch_status(current).await?;
            ensure!(
                status == Some(CheckpointStatus::Finalized),
                "epoch {current} is {status:?}"
            );
            Ok(())
        })
        .await
    }

    /// Puts one epoch's checkpoint into a block of its own.
    async fn submit_checkpoint(&self, epoch: u64) -> anyhow::Result<[Txid; 2]> {
        let what = format!("epoch {epoch} to be sealed");
        let raw = poll_until(DEADLINE, &what, || async {
            let found = self
                .chain
                .checkpoint(epoch)
                .await?
                .context("no checkpoint yet")?;
            ensure!(
                found.status != CheckpointStatus::Accumulating,
                "still accumulating"
            );
            Ok::<_, anyhow::Error>(found.raw)
        })
        .await?;
        let txids = parts(&raw).map(|data| self.send_data(&data));
        let [first, second] = txids;
        let txids = [first?, second?];
        self.bitcoind.mine(1)?;
        Ok(txids)
    }

    fn send_data(&self, data: &[u8]) -> anyhow::Result<Txid> {
        let rpc = self.bitcoind.rpc();
        let hex = bitcoin::hex::DisplayHex::to_lower_hex_string(data);
        let outputs = json!([{ "data": hex }]);
        let raw: String = rpc.call("createrawtransaction", &[json!([]), outputs])?;
        let funded: Value = rpc.call("fundrawtransaction", &[raw.into()])?;
        let signed: Value = rpc.call(
            "signrawtransactionwithwallet",
            &[funded.get("hex").context("no hex")?.clone()],
        )?;
        let signed = signed
            .get("hex")
            .and_then(Value::as_str)
            .context("no hex")?;
        Ok(rpc.send_raw_transaction(signed)?)
    }

    fn checkpoint_proof(
        &self,
        txid: Txid,
    ) -> anyhow::Result<(
        Transaction,
        staking::inclusion::InclusionProof,
        bitcoin::block::Header,
    )> {
        let proof = self.inclusion_proof(txid)?;
        let rpc = self.bitcoind.rpc();
        let transaction = rpc.get_raw_transaction(&txid, None)?;
        let header = rpc.get_block_header(&proof.block_hash)?;
        Ok((transaction, proof, header))
    }
}

/// The data of the two transactions.
fn parts(raw: &RawCheckpoint) -> [Vec<u8>; 2] {
    let submitter = [0x51; 20];
    let body = [
        raw.epoch.to_be_bytes().as_slice(),
        &raw.block_hash,
        &raw.bitmap,
        &submitter,
    ]
    .concat();
    let checksum = sha256::Hash::hash(&body).to_byte_array();
    let first = [TAG.as_slice(), &[0x00], &body].concat();
    let second = [
        TAG.as_slice(),
        &[0x10],
        &raw.bls_signature,
        checksum.get(..10).unwrap_or_default(),
    ]
    .concat();
    [first, second]
}
