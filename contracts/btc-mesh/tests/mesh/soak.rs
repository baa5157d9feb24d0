//! Many epochs of votes, rolls and settlements leave no more in storage than a few do.

use btc_mesh::msg::{ExecuteMsg, Params, QueryMsg, TableResponse};

use crate::rig::{Rig, Terms, Voter, covenant_set, params};
use crate::stake::scene::Scene;

/// Checkpoints of an epoch.
const EPOCH: u32 = 100;

/// Final checkpoints that are kept: full after this many.
const KEPT: u64 = 10_000;

/// As many as the soak has.
const SOAK: u64 = 5_000;

/// Most checkpoints that one message finalises.
const FINALISED: usize = 16;

#[test]
fn five_thousand_checkpoints_leave_the_state_as_large_as_it_was() {
    let numbers = Params {
        epoch_len: EPOCH,
        interval: 1,
        ..params()
    };
    let mut scene = Scene::with(numbers, covenant_set(3, 2));
    let length = u64::from(EPOCH);
    let (key, domain) = (scene.provider.clone(), scene.rig.domain());
    let voter = Voter::new(key, domain, KEPT + SOAK + 2 * length);
    scene.rig.execute(voter.commit(2)).unwrap();
    scene.active(Terms::number(1));
    let rig = &mut scene.rig;
    rig.govern(ExecuteMsg::Start {}).unwrap();

    let full = KEPT / length + 1;
    for number in 0..full {
        epoch(rig, &voter, number);
    }
    let (entries, bytes) = (rig.size(), rig.bytes());
    for number in full..full + SOAK / length {
        epoch(rig, &voter, number);
    }
    assert_eq!(rig.status().next, KEPT + SOAK + length);
    assert_eq!(rig.size(), entries);
    // Numbers that grow take a byte more now and then.
    assert!(rig.bytes() <= bytes + 16, "{} after {bytes}", rig.bytes());
}

/// One epoch: every checkpoint becomes final, the next table comes into force, and the epoch before is settled.
fn epoch(rig: &mut Rig, voter: &Voter, epoch: u64) {
    rig.mine(1);
    rig.set_balance(u128::from(epoch + 1) * 1_000_000);
    let table = rig.table(epoch);
    let first = table.term.first_checkpoint;
    let last = table.term.last_checkpoint().unwrap();
    rig.env.block.height = table.term.height(last).unwrap() + 1;
    let checkpoints: Vec<_> = (first..last).collect();
    for batch in checkpoints.chunks(FINALISED) {
        let items = batch.iter().map(|k| voter.vote(&table, *k, None)).collect();
        rig.execute(ExecuteMsg::Votes { items }).unwrap();
    }
    rig.execute(ExecuteMsg::Roll {}).unwrap();
    let next: TableResponse = rig.ask(QueryMsg::NextTable {});
    let items = vec![voter.vote(&table, last, Some(&next.root))];
    rig.execute(ExecuteMsg::Votes { items }).unwrap();
    assert_eq!(rig.status().next, last + 1);
    if let Some(ended) = epoch.checked_sub(1) {
        let settle = ExecuteMsg::Settle {
            epoch: ended,
            limit: 100,
        };
        rig.execute(settle).unwrap();
    }
}
