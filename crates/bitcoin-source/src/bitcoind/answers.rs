//! The parts of bitcoind's answers that we read; unknown fields are newer or older nodes' business.

use bitcoin::{Amount, BlockHash, Txid};
use serde::Deserialize;

/// `getblockchaininfo`.
#[derive(Debug, Deserialize)]
pub(super) struct ChainInfo {
    pub(super) chain: String,
    pub(super) blocks: u32,
    pub(super) headers: u32,
    #[serde(rename = "bestblockhash")]
    pub(super) best_block_hash: BlockHash,
    #[serde(rename = "initialblockdownload")]
    pub(super) initial_block_download: bool,
    #[serde(rename = "pruneheight")]
    pub(super) prune_height: Option<u32>,
}

/// `getblockheader` with details.
#[derive(Debug, Deserialize)]
pub(super) struct HeaderInfo {
    pub(super) height: u32,
    /// -1 off the best chain.
    pub(super) confirmations: i64,
}

/// `getrawtransaction` with details.
#[derive(Debug, Deserialize)]
pub(super) struct TransactionInfo {
    pub(super) hex: String,
    #[serde(rename = "blockhash")]
    pub(super) block_hash: Option<BlockHash>,
}

/// `gettxout`.
#[derive(Debug, Deserialize)]
pub(super) struct OutputInfo {
    #[serde(rename = "bestblock")]
    pub(super) best_block: BlockHash,
    pub(super) confirmations: u32,
    #[serde(with = "bitcoin::amount::serde::as_btc")]
    pub(super) value: Amount,
    #[serde(rename = "scriptPubKey")]
    pub(super) script: ScriptInfo,
    pub(super) coinbase: bool,
}

/// A script within another answer.
#[derive(Debug, Deserialize)]
pub(super) struct ScriptInfo {
    pub(super) hex: String,
}

/// `estimatesmartfee`: no rate where the node has seen too few transactions. BTC/kvB.
#[derive(Debug, Deserialize)]
pub(super) struct SmartFee {
    #[serde(
        default,
        rename = "feerate",
        with = "bitcoin::amount::serde::as_btc::opt"
    )]
    pub(super) fee_rate: Option<Amount>,
}

/// `getmempoolinfo`. BTC/kvB.
#[derive(Debug, Deserialize)]
pub(super) struct MempoolInfo {
    #[serde(rename = "mempoolminfee", with = "bitcoin::amount::serde::as_btc")]
    pub(super) min_fee: Amount,
}

/// One entry of `testmempoolaccept`.
#[derive(Debug, Deserialize)]
pub(super) struct AcceptInfo {
    /// Absent where an earlier transaction of the list already failed.
    pub(super) allowed: Option<bool>,
    pub(super) vsize: Option<u64>,
    pub(super) fees: Option<AcceptFees>,
    #[serde(rename = "reject-reason")]
    pub(super) reject_reason: Option<String>,
    #[serde(rename = "package-error")]
    pub(super) package_error: Option<String>,
}

/// Fees within [`AcceptInfo`].
#[derive(Debug, Deserialize)]
pub(super) struct AcceptFees {
    #[serde(with = "bitcoin::amount::serde::as_btc")]
    pub(super) base: Amount,
}

/// One entry of `gettxspendingprevout`.
#[derive(Debug, Deserialize)]
pub(super) struct SpenderInfo {
    #[serde(rename = "spendingtxid")]
    pub(super) spending_txid: Option<Txid>,
}
