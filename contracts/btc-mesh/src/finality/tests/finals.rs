//! Final checkpoints: found by height, also over gaps, and folded into one hash when they are old.

use cosmwasm_std::testing::MockStorage;
use proptest::prelude::*;

use crate::finality::finals::{Final, at_height, final_at, last_final, write};

fn record(height: u64) -> Final {
    Final {
        height,
        hash: [7; 32],
        era: 1,
        epoch: 2,
        decreed: false,
        table_root: [8; 32],
        cut_height: 3,
        at_risk: 4,
        voted: 5,
        total: 6,
    }
}

proptest! {
    #[test]
    fn the_first_at_or_above_a_height_is_found_whatever_is_missing(
        steps in proptest::collection::vec((1_u64..9, 1_u64..30), 0..40),
        heights in proptest::collection::vec(0_u64..700, 1..20),
    ) {
        let mut storage = MockStorage::new();
        let mut kept = Vec::new();
        let (mut k, mut height) = (0, 0);
        for (step, rise) in steps {
            k += step;
            height += rise;
            write(&mut storage, k, &record(height)).unwrap();
            kept.push((k, record(height)));
        }
        prop_assert_eq!(last_final(&storage).unwrap(), kept.last().copied());
        for height in heights {
            let first = kept.iter().find(|(_, record)| record.height >= height);
            prop_assert_eq!(at_height(&storage, height).unwrap(), first.copied());
        }
    }
}

#[test]
fn ten_thousand_are_kept_also_after_a_gap() {
    let mut storage = MockStorage::new();
    for k in (0..3).chain(20_000..30_005) {
        write(&mut storage, k, &record(k)).unwrap();
    }
    let is_kept = |k| final_at(&storage, k).unwrap().is_some();
    assert!((0..3).chain(20_000..20_005).all(|k| !is_kept(k)));
    assert!((20_005..30_005).all(is_kept));
}
