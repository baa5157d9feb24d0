//! A stake: funded, signed by its staker and by a quorum of the committee, and shown.

use anyhow::Context as _;
use bitcoin::consensus::serialize;
use bitcoin::hashes::Hash as _;
use bitcoin::{Amount, OutPoint, Transaction};
use chain::AddCovenantSignatures;
use eots::{PublicKey, SecretKey, bip340};
use mesh_core::Domain;
use mesh_core::consent::{Consent, Share, Target};
use serde_json::{Value, json};
use staking::delegation::{CovenantSignatures, DelegationPlan, ValidDelegation};
use staking::keys::{FinalityProviderKey, StakerKey};
use staking::proof_of_possession::AccountAddress;
use staking::units::BlockInterval;

use super::encoding::base64;
use super::terms;
use crate::Bitcoind;
use crate::scenario::Committee;

/// A stake that nobody was told of.
pub struct Stake {
    pub(super) staker: SecretKey,
    /// Everything that follows from the delegation.
    pub delegation: ValidDelegation,
    /// The signed staking transaction.
    pub transaction: Transaction,
    /// A quorum of the committee's signatures, ascending by member.
    pub covenant: Vec<AddCovenantSignatures>,
}

impl Stake {
    /// Funds and signs a stake of a new staker's, under what a committee prescribes.
    ///
    /// # Errors
    ///
    /// When the miner cannot pay it, or it is none under the parameters.
    pub fn sign(
        bitcoind: &Bitcoind,
        committee: &Committee,
        provider: &PublicKey,
        value: Amount,
        timelock: u16,
    ) -> anyhow::Result<Self> {
        let staker = SecretKey::from_bytes(&rand::random())?;
        let plan = DelegationPlan::new(
            StakerKey::from_slice(staker.public_key().as_bytes())?,
            vec![FinalityProviderKey::from_slice(provider.as_bytes())?],
            BlockInterval::new(timelock)?,
            value,
            &terms::staking_params(committee)?,
        )?;
        let transaction = bitcoind.fund(plan.staking_output().tx_out())?;
        let delegation = plan.build(&transaction, None)?;
        Self::cosigned(committee, staker, delegation, transaction)
    }

    /// A stake that others have made: its staker's key, and a quorum of the committee's signatures, ascending by member.
    pub fn made(
        staker: SecretKey,
        delegation: ValidDelegation,
        transaction: Transaction,
        covenant: Vec<CovenantSignatures>,
    ) -> Self {
        let staking_txid = delegation.staking_outpoint().txid;
        let of_member = |signatures: CovenantSignatures| AddCovenantSignatures {
            covenant: signatures.key,
            staking_txid,
            slashing_signatures: signatures.slashing,
            unbonding_signature: signatures.unbonding,
            unbonding_slashing_signatures: signatures.unbonding_slashing,
            expansion_signature: None,
        };
        Self {
            staker,
            delegation,
            transaction,
            covenant: covenant.into_iter().map(of_member).collect(),
        }
    }

    /// What a staker has made, with the signatures of the committee's first members.
    ///
    /// # Errors
    ///
    /// Never for a committee that has a quorum of members.
    pub fn cosigned(
        committee: &Committee,
        staker: SecretKey,
        delegation: ValidDelegation,
        transaction: Transaction,
    ) -> anyhow::Result<Self> {
        let mut covenant = (0..committee.quorum())
            .map(|member| committee.sign(usize::try_from(member)?, &delegation))
            .collect::<anyhow::Result<Vec<_>>>()?;
        covenant.sort_by_key(|signatures| signatures.covenant);
        Ok(Self {
            staker,
            delegation,
            transaction,
            covenant,
        })
    }

    /// The staking output.
    pub fn outpoint(&self) -> OutPoint {
        self.delegation.staking_outpoint()
    }

    /// The message that shows it.
    ///
    /// # Errors
    ///
    /// Never for a stake of [`Self::sign`].
    pub fn message(&self, inclusion: &Value, consent: &Value) -> anyhow::Result<Value> {
        let delegation = &self.delegation;
        let keys = delegation.keys();
        let provider = keys.finality_providers().first().context("no provider")?;
        let covenant = self
            .covenant
            .iter()
            .map(covenant_signature)
            .collect::<anyhow::Result<Vec<_>>>()?;
        let timelock = delegation.staking_output().timelock().timelock();
        Ok(json!({ "stake": {
            "covenant": 0,
            "staker": keys.staker().to_string(),
            "provider": provider.to_string(),
            "timelock": timelock.blocks(),
            "staking_tx": base64(serialize(&self.transaction)),
            "vout": self.outpoint().vout,
            "inclusion": inclusion,
            "slashing_tx": base64(serialize(delegation.slashing_tx())),
            "unbonding_tx": base64(serialize(delegation.unbonding_tx())),
            "unbonding_slashing_tx": base64(serialize(delegation.unbonding_slashing_tx())),
            "staker_slashing": self.signature(&delegation.slashing_sighash().to_bytes()),
            "staker_unbonding_slashing":
                self.signature(&delegation.unbonding_slashing_sighash().to_bytes()),
            "covenant_signatures": covenant,
            "consent": consent,
        }}))
    }

    /// The message that lets it count.
    pub fn activation(&self) -> Value {
        json!({ "activate": { "outpoint": self.outpoint().to_string() } })
    }

    /// The message that shows a transaction which spends it with its first input.
    pub fn report(&self, spend: &Transaction, inclusion: &Value) -> Value {
        json!({ "report_spend": {
            "outpoint": self.outpoint().to_string(),
            "tx": base64(serialize(spend)),
            "vin": 0,
            "inclusion": inclusion,
        }})
    }

    /// The message that shows a list of shares by itself.
    pub fn consent_message(&self, consent: &Value) -> Value {
        json!({ "consent": { "outpoint": self.outpoint().to_string(), "consent": consent } })
    }

    /// The staker's numbered list of shares: of each instance its basis points, and where its rewards go.
    ///
    /// # Errors
    ///
    /// When the shares make no consent.
    pub fn consent(
        &self,
        seq: u32,
        shares: &[(Domain, u16, &AccountAddress)],
    ) -> anyhow::Result<Value> {
        let mut shares: Vec<_> = shares
            .iter()
            .map(|(domain, basis_points, rewards)| Share {
                target: Target::instance(domain),
                basis_points: *basis_points,
                reward_address: rewards.text().to_owned(),
            })
            .collect();
        shares.sort_by_key(|share| share.target);
        let list: Vec<Value> = shares
            .iter()
            .map(|share| {
                json!({
                    "target": Domain::from_bytes(*share.target.as_bytes()).to_string(),
                    "basis_points": share.basis_points,
                    "reward_address": share.reward_address,
                })
            })
            .collect();
        let OutPoint { txid, vout } = self.outpoint();
        let consent = Consent::new(&txid.to_byte_array(), vout, seq, shares)?;
        Ok(json!({
            "seq": seq,
            "shares": list,
            "signature": self.signature(consent.digest()),
        }))
    }

    fn signature(&self, message: &[u8; 32]) -> String {
        base64(bip340::sign(&self.staker, message, &rand::random()))
    }
}

/// One member's signatures, for the one provider.
fn covenant_signature(signatures: &AddCovenantSignatures) -> anyhow::Result<Value> {
    let [slashing] = signatures.slashing_signatures.as_slice() else {
        anyhow::bail!("not one provider's")
    };
    let [unbonding_slashing] = signatures.unbonding_slashing_signatures.as_slice() else {
        anyhow::bail!("not one provider's")
    };
    Ok(json!({
        "key": signatures.covenant.to_string(),
        "slashing": base64(slashing),
        "unbonding": base64(signatures.unbonding_signature.serialize()),
        "unbonding_slashing": base64(unbonding_slashing),
    }))
}
