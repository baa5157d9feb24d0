//! What a test does to the chain: blocks, reorganisations, payments.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::{Address, Amount, BlockHash, Network, OutPoint, Transaction, TxOut, Txid};
use bitcoincore_rpc::RpcApi as _;
use bitcoincore_rpc::json::AddressType;
use serde_json::{Value, json};

use super::Bitcoind;

/// A coinbase output can be spent this many blocks after its own.
const COINBASE_MATURITY: u64 = 100;

/// Few enough to be mined before a call times out.
const BLOCKS_PER_CALL: u64 = 500;

impl Bitcoind {
    /// Mines `count` blocks to the miner.
    ///
    /// # Errors
    ///
    /// When the node refuses.
    pub fn mine(&self, count: u64) -> anyhow::Result<Vec<BlockHash>> {
        self.mine_to(count, &self.miner_address()?)
    }

    /// Mines `count` blocks to `address`.
    ///
    /// # Errors
    ///
    /// When the node refuses.
    pub fn mine_to(&self, count: u64, address: &Address) -> anyhow::Result<Vec<BlockHash>> {
        let mut mined = Vec::new();
        while (mined.len() as u64) < count {
            let portion = (count - mined.len() as u64).min(BLOCKS_PER_CALL);
            mined.extend(self.rpc().generate_to_address(portion, address)?);
        }
        Ok(mined)
    }

    /// Stops the node's clock at a time so long ago, by which it dates the blocks that it mines from here on; blocks still
    /// come later than the median of the eleven before.
    ///
    /// # Errors
    ///
    /// When the node refuses.
    pub fn stop_clock(&self, ago: Duration) -> anyhow::Result<()> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let time = now.checked_sub(ago).context("before 1970")?.as_secs();
        self.rpc().call::<Value>("setmocktime", &[json!(time)])?;
        Ok(())
    }

    /// Mines until the miner has spendable coins: 101 blocks on an empty chain.
    ///
    /// # Errors
    ///
    /// When the node refuses.
    pub fn mine_first_coins(&self) -> anyhow::Result<()> {
        self.mine(COINBASE_MATURITY + 1).map(drop)
    }

    /// Mines a block with exactly the given transactions, whether or not they are in the mempool.
    ///
    /// # Errors
    ///
    /// When the block would be invalid.
    pub fn mine_only(&self, transactions: &[Transaction]) -> anyhow::Result<BlockHash> {
        let raw: Vec<_> = transactions.iter().map(serialize_hex).collect();
        let address = self.miner_address()?;
        let block: Value = self
            .rpc()
            .call("generateblock", &[json!(address.to_string()), json!(raw)])?;
        let hash = block
            .get("hash")
            .context("generateblock returned no hash")?;
        Ok(serde_json::from_value(hash.clone())?)
    }

    /// Replaces the newest `depth` blocks by `depth + 1` empty ones: a reorganisation that undoes
    /// what they confirmed.
    ///
    /// The undone transactions return to the mempool. Returns the new blocks, oldest first.
    ///
    /// # Errors
    ///
    /// When the chain is shorter than `depth`, or the node refuses.
    pub fn reorganise(&self, depth: u64) -> anyhow::Result<Vec<BlockHash>> {
        let height = self.height()?;
        ensure!(
            depth > 0 && depth <= height,
            "cannot replace {depth} blocks of {height}"
        );
        let oldest = self.rpc().get_block_hash(height - depth + 1)?;
        self.rpc().invalidate_block(&oldest)?;
        (0..=depth).map(|_| self.mine_only(&[])).collect()
    }

    /// Brings the blocks of another node's best chain, as a peer would.
    ///
    /// # Errors
    ///
    /// When a node does not answer, or this one refuses a block.
    pub fn copy_blocks_of(&self, other: &Self) -> anyhow::Result<()> {
        for height in 1..=other.height()? {
            let hash = other.rpc().get_block_hash(height)?;
            if self.rpc().get_block_header(&hash).is_ok() {
                continue;
            }
            let block = other.rpc().get_block_hex(&hash)?;
            let answer: Value = self.rpc().call("submitblock", &[json!(block)])?;
            // So it calls a block of a branch that is not the best one yet.
            ensure!(
                answer.is_null() || answer == "inconclusive",
                "block {hash} is refused: {answer}"
            );
        }
        Ok(())
    }

    /// The height of the tip.
    ///
    /// # Errors
    ///
    /// When the node refuses.
    pub fn height(&self) -> anyhow::Result<u64> {
        Ok(self.rpc().get_block_count()?)
    }

    /// Sends the miner's coins to `address`; the transaction is left in the mempool.
    ///
    /// # Errors
    ///
    /// When the miner has too little, or the node refuses.
    pub fn send(&self, address: &Address, amount: Amount) -> anyhow::Result<Txid> {
        Ok(self
            .rpc()
            .send_to_address(address, amount, None, None, None, None, None, None)?)
    }

    /// A signed transaction of the miner's coins that pays `output`; nobody is told of it.
    ///
    /// # Errors
    ///
    /// When the miner has too little, or the node refuses.
    pub fn fund(&self, output: &TxOut) -> anyhow::Result<Transaction> {
        let address = Address::from_script(&output.script_pubkey, Network::Regtest)?;
        let outputs = json!([{ address.to_string(): output.value.to_btc() }]);
        let raw: String = self
            .rpc()
            .call("createrawtransaction", &[json!([]), outputs])?;
        // Coins of other transactions that nobody was told of must not be spent twice.
        let options = json!({ "lockUnspents": true, "change_type": "bech32" });
        let funded: Value = self
            .rpc()
            .call("fundrawtransaction", &[raw.into(), options])?;
        self.sign_hex(funded.get("hex").context("no hex")?)
    }

    /// A coin of the miner's of exactly this value, which a witness alone spends and no other payment of the miner's takes;
    /// its transaction is left in the mempool.
    ///
    /// # Errors
    ///
    /// When the miner has too little, or the node refuses.
    pub fn coin(&self, value: Amount) -> anyhow::Result<(Transaction, OutPoint)> {
        let address = self
            .rpc()
            .get_new_address(None, Some(AddressType::Bech32))?
            .require_network(Network::Regtest)?;
        let txid = self.send(&address, value)?;
        let transaction = self.rpc().get_raw_transaction(&txid, None)?;
        let script = address.script_pubkey();
        let (vout, _) = (0..)
            .zip(&transaction.output)
            .find(|(_, output)| output.script_pubkey == script)
            .context("the coin is no output of its transaction")?;
        let outpoint = OutPoint::new(txid, vout);
        self.rpc().lock_unspent(&[outpoint])?;
        Ok((transaction, outpoint))
    }

    /// The transaction with the miner's signatures where it spends the miner's coins, which the node must know.
    ///
    /// # Errors
    ///
    /// When the node refuses.
    pub fn sign(&self, transaction: &Transaction) -> anyhow::Result<Transaction> {
        self.sign_hex(&serialize_hex(transaction).into())
    }

    fn sign_hex(&self, hex: &Value) -> anyhow::Result<Transaction> {
        let signed: Value = self
            .rpc()
            .call("signrawtransactionwithwallet", std::slice::from_ref(hex))?;
        let hex = signed
            .get("hex")
            .and_then(Value::as_str)
            .context("no hex")?;
        Ok(deserialize_hex(hex)?)
    }

    fn miner_address(&self) -> anyhow::Result<Address> {
        Ok(self
            .rpc()
            .get_new_address(None, None)?
            .require_network(Network::Regtest)?)
    }
}
