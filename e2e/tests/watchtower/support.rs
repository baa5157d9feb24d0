//! What the scenarios do themselves: a finality provider, unbonding by a staker.

use anyhow::Context as _;
use bitcoin::Transaction;
use bitcoin::secp256k1::{Keypair, SECP256K1};
use chain::{Chain as _, CreateFinalityProvider, Message};
use eots::{SecretKey, bip340};
use staking::keys::FinalityProviderKey;
use staking::proof_of_possession::ProofOfPossession;
use staking::quorum::CovenantSignature;
use testenv::scenario::{Stage, Stake, Staker};

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
