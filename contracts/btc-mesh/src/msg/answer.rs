//! Answers to queries.

use bitcoin::OutPoint;
use cosmwasm_schema::cw_serde;
use cosmwasm_std::{Binary, Uint128};

use super::{Bytes32, ConsentShare, CovenantSet, CovenantSignature, Params};

/// What was fixed at the beginning, and the parameters.
#[cw_serde]
pub struct ConfigResponse {
    /// The domain: what every signature for this instance is bound to.
    pub domain: Bytes32,
    /// The domain as people write it: `btc-mesh/1/<chain id>/<contract>`.
    pub domain_name: String,
    /// Height of this chain at which the instance began.
    pub height: u64,
    /// Time at which it began, nanoseconds since 1970.
    pub time: u64,
    /// Whether the coins of the Bitcoin network it follows are worthless.
    pub test_only: bool,
    /// The contract that is believed about Bitcoin.
    pub light: String,
    /// Governance.
    pub gov: String,
    /// Denomination of rewards.
    pub denom: String,
    /// The parameters in force.
    pub params: Params,
    /// The covenant sets, by number.
    pub covenants: Vec<CovenantSet>,
    /// Parameters that wait for their epoch.
    pub pending: Option<PendingParams>,
    /// Whether it takes no stakes and votes any more.
    pub closed: bool,
}

/// Parameters that wait for their epoch.
#[cw_serde]
pub struct PendingParams {
    /// The first epoch for which they hold.
    pub epoch: u64,
    /// The parameters.
    pub params: Params,
    /// The covenant sets.
    pub covenants: Vec<CovenantSet>,
}

/// Where finality stands.
#[cw_serde]
pub struct StatusResponse {
    /// Whether the first table is in force; the rest means nothing before.
    pub started: bool,
    /// Grows with each resume.
    pub era: u32,
    /// The epoch in force.
    pub epoch: u64,
    /// The next checkpoint to become final.
    pub next: u64,
    /// Its height of this chain.
    pub next_height: u64,
    /// The last checkpoint of the epoch.
    pub last: u64,
    /// Whether the next table is ready.
    pub next_table_ready: bool,
    /// Bitcoin's tip as this chain knows it.
    pub tip: u32,
    /// Bitcoin's tip when the last checkpoint became final, or when this era began.
    pub last_final_tip: u32,
    /// Why nothing becomes final now, where that is so for every checkpoint.
    pub halted: Option<String>,
    /// New weight that may still be activated in this epoch without depth, sat; none before the first table.
    pub growth_left: Option<u64>,
    /// Tip of Bitcoin from which activations go on after a deep reorganisation.
    pub frozen_until: Option<u32>,
    /// Whether stakes and spends above a fork must still be unwound.
    pub unwinding: bool,
}

/// A final checkpoint.
#[cw_serde]
pub struct FinalizedResponse {
    /// Its number.
    pub k: u64,
    /// Its height of this chain.
    pub height: u64,
    /// Hash of the header that is final: compare it with the header you hold.
    pub hash: Bytes32,
    /// The era: pin it. No guarantee holds from one era to the next.
    pub era: u32,
    /// The epoch whose table made it final.
    pub epoch: u64,
    /// Whether governance decreed it and no votes did.
    pub decreed: bool,
    /// Root of the table in force.
    pub table_root: Bytes32,
    /// Bitcoin's height at which that table was cut.
    pub btc_cut: u32,
    /// What the table's providers stood to lose together, sat.
    pub at_risk: u64,
    /// Weight that had voted for it when it became final, sat.
    pub voted: u64,
    /// Weight of the table, sat.
    pub total: u64,
}

/// A record that is in a final state.
#[cw_serde]
pub struct VerifyStateResponse {
    /// Height of the state: one below the header's.
    pub height: u64,
    /// Hash of the final header.
    pub hash: Bytes32,
    /// The era in which it became final.
    pub era: u32,
    /// Whether governance decreed it.
    pub decreed: bool,
}

/// Standing of a provider.
#[cw_serde]
#[derive(Copy, Eq)]
pub enum ProviderStatus {
    /// May be in tables.
    Active,
    /// Voted too seldom; may unjail from this epoch on.
    Jailed {
        /// First epoch in force in which `unjail` is taken.
        until: u64,
    },
    /// Its key is out, for good.
    Slashed,
}

/// A provider.
#[cw_serde]
pub struct ProviderResponse {
    /// Its key.
    pub pk: Bytes32,
    /// Account that unjails and receives the commission.
    pub operator: String,
    /// Commission in basis points.
    pub commission: u16,
    /// Its standing.
    pub status: ProviderStatus,
    /// Weight of its active stakes, sat.
    pub sats: u64,
    /// What its active stakes stand to lose, sat.
    pub at_risk: u64,
    /// Number of its last registration.
    pub registration_seq: u64,
    /// Number of its last commit.
    pub commit_seq: u64,
    /// The last two commits, older first.
    pub commits: Vec<CommitInfo>,
    /// Commission that was credited and not paid.
    pub earned: Uint128,
}

/// A commit to public randomness.
#[cw_serde]
pub struct CommitInfo {
    /// First checkpoint.
    pub start: u64,
    /// Number of checkpoints.
    pub num: u64,
    /// Root of the tree over the randomness.
    pub root: Bytes32,
}

/// Some providers.
#[cw_serde]
pub struct ProvidersResponse {
    /// In the order of their keys.
    pub providers: Vec<ProviderResponse>,
}

/// A table: all that its root covers.
#[cw_serde]
pub struct TableResponse {
    /// The domain.
    pub domain: Bytes32,
    /// The era.
    pub era: u32,
    /// The epoch.
    pub epoch: u64,
    /// First checkpoint.
    pub first_k: u64,
    /// Height of this chain at the first checkpoint.
    pub first_height: u64,
    /// Blocks of this chain between two checkpoints.
    pub interval: u32,
    /// Number of checkpoints.
    pub count: u32,
    /// Bitcoin's tip when the table was cut.
    pub btc_cut: u32,
    /// Hash of that block, as Bitcoin's nodes print it.
    pub btc_cut_hash: String,
    /// Weight of all providers, sat.
    pub total: u64,
    /// What they stand to lose together, sat.
    pub at_risk: u64,
    /// The root that votes name.
    pub root: Bytes32,
    /// The providers, ascending by key.
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
    /// Number of final checkpoints of the epoch that it has voted for.
    pub votes: u32,
}

/// Where a stake stands.
#[cw_serde]
#[derive(Copy, Eq)]
pub enum StakeStatus {
    /// Waits; `activate` is possible once Bitcoin's tip is `challenge` blocks above.
    Pending {
        /// Bitcoin's tip when the wait began.
        since: u32,
    },
    /// A reorganisation undid its block: inclusion must be proven anew.
    Unproven {},
    /// Counts.
    Active {},
    /// Does not count any more.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

/// Why a stake ended.
#[cw_serde]
#[derive(Copy, Eq)]
pub enum EndReason {
    /// Its output was spent in the block at this height.
    Spent {
        /// Height of the block.
        height: u32,
    },
    /// Its time is over.
    Expired {},
    /// The staker signed two consents with one number.
    Conflict {},
    /// Governance dropped it at a resume.
    Dropped {},
}

/// A stake.
#[cw_serde]
pub struct StakeResponse {
    /// The staking output.
    #[schemars(with = "String")]
    pub outpoint: OutPoint,
    /// Its provider.
    pub provider: Bytes32,
    /// The staker's key.
    pub staker: Bytes32,
    /// Number of its covenant set.
    pub covenant: u32,
    /// Value of the output, sat.
    pub value: u64,
    /// What counts of it, sat.
    pub weight: u64,
    /// Share that counts or will count once active, basis points.
    pub basis_points: u16,
    /// An increase that waits: basis points, and Bitcoin's height from which `activate` lets it count.
    pub increase: Option<Increase>,
    /// Number of the consent.
    pub consent_seq: u32,
    /// Where rewards go.
    pub reward_address: String,
    /// Height of its block.
    pub start: u32,
    /// Height at which its timelock is over.
    pub end: u32,
    /// Height from which it does not count any more: its end less the unbonding time.
    pub expires: u32,
    /// Where it stands.
    pub status: StakeStatus,
    /// Rewards credited that have not vested.
    pub unvested: Uint128,
}

/// An increase of a share that waits.
#[cw_serde]
#[derive(Copy, Eq)]
pub struct Increase {
    /// The new share.
    pub basis_points: u16,
    /// Bitcoin's height from which it may count.
    pub height: u32,
}

/// Some stakes.
#[cw_serde]
pub struct StakesResponse {
    /// In the order of their outpoints' bytes.
    pub stakes: Vec<StakeResponse>,
}

/// What burns a stake on Bitcoin, together with the provider's key. Transactions carry no witnesses.
#[cw_serde]
pub struct SlashKitResponse {
    /// The staking output.
    #[schemars(with = "String")]
    pub outpoint: OutPoint,
    /// Number of the covenant set.
    pub covenant: u32,
    /// Its members and what it prescribes.
    pub covenant_set: CovenantSet,
    /// The staker's key.
    pub staker: Bytes32,
    /// The provider's key.
    pub provider: Bytes32,
    /// Timelock of the staking output, blocks.
    pub timelock: u16,
    /// Value of the staking output, sat.
    pub value: u64,
    /// Burns the stake.
    pub slashing_tx: Binary,
    /// Spends the stake early.
    pub unbonding_tx: Binary,
    /// Burns the unbonding output.
    pub unbonding_slashing_tx: Binary,
    /// The staker's signature of the slashing transaction.
    pub staker_slashing: Binary,
    /// The staker's signature of the unbonding slashing transaction.
    pub staker_unbonding_slashing: Binary,
    /// The committee's signatures, a quorum.
    pub covenant_signatures: Vec<CovenantSignature>,
    /// The provider's secret key, where it is out.
    pub sk: Option<Bytes32>,
}

/// With whom a stake is shared.
#[cw_serde]
pub struct ExposureResponse {
    /// Number of the newest consent shown here.
    pub seq: u32,
    /// Its list.
    pub shares: Vec<ConsentShare>,
    /// The staker's signature of it, with which anybody can show it to another chain.
    pub signature: Binary,
    /// Value of the stake, sat.
    pub value: u64,
    /// What slashing burns of it, once for all chains together, sat.
    pub penalty: u64,
}

/// Votes for a checkpoint.
#[cw_serde]
pub struct TallyResponse {
    /// Weight for each hash.
    pub tallies: Vec<Tally>,
    /// Weight of the table, sat.
    pub total: u64,
}

/// Votes for one hash.
#[cw_serde]
pub struct Tally {
    /// Hash of the header.
    pub hash: Bytes32,
    /// Weight, sat.
    pub weight: u64,
}

/// The votes of a provider that are kept.
#[cw_serde]
pub struct VotesResponse {
    /// Ascending by checkpoint.
    pub votes: Vec<KeptVote>,
}

/// A vote that is kept so that a second one at its checkpoint is seen.
#[cw_serde]
pub struct KeptVote {
    /// The checkpoint.
    pub k: u64,
    /// The epoch under whose table it was cast.
    pub epoch: u64,
    /// SHA-256 of what was signed.
    pub message_hash: Bytes32,
    /// EOTS signature.
    pub s: Bytes32,
}

/// A provider's key that is out.
#[cw_serde]
pub struct SlashedResponse {
    /// The secret key.
    pub sk: Bytes32,
    /// Height of this chain at which it was shown.
    pub height: u64,
}

/// Every resume so far.
#[cw_serde]
pub struct ResumesResponse {
    /// Oldest first.
    pub resumes: Vec<ResumeInfo>,
}

/// A resume: a decision of people that no guarantee spans.
#[cw_serde]
pub struct ResumeInfo {
    /// The era that began.
    pub era: u32,
    /// The checkpoint that was decreed.
    pub k: u64,
    /// Its hash.
    pub hash: Bytes32,
    /// Height of this chain at which it was decided.
    pub height: u64,
}

/// Where the money is.
#[cw_serde]
pub struct RewardsResponse {
    /// Credited and not yet paid.
    pub owed: Uint128,
    /// Not yet credited: what later epochs share.
    pub pot: Uint128,
    /// Paid so far.
    pub paid: Uint128,
}
