//! Starting a network.
//!
//! The committee's keys come first, because the chain's genesis names them; then the nodes; then the
//! partner chains, because the programs' configurations name their instances; then a home, keys and
//! coins for each program, side by side; then the programs. What is left to do after
//! that is the programs' own work, and only waited for.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bitcoin::{Amount, XOnlyPublicKey};
use chain::Chain as _;
use chain::babylon::Babylon;
use eots::SecretKey;
use futures::future::try_join_all;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::audience::wait;
use super::miner::Miner;
use super::{Audience, Network, Partner, Provider, Running, Settings};
use crate::programs::{
    BtcStakerProgram, CovenantProgram, FinalityProviderProgram, WatchtowerProgram,
};
use crate::provision::{self, Executable};
use crate::scenario::account;
use crate::{Babylond, BabylondSettings, Bitcoind, Program};

/// Members of the committee.
const MEMBERS: usize = 3;

/// How many of them must sign.
const QUORUM: u32 = 2;

/// What a provider's account starts with: 1000 BABY.
const PROVIDER_FUNDS: u64 = 1_000_000_000;

/// What the watchtower's wallet starts with beside the coins of its home: checkpoints for days.
const WATCHTOWER_FUNDS: Amount = Amount::from_sat(100_000_000);

/// What the staker's wallet starts with: coins for several stakes at once, and some for the person who tries things.
const STAKER_COINS: [Amount; 4] = [Amount::from_sat(100_000_000); 4];

/// Blocks after which the staker does itself what a watchtower should have done. Blocks are quick here.
const PATIENCE: u16 = 10;

/// What the roles of a watchtower are called.
const ALL_ROLES: [&str; 7] = [
    "headers",
    "checkpoints",
    "activation",
    "unbonding",
    "slashing",
    "keys",
    "upkeep",
];

/// How long the programs may take to get going.
const DEADLINE: Duration = Duration::from_mins(2);

impl Network {
    /// Starts everything; `audience` hears what is being done.
    ///
    /// # Errors
    ///
    /// When a node is missing and cannot be provisioned, a program cannot be built, or something does not get going.
    pub async fn launch(settings: Settings, audience: &mut dyn Audience) -> anyhow::Result<Self> {
        for node in nodes(&settings) {
            let name = node.name;
            audience.progress(&format!(
                "looking for {name} (made once, that takes minutes)"
            ));
            spawn_blocking(|| node.locate()).await??;
        }
        audience.progress("building our programs (minutes, the first time)");
        spawn_blocking(|| Program::ours("btc-staker")).await??;

        let secrets = (0..MEMBERS).map(|_| random_key());
        let secrets = secrets.collect::<anyhow::Result<Vec<_>>>()?;
        audience.progress("starting bitcoind (regtest) and an unmodified babylond");
        let (bitcoind, babylond) = tokio::try_join!(
            Bitcoind::launch(),
            launch_babylond(&secrets, settings.unbonding_time)
        )?;
        audience.progress("mining the first coins");
        bitcoind.mine_first_coins()?;
        let bitcoind = Arc::new(bitcoind);
        let (_, chain) = account(&babylond).await?;
        let partners = launch_partners(&settings, &bitcoind, &chain, audience).await?;

        audience.progress("giving each program a home, keys and coins");
        let (committee, (finality_provider, providers), watchtower, staker) = tokio::try_join!(
            start_committee(&babylond, &secrets),
            start_finality_providers(&babylond, &bitcoind, &partners, settings.providers),
            start_watchtower(&bitcoind, &babylond, &partners),
            make_staker(&bitcoind, &babylond, &partners),
        )?;
        let network = Self {
            _miner: Miner::start(&bitcoind, settings.bitcoin_block_interval)?,
            settings,
            committee,
            finality_provider,
            providers,
            watchtower,
            staker,
            chain,
            partners,
            stopped: Vec::new(),
            babylond,
            bitcoind,
        };
        network.get_going(audience).await?;
        Ok(network)
    }

    /// Waits until every program does its work.
    async fn get_going(&self, audience: &mut dyn Audience) -> anyhow::Result<()> {
        let what = "the watchtower to bring Bitcoin's headers";
        wait(audience, DEADLINE, what, || async {
            let tip = u64::from(self.chain.light_client_tip().await?.height.0);
            let bitcoin = self.bitcoind.height()?;
            // The miner goes on while we look.
            ensure!(
                tip + 1 >= bitcoin,
                "Babylon knows {tip} of {bitcoin} headers"
            );
            for partner in &self.partners {
                let tip = partner.bitcoin_tip().await?;
                let name = partner.name;
                ensure!(
                    tip + 1 >= bitcoin,
                    "{name} knows {tip} of {bitcoin} headers"
                );
            }
            anyhow::Ok(())
        })
        .await?;
        audience.progress("waiting for the committee to look for delegations");
        for member in &self.committee {
            let looks = |status: &Value| !status["last_pass"].is_null();
            let what = "a committee member to look for delegations";
            member.home.wait_for_status(what, DEADLINE, looks).await?;
        }
        let what = "the finality providers to commit public randomness";
        wait(audience, DEADLINE, what, || async {
            for provider in &self.providers {
                let commits = self.chain.public_randomness_commits(&provider.key).await?;
                ensure!(!commits.is_empty(), "{} has committed none", provider.name);
                for partner in &self.partners {
                    let key = provider.key.to_string();
                    let question = json!({ "provider": { "pk": key } });
                    let known = partner.mesh().await?.query(question).await?;
                    let (provider, chain) = (provider.name, partner.name);
                    let none = known.get("commits") == Some(&json!([]));
                    ensure!(!none, "{provider} has committed none on {chain}");
                }
            }
            anyhow::Ok(())
        })
        .await
    }
}

/// The nodes that a network takes: partner chains are `wasmd`'s.
fn nodes(settings: &Settings) -> Vec<&'static Executable> {
    let mut nodes = vec![&provision::BITCOIND, &provision::BABYLOND];
    if !settings.partners.is_empty() {
        nodes.push(&provision::WASMD);
    }
    nodes
}

async fn launch_babylond(committee: &[SecretKey], unbonding_time: u16) -> anyhow::Result<Babylond> {
    let key = |secret: &SecretKey| XOnlyPublicKey::from_slice(secret.public_key().as_bytes());
    Babylond::launch(&BabylondSettings {
        covenant_keys: committee.iter().map(key).collect::<Result<_, _>>()?,
        covenant_quorum: QUORUM,
        unbonding_time,
        ..BabylondSettings::default()
    })
    .await
}

/// Starts the partner chains; they take the stakes of Babylon's committee under Babylon's parameters.
async fn launch_partners(
    settings: &Settings,
    bitcoind: &Arc<Bitcoind>,
    chain: &Babylon,
    audience: &mut dyn Audience,
) -> anyhow::Result<Vec<Partner>> {
    if settings.partners.is_empty() {
        return Ok(Vec::new());
    }
    audience.progress("looking for the contracts' code (made once, that takes minutes)");
    spawn_blocking(provision::contracts).await??;
    audience.progress("starting the partner chains, unmodified wasmd, with btc-light and btc-mesh");
    let versions = chain.staking_params().await?;
    let covenant = versions.all().last().context("no staking parameters")?;
    let launches = settings
        .partners
        .iter()
        .map(|name| Partner::launch(name, Arc::clone(bitcoind), covenant));
    try_join_all(launches).await
}

async fn start_committee(
    babylond: &Babylond,
    secrets: &[SecretKey],
) -> anyhow::Result<Vec<Running<CovenantProgram>>> {
    let mut committee = Vec::new();
    for secret in secrets {
        let home = CovenantProgram::member(babylond, secret).await?;
        let daemon = home.start()?;
        committee.push(Running { home, daemon });
    }
    Ok(committee)
}

async fn start_finality_providers(
    babylond: &Babylond,
    bitcoind: &Bitcoind,
    partners: &[Partner],
    names: &[&'static str],
) -> anyhow::Result<(Running<FinalityProviderProgram>, Vec<Provider>)> {
    let sections = configurations(partners).await?;
    let home = FinalityProviderProgram::serving(babylond, bitcoind, &sections, names)?;
    let mut providers = Vec::new();
    for name in names {
        let secret = random_key()?;
        let (key, account) = home.import_key(name, &secret).await?;
        babylond.fund(&account, PROVIDER_FUNDS).await?;
        home.register(name).await?;
        for partner in partners {
            partner.chain.fund(&account).await?;
            home.register_on(partner.name, name).await?;
        }
        providers.push(Provider { name, key, secret });
    }
    let daemon = home.start()?;
    Ok((Running { home, daemon }, providers))
}

async fn start_watchtower(
    bitcoind: &Bitcoind,
    babylond: &Babylond,
    partners: &[Partner],
) -> anyhow::Result<Running<WatchtowerProgram>> {
    let sections = configurations(partners).await?;
    let home = WatchtowerProgram::serving(bitcoind, babylond, &sections, &ALL_ROLES).await?;
    home.fund_wallet(bitcoind)?;
    bitcoind.send(home.address(), WATCHTOWER_FUNDS)?;
    for partner in partners {
        partner.chain.fund(home.account()).await?;
    }
    let daemon = home.start()?;
    Ok(Running { home, daemon })
}

async fn make_staker(
    bitcoind: &Bitcoind,
    babylond: &Babylond,
    partners: &[Partner],
) -> anyhow::Result<BtcStakerProgram> {
    let staker = BtcStakerProgram::holder(bitcoind, babylond, PATIENCE, &STAKER_COINS).await?;
    staker.configure(&configurations(partners).await?)?;
    let account = staker.account().await?;
    for partner in partners {
        partner.chain.fund(&account).await?;
    }
    Ok(staker)
}

/// The partner chains as configuration files have them.
async fn configurations(partners: &[Partner]) -> anyhow::Result<String> {
    let sections = try_join_all(partners.iter().map(Partner::configuration)).await?;
    Ok(sections.concat())
}

fn random_key() -> anyhow::Result<SecretKey> {
    Ok(SecretKey::from_bytes(&rand::random())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_without_partner_chains_takes_no_node_of_theirs() {
        let names = |settings: Settings| {
            let nodes = nodes(&settings).into_iter();
            nodes.map(|node| node.name).collect::<Vec<_>>()
        };
        assert_eq!(names(Settings::default()), ["bitcoind", "babylond"]);
        assert_eq!(names(Settings::mesh()), ["bitcoind", "babylond", "wasmd"]);
    }
}
