//! One instance with its providers, and how everybody acts there.

use std::fmt::Debug;

use bitcoin::{Amount, Transaction};
use chain::wasm::Executed;
use chain::{ChainError, Rejection};
use eots::SecretKey;
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;
use testenv::partner_chain::{CHALLENGE, DEPTH, Mesh, PartnerChain, Provider, Stake};
use testenv::scenario::Committee;

/// What a stake of these scenarios is worth, sat. A power of two: rewards are shared without a remainder.
pub(crate) const VALUE: u64 = 1 << 20;

/// What slashing burns of it, sat: a tenth, rounded up.
pub(crate) const PENALTY: u64 = VALUE.div_ceil(10);

/// A timelock beyond the end of a scenario.
pub(crate) const LONG: u16 = 1_000;

/// Basis points of everything.
pub(crate) const WHOLE: u16 = 10_000;

/// An instance with its providers.
pub(crate) struct Scene<'a> {
    pub(crate) chain: &'a PartnerChain,
    pub(crate) mesh: Mesh<'a>,
    pub(crate) providers: Vec<Provider>,
    /// The providers' account.
    pub(crate) operator: AccountAddress,
    /// The stakers' account.
    pub(crate) rewards: AccountAddress,
}

pub(crate) fn fresh_key() -> SecretKey {
    SecretKey::from_bytes(&rand::random()).unwrap()
}

impl<'a> Scene<'a> {
    /// An instance with these providers, who take a commission of a tenth.
    pub(crate) async fn with_providers(
        chain: &'a PartnerChain,
        params: &Value,
        keys: &[SecretKey],
    ) -> Self {
        let mesh = chain
            .begin_mesh(params, &Committee::of_three())
            .await
            .unwrap();
        let providers: Vec<_> = keys
            .iter()
            .map(|key| Provider::new(mesh.domain(), key.clone()).unwrap())
            .collect();
        let operator = chain.fresh_address().unwrap();
        let messages: Vec<_> = providers
            .iter()
            .flat_map(|provider| {
                let registration = provider.registration(1, operator.text(), 1_000);
                [registration.unwrap(), provider.commit(1).unwrap()]
            })
            .collect();
        accepted(mesh.execute_all(&messages).await);
        Self {
            chain,
            mesh,
            providers,
            operator,
            rewards: chain.fresh_address().unwrap(),
        }
    }

    /// An instance whose first table is in force: so many providers, each with one stake of [`VALUE`].
    pub(crate) async fn started(
        chain: &'a PartnerChain,
        params: &Value,
        providers: usize,
    ) -> (Self, Vec<Stake>) {
        let (scene, stakes) = Self::ready(chain, params, providers).await;
        scene.mesh.govern(json!({ "start": {} })).await.unwrap();
        (scene, stakes)
    }

    /// The same before its first table.
    pub(crate) async fn ready(
        chain: &'a PartnerChain,
        params: &Value,
        providers: usize,
    ) -> (Self, Vec<Stake>) {
        let keys: Vec<_> = (0..providers).map(|_| fresh_key()).collect();
        let scene = Self::with_providers(chain, params, &keys).await;
        let stakes = scene.one_stake_each().await;
        (scene, stakes)
    }

    /// Has one stake of [`VALUE`] count for every provider.
    pub(crate) async fn one_stake_each(&self) -> Vec<Stake> {
        let stakes: Vec<_> = (0..self.providers.len())
            .map(|provider| self.sign(provider, LONG))
            .collect();
        self.activate_new(&stakes).await;
        stakes
    }

    /// A stake of [`VALUE`] for a provider that Bitcoin does not know yet.
    pub(crate) fn sign(&self, provider: usize, timelock: u16) -> Stake {
        self.sign_worth(provider, VALUE, timelock)
    }

    /// The same of another value, sat.
    pub(crate) fn sign_worth(&self, provider: usize, value: u64, timelock: u16) -> Stake {
        let key = self.providers[provider].public_key();
        Stake::sign(
            &self.chain.bitcoind,
            &Committee::of_three(),
            &key,
            Amount::from_sat(value),
            timelock,
        )
        .unwrap()
    }

    /// Has Bitcoin confirm stakes until they are believed.
    pub(crate) async fn bury(&self, stakes: &[Stake]) {
        let transactions: Vec<_> = stakes.iter().map(|stake| &stake.transaction).collect();
        self.chain.confirm(&transactions, DEPTH).await.unwrap();
    }

    /// The message that shows a stake whose staker gives this instance all of it.
    pub(crate) fn shown(&self, stake: &Stake) -> Value {
        self.shown_with(stake, &self.consent(stake, 1, WHOLE))
    }

    pub(crate) fn shown_with(&self, stake: &Stake, consent: &Value) -> Value {
        let txid = stake.transaction.compute_txid();
        let inclusion = self.chain.inclusion(txid).unwrap();
        stake.message(&inclusion, consent).unwrap()
    }

    /// A staker's list with this instance alone.
    pub(crate) fn consent(&self, stake: &Stake, seq: u32, basis_points: u16) -> Value {
        let shares = [(self.mesh.domain(), basis_points, &self.rewards)];
        stake.consent(seq, &shares).unwrap()
    }

    /// Brings stakes all the way from Bitcoin's mempool to where they count.
    pub(crate) async fn activate_new(&self, stakes: &[Stake]) {
        self.bury(stakes).await;
        let messages: Vec<_> = stakes.iter().map(|stake| self.shown(stake)).collect();
        accepted(self.mesh.execute_all(&messages).await);
        self.chain.mine(CHALLENGE).await.unwrap();
        let messages: Vec<_> = stakes.iter().map(Stake::activation).collect();
        accepted(self.mesh.execute_all(&messages).await);
    }

    /// The message that shows a transaction which spends a stake with its first input.
    pub(crate) fn report(&self, stake: &Stake, spend: &Transaction) -> Value {
        stake.report(spend, &self.chain.inclusion(spend.compute_txid()).unwrap())
    }

    /// A number of the instance's status.
    pub(crate) async fn status(&self, name: &str) -> u64 {
        self.mesh.status().await.unwrap()[name].as_u64().unwrap()
    }

    /// What the instance knows of a stake.
    pub(crate) async fn known(&self, stake: &Stake) -> Value {
        let question = json!({ "stake": { "outpoint": stake.outpoint().to_string() } });
        self.mesh.query(question).await.unwrap()
    }

    /// What stands behind a provider, sat.
    pub(crate) async fn sats(&self, provider: usize) -> u64 {
        let pk = self.providers[provider].public_key().to_string();
        let question = json!({ "provider": { "pk": pk } });
        let answer = self.mesh.query(question).await.unwrap();
        answer["sats"].as_u64().unwrap()
    }

    /// The node's own block at a checkpoint is voted for by these providers, in one message.
    pub(crate) async fn vote(&self, number: u64, voters: &[usize]) -> Executed {
        let checkpoint = self.mesh.checkpoint(number).await.unwrap();
        let items = voters
            .iter()
            .map(|voter| self.providers[*voter].vote(&checkpoint).unwrap())
            .collect::<Vec<_>>();
        self.mesh.execute(votes(&items)).await.unwrap()
    }

    /// These providers make the next checkpoint final.
    pub(crate) async fn finalise_next(&self, voters: &[usize]) -> u64 {
        let next = self.status("next").await;
        let executed = self.vote(next, voters).await;
        assert_eq!(told(&executed, "final", "k"), next.to_string());
        next
    }

    /// These providers make checkpoints final until the epoch's last one is the next.
    pub(crate) async fn finalise_up_to_the_last(&self, voters: &[usize]) {
        let last = self.status("last").await;
        while self.status("next").await < last {
            self.finalise_next(voters).await;
        }
    }

    pub(crate) async fn roll(&self) -> Result<Executed, ChainError> {
        self.mesh.execute(json!({ "roll": {} })).await
    }

    /// These providers bring the next table into force.
    pub(crate) async fn finish_epoch(&self, voters: &[usize]) {
        let epoch = self.status("epoch").await;
        self.finalise_up_to_the_last(voters).await;
        if self.mesh.status().await.unwrap()["next_table_ready"] == false {
            self.roll().await.unwrap();
        }
        self.finalise_next(voters).await;
        assert_eq!(self.status("epoch").await, epoch + 1);
    }

    /// Providers and weights of an epoch's table.
    pub(crate) async fn weights(&self, epoch: u64) -> Vec<(usize, u64)> {
        let table = self.mesh.table(epoch).await.unwrap();
        let weight = |provider: &Provider| Some(table.entry(&provider.public_key())?.weight);
        let weights = self.providers.iter().enumerate();
        weights
            .filter_map(|(number, provider)| Some((number, weight(provider)?)))
            .collect()
    }
}

/// The message with these votes.
pub(crate) fn votes(items: &[Value]) -> Value {
    json!({ "votes": { "items": items } })
}

/// All of them, which must have been executed.
pub(crate) fn accepted(answers: Vec<Result<Executed, ChainError>>) -> Vec<Executed> {
    answers.into_iter().map(Result::unwrap).collect()
}

/// A contract's words of refusal.
pub(crate) fn refusal<T: Debug>(answer: Result<T, ChainError>) -> String {
    match answer {
        Err(ChainError::Rejected(Rejection { log, .. })) => log,
        answer => panic!("{answer:?}"),
    }
}

/// An attribute of every event of one kind.
pub(crate) fn all_told(executed: &Executed, kind: &str, attribute: &str) -> Vec<String> {
    let kind = format!("wasm-{kind}");
    executed
        .events
        .iter()
        .filter(|event| event.kind == kind)
        .map(|event| event.attribute(attribute).unwrap_or_default().to_owned())
        .collect()
}

/// An attribute of the one event of a kind.
pub(crate) fn told(executed: &Executed, kind: &str, attribute: &str) -> String {
    let [told] = &all_told(executed, kind, attribute)[..] else {
        panic!("not one event {kind}: {executed:?}")
    };
    told.clone()
}

/// Why votes were refused, in their order.
pub(crate) fn vote_refusals(executed: &Executed) -> Vec<String> {
    all_told(executed, "vote_refused", "reason")
}
