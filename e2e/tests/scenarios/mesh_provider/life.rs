//! The providers' process, the instances that it votes on, and the stakes behind it.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bitcoin::Amount;
use eots::SecretKey;
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;
use testenv::partner_chain::{CHALLENGE, DEADLINE, DEPTH, Mesh, PartnerChain, Stake};
use testenv::poll_until;
use testenv::programs::FinalityProviderProgram;
use testenv::scenario::Committee;
use testenv::{Bitcoind, Daemon};

/// Names of the providers; all have the same stake.
pub(super) const PROVIDERS: [&str; 3] = ["one", "two", "three"];

/// Of each stake, in sat.
pub(super) const VALUE: Amount = Amount::from_sat(1 << 20);

/// A timelock beyond the end of a scenario.
pub(super) const LONG: u16 = 1_000;

/// Basis points of everything.
const WHOLE: usize = 10_000;

/// The providers' process and what it votes on.
pub(super) struct Life<'a> {
    pub(super) chain: &'a PartnerChain,
    /// Named as in the configuration.
    pub(super) meshes: Vec<(&'a str, Mesh<'a>)>,
    pub(super) program: FinalityProviderProgram,
    /// Of all providers with stake.
    pub(super) keys: Vec<SecretKey>,
    pub(super) rewards: AccountAddress,
}

/// What a life was, for one that goes on elsewhere.
pub(super) struct Parts {
    pub(super) program: FinalityProviderProgram,
    pub(super) keys: Vec<SecretKey>,
}

impl<'a> Life<'a> {
    /// Instances with these names, and the process's providers registered on each. `own` is the process's Bitcoin node, and
    /// `more` goes into its configuration too.
    pub(super) async fn begin(
        chain: &'a PartnerChain,
        own: &Bitcoind,
        params: &Value,
        names: &[&'a str],
        more: &str,
    ) -> anyhow::Result<Self> {
        let committee = Committee::of_three();
        let mut meshes = Vec::new();
        for name in names {
            meshes.push((*name, chain.begin_mesh(params, &committee).await?));
        }
        let program =
            FinalityProviderProgram::on(own, &(configuration(&meshes) + more), &PROVIDERS)?;
        let mut life = Self {
            chain,
            meshes,
            program,
            keys: Vec::new(),
            rewards: chain.fresh_address()?,
        };
        for name in PROVIDERS {
            let secret = life.import(&life.program, name).await?;
            life.register(&life.program, name, &secret).await?;
            life.keys.push(secret);
        }
        Ok(life)
    }

    /// The home of another operator, whose one provider is registered everywhere.
    pub(super) async fn join(
        &mut self,
        own: &Bitcoind,
        name: &str,
    ) -> anyhow::Result<FinalityProviderProgram> {
        let program = FinalityProviderProgram::on(own, &configuration(&self.meshes), &[name])?;
        let secret = self.import(&program, name).await?;
        self.register(&program, name, &secret).await?;
        self.keys.push(secret);
        Ok(program)
    }

    async fn import(
        &self,
        program: &FinalityProviderProgram,
        name: &str,
    ) -> anyhow::Result<SecretKey> {
        let secret = SecretKey::from_bytes(&rand::random())?;
        program.import_key(name, &secret).await?;
        Ok(secret)
    }

    /// Gives a provider's account coins and registers it everywhere.
    pub(super) async fn register(
        &self,
        program: &FinalityProviderProgram,
        name: &str,
        secret: &SecretKey,
    ) -> anyhow::Result<()> {
        let shown = program.command(&["keys", "show", "--name", name]).await?;
        let shown = shown.result()?;
        ensure!(shown["public_key"] == secret.public_key().to_string());
        fund(self.chain, &shown).await?;
        for (chain, _) in &self.meshes {
            program.register_on(chain, name).await?;
        }
        Ok(())
    }

    /// Registers the process's providers on a second chain, with coins for their accounts there.
    pub(super) async fn register_beside(
        &self,
        chain: &PartnerChain,
        configured: &str,
    ) -> anyhow::Result<()> {
        for name in PROVIDERS {
            let shown = ["keys", "show", "--name", name];
            let shown = self.program.command(&shown).await?.result()?;
            fund(chain, &shown).await?;
            self.program.register_on(configured, name).await?;
        }
        Ok(())
    }

    /// One stake for each provider, shared evenly by all instances, counts on all of them.
    pub(super) async fn stake(&self) -> anyhow::Result<Vec<Stake>> {
        let stakes = (0..self.keys.len())
            .map(|provider| self.sign(provider, VALUE))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let transactions: Vec<_> = stakes.iter().map(|stake| &stake.transaction).collect();
        self.chain.confirm(&transactions, DEPTH).await?;
        for (_, mesh) in &self.meshes {
            self.show(mesh, &stakes).await?;
        }
        self.chain.mine(CHALLENGE).await?;
        for (_, mesh) in &self.meshes {
            mesh.activate(&stakes).await?;
        }
        Ok(stakes)
    }

    /// A stake for a provider that Bitcoin does not know yet.
    pub(super) fn sign(&self, provider: usize, value: Amount) -> anyhow::Result<Stake> {
        let key = self.keys.get(provider).context("no such provider")?;
        let (bitcoind, committee) = (&self.chain.bitcoind, Committee::of_three());
        Stake::sign(bitcoind, &committee, &key.public_key(), value, LONG)
    }

    /// Shows stakes that Bitcoin has buried to an instance.
    pub(super) async fn show(&self, mesh: &Mesh<'_>, stakes: &[Stake]) -> anyhow::Result<()> {
        let share = u16::try_from(WHOLE / self.meshes.len())?;
        let shares: Vec<_> = self
            .meshes
            .iter()
            .map(|(_, mesh)| (mesh.domain(), share, &self.rewards))
            .collect();
        mesh.show(stakes, &shares).await
    }

    /// Waits for commitments, has one stake count for each provider, and puts the first table in force everywhere.
    pub(super) async fn start(&self) -> anyhow::Result<Vec<Stake>> {
        for (_, mesh) in &self.meshes {
            mesh.wait_for_commits(self.keys.len()).await?;
        }
        let stakes = self.stake().await?;
        for (_, mesh) in &self.meshes {
            mesh.govern(json!({ "start": {} })).await?;
        }
        Ok(stakes)
    }

    /// What `status` says of a provider on a chain.
    pub(super) async fn status(&self, name: &str) -> anyhow::Result<Value> {
        self.program.status_of(name).await
    }

    /// Waits until what `status` says of a provider on a chain satisfies `holds`.
    pub(super) async fn wait_for_status(
        &self,
        name: &str,
        what: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        poll_until(DEADLINE, what, || async {
            let status = self.status(name).await?;
            ensure!(holds(&status), "status is {status}");
            anyhow::Ok(status)
        })
        .await
    }

    /// What can go on where the chain is another one.
    pub(super) fn into_parts(self) -> Parts {
        Parts {
            program: self.program,
            keys: self.keys,
        }
    }
}

/// Gives the account of a provider's keys, as they are shown, coins on a chain.
async fn fund(chain: &PartnerChain, keys: &Value) -> anyhow::Result<()> {
    chain
        .fund(keys["account"].as_str().context("no account")?)
        .await
}

/// Instances as the configuration file has them.
pub(super) fn configuration(meshes: &[(&str, Mesh<'_>)]) -> String {
    let chains = meshes.iter();
    chains
        .map(|(name, mesh)| mesh.configuration(name))
        .collect()
}

/// The next checkpoint to become final.
pub(super) async fn next(mesh: &Mesh<'_>) -> anyhow::Result<u64> {
    mesh.number("next").await
}

/// The votes of a provider that an instance keeps.
pub(super) async fn votes(mesh: &Mesh<'_>, pk: &str) -> anyhow::Result<Vec<Value>> {
    let answer = mesh.query(json!({ "votes": { "pk": pk } })).await?;
    answer["votes"].as_array().cloned().context("no list")
}

/// Waits until a checkpoint is the next to become final.
pub(super) async fn wait_for_next(mesh: &Mesh<'_>, checkpoint: u64) -> anyhow::Result<()> {
    poll_until(DEADLINE, "a checkpoint to be the next", || async {
        let next = next(mesh).await?;
        ensure!(next >= checkpoint, "the next one is {next}");
        anyhow::Ok(())
    })
    .await
}

/// Waits until a checkpoint is final on an instance, and makes the tables that are due on the way.
pub(super) async fn wait_for_final(mesh: &Mesh<'_>, checkpoint: u64) -> anyhow::Result<()> {
    poll_until(DEADLINE, "a checkpoint to become final", || async {
        let status = mesh.status().await?;
        let number = |name: &str| status[name].as_u64().context("no number");
        let (next, last) = (number("next")?, number("last")?);
        if status["next_table_ready"] == false && next + 2 > last {
            mesh.execute(json!({ "roll": {} })).await?;
        }
        ensure!(next > checkpoint, "the next one is {next}: {status}");
        anyhow::Ok(())
    })
    .await
}

/// For some blocks of the chain nothing becomes final.
pub(super) async fn stands_still(chain: &PartnerChain, mesh: &Mesh<'_>) -> anyhow::Result<()> {
    let before = next(mesh).await?;
    let height = chain.wasmd.height()?;
    chain.wasmd.wait_for_height(height + 15, DEADLINE).await?;
    let after = next(mesh).await?;
    ensure!(before == after, "checkpoint {before} became final");
    Ok(())
}

/// No key is out.
pub(super) async fn all_are_honest(mesh: &Mesh<'_>) -> anyhow::Result<()> {
    let answer = mesh.query(json!({ "providers": {} })).await?;
    let providers = answer["providers"].as_array().context("no list")?;
    ensure!(
        providers
            .iter()
            .all(|provider| provider["status"] == "active"),
        "{answer}"
    );
    Ok(())
}

/// Stops a process in good order.
pub(super) async fn end(mut daemon: Daemon) -> anyhow::Result<()> {
    daemon.terminate(Duration::from_secs(30)).await?;
    Ok(())
}
