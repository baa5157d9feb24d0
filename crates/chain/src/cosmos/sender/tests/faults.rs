//! Single faults.

use std::time::Duration;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_lost_answer_leads_neither_to_a_lost_nor_to_a_repeated_message() {
    for lost in 1..5 {
        let (chain, sender) = start(|config| config.max_messages = 2.try_into().unwrap());
        chain.state().lose_answers = lost;
        let texts = numbered(10);
        let outcomes = submit(&sender, &refs(&texts)).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert_eq!(chain.state().executed, texts);
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_lost_its_mempool_gets_the_transactions_again() {
    let (chain, sender) = start(|config| config.max_messages = 2.try_into().unwrap());
    chain.state().stalled = true;
    let texts = numbered(6);
    let messages = refs(&texts);
    let (outcomes, ()) = tokio::join!(submit(&sender, &messages), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let mut state = chain.state();
        assert_eq!(state.mempool.len(), 3);
        state.mempool.clear();
        state.stalled = false;
    });
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(chain.state().executed, texts);
    assert_eq!(chain.state().blocks.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_in_the_block_is_the_culprits_alone() {
    let (chain, sender) = start(|_| ());
    chain.state().stalled = true;
    let (outcomes, ()) = tokio::join!(submit(&sender, &["a", "b", "c"]), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        // Somebody else did the same in the meantime, which the simulation could not see.
        let mut state = chain.state();
        state.executed.push("b".to_owned());
        state.stalled = false;
    });
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    assert!(is_rejected(&outcomes[1]), "{:?}", outcomes[1]);
    assert_eq!(chain.state().executed, ["b", "a", "c"]);
}

#[tokio::test(start_paused = true)]
async fn gas_that_ran_out_is_tried_again_with_more() {
    let (chain, sender) = start(|_| ());
    chain.state().gas_percent = 200;
    let outcomes = submit(&sender, &["a", "b"]).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let state = chain.state();
    assert!(
        state.gas_limits[0] < state.gas_limits[1],
        "{:?}",
        state.gas_limits
    );
    assert_eq!(state.executed, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn gas_that_never_suffices_is_given_up() {
    let (chain, sender) = start(|_| ());
    chain.state().gas_percent = 100_000;
    let outcomes = submit(&sender, &["a"]).await;
    let Err(ChainError::Rejected(refusal)) = &outcomes[0] else {
        panic!("{outcomes:?}")
    };
    assert_eq!((refusal.codespace.as_str(), refusal.code), ("sdk", 11));
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_expired_is_sent_anew() {
    let (chain, sender) = start(|_| ());
    chain.state().stalled = true;
    let (outcomes, ()) = tokio::join!(submit(&sender, &["a"]), async {
        // Longer than its timeout height, shorter than our patience.
        tokio::time::sleep(Duration::from_mins(1)).await;
        chain.state().stalled = false;
    });
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
    assert_eq!(chain.state().executed, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_the_index_does_not_show_yet_is_not_sent_again() {
    let (chain, sender) = start(|_| ());
    // Longer than the transaction's timeout height.
    chain.state().index_lag = 40;
    let outcomes = submit(&sender, &["a"]).await;
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
    assert_eq!(chain.state().blocks, [["a"]]);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_the_index_never_shows_is_given_up_long_before_the_patience_ends() {
    let (chain, sender) = start(|_| ());
    // The node was stopped between making the block and indexing it.
    chain.state().index_lag = 10_000;
    let outcomes = submit(&sender, &["a"]).await;
    let Err(ChainError::Timeout { seconds, .. }) = &outcomes[0] else {
        panic!("{outcomes:?}")
    };
    assert!(*seconds < 60, "{seconds}");
    assert_eq!(chain.state().blocks, [["a"]]);
    chain.state().index_lag = 0;
    assert!(submit(&sender, &["b"]).await[0].is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_nobody_includes_times_out_with_its_hash() {
    let (chain, sender) = start(|config| {
        config.inclusion_timeout_seconds = 10.try_into().unwrap();
    });
    chain.state().stalled = true;
    let outcomes = submit(&sender, &["a"]).await;
    let Err(ChainError::Timeout { tx_hash, seconds }) = &outcomes[0] else {
        panic!("{outcomes:?}")
    };
    assert_eq!((tx_hash.len(), *seconds), (64, 10));
}

#[tokio::test(start_paused = true)]
async fn a_sequence_that_somebody_else_used_is_read_again() {
    let (chain, sender) = start(|config| config.max_messages = 1.try_into().unwrap());
    let (outcomes, ()) = tokio::join!(submit(&sender, &["a", "b", "c"]), async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        // Between our reading the account and our first transaction.
        chain.state().sequence += 5;
    });
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(chain.state().executed, ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_mempool_is_waited_for() {
    let (chain, sender) = start(|_| ());
    chain.state().full = true;
    let (outcomes, ()) = tokio::join!(submit(&sender, &["a"]), async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        chain.state().full = false;
    });
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_mempool_that_stays_full_is_reported() {
    let (chain, sender) = start(|_| ());
    chain.state().full = true;
    let outcomes = submit(&sender, &["a"]).await;
    let Err(ChainError::Rejected(refusal)) = &outcomes[0] else {
        panic!("{outcomes:?}")
    };
    assert_eq!(refusal.code, 20);
}

#[tokio::test(start_paused = true)]
async fn an_old_hindrance_does_not_shorten_the_patience_with_the_next() {
    let (chain, sender) = start(|_| ());
    chain.state().full = true;
    let (outcomes, ()) = tokio::join!(submit(&sender, &["a"]), async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        chain.state().unreachable = true;
    });
    assert!(outcomes[0].is_err(), "{outcomes:?}");
    chain.state().unreachable = false;
    tokio::time::sleep(Duration::from_secs(1000)).await;
    let (outcomes, ()) = tokio::join!(submit(&sender, &["b"]), async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        chain.state().full = false;
    });
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_node_is_reported_at_once_and_used_again_later() {
    let (chain, sender) = start(|_| ());
    chain.state().unreachable = true;
    let outcomes = submit(&sender, &refs(&numbered(1_000))).await;
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Err(ChainError::Unreachable { .. }))),
        "{outcomes:?}"
    );
    chain.state().unreachable = false;
    assert!(submit(&sender, &["a"]).await[0].is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_outage_while_a_transaction_waits_is_bridged() {
    let (chain, sender) = start(|_| ());
    chain.state().stalled = true;
    let (outcomes, ()) = tokio::join!(submit(&sender, &["a"]), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        {
            let mut state = chain.state();
            state.unreachable = true;
            state.stalled = false;
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
        chain.state().unreachable = false;
    });
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
    assert_eq!(chain.state().executed, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_cannot_pay_is_named() {
    for exists in [true, false] {
        let (chain, sender) = start(|_| ());
        chain.state().poor = true;
        chain.state().exists = exists;
        let outcomes = submit(&sender, &["a", "b"]).await;
        for outcome in outcomes {
            let error = outcome.unwrap_err();
            assert!(
                matches!(error, ChainError::InsufficientFunds { .. }),
                "{error}"
            );
            assert!(error.to_string().contains("bbn1"), "{error}");
        }
    }
}
