//! What the scenarios do themselves: a finality provider that votes twice, unbonding by a staker.

use anyhow::{Context as _, ensure};
use bitcoin::Transaction;
use bitcoin::secp256k1::{Keypair, SECP256K1};
use chain::babylon::Babylon;
use chain::{
    AddFinalityVote, Chain as _, CommitPublicRandomness, CreateFinalityProvider, Message,
    VoteContent,
};
use eots::commitment::{Tree, digest};
use eots::randomness::{derive, public_range};
use eots::{SecretKey, bip340, vote_message};
use staking::keys::FinalityProviderKey;
use staking::proof_of_possession::ProofOfPossession;
use staking::quorum::CovenantSignature;
use staking::units::ChainHeight;
use testenv::poll_until;
use testenv::scenario::{DEADLINE, Stage, Stake, Staker};

/// A registered finality provider whose key is in the test's hands.
pub(crate) struct Provider {
    pub(crate) secret: SecretKey,
    pub(crate) key: FinalityProviderKey,
}

impl Provider {
    pub(crate) async fn register(stage: &Stage) -> anyhow::Result<Self> {
        let secret = SecretKey::from_bytes(&rand::random())?;
        let key = FinalityProviderKey::from_slice(secret.public_key().as_bytes())?;
        let (_, account) = stage.account().await?;
        let pair = Keypair::from_seckey_slice(SECP256K1, secret.to_bytes().as_slice())?;
        let message = Message::CreateFinalityProvider(CreateFinalityProvider {
            key,
            proof_of_possession: ProofOfPossession::sign_bip340(&pair, account.account_address()),
            moniker: "test".to_owned(),
            website: String::new(),
            details: String::new(),
            commission: ("0.05".to_owned(), "0.2".to_owned(), "0.01".to_owned()),
        });
        account
            .submit(vec![message])
            .await
            .pop()
            .context("no outcome")??;
        Ok(Self { secret, key })
    }
}

/// The registered unbonding transaction with everybody's signatures.
pub(crate) fn unbonding_tx(
    stage: &Stage,
    staker: &Staker,
    stake: &Stake,
) -> anyhow::Result<Transaction> {
    let sighash = stake.delegation.unbonding_sighash().to_bytes();
    let staker_signature = bip340::sign(staker.secret(), &sighash, &rand::random()).into();
    let covenant: Vec<_> = (0..2)
        .map(|member| {
            let signatures = stage.committee.sign(member, &stake.delegation)?;
            Ok(CovenantSignature {
                key: signatures.covenant,
                signature: signatures.unbonding_signature,
            })
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(stake
        .delegation
        .signed_unbonding_tx(&staker_signature, &covenant)?)
}

/// So many heights are committed to at once.
const COMMITTED: u64 = 2_000;

impl Provider {
    /// Commits to public randomness from the next height on.
    pub(crate) async fn commit(&self, stage: &Stage) -> anyhow::Result<ChainHeight> {
        let start = ChainHeight(stage.chain.height().await?.0 + 2);
        let commitment = self.tree(&stage.chain, start)?.commitment();
        let digest = digest(start.0, COMMITTED, &commitment);
        stage
            .submit(Message::CommitPublicRandomness(CommitPublicRandomness {
                finality_provider: self.key,
                start,
                count: COMMITTED,
                number: 0,
                commitment,
                signature: bip340::sign(&self.secret, &digest, &rand::random()).into(),
            }))
            .await?;
        Ok(start)
    }

    /// Votes for the chain's block and for another one at a height at which it has power.
    pub(crate) async fn equivocate(
        &self,
        chain: &Babylon,
        committed_from: ChainHeight,
    ) -> anyhow::Result<()> {
        let height = poll_until(DEADLINE, "voting power", || async {
            let height = chain.height().await?;
            let power = chain.voting_power(&self.key, height).await?;
            ensure!(power > 0, "none at {height}");
            anyhow::Ok(height)
        })
        .await?;
        let block = poll_until(DEADLINE, "the block to be open for votes", || async {
            let block = chain.finality_block(height).await?;
            block.context("not indexed yet")
        })
        .await?;
        let canonical = block.content.app_hash().context("no app hash")?;
        for app_hash in [canonical, [0xee; 32]] {
            let vote = self.vote(chain, committed_from, height, app_hash)?;
            let mut outcomes = chain.submit(vec![vote]).await;
            outcomes.pop().context("no outcome")??;
        }
        Ok(())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the scenario needs a vote that no signer would make"
    )]
    fn vote(
        &self,
        chain: &Babylon,
        committed_from: ChainHeight,
        height: ChainHeight,
        app_hash: [u8; 32],
    ) -> anyhow::Result<Message> {
        let chain_id = chain.chain_id();
        let tree = self.tree(chain, committed_from)?;
        let index = height.0 - committed_from.0;
        let range = tree.block_of(index)?;
        let block: Vec<_> = public_range(
            &self.secret,
            chain_id,
            committed_from.0 + range.start,
            range.end - range.start,
        )
        .collect();
        let nonce = derive(&self.secret, chain_id, height.0);
        Ok(Message::AddFinalityVote(AddFinalityVote {
            finality_provider: self.key,
            height,
            public_randomness: nonce.public(),
            proof: tree.prove(index, &block)?,
            content: VoteContent::AppHash(app_hash),
            signature: eots::sign(&self.secret, nonce, &vote_message(height.0, &app_hash))?,
        }))
    }

    fn tree(&self, chain: &Babylon, start: ChainHeight) -> anyhow::Result<Tree> {
        let leaves = public_range(&self.secret, chain.chain_id(), start.0, COMMITTED);
        Ok(Tree::from_leaves(leaves)?)
    }
}
