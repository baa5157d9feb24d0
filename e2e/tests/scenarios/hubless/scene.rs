//! A holder without a hub, the committee that it asks, and two instances that know its provider.

use std::time::Duration;

use anyhow::ensure;
use bitcoin::{Amount, Txid};
use eots::SecretKey;
use serde_json::Value;
use testenv::partner_chain::{Mesh, PartnerChain, Provider, params, staking_params};
use testenv::poll_until;
use testenv::programs::BtcStakerProgram;
use testenv::scenario::Committee as Keys;

use crate::committee::members::Committee;

/// What a stake is worth, sat.
pub(crate) const VALUE: u64 = 500_000;

/// How long anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_mins(3);

/// What the wallet has, twice.
const COIN: Amount = Amount::from_sat(2_000_000);

/// A holder, everybody it needs, and nobody else.
pub(crate) struct Scene<'a> {
    pub(crate) chain: &'a PartnerChain,
    pub(crate) meshes: [Mesh<'a>; 2],
    pub(crate) committee: Committee,
    pub(crate) program: BtcStakerProgram,
    pub(crate) provider: SecretKey,
    key: String,
    words: String,
}

impl<'a> Scene<'a> {
    pub(crate) async fn begin(chain: &'a PartnerChain) -> Self {
        let terms = staking_params(&Keys::of_three()).unwrap();
        let numbers = params();
        let meshes = [
            chain.begin_mesh_under(&numbers, &terms).await.unwrap(),
            chain.begin_mesh_under(&numbers, &terms).await.unwrap(),
        ];
        let provider = SecretKey::from_bytes(&rand::random()).unwrap();
        let operator = chain.fresh_address().unwrap();
        for mesh in &meshes {
            let provider = Provider::new(mesh.domain(), provider.clone()).unwrap();
            let registration = provider.registration(1, operator.text(), 1_000).unwrap();
            mesh.execute(registration).await.unwrap();
        }
        let committee = Committee::start_under(vec![terms], "").await;
        let sections = sections(&meshes, &committee);
        let program = BtcStakerProgram::with_sections(&chain.bitcoind, &sections, 0).unwrap();
        let made = program.command(&["wallet", "new"]).await.unwrap();
        let made = made.result().unwrap();
        chain.fund(made["account"].as_str().unwrap()).await.unwrap();
        for _ in 0..2 {
            let address = program.address().await.unwrap();
            chain.bitcoind.send(&address, COIN).unwrap();
        }
        chain.mine(1).await.unwrap();
        Self {
            chain,
            meshes,
            committee,
            program,
            key: provider.public_key().to_string(),
            provider,
            words: made["words"].as_str().unwrap().to_owned(),
        }
    }

    /// The arguments that stake with the provider, 60 % for x and 40 % for y.
    pub(crate) fn stake<'b>(&'b self, more: &[&'b str]) -> Vec<&'b str> {
        let shares = ["--share", "x=0.6", "--share", "y=40%", "--yes"];
        self.stake_with(&[&shares, more].concat())
    }

    /// The arguments that stake with the provider, and more of them.
    pub(crate) fn stake_with<'b>(&'b self, more: &[&'b str]) -> Vec<&'b str> {
        let arguments = [
            "stake",
            "--amount",
            "500000",
            "--finality-provider",
            &self.key,
            "--staking-time",
            "1000",
        ];
        [&arguments, more].concat()
    }

    /// All stakes of the home.
    pub(crate) async fn stakes(&self) -> Vec<Value> {
        let list = self.program.command(&["list"]).await.unwrap();
        list.result().unwrap()["stakes"].as_array().unwrap().clone()
    }

    /// The one stake that there is, once it is in the journal.
    pub(crate) async fn only_stake(&self) -> Txid {
        let found = poll_until(DEADLINE, "a stake in the journal", || async {
            let stakes = self.stakes().await;
            ensure!(!stakes.is_empty(), "none yet");
            Ok(stakes)
        });
        let stakes = found.await.unwrap();
        assert_eq!(stakes.len(), 1, "{stakes:?}");
        stakes[0]["staking_txid"].as_str().unwrap().parse().unwrap()
    }

    /// What `exposure` says of the one stake.
    pub(crate) async fn exposure(&self) -> Value {
        let shown = self.program.command(&["exposure"]).await.unwrap();
        shown.result().unwrap()["stakes"][0].clone()
    }

    /// The staking output of a stake, as `txid:vout`.
    pub(crate) async fn output(&self, stake: Txid) -> String {
        let status = self.program.status(stake).await.unwrap();
        status["staking_output"].as_str().unwrap().to_owned()
    }

    /// What waits in Bitcoin's mempool.
    pub(crate) fn mempool(&self) -> Vec<Txid> {
        use bitcoincore_rpc::RpcApi as _;
        self.chain.bitcoind.rpc().get_raw_mempool().unwrap()
    }

    /// What the wallet has set aside for stakes, sat.
    pub(crate) async fn reserved(&self) -> u64 {
        let balance = ["wallet", "balance"];
        let balance = self.program.command(&balance).await.unwrap();
        balance.result().unwrap()["reserved_sat"].as_u64().unwrap()
    }

    /// Another home, restored from the words.
    pub(crate) async fn restored(&self) -> BtcStakerProgram {
        let sections = sections(&self.meshes, &self.committee);
        let bitcoind = &self.chain.bitcoind;
        let restored = BtcStakerProgram::with_sections(bitcoind, &sections, 0).unwrap();
        let words = restored.write_private("words", &self.words).unwrap();
        let source = format!("file:{}", words.display());
        let restore = ["wallet", "restore", "--words-source", &source];
        restored.command(&restore).await.unwrap().result().unwrap();
        restored
    }
}

/// Both instances, and where the committee's members serve.
fn sections(meshes: &[Mesh<'_>; 2], committee: &Committee) -> String {
    let [x, y] = meshes;
    let keys = Keys::of_three().keys().unwrap();
    let members: Vec<_> = keys
        .iter()
        .zip(&committee.homes)
        .map(|(key, home)| {
            let url = home.stakers_url();
            format!("[[committee]]\nkey = \"{key}\"\ngrpc_url = \"{url}\"\n")
        })
        .collect();
    x.configuration("x") + &y.configuration("y") + &members.concat()
}
