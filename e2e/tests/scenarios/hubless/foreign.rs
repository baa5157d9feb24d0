//! A stake that other software built: the official library in TypeScript, run by Node.js.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::transaction::Version;
use bitcoin::{Address, Amount, Network, OutPoint, Transaction, TxOut};
use committee::{Delegation, SignatureRequest, collect};
use eots::{SecretKey, bip340};
use serde_json::{Value, json};
use staking::delegation::{Registration, StakePlace, StakerSignatures, validate};
use staking::keys::{FinalityProviderKey, StakerKey};
use staking::params::StakingParams;
use staking::units::BlockInterval;
use testenv::partner_chain::{CHALLENGE, DEPTH, PartnerChain, Provider, Stake, staking_params};
use testenv::provision;
use testenv::scenario::Committee as Keys;

use super::scene::{Scene, VALUE};

/// Timelock of the stake, blocks.
const TIMELOCK: u16 = 1_000;

/// The coin that pays for it.
const COIN: Amount = Amount::from_sat(1_000_000);

/// The transactions of a stake, as the library builds them.
struct Built {
    staking: Transaction,
    unbonding: Transaction,
    slashing: Transaction,
    unbonding_slashing: Transaction,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s01_a_stake_that_the_official_library_built_counts_in_the_first_table() {
    let Some(script) = provision::staking_library().unwrap() else {
        // Straight to the terminal: what a test that passes prints is not shown.
        writeln!(
            io::stderr(),
            "SKIPPED: Node.js and npm are not on PATH, so the official library can build no stake"
        )
        .unwrap();
        return;
    };
    let chain = PartnerChain::launch_alone().await.unwrap();
    let scene = Scene::begin(&chain).await;
    let params = staking_params(&Keys::of_three()).unwrap();
    let staker = SecretKey::from_bytes(&rand::random()).unwrap();
    let (funding, coin) = chain.bitcoind.coin(COIN).unwrap();
    chain.mine(1).await.unwrap();
    let coin = (coin, &funding.output[coin.vout as usize]);
    let built = build(&script, &scene, &params, &staker, coin);
    assert_eq!(
        built.slashing.version,
        Version::TWO,
        "another form than ours"
    );

    let providers =
        [FinalityProviderKey::from_slice(scene.provider.public_key().as_bytes()).unwrap()];
    let registration = Registration {
        staker: StakerKey::from_slice(staker.public_key().as_bytes()).unwrap(),
        finality_providers: &providers,
        staking_time: BlockInterval::new(TIMELOCK).unwrap(),
        staking_value: Amount::from_sat(VALUE),
        place: StakePlace::Transaction {
            staking_tx: &built.staking,
            output_index: None,
        },
        unbonding_time: params.unbonding_time,
        unbonding_tx: &built.unbonding,
        slashing_tx: &built.slashing,
        unbonding_slashing_tx: &built.unbonding_slashing,
    };
    let valid = validate(&registration, &params).unwrap();
    let sign = |message: [u8; 32]| bip340::sign(&staker, &message, &rand::random()).into();
    let signatures = StakerSignatures {
        slashing: sign(valid.slashing_sighash().to_bytes()),
        unbonding_slashing: sign(valid.unbonding_slashing_sighash().to_bytes()),
    };
    let delegation = Delegation::new(&valid, &built.staking, signatures);
    let request = SignatureRequest::new(Network::Regtest, &params, delegation).unwrap();
    let collected = collect(&scene.committee.members(), &request).await;
    assert!(collected.is_quorum(), "{:?}", collected.failures);

    let signed = chain.bitcoind.sign(&built.staking).unwrap();
    chain.confirm(&[&signed], DEPTH).await.unwrap();
    let mut covenant = collected.signatures;
    covenant.truncate(params.covenant.quorum());
    let stake = Stake::made(staker, valid, signed, covenant);
    let mesh = &scene.meshes[0];
    let rewards = chain.fresh_address().unwrap();
    let consent = stake.consent(1, &[(mesh.domain(), 10_000, &rewards)]);
    let inclusion = chain.inclusion(stake.outpoint().txid).unwrap();
    let shown = stake.message(&inclusion, &consent.unwrap()).unwrap();
    mesh.execute(shown).await.unwrap();
    let early = mesh.execute(stake.activation()).await;
    assert!(early.is_err(), "it waits first");
    chain.mine(CHALLENGE).await.unwrap();
    mesh.execute(stake.activation()).await.unwrap();
    let provider = Provider::new(mesh.domain(), scene.provider.clone()).unwrap();
    mesh.execute(provider.commit(1).unwrap()).await.unwrap();
    mesh.govern(json!({ "start": {} })).await.unwrap();
    let table = mesh.table(0).await.unwrap();
    let weights: Vec<_> = table.entries().iter().map(|entry| entry.weight).collect();
    assert_eq!(weights, [VALUE]);
}

/// Has the library build a stake from a coin.
fn build(
    script: &Path,
    scene: &Scene<'_>,
    params: &StakingParams,
    staker: &SecretKey,
    (coin, output): (OutPoint, &TxOut),
) -> Built {
    let script_pubkey = &output.script_pubkey;
    let wanted = json!({
        "address": Address::from_script(script_pubkey, Network::Regtest).unwrap(),
        "staker": staker.public_key().to_string(),
        "provider": scene.provider.public_key().to_string(),
        "timelock": TIMELOCK,
        "amount": VALUE,
        "fee_rate": 10,
        "coins": [{
            "txid": coin.txid,
            "vout": coin.vout,
            "value": output.value.to_sat(),
            "scriptPubKey": script_pubkey.to_hex_string(),
        }],
        "params": {
            "covenantNoCoordPks": params.covenant.keys(),
            "covenantQuorum": params.covenant.quorum(),
            "unbondingTime": params.unbonding_time,
            "unbondingFeeSat": params.unbonding_fee.to_sat(),
            "maxStakingAmountSat": params.max_staking_value.to_sat(),
            "minStakingAmountSat": params.min_staking_value.to_sat(),
            "maxStakingTimeBlocks": params.max_staking_time,
            "minStakingTimeBlocks": params.min_staking_time,
            "slashing": {
                "slashingPkScriptHex": params.slashing_script.to_hex_string(),
                "slashingRate": f64::from(params.slashing_rate.ten_thousandths()) / 10_000.0,
                "minSlashingTxFeeSat": params.min_slashing_fee.to_sat(),
            },
        },
    });
    let mut node = Command::new("node")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = node.stdin.take().unwrap();
    stdin.write_all(wanted.to_string().as_bytes()).unwrap();
    drop(stdin);
    let finished = node.wait_with_output().unwrap();
    assert!(finished.status.success(), "{wanted}");
    let built: Value = serde_json::from_slice(&finished.stdout).unwrap();
    let transaction = |name: &str| deserialize_hex(built[name].as_str().unwrap()).unwrap();
    Built {
        staking: transaction("staking"),
        unbonding: transaction("unbonding"),
        slashing: transaction("slashing"),
        unbonding_slashing: transaction("unbonding_slashing"),
    }
}
