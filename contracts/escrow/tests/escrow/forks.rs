//! The fork attack. Validators show fork A to a victim; the finality providers follow fork B; B's honest votes are relayed
//! to A, whose `btc-mesh` then holds B's header for final, and nobody signed twice.

use crate::chain::State;
use crate::deposits::refusal;
use crate::fork::{FIRST, Fork, header_after};

/// Both forks, each with one deposit of its own, after a deposit that is on both.
struct Forks {
    shown: Fork,
    followed: Fork,
    common: u64,
}

impl Forks {
    fn new() -> Self {
        let mut forks = [Fork::new(), Fork::new()];
        let [shown, followed] = &mut forks;
        let common = shown.deposit("alice", "bob", 100);
        assert_eq!(followed.deposit("alice", "bob", 100), common);
        let [shown, followed] = forks;
        Self {
            shown,
            followed,
            common,
        }
    }

    /// B's votes are relayed to A. The state that the final header commits to.
    fn relay(&mut self) -> State {
        let state = self.followed.state();
        let header = header_after(&state);
        self.shown.finalise(FIRST, &header);
        self.followed.finalise(FIRST, &header);
        state
    }
}

#[test]
fn a_deposit_that_is_only_on_the_fork_shown_is_never_paid() {
    let mut forks = Forks::new();
    let id = forks.shown.deposit("mallory", "mallory", 900);
    let followed = forks.relay();
    let shown = forks.shown.state();
    // With the header of its own fork.
    let proof = forks.shown.proof(id, 1, &shown, &header_after(&shown));
    let refused = refusal(forks.shown.release(id, proof));
    assert!(refused.contains("the header's hash is"), "{refused}");
    // With the final header, and the proof of its own fork.
    let proof = forks.shown.proof(id, 1, &shown, &header_after(&followed));
    let refused = refusal(forks.shown.release(id, proof));
    assert!(refused.contains("the proofs lead to"), "{refused}");
    // With what the final header does hold.
    let proof = forks
        .shown
        .proof(forks.common, 1, &followed, &header_after(&followed));
    let refused = refusal(forks.shown.release(id, proof));
    assert!(refused.contains("another key"), "{refused}");
    assert_eq!(forks.shown.balance("mallory"), 100);
}

#[test]
fn a_deposit_that_says_something_else_on_the_final_fork_is_never_paid() {
    let mut forks = Forks::new();
    let id = forks.shown.deposit("mallory", "mallory", 900);
    assert_eq!(forks.followed.deposit("mallory", "mallory", 1), id);
    let followed = forks.relay();
    let proof = forks
        .followed
        .proof(id, 1, &followed, &header_after(&followed));
    // It is good where it comes from, and only there.
    let refused = refusal(forks.shown.release(id, proof.clone()));
    assert!(refused.contains("another value"), "{refused}");
    forks.followed.release(id, proof).unwrap();
    assert_eq!(forks.shown.balance("mallory"), 100);
}

#[test]
fn a_deposit_that_both_forks_hold_is_paid_on_either() {
    let mut forks = Forks::new();
    forks.shown.deposit("mallory", "mallory", 900);
    let followed = forks.relay();
    let common = forks.common;
    let proof = forks
        .followed
        .proof(common, 1, &followed, &header_after(&followed));
    forks.shown.release(common, proof.clone()).unwrap();
    forks.followed.release(common, proof).unwrap();
    assert_eq!(forks.shown.balance("bob"), 100);
    assert_eq!(forks.followed.balance("bob"), 100);
}
