//! A rig with one provider and the stakes that a test shows.

use bitcoin::consensus::serialize;
use bitcoin::{OutPoint, Transaction};
use btc_mesh::msg::{
    CovenantSet, EndReason, ExecuteMsg, Inclusion, Params, SignedConsent, StakeMsg, StakeStatus,
};
use btc_mesh::{ContractError, StakeError};
use cosmwasm_std::Response;
use eots::SecretKey;

use crate::rig::{Rig, Staking, Terms, covenant_set, params};

pub(super) struct Scene {
    pub(super) rig: Rig,
    pub(super) set: CovenantSet,
    pub(super) provider: SecretKey,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::with(params(), covenant_set(3, 2))
    }

    pub(super) fn with(params: Params, set: CovenantSet) -> Self {
        let mut rig = Rig::with(params, vec![set.clone()]);
        let provider = rig.register_provider("provider");
        Self { rig, set, provider }
    }

    /// A signed stake that is in no block yet.
    pub(super) fn sign(&self, terms: Terms) -> Staking {
        Staking::new(&self.set, &self.provider, terms)
    }

    /// A consent that gives this instance a share.
    pub(super) fn consent(&self, staking: &Staking, seq: u32, basis_points: u16) -> SignedConsent {
        let (domain, address) = (self.rig.domain(), self.rig.address("staker"));
        staking.consent(seq, &[(domain, basis_points, &address)])
    }

    /// Puts transactions into one block and buries it `depth` deep.
    pub(super) fn bury(&mut self, transactions: &[Transaction], depth: u32) -> Vec<Inclusion> {
        let known = self.rig.bitcoin.height();
        let inclusions = self.rig.bitcoin.mine_block(transactions);
        self.rig.bitcoin.mine(depth);
        self.rig.bring(known);
        inclusions
    }

    pub(super) fn bury_one(&mut self, tx: &Transaction, depth: u32) -> Inclusion {
        self.bury(std::slice::from_ref(tx), depth).remove(0)
    }

    /// A stake of the whole output under consent 1, in a block as deep as it must be, not shown yet.
    pub(super) fn ready(&mut self, terms: Terms) -> (Staking, StakeMsg) {
        let staking = self.sign(terms);
        let inclusion = self.bury_one(&staking.tx, params().depth_min);
        let msg = staking.msg(&inclusion, self.consent(&staking, 1, 10_000));
        (staking, msg)
    }

    /// The same, shown.
    pub(super) fn pending(&mut self, terms: Terms) -> Staking {
        let (staking, msg) = self.ready(terms);
        self.show(msg).unwrap();
        staking
    }

    /// The same, counted.
    pub(super) fn active(&mut self, terms: Terms) -> Staking {
        let staking = self.pending(terms);
        self.rig.mine(params().challenge);
        self.activate(staking.outpoint()).unwrap();
        staking
    }

    pub(super) fn show(&mut self, msg: StakeMsg) -> Result<Response, ContractError> {
        self.rig.execute(ExecuteMsg::Stake(Box::new(msg)))
    }

    /// Why a stake is refused.
    pub(super) fn refusal(&mut self, msg: StakeMsg) -> StakeError {
        stake_error(self.show(msg))
    }

    pub(super) fn activate(&mut self, outpoint: OutPoint) -> Result<Response, ContractError> {
        self.rig.execute(ExecuteMsg::Activate { outpoint })
    }

    pub(super) fn report(
        &mut self,
        staking: &Staking,
        tx: &Transaction,
        vin: u32,
        inclusion: &Inclusion,
    ) -> Result<Response, ContractError> {
        self.rig.execute_as(
            "watcher",
            ExecuteMsg::ReportSpend {
                outpoint: staking.outpoint(),
                tx: serialize(tx).into(),
                vin,
                inclusion: inclusion.clone(),
            },
        )
    }

    pub(super) fn take_consent(
        &mut self,
        staking: &Staking,
        consent: &SignedConsent,
    ) -> Result<Response, ContractError> {
        self.rig.execute(ExecuteMsg::Consent {
            outpoint: staking.outpoint(),
            consent: consent.clone(),
        })
    }

    pub(super) fn expire(&mut self, limit: u32) -> Response {
        self.rig.execute(ExecuteMsg::Expire { limit }).unwrap()
    }

    pub(super) fn unwind(&mut self, limit: u32) -> Response {
        self.rig.execute(ExecuteMsg::Unwind { limit }).unwrap()
    }

    pub(super) fn status(&self, staking: &Staking) -> StakeStatus {
        self.rig.stake(staking.outpoint()).status
    }

    pub(super) fn weight(&self, staking: &Staking) -> u64 {
        self.rig.stake(staking.outpoint()).weight
    }

    /// Weight of the provider.
    pub(super) fn sats(&self) -> u64 {
        self.rig.provider(&self.provider).sats
    }

    pub(super) fn tip(&self) -> u32 {
        self.rig.status().tip
    }
}

/// The rule about stakes that was broken.
pub(super) fn stake_error(result: Result<Response, ContractError>) -> StakeError {
    match result {
        Err(ContractError::Stake(error)) => error,
        other => panic!("no stake error: {other:?}"),
    }
}

pub(super) const fn ended(reason: EndReason) -> StakeStatus {
    StakeStatus::Ended { reason }
}

/// An attribute of a response's only event.
pub(super) fn attribute(response: &Response, key: &str) -> String {
    response.events[0]
        .attributes
        .iter()
        .find(|attribute| attribute.key == key)
        .unwrap_or_else(|| panic!("no attribute {key}: {response:?}"))
        .value
        .clone()
}

impl Scene {
    /// Credits the provider's stakes 1/1024 of a unit for each satoshi, as a settled epoch would; how it gets there is
    /// the rewards' own business and is tried there.
    pub(super) fn credit(&mut self) {
        use cosmwasm_std::Storage;
        let storage = &mut self.rig.deps.storage;
        let pk = self.provider.public_key().to_bytes();
        let key = [b"\0\x08provider".as_slice(), &pk].concat();
        let provider = String::from_utf8(storage.get(&key).unwrap()).unwrap();
        let (before, rest) = provider.split_once(r#""index":""#).unwrap();
        let (index, after) = rest.split_once('"').unwrap();
        let index = index.parse::<u128>().unwrap() + (1 << 54);
        let provider = format!(r#"{before}"index":"{index}"{after}"#);
        storage.set(&key, provider.as_bytes());
        storage.set(b"owed", br#""1000000""#);
    }
}
