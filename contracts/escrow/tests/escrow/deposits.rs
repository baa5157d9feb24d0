//! What is paid, to whom, and how often.

use cosmwasm_std::{Coin, coins};
use escrow::ContractError;
use escrow::msg::ExecuteMsg;

use crate::chain::HEIGHT;
use crate::fork::{Checkpoint, DENOM, FIRST, Fork, header_after};

/// The refusal, as the escrow gave it.
pub(crate) fn refusal<T: std::fmt::Debug>(result: cw_multi_test::error::AnyResult<T>) -> String {
    result.unwrap_err().root_cause().to_string()
}

#[test]
fn a_deposit_is_paid_to_its_receiver_once_a_final_header_holds_it() {
    let mut fork = Fork::new();
    let id = fork.deposit("alice", "bob", 100);
    assert_eq!((fork.balance("alice"), fork.balance("bob")), (900, 0));
    let state = fork.state();
    let header = header_after(&state);
    let proof = fork.proof(id, 1, &state, &header);
    assert_eq!(
        refusal(fork.release(id, proof.clone())),
        "Generic error: Querier contract error: no final checkpoint is known for k = 1"
    );
    fork.finalise(FIRST, &header);
    assert!(!fork.ask(id).released);
    fork.release(id, proof).unwrap();
    assert!(fork.ask(id).released);
    assert_eq!((fork.balance("alice"), fork.balance("bob")), (900, 100));
}

#[test]
fn a_deposit_is_paid_once() {
    let mut fork = Fork::new();
    let first = fork.deposit("alice", "bob", 100);
    // Coins of somebody else are there to be stolen.
    fork.deposit("alice", "carol", 500);
    let state = fork.state();
    let header = header_after(&state);
    fork.finalise(FIRST, &header);
    let proof = fork.proof(first, 1, &state, &header);
    fork.release(first, proof.clone()).unwrap();
    assert_eq!(
        refusal(fork.release(first, proof)),
        ContractError::Released(first).to_string()
    );
    // Nor with a proof of a later state, after the payment.
    let later = fork.state();
    let header = header_after(&later);
    fork.finalise(Checkpoint { k: 2, ..FIRST }, &header);
    let proof = fork.proof(first, 2, &later, &header);
    assert_eq!(
        refusal(fork.release(first, proof)),
        ContractError::Released(first).to_string()
    );
    assert_eq!(fork.balance("bob"), 100);
}

#[test]
fn a_proof_of_another_deposit_is_refused() {
    let mut fork = Fork::new();
    let small = fork.deposit("mallory", "mallory", 1);
    let large = fork.deposit("alice", "mallory", 900);
    let state = fork.state();
    let header = header_after(&state);
    fork.finalise(FIRST, &header);
    let proof = fork.proof(small, 1, &state, &header);
    let refused = refusal(fork.release(large, proof));
    assert!(
        refused.ends_with("store_proof: it proves another key"),
        "{refused}"
    );
}

#[test]
fn a_deposit_in_the_block_of_the_final_header_waits_for_a_later_one() {
    let mut fork = Fork::new();
    let before = fork.state();
    let id = fork.deposit("alice", "bob", 100);
    let after = fork.state();
    // The header of the block with the deposit has the hash of the state before it.
    let header = header_after(&before);
    fork.finalise(FIRST, &header);
    let proof = fork.proof(id, 1, &after, &header);
    assert!(refusal(fork.release(id, proof)).contains("header H needs proofs of the state after"));
    let next = crate::chain::header(crate::chain::CHAIN_ID, HEIGHT + 1, &after.app_hash());
    let second = Checkpoint {
        k: 2,
        height: HEIGHT + 1,
        ..FIRST
    };
    fork.finalise(second, &next);
    fork.release(id, fork.proof(id, 2, &after, &next)).unwrap();
}

#[test]
fn an_old_proof_still_holds_because_records_do_not_change() {
    let mut fork = Fork::new();
    let id = fork.deposit("alice", "bob", 100);
    let other = fork.deposit("alice", "carol", 50);
    let record = fork.record(id);
    let state = fork.state();
    let header = header_after(&state);
    fork.finalise(FIRST, &header);
    fork.deposit("mallory", "mallory", 5);
    fork.release(other, fork.proof(other, 1, &state, &header))
        .unwrap();
    fork.release(id, fork.proof(id, 1, &state, &header))
        .unwrap();
    assert_eq!(fork.record(id), record);
    assert_eq!((fork.balance("bob"), fork.balance("carol")), (100, 50));
}

#[test]
fn a_decreed_checkpoint_is_refused() {
    let mut fork = Fork::new();
    let id = fork.deposit("alice", "bob", 100);
    let state = fork.state();
    let header = header_after(&state);
    fork.finalise(
        Checkpoint {
            decreed: true,
            ..FIRST
        },
        &header,
    );
    let proof = fork.proof(id, 1, &state, &header);
    assert_eq!(
        refusal(fork.release(id, proof)),
        ContractError::Decreed(1).to_string()
    );
    assert_eq!(fork.balance("bob"), 0);
}

#[test]
fn another_era_than_the_pinned_one_is_refused_until_the_owner_pins_it() {
    let mut fork = Fork::new();
    let id = fork.deposit("alice", "bob", 100);
    let state = fork.state();
    let header = header_after(&state);
    fork.finalise(Checkpoint { era: 1, ..FIRST }, &header);
    let proof = fork.proof(id, 1, &state, &header);
    let refused = ContractError::Era {
        k: 1,
        found: 1,
        pinned: 0,
    };
    assert_eq!(
        refusal(fork.release(id, proof.clone())),
        refused.to_string()
    );
    let pin = ExecuteMsg::PinEra { era: 1 };
    let refused = refusal(fork.execute("mallory", &pin, &[]));
    assert!(refused.contains("may do this"), "{refused}");
    fork.execute("owner", &pin, &[]).unwrap();
    fork.release(id, proof).unwrap();
    assert_eq!(fork.balance("bob"), 100);
    // And the era before is believed no more.
    let id = fork.deposit("alice", "bob", 10);
    let state = fork.state();
    let header = header_after(&state);
    fork.finalise(Checkpoint { k: 2, ..FIRST }, &header);
    let proof = fork.proof(id, 2, &state, &header);
    let refused = ContractError::Era {
        k: 2,
        found: 0,
        pinned: 1,
    };
    assert_eq!(refusal(fork.release(id, proof)), refused.to_string());
}

#[test]
fn a_deposit_is_exactly_one_coin() {
    let mut fork = Fork::new();
    let deposit = ExecuteMsg::Deposit {
        receiver: crate::fork::account("bob").into(),
    };
    let none = refusal(fork.execute("alice", &deposit, &[]));
    assert_eq!(none, ContractError::Coins(0).to_string());
    let two = [Coin::new(1_u32, DENOM), Coin::new(1_u32, "other")];
    let two = refusal(fork.execute("alice", &deposit, &two));
    assert_eq!(two, ContractError::Coins(2).to_string());
    fork.execute("alice", &deposit, &coins(1, "other")).unwrap();
}

#[test]
fn a_deposit_that_nobody_made_is_refused() {
    let mut fork = Fork::new();
    let id = fork.deposit("alice", "bob", 100);
    let state = fork.state();
    let header = header_after(&state);
    fork.finalise(FIRST, &header);
    let proof = fork.proof(id, 1, &state, &header);
    assert_eq!(
        refusal(fork.release(id + 1, proof)),
        ContractError::UnknownDeposit(id + 1).to_string()
    );
}
