//! The subject: an instance of `btc-mesh` on its own chain, its providers, and what they sign.

use bitcoin::hashes::Hash;
use btc_mesh::ContractError;
use btc_mesh::msg::{
    Bytes32, ConfigResponse, CovenantSet, ExecuteMsg, FinalizedResponse, Params, QueryMsg,
    TableResponse, VoteItem,
};
use btc_mirror::msg::{MirroredVote, Subject as Named, Table, TableEntry};
use cosmwasm_std::Response;
use eots::PublicKey;
use eots::commitment::Commitment;
use mesh_core::Domain;
use mesh_core::commit::Commit;
use mesh_core::table::{Entry, TableHead, Term};

use crate::rig::{self, Rig, Staking, Terms, Voter, block_hash, covenant_set, secret};

/// Checkpoints of an epoch.
pub(crate) const EPOCH: u64 = 4;

/// How many checkpoints each commit covers.
const COMMITTED: u64 = 64;

/// Name of the subject's chain.
pub(crate) const CHAIN: &str = "x-1";

pub(crate) struct Subject {
    pub(crate) rig: Rig,
    set: CovenantSet,
    pub(crate) providers: Vec<Voter>,
    /// Number of stakes so far.
    stakes: u32,
}

fn params() -> Params {
    Params {
        epoch_len: u32::try_from(EPOCH).unwrap(),
        margin: 2,
        window: u32::try_from(EPOCH).unwrap(),
        ..rig::params()
    }
}

impl Subject {
    /// Started, with one provider for each of these weights, in units of 100,000 sat. Every checkpoint's block is there.
    pub(crate) fn new(weights: &[u64]) -> Self {
        let set = covenant_set(3, 2);
        let rig = Rig::try_as(CHAIN, params(), vec![set.clone()]).unwrap();
        let mut subject = Self {
            rig,
            set,
            providers: Vec::new(),
            stakes: 0,
        };
        for number in 0..weights.len() {
            let key = secret(&format!("provider {number}"));
            let provider = Voter::new(key, subject.rig.domain(), COMMITTED);
            let operator = subject.rig.address("operator");
            let registration = provider.registration(&operator, 500);
            subject.rig.execute(registration).unwrap();
            subject.rig.execute(provider.commit(1)).unwrap();
            subject.providers.push(provider);
        }
        let weights: Vec<_> = weights.iter().copied().enumerate().collect();
        subject.stake(&weights);
        subject.rig.govern(ExecuteMsg::Start {}).unwrap();
        subject.rig.env.block.height += 10_000;
        subject
    }

    /// Stakes so many units for each of these providers, and waits until they count.
    pub(crate) fn stake(&mut self, weights: &[(usize, u64)]) {
        let domain = self.rig.domain();
        let rig = &mut self.rig;
        let mut stakes = Vec::new();
        for (number, weight) in weights {
            self.stakes += 1;
            let terms = Terms {
                value: weight * 100_000,
                ..Terms::number(self.stakes)
            };
            stakes.push(Staking::new(&self.set, &self.providers[*number].key, terms));
        }
        let known = rig.bitcoin.height();
        let transactions: Vec<_> = stakes.iter().map(|stake| stake.tx.clone()).collect();
        let inclusions = rig.bitcoin.mine_block(&transactions);
        rig.bitcoin.mine(params().depth_min);
        rig.bring(known);
        let address = rig.address("staker");
        for (stake, inclusion) in stakes.iter().zip(&inclusions) {
            let consent = stake.consent(1, &[(domain, 10_000, &address)]);
            let msg = stake.msg(inclusion, consent);
            rig.execute(ExecuteMsg::Stake(Box::new(msg))).unwrap();
        }
        rig.mine(params().challenge);
        for stake in &stakes {
            let outpoint = stake.outpoint();
            rig.execute(ExecuteMsg::Activate { outpoint }).unwrap();
        }
    }

    /// As its operator writes it down for others.
    pub(crate) fn named(&self) -> Named {
        let config: ConfigResponse = self.rig.ask(QueryMsg::Config {});
        Named {
            domain: config.domain,
            chain_id: CHAIN.to_owned(),
            contract: self.rig.env.contract.address.to_string(),
            height: config.height,
            time: config.time,
        }
    }

    /// From its next table on, a provider has other randomness than the convention derives.
    pub(crate) fn cheat(&mut self, number: usize) {
        let key = self.providers[number].key.clone();
        let other = Domain::from_bytes([0xe0; 32]);
        let cheat = Voter::with_randomness(key, self.rig.domain(), other, COMMITTED);
        self.rig.execute(cheat.commit(2)).unwrap();
        self.providers[number] = cheat;
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.rig.status().epoch
    }

    pub(crate) fn next(&self) -> u64 {
        self.rig.status().next
    }

    fn answer(&self, epoch: u64) -> TableResponse {
        self.rig.ask(QueryMsg::Table { epoch })
    }

    /// An epoch's table as a mirror takes it.
    pub(crate) fn table(&self, epoch: u64) -> Table {
        let table = self.answer(epoch);
        Table {
            domain: table.domain,
            era: table.era,
            epoch: table.epoch,
            first_k: table.first_k,
            first_height: table.first_height,
            interval: table.interval,
            count: table.count,
            btc_cut: table.btc_cut,
            btc_cut_hash: table.btc_cut_hash.parse().unwrap(),
            total: table.total,
            at_risk: table.at_risk,
            root: table.root,
            entries: table
                .entries
                .into_iter()
                .map(|entry| TableEntry {
                    pk: entry.pk,
                    weight: entry.weight,
                    commit: entry.commit,
                })
                .collect(),
        }
    }

    /// A provider's vote in an epoch, with this next root where it is the last of it.
    pub(crate) fn signed(
        &self,
        table: &Table,
        number: usize,
        (k, hash): (u64, [u8; 32]),
        next_root: Option<Bytes32>,
    ) -> MirroredVote {
        let (head, next) = (head(table), next_root.as_ref());
        let message = mesh_core::vote::message(
            &self.rig.domain(),
            &head,
            k,
            &hash,
            next.map(|root| &root.0),
        );
        let provider = &self.providers[number];
        let (_, s) = provider.sign(k, &message.unwrap());
        let vote = VoteItem {
            hash: hash.into(),
            s,
            ..provider.vote(&head, k, next)
        };
        MirroredVote { vote, next_root }
    }

    /// A provider's vote for a hash, as the tables in force and ready ask for it.
    pub(crate) fn vote_for(&self, number: usize, k: u64, hash: [u8; 32]) -> MirroredVote {
        let status = self.rig.status();
        let next_root = (k == status.last).then(|| self.answer(status.epoch + 1).root);
        self.signed(&self.table(status.epoch), number, (k, hash), next_root)
    }

    /// The same for the checkpoint's block.
    pub(crate) fn vote(&self, number: usize, k: u64) -> MirroredVote {
        self.vote_for(number, k, block_hash(k).0)
    }

    pub(crate) fn cast(&mut self, votes: &[MirroredVote]) -> Response {
        let items = votes.iter().map(|item| item.vote.clone()).collect();
        self.rig.execute(ExecuteMsg::Votes { items }).unwrap()
    }

    pub(crate) fn roll(&mut self) {
        self.rig.execute(ExecuteMsg::Roll {}).unwrap();
    }

    pub(crate) fn slash(&mut self, number: usize) {
        let provider = &self.providers[number];
        let (pk, sk) = (provider.pk(), secret_key(provider));
        self.rig.execute(ExecuteMsg::Slash { pk, sk }).unwrap();
    }

    /// Decrees the next checkpoint after a stall.
    pub(crate) fn resume(&mut self) {
        self.rig.mine(params().stall_min);
        let hash = block_hash(self.next());
        let (exclude, drop) = (Vec::new(), Vec::new());
        self.rig
            .govern(ExecuteMsg::Resume {
                hash,
                exclude,
                drop,
            })
            .unwrap();
        self.rig.env.block.height += 10_000;
    }

    pub(crate) fn finalized(&self, k: u64) -> Result<FinalizedResponse, ContractError> {
        self.rig.try_ask(QueryMsg::Finalized {
            k: Some(k),
            height: None,
        })
    }
}

/// A provider's secret key, as it is shown.
pub(crate) fn secret_key(provider: &Voter) -> Bytes32 {
    Bytes32(*provider.key.to_bytes())
}

/// What votes need of a table.
pub(crate) fn head(table: &Table) -> TableHead {
    TableHead {
        term: Term {
            era: table.era,
            epoch: table.epoch,
            first_checkpoint: table.first_k,
            first_height: table.first_height,
            interval: table.interval,
            checkpoints: table.count,
            cut_height: table.btc_cut,
            cut_hash: table.btc_cut_hash.to_byte_array(),
        },
        total: table.total,
        at_risk: table.at_risk,
        root: table.root.0,
    }
}

/// A changed table with the root that its new content has: what a fork of the subject might sign.
pub(crate) fn sealed(mut table: Table) -> Table {
    let entries = table
        .entries
        .iter()
        .map(|entry| Entry {
            provider: PublicKey::from_bytes(entry.pk.0).unwrap(),
            weight: entry.weight,
            commit: Commit::new(
                entry.commit.start,
                entry.commit.num,
                Commitment::from_bytes(entry.commit.root.0),
            )
            .unwrap(),
        })
        .collect();
    let domain = Domain::from_bytes(table.domain.0);
    let sealed =
        mesh_core::table::Table::new(&domain, head(&table).term, table.at_risk, entries).unwrap();
    table.total = sealed.head().total;
    table.root = sealed.head().root.into();
    table
}
