//! Many delegations that wait for the committee, without a bitcoin behind them: the chain does not look for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bitcoin::absolute::LockTime;
use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::secp256k1::{Keypair, SECP256K1};
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, Transaction, TxIn, Txid};
use chain::babylon::{AccountKey, Babylon};
use chain::{Chain as _, CreateDelegation, CreateFinalityProvider, Delegation, Message};
use eots::{SecretKey, bip340};
use staking::delegation::{DelegationPlan, ValidDelegation};
use staking::keys::{CovenantKey, FinalityProviderKey, StakerKey};
use staking::proof_of_possession::ProofOfPossession;
use staking::units::BlockInterval;
use testenv::scenario::babylon_config;
use testenv::{Babylond, BabylondSettings, poll_until};

/// How long anything on these small chains may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);

/// Value of each stake.
const STAKED: Amount = Amount::from_sat(100_000);

/// Timelock of each stake.
const STAKING_TIME: u16 = 1_000;

/// Delegations in one submission of the test's own account.
const BATCH: usize = 100;

/// A committee member of these tests.
pub(crate) fn member(name: &str) -> SecretKey {
    SecretKey::from_bytes(&sha256::Hash::hash(name.as_bytes()).to_byte_array()).unwrap()
}

/// Its public key.
pub(crate) fn key(member: &SecretKey) -> CovenantKey {
    CovenantKey::from_slice(member.public_key().as_bytes()).unwrap()
}

/// A chain whose committee are these members, with this quorum.
pub(crate) fn committee(members: &[&SecretKey], quorum: u32) -> BabylondSettings {
    BabylondSettings {
        covenant_keys: members.iter().map(|member| key(member).0).collect(),
        covenant_quorum: quorum,
        ..BabylondSettings::default()
    }
}

/// Somebody who registers delegations.
pub(crate) struct Registrar {
    chain: Arc<Babylon>,
    staker: SecretKey,
    provider: FinalityProviderKey,
    provider_secret: SecretKey,
    registered: AtomicU64,
}

impl Registrar {
    /// Funds an account and registers a finality provider with it.
    pub(crate) async fn new(babylond: &Babylond) -> anyhow::Result<Self> {
        const COINS: u64 = 1_000_000_000;
        let config = babylon_config(babylond)?;
        let account = AccountKey::from_secret(&rand::random())?;
        babylond
            .fund(account.address(&config.account_prefix)?.text(), COINS)
            .await?;
        let chain = Arc::new(Babylon::connect(config, account).await?);
        let provider = SecretKey::from_bytes(&rand::random())?;
        let key = FinalityProviderKey::from_slice(provider.public_key().as_bytes())?;
        let message = CreateFinalityProvider {
            key,
            proof_of_possession: ProofOfPossession::sign_bip340(
                &keypair(&provider)?,
                chain.account_address(),
            ),
            moniker: "provider".into(),
            website: String::new(),
            details: String::new(),
            commission: ("0.05".into(), "0.1".into(), "0.01".into()),
        };
        let outcome = chain
            .submit(vec![Message::CreateFinalityProvider(message)])
            .await
            .pop();
        outcome.context("no outcome")??;
        let staker = SecretKey::from_bytes(&rand::random())?;
        Ok(Self {
            chain,
            staker,
            provider: key,
            provider_secret: provider,
            registered: AtomicU64::new(0),
        })
    }

    /// The finality provider.
    pub(crate) fn provider(&self) -> FinalityProviderKey {
        self.provider
    }

    /// Its EOTS key, as equivocation would reveal it.
    pub(crate) fn provider_secret(&self) -> &SecretKey {
        &self.provider_secret
    }

    /// Registers so many delegations: they are PENDING afterwards.
    pub(crate) async fn register(&self, count: usize) -> anyhow::Result<Vec<ValidDelegation>> {
        let mut delegations = Vec::with_capacity(count);
        while delegations.len() < count {
            let size = BATCH.min(count - delegations.len());
            let mut messages = Vec::with_capacity(size);
            for _ in 0..size {
                let (delegation, message) = self.next().await?;
                delegations.push(delegation);
                messages.push(Message::CreateDelegation(Box::new(message)));
            }
            for outcome in self.chain.submit(messages).await {
                outcome?;
            }
        }
        Ok(delegations)
    }

    async fn next(&self) -> anyhow::Result<(ValidDelegation, CreateDelegation)> {
        let tip = self.chain.light_client_tip().await?.height;
        let params = self.chain.staking_params().await?;
        let params = params.at_height(tip).context("no params at the tip")?;
        let staker = StakerKey::from_slice(self.staker.public_key().as_bytes())?;
        let time = BlockInterval::new(STAKING_TIME)?;
        let plan = DelegationPlan::new(staker, vec![self.provider], time, STAKED, params)?;
        // A coin that nobody has makes each staking transaction another.
        let number = self.registered.fetch_add(1, Ordering::Relaxed);
        let coin = Txid::from_byte_array(sha256::Hash::hash(&number.to_be_bytes()).to_byte_array());
        let staking_tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: OutPoint::new(coin, 0),
                ..TxIn::default()
            }],
            output: vec![plan.staking_output().tx_out().clone()],
        };
        let delegation = plan.build(&staking_tx, None)?;
        let sign = |message: [u8; 32]| bip340::sign(&self.staker, &message, &rand::random());
        let message = CreateDelegation {
            staker,
            proof_of_possession: ProofOfPossession::sign_bip340(
                &keypair(&self.staker)?,
                self.chain.account_address(),
            ),
            finality_providers: vec![self.provider],
            staking_time: time,
            staking_value: STAKED,
            staking_tx,
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
        Ok((delegation, message))
    }

    /// What the chain stores of a delegation.
    pub(crate) async fn stored(&self, delegation: &ValidDelegation) -> anyhow::Result<Delegation> {
        let txid = delegation.staking_outpoint().txid;
        self.chain
            .delegation(txid)
            .await?
            .context("unknown to the chain")
    }

    /// Number of those that have exactly one signature of `member`.
    pub(crate) async fn signed_once_by(
        &self,
        delegations: &[ValidDelegation],
        member: CovenantKey,
    ) -> anyhow::Result<usize> {
        let mut signed = 0;
        for delegation in delegations {
            let stored = self.stored(delegation).await?;
            let signatures = stored.covenant_unbonding_signatures;
            let count = signatures
                .iter()
                .filter(|signature| signature.key == member)
                .count();
            ensure!(count <= 1, "{count} signatures of {member}");
            signed += count;
        }
        Ok(signed)
    }

    /// Waits until all of them have exactly one signature of `member`.
    pub(crate) async fn wait_until_signed(
        &self,
        delegations: &[ValidDelegation],
        member: CovenantKey,
    ) -> anyhow::Result<()> {
        poll_until(DEADLINE, &format!("{member} to sign all"), || async {
            let signed = self.signed_once_by(delegations, member).await?;
            ensure!(
                signed == delegations.len(),
                "{signed} of {} are",
                delegations.len()
            );
            Ok(())
        })
        .await
    }
}

fn keypair(secret: &SecretKey) -> anyhow::Result<Keypair> {
    Ok(Keypair::from_seckey_slice(
        SECP256K1,
        secret.to_bytes().as_slice(),
    )?)
}
