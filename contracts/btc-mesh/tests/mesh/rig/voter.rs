//! A finality provider with real randomness, and what it votes on.

use btc_mesh::msg::{Bytes32, ExecuteMsg, QueryMsg, TableResponse, VoteItem};
use cosmwasm_std::Addr;
use eots::commitment::Tree;
use eots::randomness::derive_for_checkpoint;
use eots::{PublicRandomness, SecretKey};
use mesh_core::commit::Commit;
use mesh_core::table::{TableHead, Term};
use mesh_core::{Domain, registration, vote};

use super::instance::{Rig, sign};

/// A provider and the randomness that it commits to, from the first checkpoint on.
pub(crate) struct Voter {
    pub(crate) key: SecretKey,
    domain: Domain,
    /// What its randomness is derived for: the domain, but for a cheat.
    derived_for: Domain,
    leaves: Vec<PublicRandomness>,
    tree: Tree,
}

impl Voter {
    pub(crate) fn new(key: SecretKey, domain: Domain, checkpoints: u64) -> Self {
        Self::with_randomness(key, domain, domain, checkpoints)
    }

    /// With randomness derived for something else than the domain, as only a cheat has it.
    pub(crate) fn with_randomness(
        key: SecretKey,
        domain: Domain,
        derived_for: Domain,
        checkpoints: u64,
    ) -> Self {
        let leaves: Vec<_> = (0..checkpoints)
            .map(|k| derive_for_checkpoint(&key, derived_for.as_bytes(), k).public())
            .collect();
        let tree = Tree::from_leaves(leaves.iter().copied()).unwrap();
        Self {
            key,
            domain,
            derived_for,
            leaves,
            tree,
        }
    }

    pub(crate) fn pk(&self) -> Bytes32 {
        Bytes32(self.key.public_key().to_bytes())
    }

    pub(crate) fn registration(&self, operator: &Addr, commission: u16) -> ExecuteMsg {
        let pk = self.key.public_key();
        let digest =
            registration::digest(&self.domain, &pk, 1, operator.as_str(), commission).unwrap();
        ExecuteMsg::RegisterProvider {
            pk: self.pk(),
            seq: 1,
            operator: operator.to_string(),
            commission,
            signature: sign(&self.key, &digest),
        }
    }

    pub(crate) fn commit(&self, seq: u64) -> ExecuteMsg {
        let num = self.leaves.len() as u64;
        let commit = Commit::new(0, num, self.tree.commitment()).unwrap();
        let digest = commit.digest(&self.domain, &self.key.public_key(), seq);
        ExecuteMsg::Commit {
            pk: self.pk(),
            seq,
            start: 0,
            num,
            root: Bytes32(self.tree.commitment().to_bytes()),
            signature: sign(&self.key, &digest),
        }
    }

    /// The vote for the block that stands for a checkpoint in these tests.
    pub(crate) fn vote(&self, table: &TableHead, k: u64, next_root: Option<&Bytes32>) -> VoteItem {
        let hash = block_hash(k);
        let next_root = next_root.map(|root| &root.0);
        let message = vote::message(&self.domain, table, k, &hash.0, next_root).unwrap();
        let block = self.tree.block_of(k).unwrap();
        let [start, end] = [block.start, block.end].map(|leaf| usize::try_from(leaf).unwrap());
        let proof = self.tree.prove(k, &self.leaves[start..end]).unwrap();
        let (r, s) = self.sign(k, &message);
        VoteItem {
            pk: self.pk(),
            k,
            hash,
            r,
            aunts: proof.aunts.concat().into(),
            s,
        }
    }

    /// A checkpoint's randomness, and the signature of any message under it.
    #[allow(
        clippy::disallowed_methods,
        reason = "rules are tried out, with keys of no value"
    )]
    pub(crate) fn sign(&self, k: u64, message: &[u8]) -> (Bytes32, Bytes32) {
        let nonce = derive_for_checkpoint(&self.key, self.derived_for.as_bytes(), k);
        let r = Bytes32(nonce.public().to_bytes());
        let signature = eots::sign(&self.key, nonce, message).unwrap();
        (r, Bytes32(signature.to_bytes()))
    }
}

/// Hash of the block that stands for a checkpoint in these tests.
pub(crate) fn block_hash(k: u64) -> Bytes32 {
    let mut hash = [0xaa; 32];
    hash[..8].copy_from_slice(&k.to_be_bytes());
    Bytes32(hash)
}

impl Rig {
    /// The head of an epoch's table.
    pub(crate) fn table(&self, epoch: u64) -> TableHead {
        let table: TableResponse = self.ask(QueryMsg::Table { epoch });
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
}
