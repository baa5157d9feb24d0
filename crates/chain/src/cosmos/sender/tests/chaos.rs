//! Faults at random times.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use tokio::runtime::Builder;

use super::*;

#[derive(Debug, Clone, Copy)]
enum Fault {
    Unreachable,
    Full,
    LoseAnswers(u32),
    LoseMempool,
    Stall,
    Gas(u64),
    Foreign(u64),
    SlowIndex(u64),
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Unreachable),
        Just(Fault::Full),
        (1..4_u32).prop_map(Fault::LoseAnswers),
        Just(Fault::LoseMempool),
        Just(Fault::Stall),
        (50..400_u64).prop_map(Fault::Gas),
        (1..3_u64).prop_map(Fault::Foreign),
        (1..80_u64).prop_map(Fault::SlowIndex),
    ]
}

async fn disturb(chain: &Chain, faults: &[(Fault, u64)]) {
    for (fault, milliseconds) in faults {
        {
            let mut state = chain.state();
            match fault {
                Fault::Unreachable => state.unreachable = true,
                Fault::Full => state.full = true,
                Fault::LoseAnswers(count) => state.lose_answers = *count,
                Fault::LoseMempool => state.mempool.clear(),
                Fault::Stall => state.stalled = true,
                Fault::Gas(percent) => state.gas_percent = *percent,
                Fault::SlowIndex(blocks) => state.index_lag = *blocks,
                Fault::Foreign(count) => {
                    // Their transactions come first, ours with these sequences are thrown out.
                    state.sequence += count;
                    state.mempool.clear();
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
        let mut state = chain.state();
        state.unreachable = false;
        state.full = false;
        state.stalled = false;
        state.gas_percent = 100;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_message_is_lost_or_takes_effect_twice(
        submissions in prop::collection::vec((0..2_000_u64, 1..30_usize), 1..6),
        bad_every in 3..20_usize,
        max_messages in 1..20_usize,
        faults in prop::collection::vec((fault(), 0..40_000_u64), 0..6),
    ) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (outcomes, executed) = runtime.block_on(async {
            let (chain, sender) = start(|config| {
                config.max_messages = max_messages.try_into().unwrap();
            });
            let calls: Vec<_> = submissions
                .iter()
                .enumerate()
                .map(|(number, (delay, count))| {
                    let sender = Arc::clone(&sender);
                    let delay = Duration::from_millis(*delay);
                    let texts: Vec<String> = (0..*count)
                        .map(|index| {
                            let kind = if index % bad_every == 2 { "bad" } else { "good" };
                            format!("{kind} {number:02} {index:03}")
                        })
                        .collect();
                    tokio::spawn(async move {
                        tokio::time::sleep(delay).await;
                        let outcomes = submit(&sender, &refs(&texts)).await;
                        texts.into_iter().zip(outcomes).collect::<Vec<_>>()
                    })
                })
                .collect();
            disturb(&chain, &faults).await;
            let mut outcomes = Vec::new();
            for call in calls {
                outcomes.extend(call.await.unwrap());
            }
            // What was given up on may still land.
            tokio::time::sleep(Duration::from_mins(1)).await;
            let executed = chain.state().executed.clone();
            (outcomes, executed)
        });
        let mut times = HashMap::<&str, usize>::new();
        for text in &executed {
            *times.entry(text).or_default() += 1;
        }
        let calm = faults.is_empty();
        for (text, outcome) in &outcomes {
            let times = times.get(text.as_str()).copied().unwrap_or(0);
            match outcome {
                Ok(_) => prop_assert_eq!(times, 1, "{} was reported done", text),
                Err(ChainError::Timeout { .. }) => prop_assert!(times <= 1),
                Err(_) => prop_assert_eq!(times, 0, "{} was reported not done", text),
            }
            prop_assert!(!calm || outcome.is_ok() == text.starts_with("good"), "{}: {:?}", text, outcome);
            prop_assert!(!text.starts_with("bad") || !outcome.is_ok());
        }
    }
}
