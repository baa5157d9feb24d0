use bitcoin::Amount;
use chain::mesh::ShareIncrease;
use proptest::prelude::*;
use staking::units::{BitcoinHeight, BlockInterval};

use super::super::observation::{Place, Terms};
use super::*;
use crate::journal::Intent;

#[test]
fn one_chain_holds_up_no_other_once_the_stake_is_on_bitcoin() {
    use Action::{Broadcast, Cosign, Prove, Show};
    let (silent, spent) = (Step::Wait(Waiting::Chain), Step::Rest(Rest::Ended(5)));
    let active = Step::Rest(Rest::Active(5));
    let late = Step::Stuck(Obstacle::TooLateToProve(5));
    let unknown = Step::Stuck(Obstacle::ProviderUnknown);
    let not_taken = Step::Stuck(Obstacle::NotTaken);
    let over = Step::Rest(Rest::Over);
    let challenge = Step::Wait(Waiting::Challenge(2));
    for (steps, expected) in [
        // Not on Bitcoin yet.
        ([Step::Act(Cosign), silent], Step::Act(Cosign)),
        ([silent, Step::Act(Broadcast)], silent),
        ([Step::Act(Broadcast), unknown], unknown),
        ([Step::Act(Broadcast), not_taken], not_taken),
        ([Step::Act(Cosign), not_taken], not_taken),
        ([silent, not_taken], not_taken),
        ([over, not_taken], over),
        ([silent, silent], silent),
        // On Bitcoin.
        ([challenge, Step::Act(Show)], Step::Act(Show)),
        ([active, Step::Act(Prove)], Step::Act(Prove)),
        ([active, challenge], challenge),
        ([active, silent], active),
        ([spent, active], active),
        ([silent, spent], spent),
        ([late, silent], silent),
        ([late, Step::Act(Show)], Step::Act(Show)),
        ([late, active], active),
    ] {
        assert_eq!(together(steps.into_iter()), Some(expected), "{steps:?}");
        let turned = [steps[1], steps[0]];
        assert_eq!(together(turned.into_iter()), Some(expected), "{turned:?}");
    }
    assert_eq!(together([].into_iter()), None);
}

#[test]
fn a_chain_that_was_granted_nothing_counts_nothing() {
    let active = Step::Rest(Rest::Active(5));
    let waiting = ShareIncrease {
        basis_points: 5_000,
        from: BitcoinHeight(150),
    };
    for (basis_points, increase, expected) in [
        (1, None, active),
        (0, Some(waiting), active),
        (0, None, Step::Rest(Rest::Ended(5))),
    ] {
        let known = KnownStake {
            standing: StakeStanding {
                weight: Amount::ZERO,
                basis_points,
                increase,
                consent_number: 7,
                reward_address: "wasm1".to_owned(),
                expires: BitcoinHeight(1_000),
                state: StakeState::Active,
                owed: 0,
            },
            exposure: None,
        };
        assert_eq!(counted(active, Some(&known)), expected, "{known:?}");
        let unbonded = Step::Rest(Rest::Unbonded(5));
        assert_eq!(counted(unbonded, Some(&known)), unbonded);
    }
    assert_eq!(counted(active, None), active);
}

#[test]
fn a_stake_that_is_taken_back_before_it_counts_waits_for_no_chain() {
    let (height, tip) = (BitcoinHeight(100), BitcoinHeight(119));
    let terms = Terms {
        staking_time: BlockInterval::new(50).unwrap(),
        unbonding_time: BlockInterval::new(10).unwrap(),
        params_version: 0,
        patience: 0,
    };
    let held = Held {
        signed: 2,
        quorum: 2,
    };
    let seen = |position| {
        let bitcoin = OnBitcoin {
            tip,
            position,
            withdrawal: None,
        };
        counting_nowhere(observation(None, Some(held), bitcoin))
    };
    let step = |intent, position| decide(intent, Withdrawn::No, &terms, &seen(position));
    let staked = Position::Staked(Place::Block(height));
    assert_eq!(step(Intent::Stake, staked), Step::Rest(Rest::Ended(30)));
    assert_eq!(step(Intent::Unbond, staked), Step::Act(Action::Unbond));
    let unbonding = Position::Unbonding(Place::Block(BitcoinHeight(115)));
    assert_eq!(
        step(Intent::Unbond, unbonding),
        Step::Rest(Rest::Unbonded(5))
    );
    let over = Step::Rest(Rest::Over);
    assert_eq!(step(Intent::Stake, Position::Nowhere), over);
}

proptest! {
    #[test]
    fn a_chain_is_left_out_only_when_it_refused_the_same_twice(
        refused in prop::collection::vec((0_usize..3, any::<bool>()), 0..12),
    ) {
        let actions = [Action::Show, Action::Prove];
        let mut left_out = LeftOut::default();
        for (chain, prove) in &refused {
            let refusal = Refusal { chain: chain.to_string(), reason: String::new() };
            left_out.note(actions[usize::from(*prove)], vec![refusal]);
        }
        for chain in 0..3 {
            let times = |action: bool| refused.iter().filter(|it| **it == (chain, action)).count();
            let twice = times(true) > 1 || times(false) > 1;
            let name = chain.to_string();
            prop_assert_eq!(left_out.twice.iter().any(|it| it.chain == name), twice);
        }
    }
}
