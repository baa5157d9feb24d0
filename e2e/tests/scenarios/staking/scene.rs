//! Nodes, a finality provider, a committee that the test plays, and holders with coins.

use anyhow::{Context as _, ensure};
use bitcoin::secp256k1::{Keypair, SECP256K1};
use bitcoin::{Amount, Txid};
use bitcoincore_rpc::RpcApi as _;
use chain::{Chain as _, CreateFinalityProvider, DelegationStatus, Message};
use eots::SecretKey;
use serde_json::Value;
use staking::delegation::ValidDelegation;
use staking::keys::FinalityProviderKey;
use staking::proof_of_possession::ProofOfPossession;
use testenv::programs::BtcStakerProgram;
use testenv::scenario::{DEADLINE, Stage};
use testenv::{BabylondSettings, Daemon, poll_until};

/// What each coin of a holder is worth.
pub(crate) const COIN: Amount = Amount::from_sat(1_000_000);

/// What each stake is worth.
pub(crate) const STAKED: &str = "500000";

/// The least that may be staked.
pub(crate) const TINY: &str = "10000";

/// Nodes, and a finality provider that is registered but does nothing.
pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) secret: SecretKey,
    pub(crate) provider: FinalityProviderKey,
}

impl Scene {
    pub(crate) async fn new(settings: BabylondSettings) -> Self {
        let stage = Stage::launch(settings).await.unwrap();
        let secret = SecretKey::from_bytes(&rand::random()).unwrap();
        let provider = FinalityProviderKey::from_slice(secret.public_key().as_bytes()).unwrap();
        let scene = Self {
            stage,
            secret,
            provider,
        };
        scene.register_provider(&scene.secret).await.unwrap();
        scene
    }

    pub(crate) async fn register_provider(&self, secret: &SecretKey) -> anyhow::Result<()> {
        let (_, account) = self.stage.account().await?;
        let keypair = Keypair::from_seckey_slice(SECP256K1, secret.to_bytes().as_slice())?;
        let message = CreateFinalityProvider {
            key: FinalityProviderKey::from_slice(secret.public_key().as_bytes())?,
            proof_of_possession: ProofOfPossession::sign_bip340(
                &keypair,
                account.account_address(),
            ),
            moniker: "provider".into(),
            website: String::new(),
            details: String::new(),
            commission: ("0.05".into(), "0.1".into(), "0.01".into()),
        };
        let message = Message::CreateFinalityProvider(message);
        account
            .submit(vec![message])
            .await
            .pop()
            .context("no outcome")??;
        Ok(())
    }

    /// A holder with so many coins of [`COIN`], known to the chain's light client.
    pub(crate) async fn holder(&self, coins: usize) -> BtcStakerProgram {
        let coins = vec![COIN; coins];
        let Stage {
            bitcoind, babylond, ..
        } = &self.stage;
        let holder = BtcStakerProgram::holder(bitcoind, babylond, 0, &coins)
            .await
            .unwrap();
        self.stage.bring_headers().await.unwrap();
        holder
    }

    /// Registers a stake without waiting for anything, and returns its id.
    pub(crate) async fn register(&self, holder: &BtcStakerProgram) -> Txid {
        self.register_worth(holder, STAKED).await
    }

    /// As [`Self::register`], of another value.
    pub(crate) async fn register_worth(&self, holder: &BtcStakerProgram, value: &str) -> Txid {
        let provider = self.provider.to_string();
        let arguments: Vec<_> = stake(&provider, &["--no-wait"])
            .into_iter()
            .map(|argument| if argument == STAKED { value } else { argument })
            .collect();
        let staked = holder.command(&arguments).await.unwrap().result().unwrap();
        assert_eq!(staked["stake"]["state"], "pending", "{staked}");
        txid(&staked["stake"]["staking_txid"])
    }

    /// What the committee signs of a stake.
    pub(crate) async fn delegation(&self, txid: Txid) -> anyhow::Result<ValidDelegation> {
        let registered = self
            .stage
            .chain
            .delegation(txid)
            .await?
            .context("unknown")?;
        let versions = self.stage.chain.staking_params().await?;
        let params = versions
            .version(registered.params_version)
            .context("no params")?;
        Ok(registered.validate(params)?)
    }

    /// Has members of the committee sign a stake.
    pub(crate) async fn cosign(&self, txid: Txid, members: &[usize]) {
        let delegation = self.delegation(txid).await.unwrap();
        for member in members {
            let signatures = self.stage.committee.sign(*member, &delegation).unwrap();
            let message = Message::AddCovenantSignatures(signatures);
            self.stage.submit(message).await.unwrap();
        }
    }

    /// Brings a registered stake to voting power.
    pub(crate) async fn activate(&self, holder: &BtcStakerProgram, txid: Txid) {
        self.cosign(txid, &[0, 1]).await;
        resume(holder).await;
        self.stage.mine(3).await.unwrap();
        let resumed = resume(holder).await;
        assert_eq!(resumed["failed"], Value::Array(vec![]), "{resumed}");
        let status = holder.status(txid).await.unwrap();
        assert_eq!(status["state"], "active", "{status}");
    }

    /// The stake that the chain learned of last, once there are so many.
    pub(crate) async fn registered(&self, count: usize) -> Vec<Txid> {
        poll_until(DEADLINE, "stakes to be registered", || async {
            let limit = std::num::NonZeroU32::new(100).unwrap();
            let page = self.stage.chain.delegations(None, None, limit).await?;
            ensure!(
                page.delegations.len() == count,
                "{}",
                page.delegations.len()
            );
            let txids = page.delegations.iter().map(chain::Delegation::staking_txid);
            anyhow::Ok(txids.collect())
        })
        .await
        .unwrap()
    }

    pub(crate) async fn chain_status(&self, txid: Txid) -> DelegationStatus {
        let registered = self.stage.chain.delegation(txid).await.unwrap();
        registered.unwrap().status
    }

    pub(crate) fn mempool(&self) -> Vec<Txid> {
        self.stage.bitcoind.rpc().get_raw_mempool().unwrap()
    }
}

/// Goes on with all stakes as far as it goes without waiting.
pub(crate) async fn resume(holder: &BtcStakerProgram) -> Value {
    let resumed = holder.command(&["resume", "--no-wait"]).await.unwrap();
    resumed.result().unwrap()
}

pub(crate) fn txid(value: &Value) -> Txid {
    value.as_str().unwrap().parse().unwrap()
}

/// The result that a waiting command printed when it ended.
pub(crate) fn result(daemon: &Daemon) -> Value {
    let output = daemon.output().unwrap();
    let line = output
        .lines()
        .rfind(|line| line.starts_with("{\"status\""))
        .unwrap();
    let envelope: Value = serde_json::from_str(line).unwrap();
    assert_eq!(envelope["status"], "success", "{envelope}");
    envelope["result"].clone()
}

/// The arguments of a stake, to which more can be added.
pub(crate) fn stake<'a>(provider: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let arguments = ["stake", "--amount", STAKED, "--staking-time", "1000"];
    [
        &arguments,
        &["--finality-provider", provider, "--fee-rate", "2", "--yes"][..],
        more,
    ]
    .concat()
}

/// Runs a command that must fail, with settings overridden by environment variables: exit code, error code, and what
/// it says.
pub(crate) async fn refused(
    holder: &BtcStakerProgram,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> (i32, String, String) {
    let program = holder.program().unwrap().arg("--json").args(arguments);
    let program = environment
        .iter()
        .fold(program, |program, (name, value)| program.env(name, value));
    let finished = program.run(DEADLINE).await.unwrap();
    let error = finished.error().unwrap();
    let text = |field: &str| error[field].as_str().unwrap_or_default().to_owned();
    let said = format!("{} {}", text("message"), text("hint"));
    (finished.status().code().unwrap(), text("code"), said)
}
