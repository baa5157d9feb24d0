//! Every script, output, control block, transaction and sighash of the published cases is rebuilt to the byte.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::{Amount, ScriptBuf, Transaction};
use serde::Deserialize;
use staking::delegation::DelegationPlan;
use staking::keys::{CovenantKey, FinalityProviderKey, StakerKey};
use staking::outputs::Leaf;
use staking::params::{CovenantCommittee, StakingParams};
use staking::units::{BitcoinHeight, BlockInterval};

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    params: Params,
    expected: Expected,
}

#[derive(Deserialize)]
struct Params {
    staker_pk: StakerKey,
    finality_provider_pks: Vec<FinalityProviderKey>,
    covenant_pks: Vec<CovenantKey>,
    covenant_quorum: u32,
    staking_time: BlockInterval,
    unbonding_time: BlockInterval,
    staking_value: u64,
    unbonding_fee: u64,
    slashing_rate: String,
    min_slashing_tx_fee: u64,
    slashing_pk_script: String,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Expected {
    timelock_script: String,
    unbonding_script: String,
    slashing_script: String,
    staking_pk_script: String,
    control_block_timelock: String,
    control_block_unbonding: String,
    control_block_slashing: String,
    unbonding_pk_script: String,
    unbonding_timelock_script: String,
    unbonding_control_block_timelock: String,
    unbonding_control_block_slashing: String,
    slashing_change_pk_script: String,
    staking_tx: String,
    staking_txid: String,
    unbonding_tx: String,
    unbonding_txid: String,
    slashing_tx: String,
    unbonding_slashing_tx: String,
    sighash_unbonding: String,
    sighash_slashing: String,
    sighash_unbonding_slashing: String,
}

fn rebuild(case: &Case) -> Expected {
    let params = &case.params;
    let value = Amount::from_sat(params.staking_value);
    let plan = DelegationPlan::new(
        params.staker_pk,
        params.finality_provider_pks.clone(),
        params.staking_time,
        value,
        &StakingParams {
            version: 0,
            covenant: CovenantCommittee::new(params.covenant_pks.clone(), params.covenant_quorum)
                .unwrap(),
            min_staking_value: value,
            max_staking_value: value,
            min_staking_time: params.staking_time,
            max_staking_time: params.staking_time,
            slashing_script: ScriptBuf::from_hex(&params.slashing_pk_script).unwrap(),
            min_slashing_fee: Amount::from_sat(params.min_slashing_tx_fee),
            slashing_rate: params.slashing_rate.parse().unwrap(),
            unbonding_time: params.unbonding_time,
            unbonding_fee: Amount::from_sat(params.unbonding_fee),
            activation_height: BitcoinHeight(0),
        },
    )
    .unwrap();
    // The transaction is given; that the stake is one of its outputs is what is tested.
    let staking_tx: Transaction = deserialize_hex(&case.expected.staking_tx).unwrap();
    let built = plan.build(&staking_tx, None).unwrap();

    let script = |leaf: &Leaf| leaf.script().to_hex_string();
    let control_block = |leaf: &Leaf| hex::encode(leaf.control_block().serialize());
    let (staking, unbonding) = (built.staking_output(), built.unbonding_output());
    Expected {
        timelock_script: script(staking.timelock().leaf()),
        unbonding_script: script(staking.unbonding()),
        slashing_script: script(staking.slashing()),
        staking_pk_script: staking.tx_out().script_pubkey.to_hex_string(),
        control_block_timelock: control_block(staking.timelock().leaf()),
        control_block_unbonding: control_block(staking.unbonding()),
        control_block_slashing: control_block(staking.slashing()),
        unbonding_pk_script: unbonding.tx_out().script_pubkey.to_hex_string(),
        unbonding_timelock_script: script(unbonding.timelock().leaf()),
        unbonding_control_block_timelock: control_block(unbonding.timelock().leaf()),
        unbonding_control_block_slashing: control_block(unbonding.slashing()),
        slashing_change_pk_script: built.slashing_change().script_pubkey().to_hex_string(),
        staking_tx: serialize_hex(&staking_tx),
        staking_txid: built.staking_outpoint().txid.to_string(),
        unbonding_tx: serialize_hex(built.unbonding_tx()),
        unbonding_txid: built.unbonding_outpoint().txid.to_string(),
        slashing_tx: serialize_hex(built.slashing_tx()),
        unbonding_slashing_tx: serialize_hex(built.unbonding_slashing_tx()),
        sighash_unbonding: hex::encode(built.unbonding_sighash().to_bytes()),
        sighash_slashing: hex::encode(built.slashing_sighash().to_bytes()),
        sighash_unbonding_slashing: hex::encode(built.unbonding_slashing_sighash().to_bytes()),
    }
}

#[test]
fn every_published_case_is_rebuilt() {
    let vectors: Vectors = serde_json::from_str(include_str!("vectors/scripts.json")).unwrap();
    assert_eq!(vectors.cases.len(), 24);
    for (index, case) in vectors.cases.iter().enumerate() {
        assert_eq!(rebuild(case), case.expected, "case {index}");
    }
}
