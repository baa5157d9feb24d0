//! The covenant sets of an instance, as versions of the staking parameters.

use bitcoin::{Amount, ScriptBuf};
use serde::Deserialize;
use staking::keys::CovenantKey;
use staking::params::{CovenantCommittee, ParamsVersions, StakingParams};
use staking::slashing_rate::SlashingRate;
use staking::units::BitcoinHeight;

use super::answer::Bytes32;
use super::stake::{Binary, field, interval};
use crate::ChainError;

/// A covenant committee and what it prescribes.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CovenantSet {
    keys: Vec<Bytes32>,
    quorum: u32,
    min_staking_value: u64,
    max_staking_value: u64,
    min_staking_time: u16,
    max_staking_time: u16,
    slashing_script: Binary,
    min_slashing_fee: u64,
    slashing_rate: u16,
    pub(super) unbonding_time: u16,
    unbonding_fee: u64,
    /// Largest share of one of its stakes that counts, basis points.
    pub(super) max_share: u16,
}

/// The covenant sets of an instance, by number.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CovenantSets {
    covenants: Vec<CovenantSet>,
}

impl CovenantSet {
    /// Its parameters, numbered as it is.
    pub(super) fn params(&self, version: u32) -> Result<StakingParams, String> {
        let keys = self.keys.iter();
        let keys = keys
            .map(|key| field("keys", CovenantKey::from_slice(&key.0)))
            .collect::<Result<_, _>>()?;
        Ok(StakingParams {
            version,
            covenant: field("keys", CovenantCommittee::new(keys, self.quorum))?,
            min_staking_value: Amount::from_sat(self.min_staking_value),
            max_staking_value: Amount::from_sat(self.max_staking_value),
            min_staking_time: interval("min_staking_time", self.min_staking_time)?,
            max_staking_time: interval("max_staking_time", self.max_staking_time)?,
            slashing_script: ScriptBuf::from_bytes(self.slashing_script.0.clone()),
            min_slashing_fee: Amount::from_sat(self.min_slashing_fee),
            slashing_rate: SlashingRate::from_ten_thousandths(self.slashing_rate)
                .ok_or("field `slashing_rate`: it is not 1 to 9999")?,
            unbonding_time: interval("unbonding_time", self.unbonding_time)?,
            unbonding_fee: Amount::from_sat(self.unbonding_fee),
            // Sets are chosen by their numbers; no block of Bitcoin prefers one.
            activation_height: BitcoinHeight(version),
        })
    }
}

impl CovenantSets {
    /// One version of the parameters for each set, numbered as it is.
    pub(super) fn params(&self) -> Result<ParamsVersions, ChainError> {
        let invalid = |reason: String| ChainError::InvalidAnswer {
            query: "config",
            reason: format!("field `covenants`: {reason}"),
        };
        let versions = (0..)
            .zip(&self.covenants)
            .map(|(number, set)| set.params(number))
            .collect::<Result<_, _>>()
            .map_err(invalid)?;
        ParamsVersions::new(versions).map_err(|error| invalid(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::{Value, json};

    use super::*;

    const MEMBER: &str = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

    fn sets(change: impl FnOnce(&mut Value)) -> Result<ParamsVersions, String> {
        let mut set = json!({
            "keys": [MEMBER],
            "quorum": 1,
            "min_staking_value": 50_000,
            "max_staking_value": 100_000_000,
            "min_staking_time": 110,
            "max_staking_time": 64_000,
            "slashing_script": STANDARD.encode([0x6a]),
            "min_slashing_fee": 1_000,
            "slashing_rate": 1_000,
            "unbonding_time": 100,
            "unbonding_fee": 2_000,
            "max_share": 10_000,
        });
        change(&mut set);
        let sets = json!({ "covenants": [set.clone(), set] });
        let sets: CovenantSets = serde_json::from_value(sets).map_err(|it| it.to_string())?;
        sets.params().map_err(|error| error.to_string())
    }

    #[test]
    fn the_params_version_of_a_stake_is_the_number_of_its_covenant_set() {
        let params = sets(|_| ()).unwrap();
        assert_eq!(params.all().len(), 2);
        assert_eq!(params.version(1).unwrap().unbonding_time.blocks(), 100);
        for (name, value, named) in [
            ("keys", json!([]), "field `keys`"),
            ("keys", json!(["00".repeat(32)]), "field `keys`"),
            ("quorum", json!(2), "field `keys`"),
            ("slashing_rate", json!(0), "slashing_rate"),
            ("unbonding_time", json!(0), "unbonding_time"),
            ("slashing_script", json!("!"), "Invalid"),
        ] {
            let error = sets(|set| set[name] = value.clone()).unwrap_err();
            assert!(error.contains(named), "{name} {value}: {error}");
        }
    }
}
