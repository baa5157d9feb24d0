//! The nodes, the contracts' code on them, and whose accounts send.

use std::num::{NonZeroU16, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chain::ChainError;
use chain::cosmos::{AccountKey, Config};
use chain::wasm::{Coin, Contracts, Executed, Execution};
use serde_json::{Value, json};
use staking::params::StakingParams;
use staking::proof_of_possession::AccountAddress;

use super::encoding::{bytes32, number};
use super::mesh::Mesh;
use super::template::{Codes, Template, Which, store};
use super::{DEADLINE, headers, terms};
use crate::scenario::Committee;
use crate::{Bitcoind, Wasmd, WasmdSettings, provision};

/// Coins that can be staked, and blocks for the pace that instances ask for.
const FIRST_BLOCKS: u64 = 140;

/// Rest between two blocks, which makes scenarios short.
pub(super) const BLOCK_INTERVAL: Duration = Duration::from_millis(200);

/// What [`PartnerChain::fund`] gives.
const ACCOUNT_FUNDS: u128 = 1_000_000;

/// A `wasmd` with the contracts' code and a `btc-light` that follows a `bitcoind`.
pub struct PartnerChain {
    /// The Bitcoin that is followed.
    pub bitcoind: Arc<Bitcoind>,
    /// The chain's node.
    pub wasmd: Wasmd,
    /// The account of the chain's governance.
    pub governance: Contracts,
    /// The account of somebody whom nothing is granted to: relayer, reporter, bystander.
    pub anybody: Contracts,
    /// The account of somebody who stakes, for tests in which it matters who that is.
    pub staker: Contracts,
    pub(super) light: AccountAddress,
    pub(super) codes: Codes,
    /// What the node is a copy of; others can be made as long as it is there.
    _template: Option<Arc<Template>>,
}

/// A Bitcoin whose miner has coins to stake.
///
/// # Errors
///
/// When the node does not come up.
pub async fn bitcoin_with_coins() -> anyhow::Result<Arc<Bitcoind>> {
    let bitcoind = Bitcoind::launch().await?;
    bitcoind.mine(FIRST_BLOCKS)?;
    Ok(Arc::new(bitcoind))
}

impl PartnerChain {
    /// Starts a chain that has the contracts' code, and brings all headers there are.
    ///
    /// # Errors
    ///
    /// When the node does not come up, the contracts cannot be built, or the chain refuses them.
    pub async fn launch(bitcoind: Arc<Bitcoind>) -> anyhow::Result<Self> {
        Self::copied(Which::First, bitcoind).await
    }

    /// Starts a second chain, with an id of its own, that follows the same Bitcoin.
    ///
    /// # Errors
    ///
    /// As [`Self::launch`].
    pub async fn launch_beside(&self) -> anyhow::Result<Self> {
        Self::copied(Which::Second, Arc::clone(&self.bitcoind)).await
    }

    /// Starts a chain, with an id of its own, that makes blocks at a pace: with this rest between two of them.
    ///
    /// # Errors
    ///
    /// As [`Self::launch`].
    pub async fn launch_at(
        bitcoind: Arc<Bitcoind>,
        block_interval: Duration,
    ) -> anyhow::Result<Self> {
        let wasmd = Wasmd::launch(&settings(None, block_interval)).await?;
        let accounts = accounts(&wasmd).await?;
        let codes = Codes::store(&accounts[0]).await?;
        Self::begin(bitcoind, wasmd, accounts, codes, None).await
    }

    async fn copied(which: Which, bitcoind: Arc<Bitcoind>) -> anyhow::Result<Self> {
        let template = Template::provide(which).await?;
        let wasmd = template.copy().await?;
        let accounts = accounts(&wasmd).await?;
        Self::begin(bitcoind, wasmd, accounts, template.codes, Some(template)).await
    }

    /// Begins a `btc-light` and brings it all headers there are.
    async fn begin(
        bitcoind: Arc<Bitcoind>,
        wasmd: Wasmd,
        [governance, anybody, staker]: [Contracts; 3],
        codes: Codes,
        template: Option<Arc<Template>>,
    ) -> anyhow::Result<Self> {
        let beginning = headers::beginning(&bitcoind)?;
        let light = governance
            .instantiate(codes.light, &beginning, "btc-light", None)
            .await?;
        let chain = Self {
            bitcoind,
            wasmd,
            governance,
            anybody,
            staker,
            light,
            codes,
            _template: template,
        };
        chain.bring_headers().await?;
        Ok(chain)
    }

    /// Starts a chain beside a Bitcoin of its own, whose miner has coins to stake.
    ///
    /// # Errors
    ///
    /// As [`Self::launch`].
    pub async fn launch_alone() -> anyhow::Result<Self> {
        Self::launch(bitcoin_with_coins().await?).await
    }

    /// Starts two chains beside one Bitcoin, whose miner has coins to stake.
    ///
    /// # Errors
    ///
    /// As [`Self::launch`].
    pub async fn launch_two() -> anyhow::Result<(Self, Self)> {
        let bitcoind = bitcoin_with_coins().await?;
        tokio::try_join!(
            Box::pin(Self::copied(Which::First, Arc::clone(&bitcoind))),
            Box::pin(Self::copied(Which::Second, Arc::clone(&bitcoind))),
        )
    }

    /// The same network begun anew, as its operators do when they have lost it: the id and the contracts' addresses are the
    /// same, as long as they are begun in the same order.
    ///
    /// # Errors
    ///
    /// As [`Self::launch`], and when something has another number or address.
    pub async fn begin_anew(&self) -> anyhow::Result<Self> {
        let chain_id = self.wasmd.chain_id().to_owned();
        let wasmd = Wasmd::launch(&settings(Some(chain_id), BLOCK_INTERVAL)).await?;
        let accounts = accounts(&wasmd).await?;
        let codes = Codes::store(&accounts[0]).await?;
        anyhow::ensure!(codes == self.codes, "{codes:?} are other numbers");
        let bitcoind = Arc::clone(&self.bitcoind);
        let chain = Self::begin(bitcoind, wasmd, accounts, codes, None).await?;
        anyhow::ensure!(
            chain.light == self.light,
            "btc-light has got another address"
        );
        Ok(chain)
    }

    /// Has the validator grow two branches from here on, as one that cheats does; the other branch is returned. What is
    /// under way must have ended.
    ///
    /// # Errors
    ///
    /// When a node does not end or come up.
    pub async fn fork(&mut self) -> anyhow::Result<Self> {
        self.wasmd.stop().await?;
        let mut wasmd = self.wasmd.fork()?;
        tokio::try_join!(self.wasmd.start(), wasmd.start())?;
        let [governance, anybody, staker] = accounts(&wasmd).await?;
        Ok(Self {
            bitcoind: self.bitcoind.clone(),
            wasmd,
            governance,
            anybody,
            staker,
            light: self.light.clone(),
            codes: self.codes,
            _template: None,
        })
    }

    /// Begins an instance of `btc-mesh` with one covenant set, that of a committee.
    ///
    /// # Errors
    ///
    /// When the contract refuses the parameters.
    pub async fn begin_mesh(
        &self,
        params: &Value,
        committee: &Committee,
    ) -> anyhow::Result<Mesh<'_>> {
        self.begin_mesh_under(params, &terms::staking_params(committee)?)
            .await
    }

    /// Begins an instance of `btc-mesh` with one covenant set: a committee and what it prescribes.
    ///
    /// # Errors
    ///
    /// When the contract refuses the parameters.
    pub async fn begin_mesh_under(
        &self,
        params: &Value,
        covenant: &StakingParams,
    ) -> anyhow::Result<Mesh<'_>> {
        let covenant = terms::covenant_set(covenant);
        let governance = self.governance.account().context("no account")?;
        let begin = json!({
            "light": self.light.text(),
            "gov": governance.text(),
            "denom": Wasmd::DENOMINATION,
            "params": params,
            "covenants": [covenant],
        });
        let address = self
            .governance
            .instantiate(self.codes.mesh, &begin, "btc-mesh", None)
            .await?;
        self.mesh(address).await
    }

    /// The instance of `btc-mesh` at an address.
    ///
    /// # Errors
    ///
    /// When there is none, or it goes by another domain than follows from where and when it began.
    pub async fn mesh(&self, address: AccountAddress) -> anyhow::Result<Mesh<'_>> {
        Mesh::at(self, address).await
    }

    /// Begins a mirror that follows an instance on another chain from a table on, as the instance's query `table` shows it.
    ///
    /// # Errors
    ///
    /// When the contract refuses the table.
    pub async fn begin_mirror(
        &self,
        subject: &Mesh<'_>,
        table: &Value,
    ) -> anyhow::Result<AccountAddress> {
        let folder = tokio::task::spawn_blocking(provision::contracts).await??;
        let code = store(&self.governance, &folder, "btc_mirror.wasm").await?;
        let governance = self.governance.account().context("no account")?;
        let config = subject.query(json!({ "config": {} })).await?;
        let params = config.get("params").context("no parameters")?;
        let begin = json!({
            "light": self.light.text(),
            "gov": governance.text(),
            "subject": {
                "domain": subject.domain().to_string(),
                "chain_id": subject.chain_id(),
                "contract": subject.address().text(),
                "height": number(&config, "height")?,
                "time": number(&config, "time")?,
            },
            "table": table,
            "max_age": number(params, "max_age")?,
            "max_stale": number(params, "max_stale")?,
            "window": number(params, "window")?,
        });
        let mirror = self
            .governance
            .instantiate(code, &begin, "btc-mirror", None);
        Ok(mirror.await?)
    }

    /// Begins an escrow that believes an instance.
    ///
    /// # Errors
    ///
    /// When the contract refuses it.
    pub async fn begin_escrow(&self, mesh: &Mesh<'_>) -> anyhow::Result<AccountAddress> {
        let owner = self.governance.account().context("no account")?;
        let begin = json!({ "mesh": mesh.address().text(), "era": 0, "owner": owner.text() });
        let escrow = self
            .governance
            .instantiate(self.codes.escrow, &begin, "escrow", None);
        Ok(escrow.await?)
    }

    /// Tells a contract something from an account, which gives it so many coins along.
    ///
    /// # Errors
    ///
    /// As [`Contracts::execute`].
    pub async fn tell(
        &self,
        account: &Contracts,
        contract: &AccountAddress,
        message: &Value,
        coins: u128,
    ) -> Result<Executed, ChainError> {
        let mut execution = Execution::new(contract.clone(), message)?;
        if coins > 0 {
            execution.funds.push(Coin {
                denomination: Wasmd::DENOMINATION.to_owned(),
                amount: coins,
            });
        }
        let answers = account.execute(vec![execution]).await;
        answers
            .into_iter()
            .next()
            .unwrap_or(Err(ChainError::Stopped))
    }

    /// An address of this chain that nobody has the key of.
    ///
    /// # Errors
    ///
    /// Never for 20 bytes.
    pub fn fresh_address(&self) -> anyhow::Result<AccountAddress> {
        Ok(AccountAddress::new("wasm", &rand::random::<[u8; 20]>())?)
    }

    /// The account of this chain with the key of an account of another one, or of this one.
    ///
    /// # Errors
    ///
    /// When it is no account.
    pub fn account(elsewhere: &str) -> anyhow::Result<AccountAddress> {
        let elsewhere: AccountAddress = elsewhere.parse()?;
        Ok(AccountAddress::new("wasm", elsewhere.bytes())?)
    }

    /// Sends coins to the account of a program, as [`Self::account`] finds it.
    ///
    /// # Errors
    ///
    /// When it is no account, or the chain refuses.
    pub async fn fund(&self, elsewhere: &str) -> anyhow::Result<()> {
        let account = Self::account(elsewhere)?;
        self.anybody.send(&account, ACCOUNT_FUNDS).await?;
        Ok(())
    }

    /// The hash of this chain's header at a height, in the node's own words; waits for the block after it, in which it
    /// can be voted for.
    ///
    /// # Errors
    ///
    /// When the chain does not reach that block.
    pub async fn header_hash(&self, height: u64) -> anyhow::Result<[u8; 32]> {
        self.wasmd.wait_for_height(height + 1, DEADLINE).await?;
        let commit = self.wasmd.commit(height)?;
        let hash = commit.pointer("/commit/block_id/hash");
        bytes32(
            hash.and_then(Value::as_str)
                .context("the commit has no block id")?,
        )
    }
}

pub(super) fn settings(chain_id: Option<String>, block_interval: Duration) -> WasmdSettings {
    WasmdSettings {
        chain_id,
        funded_accounts: 3,
        block_interval,
        ..WasmdSettings::default()
    }
}

/// Those of [`PartnerChain::governance`], [`PartnerChain::anybody`] and [`PartnerChain::staker`].
pub(super) async fn accounts(wasmd: &Wasmd) -> anyhow::Result<[Contracts; 3]> {
    let accounts = tokio::try_join!(account(wasmd, 0), account(wasmd, 1), account(wasmd, 2))?;
    Ok(accounts.into())
}

async fn account(wasmd: &Wasmd, position: usize) -> anyhow::Result<Contracts> {
    let funded = wasmd.funded_accounts().get(position);
    let key = AccountKey::from_secret(funded.context("no such account")?.secret())?;
    let config = Config {
        // The largest contract's code.
        max_gas: NonZeroU64::new(60_000_000).context("no gas")?,
        // To compile it, which the node does while it is asked what that costs.
        request_timeout_seconds: NonZeroU16::new(60).context("no time")?,
        poll_interval_milliseconds: NonZeroU16::new(50).context("no interval")?,
        ..Config::without_fees(
            wasmd.chain_id(),
            wasmd.grpc_url().try_into()?,
            "wasm",
            Wasmd::DENOMINATION,
        )
    };
    Ok(Contracts::connect(config, key).await?)
}
