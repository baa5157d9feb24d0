//! What a stake without a hub needs that no chain keeps for it before it is on Bitcoin.

use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::{Amount, ScriptBuf};
use chain::WrittenCovenantSignatures;
use serde::{Deserialize, Serialize};
use staking::delegation::{CovenantSignatures, StakerSignatures};
use staking::keys::CovenantKey;
use staking::params::{CovenantCommittee, StakingParams};
use staking::slashing_rate::SlashingRate;
use staking::units::{BitcoinHeight, BlockInterval};

/// What a stake without a hub was built under, and every signature that it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Hubless {
    /// The parameters that govern it for ever.
    pub params: StakingParams,
    /// Its staker's signatures of both slashing transactions.
    pub staker_signatures: StakerSignatures,
    /// The committee's signatures, as far as they are there; each was verified before it was written down.
    pub covenant_signatures: Vec<CovenantSignatures>,
}

impl Hubless {
    /// Keeps those of the committee's signatures that hold, adds those given that hold of members who have none, and says
    /// how many members have some now.
    pub fn take_in(
        &mut self,
        given: &[CovenantSignatures],
        holds: impl Fn(&CovenantSignatures) -> bool,
    ) -> usize {
        let signatures = &mut self.covenant_signatures;
        signatures.retain(&holds);
        for member in given.iter().filter(|member| holds(member)) {
            if !signatures.iter().any(|known| known.key == member.key) {
                signatures.push(member.clone());
            }
        }
        signatures.len()
    }
}

/// The same as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    params: Params,
    slashing_signature: Signature,
    unbonding_slashing_signature: Signature,
    covenant_signatures: Vec<WrittenCovenantSignatures>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    version: u32,
    keys: Vec<CovenantKey>,
    quorum: u32,
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    min_staking_value: Amount,
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    max_staking_value: Amount,
    min_staking_time: BlockInterval,
    max_staking_time: BlockInterval,
    slashing_script: ScriptBuf,
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    min_slashing_fee: Amount,
    /// Ten thousandths.
    slashing_rate: u16,
    unbonding_time: BlockInterval,
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    unbonding_fee: Amount,
    activation_height: BitcoinHeight,
}

impl From<Hubless> for Stored {
    fn from(hubless: Hubless) -> Self {
        Self {
            params: hubless.params.into(),
            slashing_signature: hubless.staker_signatures.slashing,
            unbonding_slashing_signature: hubless.staker_signatures.unbonding_slashing,
            covenant_signatures: hubless
                .covenant_signatures
                .into_iter()
                .map(WrittenCovenantSignatures::from)
                .collect(),
        }
    }
}

impl TryFrom<Stored> for Hubless {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        Ok(Self {
            params: stored.params.try_into()?,
            staker_signatures: StakerSignatures {
                slashing: stored.slashing_signature,
                unbonding_slashing: stored.unbonding_slashing_signature,
            },
            covenant_signatures: stored
                .covenant_signatures
                .into_iter()
                .map(CovenantSignatures::try_from)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl From<StakingParams> for Params {
    fn from(params: StakingParams) -> Self {
        Self {
            version: params.version,
            keys: params.covenant.keys().to_vec(),
            // A quorum is no larger than a committee that was given as 32 bits.
            quorum: u32::try_from(params.covenant.quorum()).unwrap_or(u32::MAX),
            min_staking_value: params.min_staking_value,
            max_staking_value: params.max_staking_value,
            min_staking_time: params.min_staking_time,
            max_staking_time: params.max_staking_time,
            slashing_script: params.slashing_script,
            min_slashing_fee: params.min_slashing_fee,
            slashing_rate: params.slashing_rate.ten_thousandths(),
            unbonding_time: params.unbonding_time,
            unbonding_fee: params.unbonding_fee,
            activation_height: params.activation_height,
        }
    }
}

impl TryFrom<Params> for StakingParams {
    type Error = String;

    fn try_from(params: Params) -> Result<Self, String> {
        let slashing_rate = SlashingRate::from_ten_thousandths(params.slashing_rate)
            .ok_or("field `slashing_rate`: it is not 1 to 9999")?;
        Ok(Self {
            version: params.version,
            covenant: CovenantCommittee::new(params.keys, params.quorum)
                .map_err(|error| format!("field `keys`: {error}"))?,
            min_staking_value: params.min_staking_value,
            max_staking_value: params.max_staking_value,
            min_staking_time: params.min_staking_time,
            max_staking_time: params.max_staking_time,
            slashing_script: params.slashing_script,
            min_slashing_fee: params.min_slashing_fee,
            slashing_rate,
            unbonding_time: params.unbonding_time,
            unbonding_fee: params.unbonding_fee,
            activation_height: params.activation_height,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use bitcoin::secp256k1::{Keypair, Message, SECP256K1};
    use eots::SecretKey;
    use eots::adaptor::{self, EncryptionKey};

    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "a committee of one, with a key of no value"
    )]
    pub(in crate::journal) fn hubless() -> Hubless {
        let blocks = |blocks| BlockInterval::new(blocks).unwrap();
        let secret = SecretKey::from_bytes(&[7; 32]).unwrap();
        let key = CovenantKey::from_slice(secret.public_key().as_bytes()).unwrap();
        let pair = Keypair::from_seckey_slice(SECP256K1, &[7; 32]).unwrap();
        let plain =
            |digest| SECP256K1.sign_schnorr_no_aux_rand(&Message::from_digest(digest), &pair);
        let encryption = EncryptionKey::from_x_only(&key.into()).unwrap();
        let encrypted = |digest| adaptor::sign(&secret, &encryption, digest, &[1; 32]).unwrap();
        Hubless {
            params: StakingParams {
                version: 3,
                covenant: CovenantCommittee::new(vec![key], 1).unwrap(),
                min_staking_value: Amount::from_sat(50_000),
                max_staking_value: Amount::from_sat(100_000),
                min_staking_time: blocks(110),
                max_staking_time: blocks(64_000),
                slashing_script: ScriptBuf::from_bytes(vec![0x6a]),
                min_slashing_fee: Amount::from_sat(1_000),
                slashing_rate: SlashingRate::from_ten_thousandths(1_234).unwrap(),
                unbonding_time: blocks(100),
                unbonding_fee: Amount::from_sat(2_000),
                activation_height: BitcoinHeight(3),
            },
            staker_signatures: StakerSignatures {
                slashing: plain([1; 32]),
                unbonding_slashing: plain([2; 32]),
            },
            covenant_signatures: vec![CovenantSignatures {
                key,
                slashing: vec![encrypted(&[3; 32])],
                unbonding: plain([4; 32]),
                unbonding_slashing: vec![encrypted(&[5; 32])],
            }],
        }
    }

    #[test]
    fn every_signature_is_there_again_after_it_was_written() {
        let text = serde_json::to_string(&hubless()).unwrap();
        let read: Hubless = serde_json::from_str(&text).unwrap();
        assert_eq!(read, hubless());
    }

    #[test]
    fn a_signature_that_does_not_hold_keeps_no_other_out() {
        let mut known = hubless();
        let valid = known.covenant_signatures.clone();
        let worthless = CovenantSignatures {
            unbonding: known.staker_signatures.slashing,
            ..valid[0].clone()
        };
        let holds = |member: &CovenantSignatures| *member != worthless;
        known.covenant_signatures = vec![worthless.clone()];
        assert_eq!(known.take_in(&[], holds), 0, "it is not counted");
        known.covenant_signatures = vec![worthless.clone()];
        let given = [worthless.clone(), valid[0].clone(), valid[0].clone()];
        assert_eq!(known.take_in(&given, holds), 1);
        assert_eq!(known.covenant_signatures, valid);
        assert_eq!(known.take_in(&[worthless], |_| true), 1);
        assert_eq!(known.covenant_signatures, valid, "the first one stays");
    }

    #[test]
    fn what_was_altered_is_named() {
        let text = serde_json::to_string(&hubless()).unwrap();
        for (from, to, named) in [
            (
                "\"slashing_rate\":1234",
                "\"slashing_rate\":0",
                "slashing_rate",
            ),
            ("\"quorum\":1", "\"quorum\":2", "field `keys`"),
            ("\"slashing\":[\"", "\"slashing\":[\"zz", "zz"),
            ("\"version\":3", "\"version\":3,\"extra\":1", "extra"),
        ] {
            assert!(text.contains(from), "{text}");
            let error = serde_json::from_str::<Hubless>(&text.replacen(from, to, 1));
            let error = error.unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
