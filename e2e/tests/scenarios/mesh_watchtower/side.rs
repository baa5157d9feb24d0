//! One partner chain and everybody's part there but the watchtower's.

use anyhow::ensure;
use bitcoin::{Amount, Transaction};
use bitcoincore_rpc::RpcApi as _;
use eots::SecretKey;
use mesh_core::Domain;
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;
use testenv::partner_chain::{DEADLINE, DEPTH, Mesh, PartnerChain, Provider, Stake, params};
use testenv::programs::WatchtowerProgram;
use testenv::scenario::Committee;
use testenv::{Bitcoind, poll_until};

use super::VALUE;

/// One chain with its instance and everybody's part there.
pub(super) struct Side<'a> {
    pub(super) chain: &'a PartnerChain,
    pub(super) mesh: Mesh<'a>,
    pub(super) providers: Vec<Provider>,
    pub(super) rewards: AccountAddress,
}

impl<'a> Side<'a> {
    /// A new instance that knows providers with these keys.
    pub(super) async fn begin(chain: &'a PartnerChain, keys: &[SecretKey]) -> anyhow::Result<Self> {
        let mesh = chain.begin_mesh(&params(), &Committee::of_three()).await?;
        Self::with(chain, mesh, keys).await
    }

    /// An instance, to which providers with these keys are made known.
    pub(super) async fn with(
        chain: &'a PartnerChain,
        mesh: Mesh<'a>,
        keys: &[SecretKey],
    ) -> anyhow::Result<Self> {
        let providers = keys
            .iter()
            .map(|key| Provider::new(mesh.domain(), key.clone()))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let operator = chain.fresh_address()?;
        let mut messages = Vec::new();
        for provider in &providers {
            messages.push(provider.registration(1, operator.text(), 1_000)?);
            messages.push(provider.commit(1)?);
        }
        mesh.must_accept(&messages).await?;
        Ok(Self {
            chain,
            mesh,
            providers,
            rewards: chain.fresh_address()?,
        })
    }

    /// A new instance with one provider, and a stake with it that Bitcoin does not know yet.
    pub(super) async fn with_a_stake(
        chain: &'a PartnerChain,
        timelock: u16,
    ) -> anyhow::Result<(Self, Stake)> {
        let side = Self::begin(chain, &[random_key()?]).await?;
        let stake = side.sign(0, timelock)?;
        Ok((side, stake))
    }

    /// A stake with a provider that Bitcoin does not know yet.
    pub(super) fn sign(&self, provider: usize, timelock: u16) -> anyhow::Result<Stake> {
        let (bitcoind, committee) = (&self.chain.bitcoind, Committee::of_three());
        let (key, value) = (
            self.providers[provider].public_key(),
            Amount::from_sat(VALUE),
        );
        Stake::sign(bitcoind, &committee, &key, value, timelock)
    }

    /// Has Bitcoin confirm stakes and shows them, as soon as the watchtower has brought the headers.
    pub(super) async fn bury_and_show(
        &self,
        stakes: &[&Stake],
        shares: &[(Domain, u16, &AccountAddress)],
    ) -> anyhow::Result<()> {
        let transactions: Vec<_> = stakes.iter().map(|stake| &stake.transaction).collect();
        confirm(&self.chain.bitcoind, &transactions)?;
        self.headers_arrive().await?;
        self.mesh.show(stakes.iter().copied(), shares).await
    }

    /// Waits until the chain knows Bitcoin's tip, which nobody but the watchtower tells it.
    pub(super) async fn headers_arrive(&self) -> anyhow::Result<()> {
        poll_until(DEADLINE, "the headers to arrive", || async {
            let tip = self.chain.bitcoind.rpc().get_best_block_hash()?.to_string();
            let known = self.chain.ask_light(&json!({ "tip": {} })).await?;
            ensure!(known["hash"] == tip.as_str(), "{known}, not {tip}");
            anyhow::Ok(())
        })
        .await?;
        // While a node commits a block, it answers questions by that and simulates messages by the one before.
        let height = self.chain.wasmd.height()?;
        let wasmd = &self.chain.wasmd;
        wasmd.wait_for_height(height + 1, DEADLINE).await
    }

    /// Waits for a status of a stake.
    pub(super) async fn stake_becomes(&self, stake: &Stake, status: &str) -> anyhow::Result<()> {
        let question = json!({ "stake": { "outpoint": stake.outpoint().to_string() } });
        poll_until(DEADLINE, &format!("a stake to be {status}"), || async {
            let known = self.mesh.query(question.clone()).await?;
            ensure!(known["status"].get(status).is_some(), "{known}");
            anyhow::Ok(())
        })
        .await
    }

    /// Brings the votes of all providers for the next checkpoint, whatever comes of it.
    pub(super) async fn vote_for_next(&self) -> anyhow::Result<u64> {
        let next = self.mesh.number("next").await?;
        let checkpoint = self.mesh.checkpoint(next).await?;
        let votes = self
            .providers
            .iter()
            .map(|provider| provider.vote(&checkpoint))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let votes = json!({ "votes": { "items": votes } });
        self.mesh.execute(votes).await?;
        Ok(next)
    }

    /// All providers make the next checkpoint final.
    pub(super) async fn finalise_next(&self) -> anyhow::Result<()> {
        let next = self.vote_for_next().await?;
        ensure!(self.mesh.number("next").await? == next + 1, "not final");
        Ok(())
    }

    /// Brings the second table into force, which the watchtower has made.
    pub(super) async fn finish_the_epoch(&self) -> anyhow::Result<()> {
        let (epoch, last) = (
            self.mesh.number("epoch").await?,
            self.mesh.number("last").await?,
        );
        while self.mesh.number("next").await? < last {
            self.finalise_next().await?;
        }
        poll_until(DEADLINE, "the next table to be made", || async {
            let status = self.mesh.status().await?;
            ensure!(status["next_table_ready"] == true, "{status}");
            anyhow::Ok(())
        })
        .await?;
        self.finalise_next().await?;
        ensure!(
            self.mesh.number("epoch").await? == epoch + 1,
            "no hand-over"
        );
        Ok(())
    }

    /// Waits until the providers' rewards are credited.
    pub(super) async fn rewards_are_settled(&self) -> anyhow::Result<()> {
        poll_until(DEADLINE, "the epoch to be settled", || async {
            let rewards = self.mesh.query(json!({ "rewards": {} })).await?;
            ensure!(rewards["owed"] != "0", "{rewards}");
            anyhow::Ok(())
        })
        .await
    }

    /// Waits until the chain knows a provider's key.
    pub(super) async fn knows_the_key(&self, provider: usize) -> anyhow::Result<()> {
        let provider = &self.providers[provider];
        let question = json!({ "slashed": { "pk": provider.public_key().to_string() } });
        poll_until(DEADLINE, "the key to be known", || async {
            self.mesh.query(question.clone()).await.map(|_| ())
        })
        .await
    }

    /// A provider votes for two blocks at one checkpoint.
    pub(super) async fn equivocate(&self, provider: usize) -> anyhow::Result<()> {
        let provider = &self.providers[provider];
        let next = self.mesh.number("next").await?;
        let checkpoint = self.mesh.checkpoint(next).await?;
        let items = [
            provider.vote(&checkpoint)?,
            provider.vote_for(&checkpoint, &[0xab; 32])?,
        ];
        let votes = json!({ "votes": { "items": items } });
        self.mesh.execute(votes).await?;
        Ok(())
    }

    /// What the contract says of a stake.
    pub(super) async fn stake(&self, stake: &Stake) -> anyhow::Result<Value> {
        let question = json!({ "stake": { "outpoint": stake.outpoint().to_string() } });
        Ok(self.mesh.query(question).await?)
    }

    /// Has a watchtower of its own look after this chain alone, with coins for it.
    pub(super) async fn watchtower(&self, roles: &[&str]) -> anyhow::Result<WatchtowerProgram> {
        let chains = self.mesh.configuration("x");
        let program = WatchtowerProgram::on(&self.chain.bitcoind, &chains, roles).await?;
        self.chain.fund(program.account()).await?;
        Ok(program)
    }
}

/// Has Bitcoin confirm transactions, as deep as is believed.
pub(super) fn confirm(bitcoind: &Bitcoind, transactions: &[&Transaction]) -> anyhow::Result<()> {
    for transaction in transactions {
        bitcoind.rpc().send_raw_transaction(*transaction)?;
    }
    bitcoind.mine(1 + DEPTH)?;
    Ok(())
}

/// Waits until a transaction that somebody else makes is on the network, has it mined, and returns it as it is there.
pub(super) async fn spent(
    bitcoind: &Bitcoind,
    transaction: &Transaction,
) -> anyhow::Result<Transaction> {
    let txid = transaction.compute_txid();
    let rpc = bitcoind.rpc();
    poll_until(DEADLINE, &format!("{txid} on the network"), || async {
        let mempool = rpc.get_raw_mempool()?;
        ensure!(mempool.contains(&txid), "{mempool:?}");
        anyhow::Ok(())
    })
    .await?;
    bitcoind.mine(1 + DEPTH)?;
    let mined = rpc.get_raw_transaction_info(&txid, None)?;
    ensure!(mined.confirmations > Some(0), "it is in no block");
    Ok(mined.transaction()?)
}

pub(super) fn random_key() -> Result<SecretKey, eots::InvalidSecret> {
    SecretKey::from_bytes(&rand::random())
}
