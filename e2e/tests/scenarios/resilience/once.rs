//! Nothing was done twice: counted in the blocks of both chains.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use bitcoin::Txid;
use bitcoin::script::Instruction;
use bitcoincore_rpc::RpcApi as _;
use serde_json::Value;
use staking::units::ChainHeight;
use testenv::network::Network;

/// First bytes of the data of checkpoint transactions on test chains (spec 5.7).
const TAG: [u8; 4] = [1, 2, 3, 4];

/// Members of the committee that must sign.
const QUORUM: usize = 2;

/// Each committee member's signatures, each proof and each report are in one transaction; no provider voted twice.
pub(crate) async fn on_babylon(network: &Network, stakes: &[Txid]) -> anyhow::Result<()> {
    let members = network.committee.len();
    for stake in stakes {
        let signatures = "EventCovenantSignatureReceived";
        let signatures = count(network, signatures, stake).await?;
        let expected = QUORUM..=members;
        ensure!(
            expected.contains(&signatures),
            "{signatures} signatures of {stake}"
        );
        let proofs = count(network, "EventBTCDelegationInclusionProofReceived", stake).await?;
        ensure!(proofs == 1, "{proofs} proofs of {stake}");
        let reports = count(network, "EventBTCDelgationUnbondedEarly", stake).await?;
        let unbonded = network.delegation_state(*stake).await? == "UNBONDED";
        ensure!(
            reports == usize::from(unbonded),
            "{reports} reports about {stake}"
        );
    }
    let evidences = network.chain.double_votes(ChainHeight(0)).await?;
    ensure!(evidences.is_empty(), "evidence: {evidences:?}");
    Ok(())
}

/// No checkpoint was put on Bitcoin twice.
pub(crate) fn on_bitcoin(network: &Network) -> anyhow::Result<()> {
    let rpc = network.bitcoind.rpc();
    let mut seen = BTreeSet::new();
    for height in 1..=network.bitcoind.height()? {
        let block = rpc.get_block(&rpc.get_block_hash(height)?)?;
        let outputs = block.txdata.iter().flat_map(|tx| &tx.output);
        let scripts = outputs.map(|output| &output.script_pubkey);
        for script in scripts.filter(|script| script.is_op_return()) {
            let mut data = script.instructions().filter_map(|part| match part {
                Ok(Instruction::PushBytes(bytes)) => Some(bytes.as_bytes().to_vec()),
                _ => None,
            });
            let Some(data) = data.find(|data| data.starts_with(&TAG)) else {
                continue;
            };
            ensure!(seen.insert(data), "a checkpoint is there again at {height}");
        }
    }
    ensure!(!seen.is_empty(), "there are no checkpoints");
    Ok(())
}

/// How many times babylond raised an event about a stake.
async fn count(network: &Network, event: &str, stake: &Txid) -> anyhow::Result<usize> {
    let name = format!("babylon.btcstaking.v1.{event}");
    let query = format!("{name}.staking_tx_hash='\"{stake}\"'");
    let answer = network.babylond.query(&["txs", "--query", &query]).await?;
    let transactions = answer.get("txs").and_then(Value::as_array);
    let events = transactions
        .context("no transactions")?
        .iter()
        .filter_map(|transaction| transaction.get("events")?.as_array())
        .flatten();
    let about = format!("\"{stake}\"");
    let mentions = |event: &&Value| {
        let attributes = event.get("attributes").and_then(Value::as_array);
        event.get("type").and_then(Value::as_str) == Some(&name)
            && attributes.is_some_and(|all| all.iter().any(|one| one["value"] == about.as_str()))
    };
    Ok(events.filter(mentions).count())
}
