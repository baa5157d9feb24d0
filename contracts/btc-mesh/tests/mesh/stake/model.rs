//! Whatever is done in whatever order, a provider's weight is that of its active stakes, and no spent output counts again
//! unless Bitcoin took the spend back.

use std::collections::BTreeSet;

use bitcoin::{BlockHash, OutPoint, Transaction};
use btc_mesh::msg::{EndReason, ExecuteMsg, Inclusion, QueryMsg, StakeStatus, StakesResponse};
use proptest::prelude::*;

use super::scene::Scene;
use crate::rig::{Staking, Terms, params};

/// Stakes of a run.
const STAKES: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    Mine(u32),
    Reorganise(u32),
    Stake(usize),
    Show(usize),
    Spend(usize),
    Report(usize),
    Activate(usize),
    Consent(usize, u32, u16),
    Conflict(usize),
    Expire(u32),
    Unwind(u32),
    Credit,
}

fn step() -> impl Strategy<Value = Step> {
    let stake = 0..STAKES;
    prop_oneof![
        4 => (1..6_u32).prop_map(Step::Mine),
        1 => (20..130_u32).prop_map(Step::Mine),
        2 => (1..12_u32).prop_map(Step::Reorganise),
        2 => stake.clone().prop_map(Step::Stake),
        6 => stake.clone().prop_map(Step::Show),
        1 => stake.clone().prop_map(Step::Spend),
        2 => stake.clone().prop_map(Step::Report),
        8 => stake.clone().prop_map(Step::Activate),
        2 => (stake.clone(), 1..5_u32, 0..=3_u16).prop_map(|(stake, seq, share)| {
            Step::Consent(stake, seq, share * 3_333)
        }),
        1 => stake.prop_map(Step::Conflict),
        1 => (1..4_u32).prop_map(Step::Expire),
        4 => (1..4_u32).prop_map(Step::Unwind),
        1 => Just(Step::Credit),
    ]
}

struct World {
    scene: Scene,
    stakes: Vec<Staking>,
    /// Where the staking and the spending transaction of each stake were last put; stale after a reorganisation.
    staked: Vec<Option<Inclusion>>,
    spent: Vec<Option<Inclusion>>,
    /// Every block in which either ever was.
    stake_blocks: BTreeSet<(OutPoint, BlockHash)>,
    spend_blocks: BTreeSet<(OutPoint, BlockHash)>,
}

impl World {
    fn new() -> Self {
        let mut scene = Scene::new();
        // Room for reorganisations above the first header.
        scene.rig.mine(12);
        let stakes = (0..STAKES)
            .map(|number| scene.sign(Terms::number(u32::try_from(number).unwrap())))
            .collect();
        Self {
            scene,
            stakes,
            staked: vec![None; STAKES],
            spent: vec![None; STAKES],
            stake_blocks: BTreeSet::new(),
            spend_blocks: BTreeSet::new(),
        }
    }

    fn spending_tx(&self, stake: usize) -> Transaction {
        self.stakes[stake].delegation.unbonding_tx().clone()
    }

    /// The block of the best chain at a height.
    fn block(&self, height: u32) -> BlockHash {
        self.scene.rig.bitcoin.headers()[height as usize].block_hash()
    }

    /// Takes a step; a refused one changes nothing.
    fn take(&mut self, step: &Step) {
        match *step {
            Step::Mine(blocks) => self.scene.rig.mine(blocks),
            Step::Reorganise(depth) => {
                let fork = self.scene.tip() - depth;
                self.scene.rig.reorganise(fork, depth + 1);
            }
            Step::Stake(stake) => {
                let tx = self.stakes[stake].tx.clone();
                let place = self.scene.bury_one(&tx, 3);
                let block = self.block(place.height);
                self.stake_blocks
                    .insert((self.stakes[stake].outpoint(), block));
                self.staked[stake] = Some(place);
            }
            Step::Show(stake) => {
                if let Some(place) = &self.staked[stake] {
                    let staking = &self.stakes[stake];
                    let msg = staking.msg(place, self.scene.consent(staking, 1, 10_000));
                    let _ = self.scene.show(msg);
                }
            }
            Step::Spend(stake) => {
                let tx = self.spending_tx(stake);
                let place = self.scene.bury_one(&tx, 3);
                let block = self.block(place.height);
                self.spend_blocks
                    .insert((self.stakes[stake].outpoint(), block));
                self.spent[stake] = Some(place);
            }
            Step::Report(stake) => {
                if let Some(place) = self.spent[stake].clone() {
                    let tx = self.spending_tx(stake);
                    let staking = self.stakes[stake].clone();
                    let _ = self.scene.report(&staking, &tx, 0, &place);
                }
            }
            Step::Activate(stake) => {
                let _ = self.scene.activate(self.stakes[stake].outpoint());
            }
            Step::Consent(stake, seq, share) => {
                let staking = self.stakes[stake].clone();
                let consent = self.scene.consent(&staking, seq, share.max(1));
                let _ = self.scene.take_consent(&staking, &consent);
            }
            Step::Conflict(stake) => {
                let staking = self.stakes[stake].clone();
                let first = self.scene.consent(&staking, 9, 1);
                let second = self.scene.consent(&staking, 9, 2);
                let _ = self.scene.rig.execute(ExecuteMsg::ConsentConflict {
                    outpoint: staking.outpoint(),
                    first,
                    second,
                });
            }
            Step::Expire(limit) => {
                self.scene.expire(limit);
            }
            Step::Unwind(limit) => {
                self.scene.unwind(limit);
            }
            Step::Credit => self.scene.credit(),
        }
    }
}

/// Outpoints that are where, after a step.
#[derive(Default)]
struct Seen {
    active: BTreeSet<OutPoint>,
    spent: BTreeSet<OutPoint>,
    /// Ended for good.
    conflicting: BTreeSet<OutPoint>,
}

impl World {
    /// What must hold after every step.
    fn look(&self) -> Result<Seen, TestCaseError> {
        let rig = &self.scene.rig;
        let answer: StakesResponse = rig.ask(QueryMsg::Stakes {
            start_after: None,
            limit: None,
        });
        let mut seen = Seen::default();
        let (mut sum, mut at_risk) = (0, 0);
        // Until a deep reorganisation is unwound, stakes may rest on blocks that are no more.
        let unwound = !rig.status().unwinding;
        for stake in answer.stakes {
            let outpoint = stake.outpoint;
            let proven = || {
                self.stake_blocks
                    .contains(&(outpoint, self.block(stake.start)))
            };
            match stake.status {
                StakeStatus::Active {} => {
                    prop_assert!(seen.active.insert(outpoint), "twice active");
                    let share = stake.value * u64::from(stake.basis_points) / 10_000;
                    prop_assert_eq!(stake.weight, share);
                    at_risk += stake.value / 10 * u64::from(stake.basis_points) / 10_000;
                    prop_assert!(!unwound || proven(), "counts without a block");
                }
                StakeStatus::Pending { .. } => {
                    prop_assert!(!unwound || proven(), "waits without a block");
                }
                StakeStatus::Ended {
                    reason: EndReason::Spent { height },
                } => {
                    seen.spent.insert(outpoint);
                    let spent = || self.spend_blocks.contains(&(outpoint, self.block(height)));
                    prop_assert!(!unwound || spent(), "ended by no block");
                }
                StakeStatus::Ended {
                    reason: EndReason::Conflict {},
                } => {
                    seen.conflicting.insert(outpoint);
                }
                StakeStatus::Ended { .. } | StakeStatus::Unproven {} => (),
            }
            let counts = matches!(stake.status, StakeStatus::Active {});
            prop_assert!(counts || stake.weight == 0);
            sum += stake.weight;
        }
        let provider = rig.provider(&self.scene.provider);
        prop_assert_eq!(provider.sats, sum);
        prop_assert_eq!(provider.at_risk, at_risk);
        Ok(seen)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn weights_add_up_and_nothing_spent_counts_again(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        let mut before = Seen::default();
        for step in &steps {
            world.take(step);
            let after = world.look()?;
            for outpoint in &after.active {
                prop_assert!(!before.spent.contains(outpoint), "spent and active: {step:?}");
                prop_assert!(!before.conflicting.contains(outpoint), "in conflict and active");
            }
            for outpoint in &before.spent {
                let unwound = matches!(step, Step::Unwind(_) | Step::Expire(_) | Step::Conflict(_) | Step::Consent(..));
                prop_assert!(after.spent.contains(outpoint) || unwound, "came back by {step:?}");
            }
            before = after;
        }
        // However far back it goes, unwinding comes to an end, and what remains rests on the best chain.
        let mut pages = 0;
        while world.scene.rig.status().unwinding {
            world.scene.unwind(2);
            pages += 1;
            prop_assert!(pages < 20);
        }
        world.look()?;
        world.scene.rig.mine(400 + params().depth_min);
        for _ in 0..4 {
            world.scene.expire(100);
        }
        prop_assert_eq!(world.scene.sats(), 0);
    }
}
