//! A holder with a stake of Babylon's, and two instances of `btc-mesh` to show it to.

use std::sync::Arc;

use bitcoin::{OutPoint, Txid};
use chain::Chain as _;
use chain::babylon::Babylon;
use eots::SecretKey;
use serde_json::{Value, json};
use staking::params::StakingParams;
use staking::proof_of_possession::AccountAddress;
use testenv::partner_chain::{Mesh, PartnerChain, Provider, params};
use testenv::programs::BtcStakerProgram;
use testenv::{Babylond, BabylondSettings, Finished};

use super::scene::{COIN, Scene};

/// What the stake is worth, sat.
pub(crate) const VALUE: u64 = 500_000;

/// Unbonding must take as long as the instances ask for.
const UNBONDING: u16 = 100;

/// A partner chain whose node is down.
pub(crate) fn absent() -> String {
    format!(
        "[[chain]]\nname = \"absent\"\ncontract = \"{}\"\ndomain = \"{}\"\n\
         [chain.node]\nchain_id = \"absent-1\"\ngrpc_url = \"http://127.0.0.1:9\"\naccount_prefix = \"wasm\"\n\
         fee_denomination = \"stake\"\ngas_price = \"0\"\nmax_fee = 1\n",
        AccountAddress::new("wasm", &[7; 32]).unwrap().text(),
        "07".repeat(32),
    )
}

/// A holder with a stake that counts on Babylon, and a partner chain on the same Bitcoin.
pub(crate) struct Staked {
    pub(crate) holder: Holder,
    pub(crate) chain: PartnerChain,
    pub(crate) babylond: Babylond,
    /// Of the stake's provider.
    pub(crate) secret: SecretKey,
    babylon: Arc<Babylon>,
}

impl Staked {
    pub(crate) async fn launch() -> Self {
        let scene = Scene::new(BabylondSettings {
            unbonding_time: UNBONDING,
            ..BabylondSettings::default()
        })
        .await;
        let holder = Holder::with_a_stake(&scene).await;
        let Scene { stage, secret, .. } = scene;
        let bitcoind = Arc::new(stage.bitcoind);
        Self {
            holder,
            chain: PartnerChain::launch(bitcoind).await.unwrap(),
            babylond: stage.babylond,
            secret,
            babylon: stage.chain,
        }
    }

    /// Two instances on the partner chain, which the holder's configuration names.
    pub(crate) async fn instances(&self) -> Instances<'_> {
        let (holder, secret) = (&self.holder, &self.secret);
        let instances = Instances::begin(&self.chain, &self.babylon, secret, holder.stake).await;
        let configuration = instances.configuration();
        holder.program.configure(&configuration).unwrap();
        instances
    }
}

/// A holder with an active stake on Babylon, and its words.
pub(crate) struct Holder {
    pub(crate) program: BtcStakerProgram,
    pub(crate) words: String,
    pub(crate) account: String,
    pub(crate) stake: Txid,
}

impl Holder {
    async fn with_a_stake(scene: &Scene) -> Self {
        let (bitcoind, babylond) = (&scene.stage.bitcoind, &scene.stage.babylond);
        let program = BtcStakerProgram::new(bitcoind, babylond, 0).unwrap();
        let made = program.command(&["wallet", "new"]).await.unwrap();
        let made = made.result().unwrap();
        let text = |field: &str| made[field].as_str().unwrap().to_owned();
        let account = text("account");
        babylond.fund(&account, 100_000_000).await.unwrap();
        let address = program.address().await.unwrap();
        bitcoind.send(&address, COIN).unwrap();
        scene.stage.mine(1).await.unwrap();
        let stake = scene.register(&program).await;
        scene.activate(&program, stake).await;
        Self {
            words: text("words"),
            program,
            account,
            stake,
        }
    }

    /// What `restake` says, with these arguments after the stake, and how it ended.
    pub(crate) async fn restake(&self, arguments: &[&str]) -> (i32, Value) {
        restake(&self.program, self.stake, arguments).await
    }

    /// What `exposure` says of the stake.
    pub(crate) async fn exposure(&self) -> Value {
        let stake = self.stake.to_string();
        let shown = self.program.command(&["exposure", &stake]).await.unwrap();
        answer(&shown)["stakes"][0].clone()
    }
}

pub(crate) async fn restake(
    program: &BtcStakerProgram,
    stake: Txid,
    arguments: &[&str],
) -> (i32, Value) {
    let stake = stake.to_string();
    let arguments = [&["restake", &stake], arguments].concat();
    let finished = program.command(&arguments).await.unwrap();
    (finished.status().code().unwrap(), answer(&finished))
}

/// Two instances that take stakes of Babylon's committee under Babylon's parameters.
pub(crate) struct Instances<'a> {
    pub(crate) chain: &'a PartnerChain,
    pub(crate) meshes: [Mesh<'a>; 2],
    pub(super) covenant: StakingParams,
    pub(super) provider: SecretKey,
    pub(super) stake: OutPoint,
}

impl<'a> Instances<'a> {
    /// Both know the stake's provider.
    pub(crate) async fn begin(
        chain: &'a PartnerChain,
        babylon: &Babylon,
        provider: &SecretKey,
        stake: Txid,
    ) -> Self {
        let registered = babylon.delegation(stake).await.unwrap().unwrap();
        let versions = babylon.staking_params().await.unwrap();
        let covenant = versions.version(registered.params_version).unwrap();
        let numbers = params();
        let begin = || chain.begin_mesh_under(&numbers, covenant);
        let meshes = [begin().await.unwrap(), begin().await.unwrap()];
        let operator = chain.fresh_address().unwrap();
        for mesh in &meshes {
            let provider = Provider::new(mesh.domain(), provider.clone()).unwrap();
            let registration = provider.registration(1, operator.text(), 1_000).unwrap();
            mesh.execute(registration).await.unwrap();
        }
        Self {
            chain,
            meshes,
            covenant: covenant.clone(),
            provider: provider.clone(),
            stake: registered.staking_outpoint(),
        }
    }

    pub(crate) fn configuration(&self) -> String {
        let [x, y] = &self.meshes;
        x.configuration("x") + &y.configuration("y")
    }

    pub(crate) async fn activate(&self, meshes: &[Mesh<'_>]) {
        for mesh in meshes {
            let outpoint = self.stake.to_string();
            let activate = json!({ "activate": { "outpoint": outpoint } });
            mesh.execute(activate).await.unwrap();
        }
    }

    /// What a field of the contracts' own record says.
    pub(crate) async fn known(&self, field: &str) -> [Value; 2] {
        let question = json!({ "stake": { "outpoint": self.stake.to_string() } });
        let [x, y] = &self.meshes;
        let (x, y) = tokio::join!(x.query(question.clone()), y.query(question));
        [x.unwrap()[field].clone(), y.unwrap()[field].clone()]
    }
}

/// What a command says that may have done only a part.
fn answer(finished: &Finished) -> Value {
    let envelope: Value = serde_json::from_str(&finished.stdout()).unwrap();
    assert_eq!(envelope["status"], "success", "{envelope}");
    envelope["result"].clone()
}

/// A field of what the program says of each chain, in the order of the configuration.
pub(crate) fn each(shown: &Value, field: &str) -> Vec<Value> {
    let chains = shown["chains"].as_array().unwrap().iter();
    chains.map(|chain| chain[field].clone()).collect()
}
