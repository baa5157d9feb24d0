//! Stakes made without `btc-staker`.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use bitcoin::secp256k1::{Keypair, SECP256K1};
use bitcoin::{Amount, Transaction};
use bitcoincore_rpc::RpcApi as _;
use chain::babylon::Babylon;
use chain::{AddInclusionProof, Chain as _, CreateDelegation, DelegationStatus, Message};
use eots::{SecretKey, bip340};
use staking::delegation::{DelegationPlan, ValidDelegation};
use staking::keys::{FinalityProviderKey, StakerKey};
use staking::proof_of_possession::ProofOfPossession;
use staking::units::BlockInterval;

use super::{DEADLINE, Stage};
use crate::poll_until;

/// A holder of bitcoin with an account on the chain; the coins are the miner's.
pub struct Staker {
    secret: SecretKey,
    chain: Arc<Babylon>,
}

/// A stake that the chain knows.
pub struct Stake {
    /// Everything that follows from the delegation.
    pub delegation: ValidDelegation,
    /// The signed staking transaction.
    pub staking_tx: Transaction,
}

impl Staker {
    /// The staker's secret key, for signing spends.
    pub fn secret(&self) -> &SecretKey {
        &self.secret
    }
}

impl Stage {
    /// A staker with a key and a funded account of its own.
    pub async fn staker(&self) -> anyhow::Result<Staker> {
        let secret = SecretKey::from_bytes(&rand::random())?;
        Ok(Staker {
            secret,
            chain: self.account().await?.1,
        })
    }

    /// Registers a stake before it is broadcast: it is PENDING afterwards.
    pub async fn register(
        &self,
        staker: &Staker,
        provider: FinalityProviderKey,
        value: Amount,
        staking_time: u16,
    ) -> anyhow::Result<Stake> {
        let tip = self.chain.light_client_tip().await?.height;
        let params = self.chain.staking_params().await?;
        let params = params.at_height(tip).context("no params at the tip")?;
        let key = StakerKey::from_slice(staker.secret.public_key().as_bytes())?;
        let time = BlockInterval::new(staking_time)?;
        let plan = DelegationPlan::new(key, vec![provider], time, value, params)?;
        let staking_tx = self.bitcoind.fund(plan.staking_output().tx_out())?;
        let delegation = plan.build(&staking_tx, None)?;
        let sign = |message: [u8; 32]| bip340::sign(&staker.secret, &message, &rand::random());
        let keypair = Keypair::from_seckey_slice(SECP256K1, staker.secret.to_bytes().as_slice())?;
        let account = staker.chain.account_address();
        let message = CreateDelegation {
            staker: key,
            proof_of_possession: ProofOfPossession::sign_bip340(&keypair, account),
            finality_providers: vec![provider],
            staking_time: time,
            staking_value: value,
            staking_tx: staking_tx.clone(),
            inclusion_proof: None,
            slashing_tx: delegation.slashing_tx().clone(),
            staker_slashing_signature: sign(delegation.slashing_sighash().to_bytes()).into(),
            unbonding_time: params.unbonding_time,
            unbonding_tx: delegation.unbonding_tx().clone(),
            unbonding_value: delegation.unbonding_output().value(),
            unbonding_slashing_tx: delegation.unbonding_slashing_tx().clone(),
            staker_unbonding_slashing_signature: sign(
                delegation.unbonding_slashing_sighash().to_bytes(),
            )
            .into(),
        };
        let message = Message::CreateDelegation(Box::new(message));
        staker
            .chain
            .submit(vec![message])
            .await
            .pop()
            .context("no outcome")??;
        Ok(Stake {
            delegation,
            staking_tx,
        })
    }

    /// Has a quorum of the committee sign: the stake is VERIFIED afterwards.
    pub async fn cosign(&self, stake: &Stake) -> anyhow::Result<()> {
        for member in 0..2 {
            let signatures = self.committee.sign(member, &stake.delegation)?;
            self.submit(Message::AddCovenantSignatures(signatures))
                .await?;
        }
        self.wait_for(stake, DelegationStatus::Verified).await
    }

    /// Mines the stake deep enough, and brings the proof: it is ACTIVE afterwards.
    pub async fn activate(&self, stake: &Stake) -> anyhow::Result<()> {
        self.bitcoind
            .rpc()
            .send_raw_transaction(&stake.staking_tx)?;
        let depth = self.chain.light_client_params().await?.confirmation_depth;
        self.mine(u64::from(depth) + 1).await?;
        let staking_output = stake.delegation.staking_outpoint();
        let (inclusion_proof, block_height) = self.included(staking_output.txid)?;
        self.submit(Message::AddInclusionProof(AddInclusionProof {
            staking_output,
            inclusion_proof,
            block_height,
        }))
        .await?;
        self.wait_for(stake, DelegationStatus::Active).await
    }

    /// Registers, cosigns and activates a stake.
    pub async fn active_stake(
        &self,
        staker: &Staker,
        provider: FinalityProviderKey,
        value: Amount,
    ) -> anyhow::Result<Stake> {
        let stake = self.register(staker, provider, value, 1_000).await?;
        self.cosign(&stake).await?;
        self.activate(&stake).await?;
        Ok(stake)
    }

    /// Waits until the chain gives a stake this status.
    pub async fn wait_for(&self, stake: &Stake, status: DelegationStatus) -> anyhow::Result<()> {
        let txid = stake.staking_tx.compute_txid();
        poll_until(
            DEADLINE,
            &format!("stake {txid} to be {status:?}"),
            || async {
                let found = self
                    .chain
                    .delegation(txid)
                    .await?
                    .context("unknown to the chain")?;
                ensure!(found.status == status, "it is {:?}", found.status);
                Ok(())
            },
        )
        .await
    }
}
