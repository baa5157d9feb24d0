//! What the contract is told and asked, and how it answers.
//!
//! Raw data (headers, transactions, Merkle branches) is base64 of bytes as Bitcoin serialises them. Hashes in answers are
//! text as Bitcoin nodes print them.

use bitcoin::BlockHash;
use cosmwasm_schema::{QueryResponses, cw_serde};
use cosmwasm_std::{Binary, HexBinary};

/// A Bitcoin network whose headers can be judged.
///
/// The public test networks 3 and 4 cannot: after twenty minutes they allow a block of least difficulty.
#[cw_serde]
#[derive(Copy, Eq)]
pub enum Network {
    /// The main network.
    Bitcoin,
    /// Signet: its blocks are authorised by a signature that headers do not show, so submitters must be named.
    Signet,
    /// A private network without difficulty.
    Regtest,
}

/// The trusted beginning. Nothing of it can be changed later.
#[cw_serde]
pub struct InstantiateMsg {
    /// The network.
    pub network: Network,
    /// Must be true on networks whose coins are worthless, and false on the main network; every answer repeats it.
    pub test_only: bool,
    /// Height of the last of `headers`.
    pub height: u32,
    /// Eleven consecutive headers of 80 bytes, oldest first: the past that the first median time needs.
    pub headers: Vec<Binary>,
    /// Time of the header at the last multiple of 2016 up to `height`, seconds since 1970.
    pub epoch_start_time: u32,
    /// Work of the whole chain up to `height`, 32 bytes big endian, as a node prints it.
    pub chainwork: HexBinary,
    /// Deepest reorganisation that is followed, in blocks: 1 to 1008. A deeper one leaves the contract stale.
    pub max_reorg: u32,
    /// Who may bring headers: on signet at least one address, elsewhere none, which means everybody.
    #[serde(default)]
    pub submitters: Vec<String>,
}

/// What everybody may do.
#[cw_serde]
pub enum ExecuteMsg {
    /// Brings headers that follow the one at `parent_height`; headers known already are passed over.
    ///
    /// Headers on a side branch must have more work than the present tip within this one message.
    Headers {
        /// Height of the stored header on which the first builds.
        parent_height: u32,
        /// Up to 2016 headers of 80 bytes, one after the other, oldest first.
        raw: Binary,
    },
    /// Brings headers older than a stored one. Stored are the lowest and every 144th, so that a long walk can go on.
    Ancestor {
        /// Height of the stored header whose parent is the first of `raw`.
        child_height: u32,
        /// Up to 2016 headers of 80 bytes, one after the other, newest first.
        raw: Binary,
    },
}

/// What can be asked.
#[cw_serde]
#[derive(QueryResponses)]
pub enum QueryMsg {
    /// The newest header.
    #[returns(HeaderResponse)]
    Tip {},
    /// The header at a height, where it is stored.
    #[returns(HeaderResponse)]
    Header {
        /// Its height.
        height: u32,
    },
    /// Whether a transaction is in the block at a height; an error where it is not, or the proof could mean another.
    #[returns(VerifyTxResponse)]
    VerifyTx {
        /// Height of a stored header.
        height: u32,
        /// The transaction, with or without witnesses, at most 400,000 bytes.
        tx: Binary,
        /// Its position in the block; 0 is the coinbase.
        index: u32,
        /// Sibling hashes of 32 bytes, one after the other, internal byte order, leaf level first.
        branch: Binary,
    },
    /// Whether what the contract sees is fresh, of the usual pace, and what of it was reorganised.
    #[returns(HealthResponse)]
    Health {
        /// The `reorg_seq` up to which the caller has dealt with reorganisations; 0 for none.
        #[serde(default)]
        reorgs_seen: u64,
    },
    /// What was fixed at the beginning.
    #[returns(ConfigResponse)]
    Config {},
}

/// One header of the best chain.
#[cw_serde]
pub struct HeaderResponse {
    /// Whether the coins of this network are worthless.
    pub test_only: bool,
    /// Its height.
    pub height: u32,
    /// Its hash.
    #[schemars(with = "String")]
    pub hash: BlockHash,
    /// Its 80 bytes.
    pub raw: Binary,
    /// Its time, seconds since 1970.
    pub time: u32,
    /// Number of blocks on top of it.
    pub depth: u32,
    /// Work of the chain up to it, 32 bytes big endian; none for headers older than four weeks.
    pub chainwork: Option<HexBinary>,
}

/// A transaction that is in a block of the best chain.
#[cw_serde]
pub struct VerifyTxResponse {
    /// Whether the coins of this network are worthless.
    pub test_only: bool,
    /// Number of blocks on top of its block.
    pub depth: u32,
    /// Hash of its block.
    #[schemars(with = "String")]
    pub block_hash: BlockHash,
}

/// How far what the contract sees can be relied on.
#[cw_serde]
pub struct HealthResponse {
    /// Whether the coins of this network are worthless.
    pub test_only: bool,
    /// Height of the tip.
    pub height: u32,
    /// Number of newest blocks that are dated within 24 hours before the secured chain's present block, counted up to 1008.
    pub blocks_24h: u32,
    /// Seconds from the tip's time to the secured chain's present block.
    pub lag: u64,
    /// Number of reorganisations so far.
    pub reorg_seq: u64,
    /// Lowest height at which a reorganisation after `reorgs_seen` forked off: what is above it must be proven anew.
    pub fork_height: Option<u32>,
    /// Most blocks that one reorganisation after `reorgs_seen` undid.
    pub reorg_depth: u32,
}

/// What was fixed at the beginning.
#[cw_serde]
pub struct ConfigResponse {
    /// Whether the coins of this network are worthless.
    pub test_only: bool,
    /// The network.
    pub network: Network,
    /// Height of the newest of the trusted headers.
    pub base_height: u32,
    /// Deepest reorganisation that is followed, in blocks.
    pub max_reorg: u32,
    /// Who may bring headers; empty means everybody.
    pub submitters: Vec<String>,
}
