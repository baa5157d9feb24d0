//! One instance of `btc-mesh`: told, asked, and what a vote there is about.

use anyhow::Context as _;
use chain::ChainError;
use chain::wasm::{Executed, Execution};
use mesh_core::Domain;
use mesh_core::table::{Table, TableHead};
use mesh_core::vote::{self, VoteError};
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;

use super::encoding::{self, bytes32, text};
use super::table;
use super::{DEADLINE, PartnerChain, Stake};
use crate::{Wasmd, poll_until};

/// One instance of `btc-mesh`.
pub struct Mesh<'a> {
    chain: &'a PartnerChain,
    address: AccountAddress,
    domain: Domain,
}

/// What a vote for one checkpoint is about.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The instance.
    pub domain: Domain,
    /// The table of the checkpoint's epoch.
    pub head: TableHead,
    /// Root of the table that follows, where there is one.
    pub next_root: Option<[u8; 32]>,
    /// The checkpoint's number.
    pub number: u64,
    /// Its height of the chain.
    pub height: u64,
    /// The node's own hash of the header there.
    pub hash: [u8; 32],
}

impl Checkpoint {
    /// What a vote for a block of this hash signs.
    ///
    /// # Errors
    ///
    /// Without a next table where one must be named.
    pub fn message(&self, hash: &[u8; 32]) -> Result<Vec<u8>, VoteError> {
        let next_root = self.next_root.as_ref();
        vote::message(&self.domain, &self.head, self.number, hash, next_root)
    }
}

impl<'a> Mesh<'a> {
    pub(super) async fn at(
        chain: &'a PartnerChain,
        address: AccountAddress,
    ) -> anyhow::Result<Self> {
        let config: Value = chain
            .anybody
            .query(&address, &json!({ "config": {} }))
            .await?;
        let shown = Domain::from_bytes(bytes32(text(&config, "domain")?)?);
        let domain = Domain::new(
            chain.wasmd.chain_id(),
            address.text(),
            encoding::number(&config, "height")?,
            encoding::number(&config, "time")?,
        )?;
        anyhow::ensure!(
            shown == domain,
            "the instance calls itself {shown}, it is {domain}"
        );
        Ok(Self {
            chain,
            address,
            domain,
        })
    }

    /// Where it is.
    pub fn address(&self) -> &AccountAddress {
        &self.address
    }

    /// The id of its chain.
    pub fn chain_id(&self) -> &str {
        self.chain.wasmd.chain_id()
    }

    /// What every signature for it is bound to, computed here.
    pub fn domain(&self) -> Domain {
        self.domain
    }

    /// The instance as the programs' configuration files have it, under a name.
    pub fn configuration(&self, name: &str) -> String {
        let wasmd = &self.chain.wasmd;
        format!(
            "[[chain]]\nname = \"{name}\"\ncontract = \"{}\"\ndomain = \"{}\"\n\
             [chain.node]\nchain_id = \"{}\"\ngrpc_url = \"{}\"\naccount_prefix = \"wasm\"\n\
             fee_denomination = \"{}\"\ngas_price = \"0\"\nmax_fee = 1\npoll_interval_milliseconds = 50\n",
            self.address.text(),
            self.domain,
            wasmd.chain_id(),
            wasmd.grpc_url(),
            Wasmd::DENOMINATION,
        )
    }

    /// Sends a message from the account of [`PartnerChain::anybody`].
    ///
    /// # Errors
    ///
    /// As [`PartnerChain::tell`].
    pub async fn execute(&self, message: Value) -> Result<Executed, ChainError> {
        let anybody = &self.chain.anybody;
        self.chain.tell(anybody, &self.address, &message, 0).await
    }

    /// Sends a message from governance's account.
    ///
    /// # Errors
    ///
    /// As [`PartnerChain::tell`].
    pub async fn govern(&self, message: Value) -> Result<Executed, ChainError> {
        let governance = &self.chain.governance;
        self.chain
            .tell(governance, &self.address, &message, 0)
            .await
    }

    /// Pays rewards in.
    ///
    /// # Errors
    ///
    /// As [`PartnerChain::tell`].
    pub async fn fund(&self, coins: u128) -> Result<Executed, ChainError> {
        let anybody = &self.chain.anybody;
        let fund = json!({ "fund": {} });
        self.chain.tell(anybody, &self.address, &fund, coins).await
    }

    /// Sends messages in few transactions from the account of [`PartnerChain::anybody`]; the answers are in their order,
    /// and a refused one stops no other.
    pub async fn execute_all(&self, messages: &[Value]) -> Vec<Result<Executed, ChainError>> {
        let executions = messages
            .iter()
            .map(|message| Execution::new(self.address.clone(), message))
            .collect::<Result<_, _>>();
        match executions {
            Ok(executions) => self.chain.anybody.execute(executions).await,
            Err(error) => messages.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// Sends messages as [`Self::execute_all`] does, all of which must be taken.
    ///
    /// # Errors
    ///
    /// The first refusal.
    pub async fn must_accept(&self, messages: &[Value]) -> anyhow::Result<()> {
        for answer in self.execute_all(messages).await {
            answer?;
        }
        Ok(())
    }

    /// Shows stakes that Bitcoin has buried, with their stakers' first lists of shares.
    ///
    /// # Errors
    ///
    /// When one is in no block, its shares make no consent, or it is refused.
    pub async fn show<'s>(
        &self,
        stakes: impl IntoIterator<Item = &'s Stake>,
        shares: &[(Domain, u16, &AccountAddress)],
    ) -> anyhow::Result<()> {
        let shown = stakes
            .into_iter()
            .map(|stake| {
                let inclusion = self.chain.inclusion(stake.transaction.compute_txid())?;
                stake.message(&inclusion, &stake.consent(1, shares)?)
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        self.must_accept(&shown).await
    }

    /// Lets stakes count.
    ///
    /// # Errors
    ///
    /// The first refusal.
    pub async fn activate(&self, stakes: &[Stake]) -> anyhow::Result<()> {
        let activations: Vec<_> = stakes.iter().map(Stake::activation).collect();
        self.must_accept(&activations).await
    }

    /// Waits until so many providers have committed to randomness.
    ///
    /// # Errors
    ///
    /// When they have not in time.
    pub async fn wait_for_commits(&self, count: usize) -> anyhow::Result<()> {
        poll_until(DEADLINE, "commitments of all providers", || async {
            let answer = self.query(json!({ "providers": {} })).await?;
            let providers = answer["providers"].as_array().context("no list")?;
            let committed = providers
                .iter()
                .filter(|provider| provider["commits"] != json!([]));
            let committed = committed.count();
            anyhow::ensure!(committed == count, "{committed} so far");
            anyhow::Ok(())
        })
        .await
    }

    /// Asks something.
    ///
    /// # Errors
    ///
    /// When the contract refuses, or the node does not answer.
    pub async fn query(&self, question: Value) -> Result<Value, ChainError> {
        self.chain.anybody.query(&self.address, &question).await
    }

    /// Where finality stands.
    ///
    /// # Errors
    ///
    /// As [`Self::query`].
    pub async fn status(&self) -> Result<Value, ChainError> {
        self.query(json!({ "status": {} })).await
    }

    /// A number in the status, such as `next`.
    ///
    /// # Errors
    ///
    /// As [`Self::query`], and when there is none of this name.
    pub async fn number(&self, name: &str) -> anyhow::Result<u64> {
        encoding::number(&self.status().await?, name)
    }

    /// The table of an epoch, its root computed anew.
    ///
    /// # Errors
    ///
    /// When there is none, or its root is that of another.
    pub async fn table(&self, epoch: u64) -> anyhow::Result<Table> {
        let answer = self.query(json!({ "table": { "epoch": epoch } })).await?;
        table::read(&self.domain, &answer)
    }

    /// What a vote for a checkpoint of the epoch in force, or of the one before, is about; waits until it can be cast.
    ///
    /// # Errors
    ///
    /// When the checkpoint is of another epoch, or the chain does not get there.
    pub async fn checkpoint(&self, number: u64) -> anyhow::Result<Checkpoint> {
        let checkpoint = self.checkpoint_to_come(number).await?;
        let hash = self.chain.header_hash(checkpoint.height).await?;
        Ok(Checkpoint { hash, ..checkpoint })
    }

    /// The same of a checkpoint whose block need not be there; its hash is all zeros.
    ///
    /// # Errors
    ///
    /// When the checkpoint is of another epoch.
    pub async fn checkpoint_to_come(&self, number: u64) -> anyhow::Result<Checkpoint> {
        let status = self.status().await?;
        let epoch = encoding::number(&status, "epoch")?;
        let in_force = *self.table(epoch).await?.head();
        let (head, next_root) = if number < in_force.term.first_checkpoint {
            let before = epoch.checked_sub(1).context("there is no epoch before")?;
            (*self.table(before).await?.head(), Some(in_force.root))
        } else if status.get("next_table_ready") == Some(&true.into()) {
            (in_force, Some(self.table(epoch + 1).await?.head().root))
        } else {
            (in_force, None)
        };
        Ok(Checkpoint {
            domain: self.domain,
            head,
            next_root,
            number,
            height: head.term.height(number).context("of another epoch")?,
            hash: [0; 32],
        })
    }
}
