//! Messages and answers. Bytes are written as `btc-mesh` writes them, and what both answer has the same form.

use bitcoin::BlockHash;
use btc_mesh::msg::{Bytes32, CommitInfo, VoteItem};
use cosmwasm_schema::{QueryResponses, cw_serde};
use cosmwasm_std::Binary;

/// How a mirror begins.
#[cw_serde]
pub struct InstantiateMsg {
    /// The `btc-light` contract of this chain, which is believed about Bitcoin.
    pub light: String,
    /// Who may pin another table: this chain's governance.
    pub gov: String,
    /// The instance that is followed.
    pub subject: Subject,
    /// The table from which on it is followed. This is what is trusted.
    pub table: Table,
    /// How old a table may be that makes checkpoints final, blocks of Bitcoin.
    pub max_age: u32,
    /// How far Bitcoin's tip may be behind this chain's clock for finality, seconds.
    pub max_stale: u32,
    /// How far before and after the next checkpoint votes are taken, checkpoints: 1 to 64.
    pub window: u32,
}

/// An instance of `btc-mesh` on another chain, as its query `config` shows it.
#[cw_serde]
pub struct Subject {
    /// Its domain, which must follow from the rest.
    pub domain: Bytes32,
    /// Its chain.
    pub chain_id: String,
    /// Its address there.
    pub contract: String,
    /// Height of its chain at which it began.
    pub height: u64,
    /// Time at which it began, nanoseconds since 1970.
    pub time: u64,
}

/// A table: all that its root covers, as the subject's query `table` shows it but for the counts of votes.
#[cw_serde]
pub struct Table {
    /// Domain of the subject.
    pub domain: Bytes32,
    /// The era.
    pub era: u32,
    /// The epoch.
    pub epoch: u64,
    /// First checkpoint.
    pub first_k: u64,
    /// Height of the subject's chain at the first checkpoint.
    pub first_height: u64,
    /// Blocks of the subject's chain between two checkpoints.
    pub interval: u32,
    /// Number of checkpoints.
    pub count: u32,
    /// Bitcoin's tip when the table was cut.
    pub btc_cut: u32,
    /// Hash of that block, as Bitcoin's nodes print it.
    #[schemars(with = "String")]
    pub btc_cut_hash: BlockHash,
    /// Weight of all providers, sat.
    pub total: u64,
    /// What they stand to lose together, sat.
    pub at_risk: u64,
    /// The root that votes name.
    pub root: Bytes32,
    /// The providers, strictly ascending by key: 1 to 100.
    pub entries: Vec<TableEntry>,
}

/// A provider in a table.
#[cw_serde]
pub struct TableEntry {
    /// Its key.
    pub pk: Bytes32,
    /// Its weight, sat.
    pub weight: u64,
    /// The only randomness that counts in the epoch.
    pub commit: CommitInfo,
}

/// A vote as the subject takes it, with what the subject knows by itself.
#[cw_serde]
pub struct MirroredVote {
    /// The vote.
    pub vote: VoteItem,
    /// Root of the next table: for the last checkpoint of an epoch, and only there.
    pub next_root: Option<Bytes32>,
}

/// What can be done.
#[cw_serde]
pub enum ExecuteMsg {
    /// Brings up to 64 votes. One that is refused is an event and stops no other.
    Votes {
        /// The votes.
        items: Vec<MirroredVote>,
    },
    /// Finalises what has a quorum, up to 16 checkpoints.
    Poke {},
    /// Supplies the table whose root was signed with the last checkpoint of the one in force.
    NextTable {
        /// The table.
        table: Box<Table>,
    },
    /// Shows that a provider of a table that is kept signed two messages under one randomness.
    Evidence {
        /// The provider's key.
        pk: Bytes32,
        /// The randomness.
        r: Bytes32,
        /// One message, at most 512 bytes, of any format.
        msg1: Binary,
        /// Its signature.
        s1: Bytes32,
        /// The other message.
        msg2: Binary,
        /// Its signature.
        s2: Bytes32,
    },
    /// Shows the secret key of a provider of a table that is kept.
    Slash {
        /// The provider's key.
        pk: Bytes32,
        /// The secret key.
        sk: Bytes32,
    },
    /// Governance: follows the subject from a later table on, which nobody had to sign. No guarantee spans this.
    Repin {
        /// The table.
        table: Box<Table>,
    },
}

/// What can be asked.
#[cw_serde]
#[derive(QueryResponses)]
pub enum QueryMsg {
    /// What was fixed at the beginning.
    #[returns(ConfigResponse)]
    Config {},
    /// Where the mirror stands.
    #[returns(StatusResponse)]
    Status {},
    /// A final checkpoint of the subject, by its number or by a height at or below it; an error where there is none.
    #[returns(btc_mesh::msg::FinalizedResponse)]
    Finalized {
        /// The checkpoint.
        k: Option<u64>,
        /// A height of the subject's chain; the first final checkpoint known at or above it answers.
        height: Option<u64>,
    },
    /// The table of an epoch: the one in force, or the one before.
    #[returns(Table)]
    Table {
        /// The epoch.
        epoch: u64,
    },
    /// The secret key of a provider whose key came out here.
    #[returns(btc_mesh::msg::SlashedResponse)]
    Slashed {
        /// Its key.
        pk: Bytes32,
    },
}

/// What was fixed at the beginning.
#[cw_serde]
pub struct ConfigResponse {
    /// The instance that is followed.
    pub subject: Subject,
    /// Its domain as people write it: `btc-mesh/1/<chain id>/<contract>`.
    pub domain_name: String,
    /// Whether the coins of the Bitcoin network that this mirror's light client follows are worthless.
    pub test_only: bool,
    /// The contract that is believed about Bitcoin.
    pub light: String,
    /// Governance.
    pub gov: String,
    /// How old a table may be that makes checkpoints final, blocks of Bitcoin.
    pub max_age: u32,
    /// How far Bitcoin's tip may be behind this chain's clock for finality, seconds.
    pub max_stale: u32,
    /// How far before and after the next checkpoint votes are taken, checkpoints.
    pub window: u32,
}

/// Where the mirror stands.
#[cw_serde]
pub struct StatusResponse {
    /// The subject's era.
    pub era: u32,
    /// The epoch whose table is in force here.
    pub epoch: u64,
    /// The epoch whose table governance pinned; those after it were signed.
    pub pinned_epoch: u64,
    /// The next checkpoint to become final.
    pub next: u64,
    /// Its height of the subject's chain; none while the next table is awaited.
    pub next_height: Option<u64>,
    /// The last checkpoint of the epoch.
    pub last: u64,
    /// Root of the next table, which was signed and whose entries somebody must supply.
    pub awaited_root: Option<Bytes32>,
    /// Bitcoin's tip as this chain knows it.
    pub tip: u32,
    /// Weight in the table in force of keys that are out, sat.
    pub slashed: u64,
    /// Weight of the table in force, sat.
    pub total: u64,
    /// Why nothing becomes final now, where that is so for every checkpoint.
    pub halted: Option<String>,
}
