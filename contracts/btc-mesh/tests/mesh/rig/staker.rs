//! A staker's side: transactions, signatures, consents.

use bitcoin::absolute::LockTime;
use bitcoin::consensus::serialize;
use bitcoin::hashes::Hash;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction, TxIn, TxOut, Txid, WPubkeyHash};
use btc_mesh::msg::{
    Bytes32, ConsentShare, CovenantSet, CovenantSignature, Inclusion, SignedConsent, StakeMsg,
};
use cosmwasm_std::{Addr, Binary};
use eots::SecretKey;
use eots::adaptor::{self, EncryptionKey};
use mesh_core::Domain;
use mesh_core::consent::{Consent, Share, Target};
use staking::delegation::{DelegationPlan, ValidDelegation};
use staking::keys::{CovenantKey, FinalityProviderKey, StakerKey};
use staking::params::{CovenantCommittee, StakingParams};
use staking::sighash::SlashingSighash;
use staking::slashing_rate::SlashingRate;
use staking::units::{BitcoinHeight, BlockInterval};

use super::instance::{secret, sign};

/// A covenant committee of so many members.
pub(crate) fn covenant_set(members: usize, quorum: u32) -> CovenantSet {
    CovenantSet {
        keys: committee(members)
            .iter()
            .map(|member| Bytes32(member.public_key().to_bytes()))
            .collect(),
        quorum,
        min_staking_value: 50_000,
        max_staking_value: 5_000_000_000,
        min_staking_time: 110,
        max_staking_time: 64_000,
        slashing_script: ScriptBuf::new_p2wpkh(&WPubkeyHash::all_zeros())
            .into_bytes()
            .into(),
        min_slashing_fee: 1_000,
        slashing_rate: 1_000,
        unbonding_time: 100,
        unbonding_fee: 2_000,
        max_share: 10_000,
    }
}

/// The members, ascending by key.
fn committee(members: usize) -> Vec<SecretKey> {
    let mut committee: Vec<_> = (0..members)
        .map(|number| secret(&format!("covenant {number}")))
        .collect();
    committee.sort_by_key(SecretKey::public_key);
    committee
}

fn staking_params(set: &CovenantSet) -> StakingParams {
    let blocks = |blocks: u16| BlockInterval::new(blocks).unwrap();
    let keys = set
        .keys
        .iter()
        .map(|key| CovenantKey::from_slice(&key.0).unwrap())
        .collect();
    StakingParams {
        version: 0,
        covenant: CovenantCommittee::new(keys, set.quorum).unwrap(),
        min_staking_value: Amount::from_sat(set.min_staking_value),
        max_staking_value: Amount::from_sat(set.max_staking_value),
        min_staking_time: blocks(set.min_staking_time),
        max_staking_time: blocks(set.max_staking_time),
        slashing_script: ScriptBuf::from_bytes(set.slashing_script.to_vec()),
        min_slashing_fee: Amount::from_sat(set.min_slashing_fee),
        slashing_rate: SlashingRate::from_ten_thousandths(set.slashing_rate).unwrap(),
        unbonding_time: blocks(set.unbonding_time),
        unbonding_fee: Amount::from_sat(set.unbonding_fee),
        activation_height: BitcoinHeight(0),
    }
}

/// A transaction that spends somebody's coin, another one for each number.
pub(crate) fn funded(number: u32, mut output: Vec<TxOut>) -> Transaction {
    output.insert(
        0,
        TxOut {
            value: Amount::from_sat(123_456),
            script_pubkey: ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array([3; 20])),
        },
    );
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint {
                txid: Txid::from_byte_array([0xc0; 32]),
                vout: number,
            },
            ..TxIn::default()
        }],
        output,
    }
}

/// What a stake is to be.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) number: u32,
    pub(crate) staker: String,
    pub(crate) value: u64,
    pub(crate) timelock: u16,
    /// How many members sign; the first ones.
    pub(crate) signers: usize,
}

impl Terms {
    /// A stake of a million satoshi, another one for each number.
    pub(crate) fn number(number: u32) -> Self {
        Self {
            number,
            staker: "staker".to_owned(),
            value: 1_000_000,
            timelock: 300,
            signers: 2,
        }
    }
}

/// A stake that its staker and the committee signed.
#[derive(Debug, Clone)]
pub(crate) struct Staking {
    pub(crate) staker: SecretKey,
    pub(crate) provider: SecretKey,
    pub(crate) members: Vec<SecretKey>,
    /// The transaction that makes the stake.
    pub(crate) tx: Transaction,
    pub(crate) delegation: ValidDelegation,
    terms: Terms,
}

impl Staking {
    pub(crate) fn new(set: &CovenantSet, provider: &SecretKey, terms: Terms) -> Self {
        let params = staking_params(set);
        let staker = secret(&terms.staker);
        let plan = DelegationPlan::new(
            StakerKey::from_slice(staker.public_key().as_bytes()).unwrap(),
            vec![FinalityProviderKey::from_slice(provider.public_key().as_bytes()).unwrap()],
            BlockInterval::new(terms.timelock).unwrap(),
            Amount::from_sat(terms.value),
            &params,
        )
        .unwrap();
        let tx = funded(terms.number, vec![plan.staking_output().tx_out().clone()]);
        let delegation = plan.build(&tx, Some(1)).unwrap();
        Self {
            staker,
            provider: provider.clone(),
            members: committee(set.keys.len()),
            tx,
            delegation,
            terms,
        }
    }

    pub(crate) fn outpoint(&self) -> OutPoint {
        self.delegation.staking_outpoint()
    }

    /// Everything about it, as it is shown.
    pub(crate) fn msg(&self, inclusion: &Inclusion, consent: SignedConsent) -> StakeMsg {
        let delegation = &self.delegation;
        let (slashing, unbonding_slashing) = (
            delegation.slashing_sighash(),
            delegation.unbonding_slashing_sighash(),
        );
        StakeMsg {
            covenant: 0,
            staker: Bytes32(self.staker.public_key().to_bytes()),
            provider: Bytes32(self.provider.public_key().to_bytes()),
            timelock: self.terms.timelock,
            staking_tx: serialize(&self.tx).into(),
            vout: 1,
            inclusion: inclusion.clone(),
            slashing_tx: serialize(delegation.slashing_tx()).into(),
            unbonding_tx: serialize(delegation.unbonding_tx()).into(),
            unbonding_slashing_tx: serialize(delegation.unbonding_slashing_tx()).into(),
            staker_slashing: sign(&self.staker, &slashing.to_bytes()),
            staker_unbonding_slashing: sign(&self.staker, &unbonding_slashing.to_bytes()),
            covenant_signatures: self.members[..self.terms.signers]
                .iter()
                .map(|member| self.signed_by(member, &self.provider))
                .collect(),
            consent,
        }
    }

    /// A member's signatures, encrypted to a provider.
    pub(crate) fn signed_by(&self, member: &SecretKey, provider: &SecretKey) -> CovenantSignature {
        let delegation = &self.delegation;
        CovenantSignature {
            key: Bytes32(member.public_key().to_bytes()),
            slashing: adaptor_signature(member, provider, delegation.slashing_sighash()),
            unbonding: sign(member, &delegation.unbonding_sighash().to_bytes()),
            unbonding_slashing: adaptor_signature(
                member,
                provider,
                delegation.unbonding_slashing_sighash(),
            ),
        }
    }

    /// The staker's list of shares of this stake under a number.
    pub(crate) fn consent(&self, seq: u32, shares: &[(Domain, u16, &Addr)]) -> SignedConsent {
        let mut shares: Vec<_> = shares
            .iter()
            .map(|(domain, basis_points, address)| Share {
                target: Target::instance(domain),
                basis_points: *basis_points,
                reward_address: address.to_string(),
            })
            .collect();
        shares.sort_by_key(|share| share.target);
        let outpoint = self.outpoint();
        let txid = outpoint.txid.to_byte_array();
        let consent = Consent::new(&txid, outpoint.vout, seq, shares.clone()).unwrap();
        SignedConsent {
            seq,
            shares: shares
                .into_iter()
                .map(|share| ConsentShare {
                    target: Bytes32(*share.target.as_bytes()),
                    basis_points: share.basis_points,
                    reward_address: share.reward_address,
                })
                .collect(),
            signature: sign(&self.staker, consent.digest()),
        }
    }

    /// A transaction that spends the stake with its second input, as an expansion spends it with its first.
    pub(crate) fn expansion(&self) -> Transaction {
        let mut tx = funded(self.terms.number, Vec::new());
        tx.input.push(TxIn {
            previous_output: self.outpoint(),
            ..TxIn::default()
        });
        tx
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "rules are tried out, with keys of no value"
)]
fn adaptor_signature(member: &SecretKey, provider: &SecretKey, sighash: SlashingSighash) -> Binary {
    let encryption_key = EncryptionKey::from_x_only(&provider.public_key()).unwrap();
    adaptor::sign(member, &encryption_key, &sighash.to_bytes(), &[9; 32])
        .unwrap()
        .as_bytes()
        .into()
}
