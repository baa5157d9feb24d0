//! The numbers of an instance.

use cosmwasm_schema::cw_serde;
use cosmwasm_std::Binary;

use super::Bytes32;

/// The numbers of an instance. Blocks are Bitcoin's unless "of this chain" is said.
#[cw_serde]
#[derive(Copy, Eq)]
pub struct Params {
    /// Depth at which a stake or a spend is believed, blocks.
    pub depth_min: u32,
    /// How long a stake waits before it may count, blocks: time in which anybody may show that it was spent.
    pub challenge: u32,
    /// Depth from which a stake's weight is not limited by `growth`, blocks.
    pub settled_depth: u32,
    /// How long nothing is activated after a reorganisation of `depth_min` or more, blocks.
    pub thaw: u32,
    /// How long an increase of a share waits after it was first seen here, blocks.
    pub consent_delay: u32,
    /// Least number of blocks within the last 24 hours without which nothing is activated; 0 on regtest.
    pub pace_min: u32,
    /// How far Bitcoin's tip may be behind this chain's clock for activations, seconds.
    pub max_lag: u32,
    /// How far it may be behind for finality, seconds.
    pub max_stale: u32,
    /// How old a table may be that makes checkpoints final, blocks.
    pub max_age: u32,
    /// Time kept for reporting a spend, blocks; with `max_age` and `slash_margin` it must fit into the unbonding time.
    pub report_margin: u32,
    /// Time kept for slashing on Bitcoin, blocks.
    pub slash_margin: u32,
    /// Least stall before governance may resume, blocks.
    pub stall_min: u32,
    /// Checkpoints of an epoch.
    pub epoch_len: u32,
    /// Blocks of this chain between two checkpoints.
    pub interval: u32,
    /// How many checkpoints before the last the next table may be made.
    pub margin: u32,
    /// How far before and after the next checkpoint votes are taken; cannot be changed.
    pub window: u32,
    /// Most new weight of an epoch, basis points of the table in force.
    pub growth: u16,
    /// Largest share of one provider in a table, basis points of all weight.
    pub max_share: u16,
    /// Least total weight of a table, sat.
    pub min_total: u64,
    /// Least number of providers of a table.
    pub min_providers: u32,
    /// Least share of checkpoints that a provider must vote for in an epoch, basis points.
    pub participation_floor: u16,
    /// How many epochs a jailed provider waits before it may unjail.
    pub jail_epochs: u32,
    /// How many blocks of this chain an epoch's votes are still taken for rewards after its end.
    pub late: u32,
    /// Largest commission, basis points.
    pub max_commission: u16,
    /// Least share of a stake that slashing burns, ten thousandths.
    pub min_slashing_rate: u16,
    /// How long a spend may be unreported without forfeiting rewards, blocks.
    pub grace: u32,
    /// How long rewards vest, blocks; not less than the shortest unbonding time.
    pub vesting: u32,
    /// The reporter's part of what is forfeited, basis points.
    pub bounty: u16,
}

/// A covenant committee and what it prescribes for the stakes it signs.
#[cw_serde]
#[derive(Eq)]
pub struct CovenantSet {
    /// The members' keys, in any order.
    pub keys: Vec<Bytes32>,
    /// How many of them must sign.
    pub quorum: u32,
    /// Least value of a stake, sat.
    pub min_staking_value: u64,
    /// Largest value of a stake, sat.
    pub max_staking_value: u64,
    /// Shortest staking time, blocks.
    pub min_staking_time: u16,
    /// Longest staking time, blocks.
    pub max_staking_time: u16,
    /// Script that receives slashed coins.
    pub slashing_script: Binary,
    /// Least fee of a slashing transaction, sat.
    pub min_slashing_fee: u64,
    /// Share that slashing burns, ten thousandths.
    pub slashing_rate: u16,
    /// Timelock of the unbonding output and of the slashing change, blocks.
    pub unbonding_time: u16,
    /// Fee of the unbonding transaction, sat.
    pub unbonding_fee: u64,
    /// Largest share of one of its stakes that counts here, basis points. Stakes that Babylon counts too are shared with it
    /// whatever their consent says: give their committee less than 10,000.
    pub max_share: u16,
}
