//! Parameters of staking and of the Bitcoin light client.

use bitcoin::ScriptBuf;
use proto::babylon::btccheckpoint::v1::Params as CheckpointParams;
use proto::babylon::btcstaking::v1::{Params, StoredParams};
use proto::field::{self, FieldError};
use staking::keys::CovenantKey;
use staking::params::{CovenantCommittee, ParamsVersions, StakingParams};
use staking::slashing_rate::SlashingRate;
use staking::units::{BitcoinHeight, BlockInterval};

use super::bitcoin::satoshi;
use crate::{LightClientParams, SpendRules};

/// All versions of the staking parameters, in any order.
pub(in crate::babylon) fn staking_params(
    versions: Vec<StoredParams>,
) -> Result<ParamsVersions, FieldError> {
    let mut versions = field::each("params", versions, |stored| {
        let params = field::required("params", stored.params)?;
        read_version(stored.version, params).map_err(|error| error.inside("params"))
    })?;
    versions.sort_by_key(|params| params.version);
    ParamsVersions::new(versions).map_err(|error| FieldError::new("params", error))
}

fn read_version(version: u32, params: Params) -> Result<StakingParams, FieldError> {
    let keys = field::each("covenant_pks", params.covenant_pks, |key| {
        CovenantKey::from_slice(&key).map_err(|error| FieldError::new("", error))
    })?;
    Ok(StakingParams {
        version,
        covenant: CovenantCommittee::new(keys, params.covenant_quorum)
            .map_err(|error| FieldError::new("covenant_quorum", error))?,
        min_staking_value: satoshi("min_staking_value_sat", params.min_staking_value_sat)?,
        max_staking_value: satoshi("max_staking_value_sat", params.max_staking_value_sat)?,
        min_staking_time: interval("min_staking_time_blocks", params.min_staking_time_blocks)?,
        max_staking_time: interval("max_staking_time_blocks", params.max_staking_time_blocks)?,
        slashing_script: ScriptBuf::from_bytes(params.slashing_pk_script),
        min_slashing_fee: satoshi("min_slashing_tx_fee_sat", params.min_slashing_tx_fee_sat)?,
        slashing_rate: SlashingRate::from_legacy_dec(&params.slashing_rate)
            .map_err(|error| FieldError::new("slashing_rate", error))?,
        unbonding_time: interval("unbonding_time_blocks", params.unbonding_time_blocks)?,
        unbonding_fee: satoshi("unbonding_fee_sat", params.unbonding_fee_sat)?,
        activation_height: BitcoinHeight(params.btc_activation_height),
    })
}

/// A timelock, 1 to 65535 blocks.
pub(super) fn interval(name: &str, blocks: u32) -> Result<BlockInterval, FieldError> {
    BlockInterval::try_from(blocks).map_err(|error| FieldError::new(name, error))
}

/// Depths and tag of the checkpoint module, which also govern stakes.
pub(in crate::babylon) fn light_client_params(
    params: Option<CheckpointParams>,
) -> Result<LightClientParams, FieldError> {
    let params = field::required("params", params)?;
    let tag = field::hex("params.checkpoint_tag", &params.checkpoint_tag)?;
    Ok(LightClientParams {
        confirmation_depth: params.btc_confirmation_depth,
        finalization_timeout: params.checkpoint_finalization_timeout,
        checkpoint_tag: field::array("params.checkpoint_tag", &tag)?,
        halting_depth: Some(params.btc_confirmation_depth),
        spends: SpendRules {
            depth: 0,
            with_funding: true,
            limits: None,
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proto::prost::Message;

    use super::*;

    fn stored(version: u32) -> StoredParams {
        let key = "43311589af63c2adda04fcd7792c038a05c12a4fe40351b3eb1612ff6b2e5a0e";
        let params = Params {
            covenant_pks: vec![hex::decode(key).unwrap()],
            covenant_quorum: 1,
            min_staking_value_sat: 10_000,
            max_staking_value_sat: 10_000_000_000,
            min_staking_time_blocks: 400,
            max_staking_time_blocks: 65_535,
            slashing_pk_script: vec![0x51],
            min_slashing_tx_fee_sat: 1_000,
            slashing_rate: "100000000000000000".to_owned(),
            unbonding_time_blocks: 200,
            unbonding_fee_sat: 1_000,
            btc_activation_height: version * 100,
            ..Params::default()
        };
        StoredParams {
            version,
            params: Some(params),
        }
    }

    #[test]
    fn versions_are_read_whatever_their_order() {
        let versions = staking_params(vec![stored(1), stored(0)]).unwrap();
        assert_eq!(versions.at_height(BitcoinHeight(99)).unwrap().version, 0);
        assert_eq!(versions.at_height(BitcoinHeight(100)).unwrap().version, 1);
        assert_eq!(versions.all()[0].slashing_rate, "0.1".parse().unwrap());
    }

    #[test]
    fn every_bad_field_is_named() {
        type Damage = fn(&mut Params);
        let cases: [(Damage, &str); 9] = [
            (
                |p| p.covenant_pks[0].truncate(31),
                "params[0].params.covenant_pks[0]",
            ),
            (
                |p| p.covenant_quorum = 2,
                "params[0].params.covenant_quorum",
            ),
            (
                |p| p.min_staking_value_sat = -1,
                "params[0].params.min_staking_value_sat",
            ),
            (
                |p| p.max_staking_value_sat = i64::MAX,
                "params[0].params.max_staking_value_sat",
            ),
            (
                |p| p.min_staking_time_blocks = 0,
                "params[0].params.min_staking_time_blocks",
            ),
            (
                |p| p.max_staking_time_blocks = 65_536,
                "params[0].params.max_staking_time_blocks",
            ),
            (
                |p| p.slashing_rate = "0.1".to_owned(),
                "params[0].params.slashing_rate",
            ),
            (
                |p| p.unbonding_time_blocks = 0,
                "params[0].params.unbonding_time_blocks",
            ),
            (
                |p| p.unbonding_fee_sat = -5,
                "params[0].params.unbonding_fee_sat",
            ),
        ];
        for (damage, path) in cases {
            let mut stored = stored(0);
            damage(stored.params.as_mut().unwrap());
            assert_eq!(staking_params(vec![stored]).unwrap_err().path(), path);
        }
        let missing = StoredParams {
            version: 0,
            params: None,
        };
        assert_eq!(
            staking_params(vec![missing]).unwrap_err().path(),
            "params[0].params"
        );
    }

    #[test]
    fn a_gap_in_the_versions_is_refused() {
        assert_eq!(
            staking_params(vec![stored(0), stored(2)])
                .unwrap_err()
                .path(),
            "params"
        );
    }

    #[test]
    fn a_checkpoint_tag_of_another_length_is_named() {
        let params = CheckpointParams {
            btc_confirmation_depth: 2,
            checkpoint_finalization_timeout: 4,
            checkpoint_tag: "01020304".to_owned(),
        };
        assert_eq!(
            light_client_params(Some(params.clone()))
                .unwrap()
                .checkpoint_tag,
            [1, 2, 3, 4]
        );
        let short = CheckpointParams {
            checkpoint_tag: "010203".to_owned(),
            ..params
        };
        assert_eq!(
            light_client_params(Some(short)).unwrap_err().path(),
            "params.checkpoint_tag"
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(stored) = StoredParams::decode(bytes.as_slice()) {
                let _ = staking_params(vec![stored]);
            }
            if let Ok(params) = CheckpointParams::decode(bytes.as_slice()) {
                let _ = light_client_params(Some(params));
            }
        }
    }
}
