//! C06: what the `covenant` program hands in is valid for whoever needs it later.
//!
//! babylond itself verifies every signature before it stores one (1110), and refuses at registration whatever is no valid
//! delegation: scripts, transactions and values that do not follow from the parameters (1108, 1109, 1114), other than one
//! finality provider (1115, 1116), invalid signatures of the staker (1109, 1117). So there is nothing of that kind that the
//! program could be asked to sign here; that it refuses all of it without the chain's help is shown in `covenant/tests`.

use std::slice;

use bitcoin::Transaction;
use bitcoincore_rpc::RpcApi as _;
use chain::Chain as _;
use eots::curve::Pure;
use eots::{SecretKey, bip340};
use staking::delegation::SlashedOutput;
use testenv::scenario::{Stage, Stake, Staker};

/// Verifies what the chain stores with other code than what signed it, and has Bitcoin judge what can be made of it.
pub(crate) async fn all_verify_and_spend(
    stage: &Stage,
    staker: &Staker,
    stake: &Stake,
    provider: &SecretKey,
) {
    let txid = stake.staking_tx.compute_txid();
    let stored = stage.chain.delegation(txid).await.unwrap().unwrap();
    let delegation = &stake.delegation;
    let signatures = stored.covenant_signatures();
    assert_eq!(signatures.len(), 2);
    for member in &signatures {
        delegation
            .check_covenant_signatures_on(&Pure, member)
            .unwrap();
        let mut wrong = member.clone();
        wrong.slashing.clone_from(&member.unbonding_slashing);
        assert!(
            delegation
                .check_covenant_signatures_on(&Pure, &wrong)
                .is_err()
        );
    }

    let slashing = delegation
        .signed_slashing_tx(
            SlashedOutput::Staking,
            provider,
            &stored.staker_slashing_signature,
            &stored.covenant_slashing_signatures,
        )
        .unwrap();
    let sighash = delegation.unbonding_sighash().to_bytes();
    let staker_signature = bip340::sign(staker.secret(), &sighash, &rand::random()).into();
    let unbonding = delegation
        .signed_unbonding_tx(&staker_signature, &stored.covenant_unbonding_signatures)
        .unwrap();
    let unbonding_slashing = delegation
        .signed_slashing_tx(
            SlashedOutput::Unbonding,
            provider,
            &stored.staker_unbonding_slashing_signature,
            &stored.covenant_unbonding_slashing_signatures,
        )
        .unwrap();
    // Two ways for one stake: slashed at once, or after it has begun to unbond.
    for way in [slice::from_ref(&slashing), &[unbonding, unbonding_slashing]] {
        let way: Vec<&Transaction> = way.iter().collect();
        let judged = stage.bitcoind.rpc().test_mempool_accept(&way).unwrap();
        assert!(judged.iter().all(|verdict| verdict.allowed), "{judged:?}");
    }
}
