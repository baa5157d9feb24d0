//! Where the money goes, whatever happens in between.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

use std::collections::BTreeMap;

use bitcoin::hashes::Hash;
use bitcoin::{OutPoint, Txid};
use cosmwasm_std::{Addr, BankMsg, CosmosMsg, Response, Storage, Uint128, Uint256};
use proptest::prelude::*;

use super::{RewardError, claim, forfeit, settle};
use crate::ContractError;
use crate::finality::tests::fork::{EPOCH, Fork, PROVIDERS, Randomness};
use crate::msg::{Bytes32, StakeStatus};
use crate::provider::Changes;
use crate::stake::{self, Stake};

const PROVIDERS_IN_TABLE: usize = 3;

/// A chain that pays rewards, and what it paid to whom.
struct Bank {
    fork: Fork,
    inflow: u128,
    paid: BTreeMap<String, u128>,
    stakes: usize,
}

impl Bank {
    /// Providers without stakes of their own.
    fn new() -> Self {
        Self {
            fork: Fork::unstarted(0, &BTreeMap::new()),
            inflow: 0,
            paid: BTreeMap::new(),
            stakes: 0,
        }
    }

    fn balance(&self) -> Uint128 {
        (self.inflow - self.paid.values().sum::<u128>()).into()
    }

    /// A new stake that counts from now on.
    fn join(&mut self, provider: usize, weight: u64) -> OutPoint {
        self.stakes += 1;
        let outpoint = outpoint(self.stakes);
        let tip = self.fork.bitcoin.tip.height;
        let mut stake = Stake {
            provider: PROVIDERS[provider].pk.to_bytes().into(),
            staker: Bytes32([1; 32]),
            covenant: 0,
            value: weight,
            timelock: 1_000,
            basis_points: 10_000,
            increase: None,
            consent_seq: 1,
            consent_digest: Bytes32([2; 32]),
            reward_address: Addr::unchecked(format!("staker {}", self.stakes)),
            start: tip,
            block_hash: Bytes32([3; 32]),
            end: tip + 1_000,
            expires: tip + 700,
            status: StakeStatus::Active {},
            spend: None,
            weight: 0,
            at_risk: 0,
            index: Uint256::zero(),
            credited: Uint128::zero(),
            unvested: Uint128::zero(),
            vested_to: tip,
        };
        self.fork
            .act(|storage, _| {
                set_weight(storage, &mut stake, weight)?;
                stake::save(storage, &outpoint, &stake)
            })
            .unwrap();
        outpoint
    }

    /// A stake counts no more; late means that what had not vested is forfeited.
    fn leave(&mut self, outpoint: OutPoint, late: bool) {
        let bounty = self
            .fork
            .act(|storage, context| {
                let mut stake = stake::get(storage, &outpoint)?;
                set_weight(storage, &mut stake, 0)?;
                let bounty = if late {
                    forfeit(storage, context, &mut stake)?
                } else {
                    Uint128::zero()
                };
                stake::save(storage, &outpoint, &stake)?;
                Ok(bounty)
            })
            .unwrap();
        *self.paid.entry("reporter".to_owned()).or_default() += bounty.u128();
    }

    /// One epoch in which each provider votes for a checkpoint or not.
    fn epoch(&mut self, votes: &[[bool; EPOCH as usize]; PROVIDERS_IN_TABLE]) {
        let first = self.fork.head().term.first_checkpoint;
        for k in first..first + EPOCH {
            if k == first + EPOCH - 1 {
                self.fork.roll().unwrap();
            }
            for (number, votes) in votes.iter().enumerate() {
                if votes[(k - first) as usize] {
                    self.vote(number, k);
                }
            }
            // Whoever else must be there for a quorum is the fourth provider.
            self.vote(PROVIDERS_IN_TABLE, k);
        }
        // Late votes are in.
        self.fork.height += 10;
    }

    fn vote(&mut self, number: usize, k: u64) {
        let hash = [7; 32];
        if let Some(message) = self.fork.message(k, &hash) {
            let item = PROVIDERS[number].vote(Randomness::Derived, k, hash, &message);
            self.fork.cast(&item);
        }
    }

    fn settle(&mut self, epoch: u64, limit: u32) -> Result<(), ContractError> {
        let balance = self.balance();
        self.fork
            .act(|storage, context| settle(storage, context, balance, epoch, limit))
            .map(|_| ())
    }

    fn claim(&mut self, outpoints: &[OutPoint], providers: &[Bytes32]) -> Response {
        let response = self
            .fork
            .act(|storage, context| claim(storage, context, outpoints, providers))
            .unwrap();
        for message in &response.messages {
            let CosmosMsg::Bank(BankMsg::Send { to_address, amount }) = &message.msg else {
                panic!("a claim only pays");
            };
            *self.paid.entry(to_address.clone()).or_default() += amount[0].amount.u128();
        }
        response
    }

    /// Paid, owed and pot are what came in; and all that stakes and providers could ever claim is owed.
    fn check(&mut self) {
        let balance = self.balance();
        let stakes: Vec<_> = (1..=self.stakes).map(outpoint).collect();
        let (books, claims) = self
            .fork
            .act(|storage, _| {
                let mut claims = Uint128::zero();
                for outpoint in &stakes {
                    let Some(mut stake) = stake::find(storage, outpoint)? else {
                        continue;
                    };
                    let provider = crate::provider::get(storage, &stake.provider())?;
                    super::accrue(&mut stake, &provider);
                    claims += stake.unvested + stake.credited;
                }
                for keys in PROVIDERS.iter() {
                    claims += crate::provider::get(storage, &keys.pk)?.earned;
                }
                Ok((super::answer(storage, balance)?, claims))
            })
            .unwrap();
        let paid: u128 = self.paid.values().sum();
        assert_eq!(books.paid.u128(), paid);
        assert_eq!(paid + books.owed.u128() + books.pot.u128(), self.inflow);
        assert!(
            claims <= books.owed,
            "{claims} can be claimed, {} is owed",
            books.owed
        );
    }
}

fn set_weight(
    storage: &mut dyn Storage,
    stake: &mut Stake,
    weight: u64,
) -> Result<(), ContractError> {
    let mut providers = Changes::default();
    stake::set_weight(storage, &mut providers, stake, weight, 0)?;
    providers.save(storage)
}

fn outpoint(number: usize) -> OutPoint {
    let mut txid = [0; 32];
    txid[..8].copy_from_slice(&(number as u64).to_be_bytes());
    OutPoint::new(Txid::from_byte_array(txid), 0)
}

fn started(weights: &[u64]) -> (Bank, Vec<OutPoint>) {
    let mut bank = Bank::new();
    let stakes = weights
        .iter()
        .enumerate()
        .map(|(provider, weight)| bank.join(provider, *weight))
        .collect();
    bank.fork.start();
    (bank, stakes)
}

#[test]
fn providers_earn_by_weight_and_votes_and_what_was_not_voted_stays_in_the_pot() {
    let (mut bank, stakes) = started(&[10, 10, 10, 70]);
    bank.inflow = 1_000_000;
    let all = [true; EPOCH as usize];
    bank.epoch(&[all, [true, true, false, false], [false; EPOCH as usize]]);
    bank.settle(0, 100).unwrap();
    bank.check();
    let vesting = 301;
    bank.claim(&stakes, &[]);
    assert!(bank.paid.is_empty(), "nothing has vested yet");
    bank.fork.bitcoin.tip.height += vesting;
    bank.claim(&stakes, &[]);
    let paid = |number: usize| bank.paid.get(&format!("staker {number}")).copied();
    assert_eq!(paid(1), Some(100_000));
    assert_eq!(paid(2), Some(50_000));
    assert_eq!(paid(3), None);
    assert_eq!(paid(4), Some(700_000));
    // A second claim is zero.
    assert!(bank.claim(&stakes, &[]).messages.is_empty());
    bank.check();
}

#[test]
fn a_provider_that_is_slashed_before_the_settlement_gets_nothing() {
    let (mut bank, stakes) = started(&[10, 10, 10, 70]);
    bank.inflow = 1_000;
    let all = [true; EPOCH as usize];
    bank.epoch(&[all, all, all]);
    bank.fork.slash(0);
    bank.settle(0, 100).unwrap();
    bank.claim(&stakes, &[]);
    bank.fork.bitcoin.tip.height += 301;
    bank.claim(&stakes, &[]);
    assert_eq!(bank.paid.get("staker 1"), None);
    assert_eq!(bank.paid.get("staker 2"), Some(&100));
    bank.check();
}

#[test]
fn an_epoch_is_settled_after_its_late_votes_and_once() {
    let (mut bank, _) = started(&[10, 10, 10, 70]);
    bank.inflow = 1_000;
    assert!(matches!(
        bank.settle(0, 10),
        Err(ContractError::Reward(RewardError::NotEnded {
            epoch: 0,
            in_force: 0
        }))
    ));
    let all = [true; EPOCH as usize];
    bank.epoch(&[all, all, [false; EPOCH as usize]]);
    // A vote for a final checkpoint still counts for rewards.
    bank.vote(2, 0);
    bank.fork.height -= 10;
    assert!(matches!(
        bank.settle(0, 10),
        Err(ContractError::Reward(RewardError::TooEarly {
            epoch: 0,
            ..
        }))
    ));
    bank.fork.height += 1;
    for limit in [0, 101] {
        assert!(matches!(
            bank.settle(0, limit),
            Err(ContractError::Limit { found, max: 100 }) if found == limit
        ));
    }
    // In pages, each of the same pot.
    for _ in 0..4 {
        bank.settle(0, 1).unwrap();
        bank.inflow += 1_000_000;
    }
    assert!(matches!(
        bank.settle(0, 1),
        Err(ContractError::Reward(RewardError::Settled(0)))
    ));
    let owed = bank
        .fork
        .act(|storage, _| super::answer(storage, Uint128::MAX))
        .unwrap()
        .owed;
    // 10, 10 and 70 of 100 with all votes, 10 of 100 with one of four.
    assert_eq!(owed.u128(), 100 + 100 + 25 + 700);
}

#[test]
fn no_epoch_takes_of_a_pot_that_is_being_shared() {
    let (mut bank, _) = started(&[10, 10, 10, 70]);
    bank.inflow = 1_000;
    let all = [true; EPOCH as usize];
    bank.epoch(&[all, all, all]);
    bank.epoch(&[all, all, all]);
    bank.settle(0, 1).unwrap();
    assert!(matches!(
        bank.settle(1, 100),
        Err(ContractError::Reward(RewardError::Unfinished(0)))
    ));
    bank.settle(0, 100).unwrap();
    bank.check();
    bank.settle(1, 100).unwrap();
    bank.check();
}

#[test]
fn what_a_stake_earned_is_told_before_anybody_claims_it() {
    let (mut bank, stakes) = started(&[10, 10, 10, 70]);
    bank.inflow = 1_000;
    let all = [true; EPOCH as usize];
    bank.epoch(&[all, all, all]);
    let told = |bank: &mut Bank| {
        bank.fork
            .act(|storage, _| stake::list(storage, None, 100))
            .unwrap()
            .into_iter()
            .find(|told| told.outpoint == stakes[0])
            .unwrap()
            .unvested
    };
    assert_eq!(told(&mut bank), Uint128::zero());
    bank.settle(0, 100).unwrap();
    assert_eq!(told(&mut bank), Uint128::new(100));
    bank.claim(&stakes[..1], &[]);
    assert_eq!(told(&mut bank), Uint128::new(100));
    bank.fork.bitcoin.tip.height += 10;
    bank.claim(&stakes[..1], &[]);
    assert_eq!(told(&mut bank), Uint128::new(100 - 100 * 10 / 301));
}

#[test]
fn what_is_credited_vests_from_the_next_claim_on_whatever_touches_the_stake_before() {
    let (mut bank, stakes) = started(&[10, 10, 10, 70]);
    bank.inflow = 1_000;
    let all = [true; EPOCH as usize];
    bank.epoch(&[all, all, all]);
    // Long untouched, then credited, then touched by a change of its weight.
    bank.fork.bitcoin.tip.height += 50;
    bank.settle(0, 100).unwrap();
    bank.leave(stakes[0], false);
    assert!(
        bank.claim(&stakes[..1], &[]).messages.is_empty(),
        "it was credited a block ago"
    );
    bank.fork.bitcoin.tip.height += 10;
    bank.claim(&stakes[..1], &[]);
    assert_eq!(bank.paid.get("staker 1"), Some(&(100 * 10 / 301)));
    bank.check();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn paid_and_owed_and_pot_are_what_came_in(
        steps in prop::collection::vec((0_u8..10, any::<u32>()), 1..40),
    ) {
        let (mut bank, mut stakes) = started(&[10, 25, 40, 3_000_000_000]);
        for (kind, number) in steps {
            let pick = stakes[number as usize % stakes.len()];
            let newer = stakes.get(4 + number as usize % 8).copied();
            match kind {
                0 => bank.inflow += u128::from(number),
                1 => stakes.push(bank.join(number as usize % 4, u64::from(number % 1_000_000 + 1))),
                // The first four keep the chain alive.
                2 | 3 => newer.into_iter().for_each(|stake| bank.leave(stake, kind == 3)),
                4 => {
                    let votes = |shift: u32| [0, 1, 2, 3].map(|k| number >> (shift + k) & 1 == 1);
                    bank.epoch(&[votes(0), votes(4), votes(8)]);
                    let epoch = bank.fork.head().term.epoch - 1;
                    // Some are left unfinished, and then refuse the next.
                    let _ = bank.settle(epoch, number % 5 + 1);
                }
                8 => {
                    if let Some(epoch) = bank.fork.head().term.epoch.checked_sub(1 + u64::from(number % 2)) {
                        let _ = bank.settle(epoch, number % 3 + 1);
                    }
                }
                5 => bank.fork.bitcoin.tip.height += number % 10,
                6 => { bank.claim(&[pick, outpoint(9_999)], &[]); }
                7 => { bank.claim(&stakes[..stakes.len().min(32)], &[]); }
                _ => { bank.claim(&[], &PROVIDERS.iter().map(|keys| keys.pk.to_bytes().into()).collect::<Vec<_>>()); }
            }
            bank.check();
        }
    }
}
