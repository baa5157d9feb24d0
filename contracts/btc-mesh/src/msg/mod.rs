//! Messages and answers. Hashes of Bitcoin are printed as Bitcoin's nodes print them (`txid:vout`), keys and other values
//! of 32 bytes are hex, everything longer is base64 of the bytes as Bitcoin serialises them.

mod answer;
mod params;

use bitcoin::OutPoint;
use cosmwasm_schema::{QueryResponses, cw_serde};
use cosmwasm_std::Binary;

pub use crate::bytes::Bytes32;
pub use answer::*;
pub use params::{CovenantSet, Params};

/// How an instance begins.
#[cw_serde]
pub struct InstantiateMsg {
    /// The `btc-light` contract that is believed about Bitcoin.
    pub light: String,
    /// Who may start, resume, change parameters and close: the chain's governance.
    pub gov: String,
    /// Denomination in which rewards are paid.
    pub denom: String,
    /// The numbers of section "Parameters".
    pub params: Params,
    /// The covenant committees that are accepted, with what each prescribes for its stakes.
    pub covenants: Vec<CovenantSet>,
}

/// A proof that a transaction is in a block of Bitcoin.
#[cw_serde]
pub struct Inclusion {
    /// Height of the block.
    pub height: u32,
    /// Position of the transaction in the block.
    pub index: u32,
    /// Sibling hashes of 32 bytes, one after the other, internal byte order, leaf level first.
    pub branch: Binary,
}

/// One chain's part of a stake, as the staker signed it.
#[cw_serde]
pub struct ConsentShare {
    /// Domain of the instance, or the target of a chain that runs Babylon's modules.
    pub target: Bytes32,
    /// Share of the stake in basis points.
    pub basis_points: u16,
    /// Where the rewards go.
    pub reward_address: String,
}

/// A staker's numbered list of shares.
#[cw_serde]
pub struct SignedConsent {
    /// Its number; a higher one replaces a lower one.
    pub seq: u32,
    /// The shares, targets strictly ascending.
    pub shares: Vec<ConsentShare>,
    /// The staker's BIP-0340 signature.
    pub signature: Binary,
}

/// One committee member's signatures of a delegation.
#[cw_serde]
pub struct CovenantSignature {
    /// The member.
    pub key: Bytes32,
    /// Adaptor signature of the slashing transaction, 65 bytes.
    pub slashing: Binary,
    /// BIP-0340 signature of the unbonding transaction.
    pub unbonding: Binary,
    /// Adaptor signature of the unbonding slashing transaction, 65 bytes.
    pub unbonding_slashing: Binary,
}

/// Everything about a stake; whoever shows it needs nobody's leave.
#[cw_serde]
pub struct StakeMsg {
    /// Number of the covenant set in the instance's list.
    pub covenant: u32,
    /// The staker's key.
    pub staker: Bytes32,
    /// The finality provider's key; a stake has exactly one.
    pub provider: Bytes32,
    /// Timelock of the staking output, blocks.
    pub timelock: u16,
    /// The staking transaction, with or without witnesses.
    pub staking_tx: Binary,
    /// Which of its outputs is the stake.
    pub vout: u32,
    /// That it is in a block.
    pub inclusion: Inclusion,
    /// Spends the stake when the provider equivocates.
    pub slashing_tx: Binary,
    /// Spends the stake early.
    pub unbonding_tx: Binary,
    /// Spends the unbonding output when the provider equivocates.
    pub unbonding_slashing_tx: Binary,
    /// The staker's signature of the slashing transaction.
    pub staker_slashing: Binary,
    /// The staker's signature of the unbonding slashing transaction.
    pub staker_unbonding_slashing: Binary,
    /// At least a quorum of the committee's signatures, members strictly ascending by key.
    pub covenant_signatures: Vec<CovenantSignature>,
    /// The staker's consent.
    pub consent: SignedConsent,
}

/// One vote for a checkpoint.
#[cw_serde]
pub struct VoteItem {
    /// The provider.
    pub pk: Bytes32,
    /// The checkpoint.
    pub k: u64,
    /// Hash of the chain's header at the checkpoint's height.
    pub hash: Bytes32,
    /// Public randomness.
    pub r: Bytes32,
    /// Path from the randomness to the root of its commit: hashes of 32 bytes, one after the other, leaf level first.
    pub aunts: Binary,
    /// EOTS signature.
    pub s: Bytes32,
}

/// What can be done.
#[cw_serde]
pub enum ExecuteMsg {
    /// Governance, once: the first table comes into force.
    Start {},
    /// Registers a provider, or changes its operator or commission. Anybody may relay it.
    RegisterProvider {
        /// The provider's key.
        pk: Bytes32,
        /// Grows with each registration.
        seq: u64,
        /// Account that unjails and receives the commission.
        operator: String,
        /// Commission in basis points.
        commission: u16,
        /// The provider's BIP-0340 signature.
        signature: Binary,
    },
    /// Commits a provider to public randomness. Anybody may relay it.
    Commit {
        /// The provider's key.
        pk: Bytes32,
        /// Grows with each commit.
        seq: u64,
        /// First checkpoint.
        start: u64,
        /// Number of checkpoints, at most 2^20.
        num: u64,
        /// Root of the tree over the randomness.
        root: Bytes32,
        /// The provider's BIP-0340 signature.
        signature: Binary,
    },
    /// The operator, after a time in jail: the provider may be in tables again.
    Unjail {
        /// The provider's key.
        pk: Bytes32,
    },
    /// Shows a stake; it counts only after `activate`. Shown again, it proves inclusion anew after a reorganisation.
    Stake(Box<StakeMsg>),
    /// Lets a stake count that waited long enough, or lets an increase of its share count.
    Activate {
        /// The staking output.
        #[schemars(with = "String")]
        outpoint: OutPoint,
    },
    /// Shows a newer consent of a staker.
    Consent {
        /// The staking output.
        #[schemars(with = "String")]
        outpoint: OutPoint,
        /// The consent.
        consent: SignedConsent,
    },
    /// Shows two different consents with one number: the stake never counts again.
    ConsentConflict {
        /// The staking output.
        #[schemars(with = "String")]
        outpoint: OutPoint,
        /// One of them.
        first: SignedConsent,
        /// The other.
        second: SignedConsent,
    },
    /// Shows that a staking output was spent.
    ReportSpend {
        /// The staking output.
        #[schemars(with = "String")]
        outpoint: OutPoint,
        /// The transaction that spends it.
        tx: Binary,
        /// Which of its inputs.
        vin: u32,
        /// That it is in a block.
        inclusion: Inclusion,
    },
    /// Ends stakes whose time is over, and forgets those whose timelock is.
    Expire {
        /// Most stakes to look at: 1 to 100.
        limit: u32,
    },
    /// After a deep reorganisation: lets stakes and spends be proven anew.
    Unwind {
        /// Most stakes to look at: 1 to 100.
        limit: u32,
    },
    /// Brings up to 64 votes. One that is refused is an event and stops no other.
    Votes {
        /// The votes.
        items: Vec<VoteItem>,
    },
    /// Finalises what has a quorum, up to 16 checkpoints.
    Poke {},
    /// Shows that a provider signed two messages under one randomness.
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
    /// Shows the same by the hashes of the messages, which takes less than half of the bytes.
    EvidenceByHash {
        /// The provider's key.
        pk: Bytes32,
        /// The randomness.
        r: Bytes32,
        /// SHA-256 of one message and its signature s, then the same of the other message: 128 bytes.
        signed: Binary,
    },
    /// Shows a provider's secret key.
    Slash {
        /// The provider's key.
        pk: Bytes32,
        /// The secret key.
        sk: Bytes32,
    },
    /// Makes the next epoch's table.
    Roll {},
    /// Credits an ended epoch's rewards.
    Settle {
        /// The epoch.
        epoch: u64,
        /// Most providers to credit: 1 to 100.
        limit: u32,
    },
    /// Pays what is vested of stakes to their reward addresses, and commissions to operators.
    Claim {
        /// Staking outputs, at most 32.
        #[serde(default)]
        #[schemars(with = "Vec<String>")]
        outpoints: Vec<OutPoint>,
        /// Providers whose commission is paid, at most 32.
        #[serde(default)]
        providers: Vec<Bytes32>,
    },
    /// Takes the coins sent along as rewards for later epochs.
    Fund {},
    /// Governance, after a stall: decrees the next checkpoint and begins a new era with a fresh table.
    Resume {
        /// Hash of the chain's header at the next checkpoint's height.
        hash: Bytes32,
        /// Providers that are left out of the new table; none may have voted for the next checkpoint.
        exclude: Vec<Bytes32>,
        /// Stakes that end, at most 100: those that Bitcoin does not know.
        #[schemars(with = "Vec<String>")]
        drop: Vec<OutPoint>,
    },
    /// Governance: other parameters, from the table of the epoch after next on.
    UpdateParams {
        /// All of them.
        params: Params,
        /// The covenant sets; those that are there stay as they are, others may follow.
        covenants: Vec<CovenantSet>,
    },
    /// Governance: sends coins to itself: those of another denomination than that of the rewards, or the pot of a closed
    /// instance.
    Sweep {
        /// The denomination.
        denom: String,
    },
    /// Governance: no stakes and votes any more, for good. Evidence, spends and claims go on.
    Close {},
}

/// What can be asked.
#[cw_serde]
#[derive(QueryResponses)]
pub enum QueryMsg {
    /// What was fixed at the beginning, and the parameters.
    #[returns(ConfigResponse)]
    Config {},
    /// Where finality stands.
    #[returns(StatusResponse)]
    Status {},
    /// A final checkpoint, by its number or by a height at or below it; an error where there is none.
    #[returns(FinalizedResponse)]
    Finalized {
        /// The checkpoint.
        k: Option<u64>,
        /// A height of this chain; the first final checkpoint at or above it answers.
        height: Option<u64>,
    },
    /// Whether a final header of this chain holds a record of a contract; an error where it does not.
    #[returns(VerifyStateResponse)]
    VerifyState(StateProof),
    /// A provider.
    #[returns(ProviderResponse)]
    Provider {
        /// Its key.
        pk: Bytes32,
    },
    /// Providers in the order of their keys.
    #[returns(ProvidersResponse)]
    Providers {
        /// Begins after this one.
        start_after: Option<Bytes32>,
        /// At most 100; 30 where it is left out.
        limit: Option<u32>,
    },
    /// The table of an epoch: the one in force, the one before, or the one that is ready.
    #[returns(TableResponse)]
    Table {
        /// The epoch.
        epoch: u64,
    },
    /// The table that is ready to follow; an error where none is.
    #[returns(TableResponse)]
    NextTable {},
    /// A stake.
    #[returns(StakeResponse)]
    Stake {
        /// The staking output.
        #[schemars(with = "String")]
        outpoint: OutPoint,
    },
    /// Stakes in the order of their outpoints' bytes.
    #[returns(StakesResponse)]
    Stakes {
        /// Begins after this one.
        #[schemars(with = "Option<String>")]
        start_after: Option<OutPoint>,
        /// At most 100; 30 where it is left out.
        limit: Option<u32>,
    },
    /// All bytes that are needed to burn a stake on Bitcoin, but for the provider's key.
    #[returns(SlashKitResponse)]
    SlashKit {
        /// The staking output.
        #[schemars(with = "String")]
        outpoint: OutPoint,
    },
    /// With whom a stake is shared, as far as this chain was shown.
    #[returns(ExposureResponse)]
    Exposure {
        /// The staking output.
        #[schemars(with = "String")]
        outpoint: OutPoint,
    },
    /// The votes that count so far for a checkpoint that is not final.
    #[returns(TallyResponse)]
    Tally {
        /// The checkpoint.
        k: u64,
    },
    /// The votes of a provider that are kept, for checkpoints near the next one: one for each, or where a checkpoint passed to
    /// another table under which the provider has other randomness, one for each of these.
    #[returns(VotesResponse)]
    Votes {
        /// Its key.
        pk: Bytes32,
    },
    /// The secret key of a provider that was slashed.
    #[returns(SlashedResponse)]
    Slashed {
        /// Its key.
        pk: Bytes32,
    },
    /// Every resume so far.
    #[returns(ResumesResponse)]
    Resumes {},
    /// Where the money is.
    #[returns(RewardsResponse)]
    Rewards {},
}

/// That a record of a contract of this chain is in the state of a final header.
#[cw_serde]
pub struct StateProof {
    /// The final checkpoint whose header is shown.
    pub k: u64,
    /// The 14 encoded fields of the header, in order.
    pub header: Vec<Binary>,
    /// Address of the contract, 32 bytes.
    pub contract: Bytes32,
    /// The record's key in the contract's storage.
    pub key: Binary,
    /// The record.
    pub value: Binary,
    /// ICS-23 proof (protobuf) of the record in the store of contracts, taken at the header's height minus one.
    pub store_proof: Binary,
    /// ICS-23 proof (protobuf) of that store in the application's state.
    pub root_proof: Binary,
}
