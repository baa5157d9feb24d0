//! What an instance prescribes, in numbers that make scenarios short.

use bitcoin::hashes::Hash as _;
use bitcoin::{Amount, ScriptBuf, WPubkeyHash};
use serde_json::{Value, json};
use staking::keys::CovenantKey;
use staking::params::{CovenantCommittee, StakingParams};
use staking::slashing_rate::SlashingRate;
use staking::units::{BitcoinHeight, BlockInterval};

use super::encoding::base64;
use crate::scenario::Committee;

/// Blocks on top of a transaction before it is believed.
pub const DEPTH: u64 = 4;

/// Blocks that a stake waits.
pub const CHALLENGE: u64 = 3;

/// Blocks in which nothing is activated after a deep reorganisation.
pub const THAW: u64 = 6;

/// Blocks that an increase of a share waits.
pub const CONSENT_DELAY: u64 = 4;

/// Age in blocks from which on a table makes nothing final.
pub const MAX_AGE: u64 = 40;

/// Blocks within which the report of a spend forfeits nothing.
pub const GRACE: u64 = 5;

/// Timelock of unbonding outputs, blocks.
pub const UNBONDING: u16 = 100;

/// The parameters of an instance; a test changes what it is about.
pub fn params() -> Value {
    json!({
        "depth_min": DEPTH,
        "challenge": CHALLENGE,
        "settled_depth": 20,
        "thaw": THAW,
        "consent_delay": CONSENT_DELAY,
        // Of today's blocks, as all of a regtest chain are.
        "pace_min": 72,
        "max_lag": 7_200,
        "max_stale": 10_800,
        "max_age": MAX_AGE,
        "report_margin": 20,
        "slash_margin": 20,
        "stall_min": 2,
        "epoch_len": 4,
        "interval": 1,
        "margin": 2,
        "window": 4,
        "growth": 10_000,
        "max_share": 10_000,
        "min_total": 1,
        "min_providers": 1,
        "participation_floor": 0,
        "jail_epochs": 1,
        "late": 1,
        "max_commission": 2_000,
        "min_slashing_rate": 500,
        "grace": GRACE,
        "vesting": 100,
        "bounty": 1_000,
    })
}

/// What a committee prescribes for the stakes that it signs.
///
/// # Errors
///
/// Where its keys make no committee.
pub fn staking_params(committee: &Committee) -> anyhow::Result<StakingParams> {
    let keys = committee.keys()?.into_iter().map(CovenantKey).collect();
    Ok(StakingParams {
        version: 0,
        covenant: CovenantCommittee::new(keys, committee.quorum())?,
        min_staking_value: Amount::from_sat(50_000),
        max_staking_value: Amount::from_sat(100_000_000),
        min_staking_time: BlockInterval::new(110)?,
        max_staking_time: BlockInterval::new(64_000)?,
        slashing_script: ScriptBuf::new_p2wpkh(&WPubkeyHash::all_zeros()),
        min_slashing_fee: Amount::from_sat(1_000),
        slashing_rate: SlashingRate::from_ten_thousandths(1_000)
            .ok_or(anyhow::anyhow!("no slashing rate"))?,
        unbonding_time: BlockInterval::new(UNBONDING)?,
        unbonding_fee: Amount::from_sat(2_000),
        activation_height: BitcoinHeight(0),
    })
}

/// The same as an instance takes it.
pub(super) fn covenant_set(params: &StakingParams) -> Value {
    let keys: Vec<String> = params
        .covenant
        .keys()
        .iter()
        .map(ToString::to_string)
        .collect();
    json!({
        "keys": keys,
        "quorum": params.covenant.quorum(),
        "min_staking_value": params.min_staking_value.to_sat(),
        "max_staking_value": params.max_staking_value.to_sat(),
        "min_staking_time": params.min_staking_time.blocks(),
        "max_staking_time": params.max_staking_time.blocks(),
        "slashing_script": base64(&params.slashing_script),
        "min_slashing_fee": params.min_slashing_fee.to_sat(),
        "slashing_rate": params.slashing_rate.ten_thousandths(),
        "unbonding_time": params.unbonding_time.blocks(),
        "unbonding_fee": params.unbonding_fee.to_sat(),
        "max_share": 10_000,
    })
}
