//! A signed delegation as JSON, for files: transactions and adaptor signatures in hex.

use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::{Amount, OutPoint, Transaction};
use eots::adaptor::AdaptorSignature;
use serde::{Deserialize, Serialize};
use staking::delegation::{CovenantSignatures, StakerSignatures};
use staking::keys::{CovenantKey, FinalityProviderKey, StakerKey};
use staking::units::BlockInterval;

use super::SignedDelegation;

/// A delegation and its signatures, but for its staking output, which is named beside it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenDelegation {
    staker: StakerKey,
    finality_providers: Vec<FinalityProviderKey>,
    staking_time: BlockInterval,
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    staking_value: Amount,
    unbonding_time: BlockInterval,
    unbonding_tx: String,
    slashing_tx: String,
    unbonding_slashing_tx: String,
    slashing_signature: Signature,
    unbonding_slashing_signature: Signature,
    covenant_signatures: Vec<WrittenCovenantSignatures>,
}

/// One committee member's signatures; adaptor signatures are one for each finality provider.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenCovenantSignatures {
    key: CovenantKey,
    slashing: Vec<String>,
    unbonding: Signature,
    unbonding_slashing: Vec<String>,
}

impl From<SignedDelegation> for WrittenDelegation {
    fn from(delegation: SignedDelegation) -> Self {
        let members = delegation.covenant_signatures.into_iter();
        Self {
            staker: delegation.staker,
            finality_providers: delegation.finality_providers,
            staking_time: delegation.staking_time,
            staking_value: delegation.staking_value,
            unbonding_time: delegation.unbonding_time,
            unbonding_tx: serialize_hex(&delegation.unbonding_tx),
            slashing_tx: serialize_hex(&delegation.slashing_tx),
            unbonding_slashing_tx: serialize_hex(&delegation.unbonding_slashing_tx),
            slashing_signature: delegation.staker_signatures.slashing,
            unbonding_slashing_signature: delegation.staker_signatures.unbonding_slashing,
            covenant_signatures: members.map(WrittenCovenantSignatures::from).collect(),
        }
    }
}

impl WrittenDelegation {
    /// The delegation of the stake with this staking output.
    ///
    /// # Errors
    ///
    /// Names the field that is wrong.
    pub(crate) fn of(self, staking_outpoint: OutPoint) -> Result<SignedDelegation, String> {
        let members = self.covenant_signatures.into_iter();
        Ok(SignedDelegation {
            staking_outpoint,
            staker: self.staker,
            finality_providers: self.finality_providers,
            staking_time: self.staking_time,
            staking_value: self.staking_value,
            unbonding_time: self.unbonding_time,
            unbonding_tx: transaction("unbonding_tx", &self.unbonding_tx)?,
            slashing_tx: transaction("slashing_tx", &self.slashing_tx)?,
            unbonding_slashing_tx: transaction(
                "unbonding_slashing_tx",
                &self.unbonding_slashing_tx,
            )?,
            staker_signatures: StakerSignatures {
                slashing: self.slashing_signature,
                unbonding_slashing: self.unbonding_slashing_signature,
            },
            covenant_signatures: members
                .map(CovenantSignatures::try_from)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl From<CovenantSignatures> for WrittenCovenantSignatures {
    fn from(signatures: CovenantSignatures) -> Self {
        let encoded = |all: Vec<AdaptorSignature>| {
            let all = all.iter();
            all.map(|one| hex::encode(one.to_bytes())).collect()
        };
        Self {
            key: signatures.key,
            slashing: encoded(signatures.slashing),
            unbonding: signatures.unbonding,
            unbonding_slashing: encoded(signatures.unbonding_slashing),
        }
    }
}

impl TryFrom<WrittenCovenantSignatures> for CovenantSignatures {
    type Error = String;

    fn try_from(written: WrittenCovenantSignatures) -> Result<Self, String> {
        let decoded = |field: &str, all: &[String]| {
            let all = all.iter();
            let all =
                all.map(|text| adaptor(text).map_err(|error| format!("field `{field}`: {error}")));
            all.collect::<Result<_, String>>()
        };
        Ok(Self {
            key: written.key,
            slashing: decoded("slashing", &written.slashing)?,
            unbonding: written.unbonding,
            unbonding_slashing: decoded("unbonding_slashing", &written.unbonding_slashing)?,
        })
    }
}

fn transaction(field: &str, text: &str) -> Result<Transaction, String> {
    deserialize_hex(text).map_err(|error| format!("field `{field}`: {error}"))
}

fn adaptor(text: &str) -> Result<AdaptorSignature, String> {
    let bytes = hex::decode(text).map_err(|error| format!("`{text}`: {error}"))?;
    AdaptorSignature::from_slice(&bytes).map_err(|error| format!("`{text}`: {error}"))
}
