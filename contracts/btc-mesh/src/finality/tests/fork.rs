//! One fork of a secured chain: this contract's storage there, and the blocks that its checkpoints stand for.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bitcoin::block::Header;
use btc_light::Reorg;
use cosmwasm_std::testing::MockStorage;
use cosmwasm_std::{Addr, Event, Storage, Uint128, Uint256};
use eots::commitment::Tree;
use eots::curve::Native;
use eots::randomness::derive_for_checkpoint;
use eots::{PublicKey, PublicRandomness, SecretKey, SecretRandomness};
use mesh_core::Domain;
use mesh_core::table::TableHead;

use crate::ContractError;
use crate::config::{self, Config};
use crate::context::Context;
use crate::finality::{cast, clock, evidence, final_at, finalise, governance, roll, tables};
use crate::light::{Light, Tip};
use crate::msg::{Bytes32, CommitInfo, Params, PendingParams, ProviderStatus, VoteItem};
use crate::provider::{self, Provider, Registration};

/// Checkpoints of an epoch.
pub(crate) const EPOCH: u64 = 4;

/// How many checkpoints each commit covers.
const COMMITTED: u64 = 64;

pub(crate) const DOMAIN: Domain = Domain::from_bytes([0xd0; 32]);

/// Bitcoin as a test tells it.
pub(crate) struct Bitcoin {
    pub(crate) tip: Tip,
}

impl Light for Bitcoin {
    fn tip(&self) -> Result<Tip, ContractError> {
        Ok(self.tip)
    }

    fn header(&self, _: u32) -> Result<Option<Header>, ContractError> {
        Ok(None)
    }

    fn reorgs_since(&self, _: u64) -> Result<(u64, Option<Reorg>), ContractError> {
        Ok((0, None))
    }
}

/// Which randomness a commit is to: the one that the convention derives, or another, which only a cheat makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Randomness {
    Derived,
    Other,
}

/// A provider's secrets, and its commits to both kinds of randomness.
pub(crate) struct Keys {
    pub(crate) key: SecretKey,
    pub(crate) pk: PublicKey,
    commits: [Committed; 2],
}

struct Committed {
    leaves: Vec<PublicRandomness>,
    tree: Tree,
}

/// The providers of every run; the last is the whale.
pub(crate) static PROVIDERS: LazyLock<Vec<Keys>> =
    LazyLock::new(|| (1..=8).map(Keys::new).collect());

impl Keys {
    fn new(number: u8) -> Self {
        let key = SecretKey::from_bytes(&[number; 32]).unwrap();
        let commits = [Randomness::Derived, Randomness::Other].map(|randomness| {
            let leaves: Vec<_> = (0..COMMITTED)
                .map(|k| nonce(&key, randomness, k).public())
                .collect();
            let tree = Tree::from_leaves(leaves.iter().copied()).unwrap();
            Committed { leaves, tree }
        });
        Self {
            pk: key.public_key(),
            key,
            commits,
        }
    }

    fn committed(&self, randomness: Randomness) -> &Committed {
        &self.commits[usize::from(randomness == Randomness::Other)]
    }

    pub(crate) fn commit(&self, randomness: Randomness) -> CommitInfo {
        CommitInfo {
            start: 0,
            num: COMMITTED,
            root: self
                .committed(randomness)
                .tree
                .commitment()
                .to_bytes()
                .into(),
        }
    }

    /// Signs a message for a checkpoint.
    pub(crate) fn vote(
        &self,
        randomness: Randomness,
        k: u64,
        hash: [u8; 32],
        message: &[u8],
    ) -> VoteItem {
        let Committed { leaves, tree } = self.committed(randomness);
        let proof = tree.prove(k, leaves).unwrap();
        let nonce = nonce(&self.key, randomness, k);
        let r = nonce.public().to_bytes();
        let signature = eots::sign(&self.key, nonce, message).unwrap();
        VoteItem {
            pk: self.pk.to_bytes().into(),
            k,
            hash: hash.into(),
            r: r.into(),
            aunts: proof.aunts.concat().into(),
            s: signature.to_bytes().into(),
        }
    }
}

fn nonce(key: &SecretKey, randomness: Randomness, k: u64) -> SecretRandomness {
    let domain = match randomness {
        Randomness::Derived => *DOMAIN.as_bytes(),
        Randomness::Other => [0xe0; 32],
    };
    derive_for_checkpoint(key, &domain, k)
}

fn params() -> Params {
    Params {
        depth_min: 10,
        challenge: 12,
        settled_depth: 144,
        thaw: 144,
        consent_delay: 144,
        pace_min: 0,
        max_lag: 100,
        max_stale: 100,
        max_age: 120,
        report_margin: 60,
        slash_margin: 120,
        stall_min: 1,
        epoch_len: EPOCH as u32,
        interval: 1,
        margin: 2,
        window: EPOCH as u32,
        growth: 1_000,
        max_share: 10_000,
        min_total: 1,
        min_providers: 1,
        participation_floor: 0,
        jail_epochs: 1,
        late: 1,
        max_commission: 10_000,
        min_slashing_rate: 1,
        grace: 36,
        vesting: 301,
        bounty: 1_000,
    }
}

static CONFIG: LazyLock<Config> = LazyLock::new(|| Config {
    domain: (*DOMAIN.as_bytes()).into(),
    chain_id: "chain".to_owned(),
    contract: Addr::unchecked("contract"),
    height: 1,
    time: 1,
    test_only: true,
    light: Addr::unchecked("light"),
    gov: Addr::unchecked("gov"),
    denom: "stake".to_owned(),
    params: params(),
    sets: 1,
    closed: false,
});

static GOV: LazyLock<Addr> = LazyLock::new(|| Addr::unchecked("gov"));

/// What is final at a checkpoint, in full: what was signed, and under which table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FinalVote {
    pub(crate) hash: [u8; 32],
    pub(crate) message: Vec<u8>,
    pub(crate) table: BTreeMap<PublicKey, u64>,
    pub(crate) total: u64,
}

/// This contract on one fork.
pub(crate) struct Fork {
    /// Which blocks its checkpoints after the fork stand for.
    pub(crate) name: u8,
    storage: MockStorage,
    pub(crate) bitcoin: Bitcoin,
    /// Height of the fork's present block.
    pub(crate) height: u64,
    pub(crate) finals: BTreeMap<u64, FinalVote>,
}

impl Fork {
    /// Starts with these weights.
    pub(crate) fn new(name: u8, weights: &BTreeMap<usize, u64>) -> Self {
        let mut fork = Self::unstarted(name, weights);
        fork.start();
        fork
    }

    /// Providers with these weights, and no table yet.
    pub(crate) fn unstarted(name: u8, weights: &BTreeMap<usize, u64>) -> Self {
        let mut fork = Self {
            name,
            storage: MockStorage::new(),
            bitcoin: Bitcoin {
                tip: Tip {
                    height: 100,
                    hash: [0xbb; 32],
                    time: 1_000_000,
                },
            },
            height: 1,
            finals: BTreeMap::new(),
        };
        for number in 0..PROVIDERS.len() {
            let weight = weights.get(&number).copied().unwrap_or_default();
            fork.save(number, |provider| provider.sats = weight);
        }
        fork
    }

    /// Brings the first table into force.
    pub(crate) fn start(&mut self) {
        self.act(governance::start).unwrap();
        // Every checkpoint's block is there.
        self.height = 1_000;
    }

    /// Does something to the contract in the present block, sent by governance.
    pub(crate) fn act<T>(
        &mut self,
        act: impl FnOnce(&mut dyn Storage, &Context<'_>) -> Result<T, ContractError>,
    ) -> Result<T, ContractError> {
        let context = Context {
            config: &CONFIG,
            curve: &Native,
            light: &self.bitcoin,
            height: self.height,
            time: 1_000_000,
            sender: &GOV,
        };
        act(&mut self.storage, &context)
    }

    /// Registers a provider with a new operator, signed by its key.
    pub(crate) fn register_again(&mut self, number: usize) -> Result<Event, ContractError> {
        let keys = &PROVIDERS[number];
        let digest = mesh_core::registration::digest(&DOMAIN, &keys.pk, 9, "thief", 0).unwrap();
        let signature = eots::bip340::sign(&keys.key, &digest, &[1; 32]).to_bytes();
        let registration = Registration {
            seq: 9,
            operator: "thief",
            commission: 0,
            signature: &signature,
        };
        let pk = keys.pk.to_bytes().into();
        self.act(|storage, context| {
            let thief = Addr::unchecked("thief");
            provider::register(storage, context, pk, &registration, thief)
        })
    }

    /// Lets other parameters wait for an epoch.
    pub(crate) fn plan_max_age(&mut self, epoch: u64, max_age: u32) {
        let pending = PendingParams {
            epoch,
            params: Params {
                max_age,
                ..params()
            },
            covenants: Vec::new(),
        };
        config::store_pending(&mut self.storage, &pending);
    }

    /// What `max_age` was changed to, where it was.
    pub(crate) fn stored_max_age(&self) -> Option<u32> {
        config::load(&self.storage)
            .ok()
            .map(|config| config.params.max_age)
    }

    /// Changes a provider's record as stakes, spends and commits do.
    fn save(&mut self, number: usize, change: impl FnOnce(&mut Provider)) {
        let keys = &PROVIDERS[number];
        let mut provider = provider::find(&self.storage, &keys.pk)
            .unwrap()
            .unwrap_or_else(|| Provider {
                operator: Addr::unchecked("operator"),
                commission: 0,
                status: ProviderStatus::Active,
                sats: 0,
                at_risk: 0,
                registration_seq: 0,
                commit_seq: 0,
                commits: vec![keys.commit(Randomness::Derived)],
                committed: true,
                ranked: None,
                index: Uint256::zero(),
                earned: Uint128::zero(),
                participation: None,
            });
        change(&mut provider);
        provider::save(&mut self.storage, &keys.pk, &mut provider).unwrap();
    }

    pub(crate) fn set_weight(&mut self, number: usize, weight: u64) {
        self.save(number, |provider| provider.sats = weight);
    }

    /// Commits to one kind of randomness, as its newest commit.
    pub(crate) fn commit_to(&mut self, number: usize, randomness: Randomness) {
        self.save(number, |provider| {
            provider.commits = vec![PROVIDERS[number].commit(randomness)];
        });
    }

    /// Commits to so many checkpoints only.
    pub(crate) fn commit_nothing_after(&mut self, number: usize, num: u64) {
        self.save(number, |provider| {
            provider.commits = vec![CommitInfo {
                num,
                ..PROVIDERS[number].commit(Randomness::Derived)
            }];
        });
    }

    pub(crate) fn next(&self) -> u64 {
        clock::started(&self.storage).unwrap().next
    }

    pub(crate) fn is_ready(&self) -> bool {
        clock::started(&self.storage).unwrap().ready
    }

    pub(crate) fn head(&self) -> TableHead {
        self.head_after(0).unwrap()
    }

    fn head_after(&self, epochs: u64) -> Option<TableHead> {
        let epoch = clock::started(&self.storage).unwrap().epoch + epochs;
        tables::head_of_epoch(&self.storage, epoch).unwrap()
    }

    /// Which randomness a provider must use under the table in force; `None` where it is not in it.
    pub(crate) fn randomness(&self, number: usize) -> Option<Randomness> {
        let pk = &PROVIDERS[number].pk;
        let epoch = self.head().term.epoch;
        let entry = tables::listed(&self.storage, epoch, pk).unwrap()?.entry;
        Some(kind(number, &entry.commit.root().to_bytes().into()))
    }

    /// Which randomness a provider committed to last, in force or not.
    pub(crate) fn newest_randomness(&self, number: usize) -> Randomness {
        let provider = provider::get(&self.storage, &PROVIDERS[number].pk).unwrap();
        kind(number, &provider.commits.last().unwrap().root)
    }

    /// What a vote here for this hash signs; `None` where it needs a next table that is not ready.
    pub(crate) fn message(&self, k: u64, hash: &[u8; 32]) -> Option<Vec<u8>> {
        let head = self.head();
        let (head, next) = if k < head.term.first_checkpoint {
            let before = tables::head_of_epoch(&self.storage, head.term.epoch - 1);
            (before.unwrap().unwrap(), Some(head))
        } else {
            (head, self.head_after(1).filter(|_| self.is_ready()))
        };
        let next_root = next.map(|next| next.root);
        mesh_core::vote::message(&DOMAIN, &head, k, hash, next_root.as_ref()).ok()
    }

    pub(crate) fn roll(&mut self) -> Result<Event, ContractError> {
        self.act(roll)
    }

    pub(crate) fn slash(&mut self, number: usize) {
        let keys = &PROVIDERS[number];
        let sk = Bytes32(*keys.key.to_bytes());
        let pk = keys.pk.to_bytes().into();
        self.note(|fork| {
            fork.act(|storage, context| {
                evidence::slash_with_key(storage, context, pk, sk)?;
                finalise(storage, context)
            })
            .unwrap();
        });
    }

    /// Shows a vote; answers with what came of it.
    pub(crate) fn cast(&mut self, item: &VoteItem) -> Vec<Event> {
        let mut events = Vec::new();
        self.note(|fork| {
            events = fork
                .act(|storage, context| cast(storage, context, std::slice::from_ref(item)))
                .unwrap();
        });
        events
    }

    /// Notes what becomes final meanwhile.
    fn note(&mut self, act: impl FnOnce(&mut Self)) {
        let (first, head) = (self.next(), self.head());
        let table: BTreeMap<_, _> = tables::entries(&self.storage, head.term.epoch)
            .unwrap()
            .into_iter()
            .map(|(entry, _)| (entry.provider, entry.weight))
            .collect();
        let total = table.values().sum();
        let ready = self.head_after(1).map(|head| head.root);
        act(self);
        for k in first..self.next() {
            let Some(record) = final_at(&self.storage, k).unwrap() else {
                continue; // Only where checkpoints may be skipped.
            };
            let message =
                mesh_core::vote::message(&DOMAIN, &head, k, &record.hash, ready.as_ref()).unwrap();
            self.finals.insert(
                k,
                FinalVote {
                    hash: record.hash,
                    message,
                    table: table.clone(),
                    total,
                },
            );
        }
    }
}

fn kind(number: usize, root: &Bytes32) -> Randomness {
    if PROVIDERS[number].commit(Randomness::Other).root == *root {
        Randomness::Other
    } else {
        Randomness::Derived
    }
}
