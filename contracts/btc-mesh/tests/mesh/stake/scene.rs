//! A rig with one provider and the stakes that a test shows.

use bitcoin::consensus::serialize;
use bitcoin::{OutPoint, Transaction};
use btc_mesh::msg::{
    CommitInfo, CovenantSet, EndReason, ExecuteMsg, Inclusion, Params, ProviderStatus,
    SignedConsent, StakeMsg, StakeStatus,
};
use btc_mesh::{ContractError, StakeError};
use cosmwasm_std::{Response, Uint128, Uint256};
use eots::SecretKey;
use serde::{Deserialize, Serialize};

use crate::rig::storage::storage_key;
use crate::rig::{Rig, Staking, Terms, covenant_set, params};

pub(crate) struct Scene {
    pub(crate) rig: Rig,
    pub(crate) set: CovenantSet,
    pub(crate) provider: SecretKey,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(params(), covenant_set(3, 2))
    }

    pub(crate) fn with(params: Params, set: CovenantSet) -> Self {
        let mut rig = Rig::with(params, vec![set.clone()]);
        let provider = rig.register_provider("provider");
        Self { rig, set, provider }
    }

    /// A signed stake that is in no block yet.
    pub(crate) fn sign(&self, terms: Terms) -> Staking {
        Staking::new(&self.set, &self.provider, terms)
    }

    /// A consent that gives this instance a share.
    pub(crate) fn consent(&self, staking: &Staking, seq: u32, basis_points: u16) -> SignedConsent {
        let (domain, address) = (self.rig.domain(), self.rig.address("staker"));
        staking.consent(seq, &[(domain, basis_points, &address)])
    }

    /// Puts transactions into one block and buries it `depth` deep.
    pub(crate) fn bury(&mut self, transactions: &[Transaction], depth: u32) -> Vec<Inclusion> {
        let known = self.rig.bitcoin.height();
        let inclusions = self.rig.bitcoin.mine_block(transactions);
        self.rig.bitcoin.mine(depth);
        self.rig.bring(known);
        inclusions
    }

    pub(crate) fn bury_one(&mut self, tx: &Transaction, depth: u32) -> Inclusion {
        self.bury(std::slice::from_ref(tx), depth).remove(0)
    }

    /// A stake of the whole output under consent 1, in a block as deep as it must be, not shown yet.
    pub(crate) fn ready(&mut self, terms: Terms) -> (Staking, StakeMsg) {
        let staking = self.sign(terms);
        let inclusion = self.bury_one(&staking.tx, params().depth_min);
        let msg = staking.msg(&inclusion, self.consent(&staking, 1, 10_000));
        (staking, msg)
    }

    /// The same, shown.
    pub(crate) fn pending(&mut self, terms: Terms) -> Staking {
        let (staking, msg) = self.ready(terms);
        self.show(msg).unwrap();
        staking
    }

    /// The same, counted.
    pub(crate) fn active(&mut self, terms: Terms) -> Staking {
        let staking = self.pending(terms);
        self.rig.mine(params().challenge);
        self.activate(staking.outpoint()).unwrap();
        staking
    }

    pub(crate) fn show(&mut self, msg: StakeMsg) -> Result<Response, ContractError> {
        self.rig.execute(ExecuteMsg::Stake(Box::new(msg)))
    }

    /// Why a stake is refused.
    pub(crate) fn refusal(&mut self, msg: StakeMsg) -> StakeError {
        stake_error(self.show(msg))
    }

    pub(crate) fn activate(&mut self, outpoint: OutPoint) -> Result<Response, ContractError> {
        self.rig.execute(ExecuteMsg::Activate { outpoint })
    }

    pub(crate) fn report(
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

    pub(crate) fn take_consent(
        &mut self,
        staking: &Staking,
        consent: &SignedConsent,
    ) -> Result<Response, ContractError> {
        self.rig.execute(ExecuteMsg::Consent {
            outpoint: staking.outpoint(),
            consent: consent.clone(),
        })
    }

    pub(crate) fn expire(&mut self, limit: u32) -> Response {
        self.rig.execute(ExecuteMsg::Expire { limit }).unwrap()
    }

    pub(crate) fn unwind(&mut self, limit: u32) -> Response {
        self.rig.execute(ExecuteMsg::Unwind { limit }).unwrap()
    }

    pub(crate) fn status(&self, staking: &Staking) -> StakeStatus {
        self.rig.stake(staking.outpoint()).status
    }

    pub(crate) fn weight(&self, staking: &Staking) -> u64 {
        self.rig.stake(staking.outpoint()).weight
    }

    /// Weight of the provider.
    pub(crate) fn sats(&self) -> u64 {
        self.rig.provider(&self.provider).sats
    }

    pub(crate) fn tip(&self) -> u32 {
        self.rig.status().tip
    }
}

/// The rule about stakes that was broken.
pub(crate) fn stake_error(result: Result<Response, ContractError>) -> StakeError {
    match result {
        Err(ContractError::Stake(error)) => error,
        other => panic!("no stake error: {other:?}"),
    }
}

pub(crate) const fn ended(reason: EndReason) -> StakeStatus {
    StakeStatus::Ended { reason }
}

/// An attribute of a response's only event.
pub(crate) fn attribute(response: &Response, key: &str) -> String {
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
    pub(crate) fn credit(&mut self) {
        use cosmwasm_std::Storage;
        let storage = &mut self.rig.deps.storage;
        let pk = self.provider.public_key().to_bytes();
        let key = storage_key("provider", &[], &pk);
        let mut provider: StoredProvider =
            postcard::from_bytes(&storage.get(&key).unwrap()).unwrap();
        let index = Uint256::from_be_bytes(provider.index) + Uint256::from(1_u128 << 54);
        provider.index = index.to_be_bytes();
        storage.set(&key, &postcard::to_allocvec(&provider).unwrap());
        let owed = postcard::to_allocvec(&Uint128::new(1_000_000)).unwrap();
        storage.set(b"owed", &owed);
    }
}

/// A provider as the contract stores it.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredProvider {
    pub(crate) operator: String,
    pub(crate) commission: u16,
    pub(crate) status: ProviderStatus,
    pub(crate) sats: u64,
    pub(crate) at_risk: u64,
    pub(crate) registration_seq: u64,
    pub(crate) commit_seq: u64,
    pub(crate) commits: Vec<CommitInfo>,
    pub(crate) committed: bool,
    pub(crate) ranked: Option<u64>,
    /// Big-endian.
    pub(crate) index: [u8; 32],
    pub(crate) earned: Uint128,
    pub(crate) participation: Option<(u64, u32, u32)>,
}
