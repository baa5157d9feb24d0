//! A finality provider as one instance sees it.

use bitcoin::hex::DisplayHex as _;
use eots::commitment::Tree;
use eots::randomness::derive_for_checkpoint;
use eots::{PublicKey, PublicRandomness, SecretKey, SecretRandomness, bip340};
use mesh_core::commit::Commit;
use mesh_core::{Domain, registration};
use serde_json::{Value, json};

use super::encoding::base64;
use super::mesh::Checkpoint;

/// How many checkpoints a commit covers, from the first on: one block of its tree.
const CHECKPOINTS: u64 = 64;

/// A finality provider as one instance sees it. Nothing keeps it from voting twice.
#[derive(Clone)]
pub struct Provider {
    secret: SecretKey,
    domain: Domain,
    /// Where the randomness is derived from: honestly the instance's domain.
    nonces: Domain,
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
        let nonce = |checkpoint| derive_for_checkpoint(&secret, nonces.as_bytes(), checkpoint);
        let randomness: Vec<_> = (0..CHECKPOINTS)
            .map(|checkpoint| nonce(checkpoint).public())
            .collect();
        Ok(Self {
            tree: Tree::from_leaves(randomness.iter().copied())?,
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
        let commit = Commit::new(0, CHECKPOINTS, root)?;
        Ok(json!({ "commit": {
            "pk": pk.to_string(),
            "seq": seq,
            "start": 0,
            "num": CHECKPOINTS,
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
        let proof = self.tree.prove(number, &self.randomness)?;
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
