//! A member that is killed while it signs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::ensure;
use committee::{Member, MemberError};
use testenv::poll_until;
use tokio::task::JoinSet;

use super::members::{Committee, DEADLINE, Staker, params};

/// As many as a member works on at once.
const STAKES: u8 = 30;

/// Answers after which the member is killed.
const ENOUGH: usize = 3;

/// Whether a member signs the stake of this number under this set; anything but a yes and a second way out fails.
async fn signs(member: &Member, staker: &Staker, number: u8, set: u32) -> bool {
    let request = staker.request(number, &params(set));
    match member.sign(&request).await {
        Ok(given) => {
            request.valid().check_covenant_signatures(&given).unwrap();
            true
        }
        Err(MemberError::Refused(refusal)) if refusal.rule == "second-unbonding" => false,
        Err(error) => panic!("stake {number} under set {set}: {error}"),
    }
}

#[tokio::test]
async fn after_kill_nine_a_member_gives_the_same_signatures_or_none() {
    let limits = "delegations_per_hour_per_staker = 1000";
    let mut committee = Committee::start_under(vec![params(0), params(1)], limits).await;
    let member = committee.members().remove(0);
    let staker = Arc::new(Staker::new("first"));
    let answered = Arc::new(AtomicUsize::new(0));
    let mut asking = JoinSet::new();
    for number in 0..STAKES {
        let (member, staker) = (member.clone(), Arc::clone(&staker));
        let answered = Arc::clone(&answered);
        asking.spawn(async move {
            let given = member.sign(&staker.request(number, &params(0))).await;
            answered.fetch_add(usize::from(given.is_ok()), Ordering::Relaxed);
            given.is_ok().then_some(number)
        });
    }
    poll_until(DEADLINE, "the first answers", || async {
        let answered = answered.load(Ordering::Relaxed);
        ensure!(answered >= ENOUGH, "{answered} answers");
        Ok(())
    })
    .await
    .unwrap();
    committee.processes[0].kill_nine();
    let answered: Vec<u8> = asking.join_all().await.into_iter().flatten().collect();
    committee.processes[0].restart().unwrap();
    committee.wait_until_served(0).await;

    for number in 0..STAKES {
        if answered.contains(&number) {
            assert!(!signs(&member, &staker, number, 1).await, "{number}");
            assert!(signs(&member, &staker, number, 0).await, "{number}");
        } else {
            // Either the record was durable before the kill, or nothing is known of the stake; never both ways out.
            let second = signs(&member, &staker, number, 1).await;
            let first = signs(&member, &staker, number, 0).await;
            assert!(first != second, "{number}: {first} and {second}");
        }
    }
}
