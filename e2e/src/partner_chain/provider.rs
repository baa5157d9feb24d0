//! A finality provider as one instance sees it.

use std::ops::Range;

use anyhow::Context as _;
use bitcoin::hex::DisplayHex as _;
use eots::commitment::Tree;
use eots::randomness::derive_for_checkpoint;
use eots::{PublicKey, PublicRandomness, SecretKey, SecretRandomness, bip340};
use mesh_core::commit::Commit;
use mesh_core::{Domain, registration};
use serde_json::{Value, json};

use super::encoding::base64;
use super::mesh::Checkpoint;

/// How many checkpoints the commits of scenarios cover, from the first on.
const CHECKPOINTS: u64 = 64;

/// A finality provider as one instance sees it. Nothing keeps it from voting twice.
#[derive(Clone)]
pub struct Provider {
    secret: SecretKey,
    domain: Domain,
    /// Where the randomness is derived from: honestly the instance's domain.
    nonces: Domain,
    /// First checkpoint that is committed to.
    start: u64,
    randomness: Vec<PublicRandomness>,
    tree: Tree,
}

impl Provider {
    /// A provider that keeps to the convention for its randomness.
    ///
    /// # Errors
    ///
    /// Never for the range that is committed to.
    pub fn new(domain: Domain, secret: SecretKey) -> anyhow::Result<Self> {
        Self::with_randomness_of(domain, secret, domain)
    }

    /// A provider that commits to the randomness of another domain.
    ///
    /// # Errors
    ///
    /// Never for the range that is committed to.
    pub fn with_randomness_of(
        domain: Domain,
        secret: SecretKey,
        nonces: Domain,
    ) -> anyhow::Result<Self> {
        Self::with_range(domain, secret, nonces, 0..CHECKPOINTS)
    }

    /// A provider with a commitment that its program has made.
    ///
    /// # Errors
    ///
    /// When the commitment is not to this key's randomness.
    pub fn committed(domain: Domain, secret: SecretKey, commit: &Commit) -> anyhow::Result<Self> {
        let end = commit.start().checked_add(commit.checkpoints());
        let range = commit.start()..end.context("a commitment beyond all checkpoints")?;
        let provider = Self::with_range(domain, secret, domain, range)?;
        anyhow::ensure!(
            provider.tree.commitment() == *commit.root(),
            "another key's randomness was committed to"
        );
        Ok(provider)
    }

    fn with_range(
        domain: Domain,
        secret: SecretKey,
        nonces: Domain,
        checkpoints: Range<u64>,
    ) -> anyhow::Result<Self> {
        let nonce = |checkpoint| derive_for_checkpoint(&secret, nonces.as_bytes(), checkpoint);
        let start = checkpoints.start;
        let randomness: Vec<_> = checkpoints
            .map(|checkpoint| nonce(checkpoint).public())
            .collect();
        Ok(Self {
            tree: Tree::from_leaves(randomness.iter().copied())?,
            start,
            randomness,
            secret,
            domain,
            nonces,
        })
    }

    /// The key that stakes name.
    pub fn public_key(&self) -> PublicKey {
        self.secret.public_key()
    }

    /// The secret of [`Self::public_key`].
    pub fn secret(&self) -> &SecretKey {
        &self.secret
    }

    /// The message that registers it; the commission is in basis points.
    ///
    /// # Errors
    ///
    /// When operator or commission cannot be signed.
    pub fn registration(&self, seq: u64, operator: &str, commission: u16) -> anyhow::Result<Value> {
        let pk = self.public_key();
        let digest = registration::digest(&self.domain, &pk, seq, operator, commission)?;
        Ok(json!({ "register_provider": {
            "pk": pk.to_string(),
            "seq": seq,
            "operator": operator,
            "commission": commission,
            "signature": self.sign(&digest),
        }}))
    }

    /// The message that commits it to its randomness.
    ///
    /// # Errors
    ///
    /// Never for the range that is committed to.
    pub fn commit(&self, seq: u64) -> anyhow::Result<Value> {
        let pk = self.public_key();
        let root = self.tree.commitment();
        let checkpoints = self.tree.total();
        let commit = Commit::new(self.start, checkpoints, root)?;
        Ok(json!({ "commit": {
            "pk": pk.to_string(),
            "seq": seq,
            "start": self.start,
            "num": checkpoints,
            "root": root.to_string(),
            "signature": self.sign(&commit.digest(&self.domain, &pk, seq)),
        }}))
    }

    /// Its vote for the node's own block.
    ///
    /// # Errors
    ///
    /// As [`Self::vote_for`].
    pub fn vote(&self, checkpoint: &Checkpoint) -> anyhow::Result<Value> {
        self.vote_for(checkpoint, &checkpoint.hash)
    }

    /// Its vote for a block of any hash. A second one at a checkpoint gives its secret away.
    ///
    /// # Errors
    ///
    /// Without a next table where a vote must name one, and beyond what it committed to.
    pub fn vote_for(&self, checkpoint: &Checkpoint, hash: &[u8; 32]) -> anyhow::Result<Value> {
        self.signed_vote(checkpoint.number, hash, &checkpoint.message(hash)?)
    }

    /// A vote that signs whatever it is given.
    ///
    /// # Errors
    ///
    /// Beyond what it committed to.
    #[expect(
        clippy::disallowed_methods,
        reason = "votes of scenarios, with keys of no value"
    )]
    pub fn signed_vote(
        &self,
        number: u64,
        hash: &[u8; 32],
        message: &[u8],
    ) -> anyhow::Result<Value> {
        let nonce = self.nonce(number);
        let randomness = nonce.public();
        let signature = eots::sign(&self.secret, nonce, message)?;
        let index = number.checked_sub(self.start).context("not committed to")?;
        let leaves = self.tree.block_of(index)?;
        let leaves = usize::try_from(leaves.start)?..usize::try_from(leaves.end)?;
        let leaves = self.randomness.get(leaves).context("not committed to")?;
        let proof = self.tree.prove(index, leaves)?;
        Ok(json!({
            "pk": self.public_key().to_string(),
            "k": number,
            "hash": hash.to_lower_hex_string(),
            "r": randomness.to_string(),
            "aunts": base64(proof.aunts.concat()),
            "s": signature.as_bytes().to_lower_hex_string(),
        }))
    }

    fn nonce(&self, checkpoint: u64) -> SecretRandomness {
        derive_for_checkpoint(&self.secret, self.nonces.as_bytes(), checkpoint)
    }

    fn sign(&self, digest: &[u8; 32]) -> String {
        base64(bip340::sign(&self.secret, digest, &rand::random()))
    }
}
