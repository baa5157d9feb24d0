//! A committee of three members who serve stakers and know no chain, and somebody who asks them.

use std::time::Duration;

use bitcoin::absolute::LockTime;
use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::transaction::Version;
use bitcoin::{Amount, Network, OutPoint, ScriptBuf, Transaction, TxIn, Txid, WPubkeyHash};
use committee::{Delegation, Member, SignatureRequest};
use eots::{SecretKey, bip340};
use staking::delegation::{DelegationPlan, StakerSignatures};
use staking::keys::{CovenantKey, FinalityProviderKey, StakerKey};
use staking::params::{CovenantCommittee, StakingParams};
use staking::units::{BitcoinHeight, BlockInterval};
use testenv::programs::{CovenantProgram, CovenantSettings, StakersSettings};
use testenv::scenario::Committee as Keys;
use testenv::{Daemon, poll_until};

/// How long anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

fn secret(name: &str) -> SecretKey {
    SecretKey::from_bytes(&sha256::Hash::hash(name.as_bytes()).to_byte_array()).unwrap()
}

/// The finality provider's key, as equivocation would reveal it.
pub(crate) fn provider_secret() -> SecretKey {
    secret("provider")
}

/// The set of this number. Unbonding costs one satoshi more under each, so each leaves the same staking output by another
/// transaction.
pub(crate) fn params(version: u32) -> StakingParams {
    let blocks = |blocks| BlockInterval::new(blocks).unwrap();
    let keys = Keys::of_three();
    let quorum = keys.quorum();
    let keys = keys.keys().unwrap().into_iter().map(CovenantKey).collect();
    StakingParams {
        version,
        covenant: CovenantCommittee::new(keys, quorum).unwrap(),
        min_staking_value: Amount::from_sat(50_000),
        max_staking_value: Amount::from_sat(5_000_000),
        min_staking_time: blocks(150),
        max_staking_time: blocks(64_000),
        slashing_script: ScriptBuf::new_p2wpkh(&WPubkeyHash::all_zeros()),
        min_slashing_fee: Amount::from_sat(1_000),
        slashing_rate: "0.1".parse().unwrap(),
        unbonding_time: blocks(1_008),
        unbonding_fee: Amount::from_sat(2_000 + u64::from(version)),
        activation_height: BitcoinHeight(0),
    }
}

/// The members' homes and running services.
pub(crate) struct Committee {
    pub(crate) homes: Vec<CovenantProgram>,
    /// Homes of the members' signers, where they have their own.
    pub(crate) signers: Vec<CovenantProgram>,
    pub(crate) processes: Vec<Daemon>,
}

impl Committee {
    /// Starts all members under set 0 and waits until they serve.
    pub(crate) async fn start(limits: &'static str) -> Self {
        Self::start_under(vec![params(0)], limits).await
    }

    /// Starts all members under these sets.
    pub(crate) async fn start_under(params: Vec<StakingParams>, limits: &'static str) -> Self {
        let settings = CovenantSettings {
            stakers: Some(StakersSettings { params, limits }),
            ..CovenantSettings::default()
        };
        let mut committee = Self {
            homes: Vec::new(),
            signers: Vec::new(),
            processes: Vec::new(),
        };
        for secret in Keys::of_three().secrets() {
            let home = CovenantProgram::new(None, &settings).unwrap();
            home.import_key(secret).await.unwrap();
            committee.processes.push(home.start().unwrap());
            committee.homes.push(home);
        }
        for member in 0..committee.homes.len() {
            committee.wait_until_served(member).await;
        }
        committee
    }

    /// Starts one member whose key is in a signer of its own, which pins the set.
    pub(crate) async fn start_with_signers() -> Self {
        let signer = CovenantProgram::new(None, &CovenantSettings::default()).unwrap();
        let mut settings = CovenantSettings {
            stakers: Some(StakersSettings {
                params: vec![params(0)],
                limits: "",
            }),
            signer_socket: Some(signer.home().join("signer.sock")),
            ..CovenantSettings::default()
        };
        let home = CovenantProgram::new(None, &settings).unwrap();
        let shown = home.command(&["params"]).await.unwrap().result().unwrap();
        let pin = shown["stakers"][0]["pin"].as_str().unwrap().to_owned();
        settings.trusted_params = vec![pin];
        settings.stakers = None;
        signer.configure(None, &settings).unwrap();
        let secrets = Keys::of_three();
        signer.import_key(&secrets.secrets()[0]).await.unwrap();
        let processes = vec![signer.start_signer().unwrap(), home.start().unwrap()];
        let committee = Self {
            homes: vec![home],
            signers: vec![signer],
            processes,
        };
        committee.wait_until_served(0).await;
        committee
    }

    /// All members, to be asked.
    pub(crate) fn members(&self) -> Vec<Member> {
        let member =
            |home: &CovenantProgram| Member::new(home.stakers_url().try_into().unwrap()).unwrap();
        self.homes.iter().map(member).collect()
    }

    /// Waits until a member says who it is.
    pub(crate) async fn wait_until_served(&self, member: usize) {
        let asked = &self.members()[member];
        poll_until(DEADLINE, "a member to serve stakers", || asked.terms())
            .await
            .unwrap();
    }
}

/// A holder of bitcoin that nobody looks for.
pub(crate) struct Staker {
    pub(crate) secret: SecretKey,
}

impl Staker {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            secret: secret(name),
        }
    }

    /// A stake of this staker's; the number makes it another.
    pub(crate) fn delegation(&self, number: u8, params: &StakingParams) -> Delegation {
        let plan = DelegationPlan::new(
            StakerKey::from_slice(self.secret.public_key().as_bytes()).unwrap(),
            vec![
                FinalityProviderKey::from_slice(provider_secret().public_key().as_bytes()).unwrap(),
            ],
            BlockInterval::new(10_000).unwrap(),
            Amount::from_sat(500_000),
            params,
        )
        .unwrap();
        let staking_tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: OutPoint::new(Txid::from_byte_array([number; 32]), 0),
                ..TxIn::default()
            }],
            output: vec![plan.staking_output().tx_out().clone()],
        };
        let valid = plan.build(&staking_tx, None).unwrap();
        let sign = |message: [u8; 32]| bip340::sign(&self.secret, &message, &[7; 32]).into();
        let signatures = StakerSignatures {
            slashing: sign(valid.slashing_sighash().to_bytes()),
            unbonding_slashing: sign(valid.unbonding_slashing_sighash().to_bytes()),
        };
        Delegation::new(&valid, &staking_tx, signatures)
    }

    /// The same, judged.
    pub(crate) fn request(&self, number: u8, params: &StakingParams) -> SignatureRequest {
        let delegation = self.delegation(number, params);
        SignatureRequest::new(Network::Regtest, params, delegation).unwrap()
    }
}
