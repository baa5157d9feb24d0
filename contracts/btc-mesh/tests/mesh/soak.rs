//! Many epochs of votes, rolls and settlements leave no more in storage than a few do.

use btc_mesh::msg::{Bytes32, ExecuteMsg, QueryMsg, TableResponse, VoteItem};
use eots::commitment::{Commitment, Tree};
use eots::randomness::derive_for_checkpoint;
use eots::{PublicRandomness, SecretKey};
use mesh_core::commit::Commit;
use mesh_core::table::{TableHead, Term};
use mesh_core::{Domain, vote};

use crate::rig::{Rig, covenant_set, params, sign};
use crate::stake::scene::Scene;

/// Checkpoints of an epoch.
const EPOCH: u32 = 100;

/// Most checkpoints that one message finalises.
const FINALISED: usize = 16;

/// Final checkpoints that are kept: full after this many.
const KEPT: u64 = 10_000;

/// As many as the soak has.
const SOAK: u64 = 5_000;

/// A provider with its committed randomness.
struct Voter {
    key: SecretKey,
    domain: Domain,
    leaves: Vec<PublicRandomness>,
    tree: Tree,
}

impl Voter {
    fn new(key: SecretKey, domain: Domain, checkpoints: u64) -> Self {
        let leaves: Vec<_> = (0..checkpoints)
            .map(|k| derive_for_checkpoint(&key, domain.as_bytes(), k).public())
            .collect();
        let tree = Tree::from_leaves(leaves.iter().copied()).unwrap();
        Self {
            key,
            domain,
            leaves,
            tree,
        }
    }

    fn commit(&self) -> ExecuteMsg {
        let pk = self.key.public_key();
        let root = self.tree.commitment().to_bytes();
        let num = self.leaves.len() as u64;
        let commit = Commit::new(0, num, Commitment::from_bytes(root)).unwrap();
        ExecuteMsg::Commit {
            pk: Bytes32(pk.to_bytes()),
            seq: 2,
            start: 0,
            num,
            root: Bytes32(root),
            signature: sign(&self.key, &commit.digest(&self.domain, &pk, 2)),
        }
    }

    fn vote(&self, table: &TableHead, k: u64, next_root: Option<&[u8; 32]>) -> VoteItem {
        let mut hash = [0xaa; 32];
        hash[..8].copy_from_slice(&k.to_be_bytes());
        let message = vote::message(&self.domain, table, k, &hash, next_root).unwrap();
        let block = self.tree.block_of(k).unwrap();
        let [start, end] = [block.start, block.end].map(|leaf| usize::try_from(leaf).unwrap());
        let block = &self.leaves[start..end];
        let nonce = derive_for_checkpoint(&self.key, self.domain.as_bytes(), k);
        VoteItem {
            pk: Bytes32(self.key.public_key().to_bytes()),
            k,
            hash: Bytes32(hash),
            r: Bytes32(nonce.public().to_bytes()),
            aunts: self.tree.prove(k, block).unwrap().aunts.concat().into(),
            s: Bytes32(eots::sign(&self.key, nonce, &message).unwrap().to_bytes()),
        }
    }
}

fn head(table: &TableResponse) -> TableHead {
    let mut cut_hash: [u8; 32] = hex::decode(&table.btc_cut_hash)
        .unwrap()
        .try_into()
        .unwrap();
    cut_hash.reverse();
    TableHead {
        term: Term {
            era: table.era,
            epoch: table.epoch,
            first_checkpoint: table.first_k,
            first_height: table.first_height,
            interval: table.interval,
            checkpoints: table.count,
            cut_height: table.btc_cut,
            cut_hash,
        },
        total: table.total,
        at_risk: table.at_risk,
        root: table.root.0,
    }
}

/// One epoch: every checkpoint becomes final, the next table comes into force, and the epoch before is settled.
fn epoch(rig: &mut Rig, voter: &Voter, epoch: u64) {
    rig.mine(1);
    rig.set_balance(u128::from(epoch + 1) * 1_000_000);
    let table = head(&rig.ask(QueryMsg::Table { epoch }));
    let (first, last) = (
        table.term.first_checkpoint,
        table.term.last_checkpoint().unwrap(),
    );
    rig.env.block.height = table.term.height(last).unwrap() + 1;
    let checkpoints: Vec<_> = (first..last).collect();
    for batch in checkpoints.chunks(FINALISED) {
        let items = batch.iter().map(|k| voter.vote(&table, *k, None)).collect();
        rig.execute(ExecuteMsg::Votes { items }).unwrap();
    }
    rig.execute(ExecuteMsg::Roll {}).unwrap();
    let next: TableResponse = rig.ask(QueryMsg::NextTable {});
    let items = vec![voter.vote(&table, last, Some(&next.root.0))];
    rig.execute(ExecuteMsg::Votes { items }).unwrap();
    assert_eq!(rig.status().next, last + 1);
    if let Some(ended) = epoch.checked_sub(1) {
        rig.execute(ExecuteMsg::Settle {
            epoch: ended,
            limit: 100,
        })
        .unwrap();
    }
}

#[test]
fn five_thousand_checkpoints_leave_the_state_as_large_as_it_was() {
    let numbers = btc_mesh::msg::Params {
        epoch_len: EPOCH,
        interval: 1,
        ..params()
    };
    let mut scene = Scene::with(numbers, covenant_set(3, 2));
    let settling = u64::from(EPOCH);
    let voter = Voter::new(
        scene.provider.clone(),
        scene.rig.domain(),
        KEPT + SOAK + 2 * settling,
    );
    scene.rig.execute(voter.commit()).unwrap();
    scene.active(crate::rig::Terms::number(1));
    let rig = &mut scene.rig;
    rig.govern(ExecuteMsg::Start {}).unwrap();

    let full = KEPT / settling + 1;
    for number in 0..full {
        epoch(rig, &voter, number);
    }
    let (entries, bytes) = (rig.size(), rig.bytes());
    for number in full..full + SOAK / settling {
        epoch(rig, &voter, number);
    }
    assert_eq!(rig.status().next, KEPT + SOAK + settling);
    assert_eq!(rig.size(), entries);
    // Numbers that grow take a byte more now and then.
    assert!(rig.bytes() <= bytes + 16, "{} after {bytes}", rig.bytes());
}
