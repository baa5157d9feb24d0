use proptest::prelude::*;

use super::*;

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
