//! A finality provider played by the test, without the program and its guard.

use std::sync::Arc;

use anyhow::Context as _;
use bitcoin::secp256k1::{Keypair, SECP256K1};
use chain::babylon::Babylon;
use chain::{
    AddFinalityVote, Chain as _, CommitPublicRandomness, CreateFinalityProvider, Message,
    VoteContent,
};
use eots::commitment::{Tree, digest};
use eots::randomness::{derive, public_range};
use eots::{PublicRandomness, SecretKey, bip340, vote_message};
use staking::keys::FinalityProviderKey;
use staking::proof_of_possession::ProofOfPossession;
use staking::units::ChainHeight;

/// A key and the account that registers it.
pub(crate) struct Provider {
    pub(crate) secret: SecretKey,
    pub(crate) key: FinalityProviderKey,
    pub(crate) chain: Arc<Babylon>,
}

impl Provider {
    /// A provider that the chain does not know yet.
    pub(crate) fn new(chain: Arc<Babylon>) -> anyhow::Result<Self> {
        let secret = SecretKey::from_bytes(&rand::random())?;
        let key = FinalityProviderKey::from_slice(secret.public_key().as_bytes())?;
        Ok(Self { secret, key, chain })
    }

    /// Registers it.
    pub(crate) fn registration(&self) -> anyhow::Result<Message> {
        let keypair = Keypair::from_seckey_slice(SECP256K1, self.secret.to_bytes().as_slice())?;
        let account = self.chain.account_address();
        Ok(Message::CreateFinalityProvider(CreateFinalityProvider {
            key: self.key,
            proof_of_possession: ProofOfPossession::sign_bip340(&keypair, account),
            moniker: "by hand".into(),
            website: String::new(),
            details: String::new(),
            commission: ("0.05".into(), "0.1".into(), "0.01".into()),
        }))
    }

    /// Commits it to the public randomness of `count` heights.
    pub(crate) fn commitment(&self, start: u64, count: u64) -> anyhow::Result<Message> {
        let commitment = Tree::from_leaves(self.randomness(start, count))?.commitment();
        let signed = digest(start, count, &commitment);
        let signature = bip340::sign(&self.secret, &signed, &rand::random());
        Ok(Message::CommitPublicRandomness(CommitPublicRandomness {
            finality_provider: self.key,
            start: ChainHeight(start),
            count,
            number: 0,
            commitment,
            signature: signature.into(),
        }))
    }

    /// A vote for a block, under the commitment that covers its height.
    #[expect(
        clippy::disallowed_methods,
        reason = "the key is the test's own and guards nothing"
    )]
    pub(crate) async fn vote(
        &self,
        height: ChainHeight,
        app_hash: [u8; 32],
    ) -> anyhow::Result<Message> {
        let commits = self.chain.public_randomness_commits(&self.key).await?;
        let commit = commits
            .iter()
            .find(|commit| (commit.start.0..commit.start.0 + commit.count).contains(&height.0))
            .context("the height is not covered")?;
        let leaves: Vec<_> = self.randomness(commit.start.0, commit.count).collect();
        let tree = Tree::from_leaves(leaves.iter().copied())?;
        let index = height.0 - commit.start.0;
        let block = tree.block_of(index)?;
        let block = leaves
            .get(usize::try_from(block.start)?..usize::try_from(block.end)?)
            .context("the block is within the range")?;
        let nonce = derive(&self.secret, self.chain.chain_id(), height.0);
        let public_randomness = nonce.public();
        Ok(Message::AddFinalityVote(AddFinalityVote {
            finality_provider: self.key,
            height,
            public_randomness,
            proof: tree.prove(index, block)?,
            content: VoteContent::AppHash(app_hash),
            signature: eots::sign(&self.secret, nonce, &vote_message(height.0, &app_hash))?,
        }))
    }

    fn randomness(&self, start: u64, count: u64) -> impl Iterator<Item = PublicRandomness> {
        public_range(&self.secret, self.chain.chain_id(), start, count)
    }
}
