//! `params`: the chain's parameters and the sets for stakers, with the fingerprints that a signer's configuration can pin.

use std::fmt;

use ::chain::Chain;
use bitcoin::ScriptBuf;
use daemon::output::{Answer, CommandError};
use serde::Serialize;
use staking::keys::CovenantKey;
use staking::params::StakingParams;

use super::chain;
use crate::config::Config;
use crate::signer::{PinnedParams, fingerprint};

/// One version, in satoshi and Bitcoin blocks.
#[derive(Serialize)]
struct Params {
    version: u32,
    pin: PinnedParams,
    activation_height: u32,
    covenant_keys: Vec<CovenantKey>,
    covenant_quorum: usize,
    min_staking_value: u64,
    max_staking_value: u64,
    min_staking_time: u16,
    max_staking_time: u16,
    unbonding_time: u16,
    unbonding_fee: u64,
    slashing_rate: String,
    slashing_script: ScriptBuf,
    min_slashing_fee: u64,
}

impl From<&StakingParams> for Params {
    fn from(params: &StakingParams) -> Self {
        Self {
            version: params.version,
            pin: PinnedParams {
                version: params.version,
                fingerprint: fingerprint(params),
            },
            activation_height: params.activation_height.0,
            covenant_keys: params.covenant.keys().to_vec(),
            covenant_quorum: params.covenant.quorum(),
            min_staking_value: params.min_staking_value.to_sat(),
            max_staking_value: params.max_staking_value.to_sat(),
            min_staking_time: params.min_staking_time.blocks(),
            max_staking_time: params.max_staking_time.blocks(),
            unbonding_time: params.unbonding_time.blocks(),
            unbonding_fee: params.unbonding_fee.to_sat(),
            slashing_rate: params.slashing_rate.to_string(),
            slashing_script: params.slashing_script.clone(),
            min_slashing_fee: params.min_slashing_fee.to_sat(),
        }
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.pin)?;
        writeln!(f, "  from Bitcoin height {}", self.activation_height)?;
        let members = self.covenant_keys.len();
        writeln!(
            f,
            "  committee       {} of {members}:",
            self.covenant_quorum
        )?;
        for key in &self.covenant_keys {
            writeln!(f, "                  {key}")?;
        }
        let (min, max) = (self.min_staking_value, self.max_staking_value);
        writeln!(f, "  staking value   {min} to {max} sat")?;
        let (min, max) = (self.min_staking_time, self.max_staking_time);
        writeln!(f, "  staking time    {min} to {max} blocks")?;
        writeln!(
            f,
            "  unbonding       {} blocks, fee {} sat",
            self.unbonding_time, self.unbonding_fee
        )?;
        writeln!(
            f,
            "  slashing        {} to script {:x}, fee at least {} sat",
            self.slashing_rate, self.slashing_script, self.min_slashing_fee
        )
    }
}

#[derive(Serialize)]
struct Versions {
    /// The chain's.
    params: Vec<Params>,
    /// The sets that stakers are served under.
    stakers: Vec<Params>,
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.params.iter().try_for_each(|version| version.fmt(f))?;
        if !self.stakers.is_empty() {
            writeln!(f, "for stakers without a hub:")?;
        }
        self.stakers.iter().try_for_each(|version| version.fmt(f))
    }
}

pub(super) async fn show(config: &Config) -> Result<Answer, CommandError> {
    let stakers: Vec<Params> = match &config.stakers {
        Some(section) => section.params_sets()?.iter().map(Params::from).collect(),
        None => Vec::new(),
    };
    let params = if config.babylon.is_none() && !stakers.is_empty() {
        Vec::new()
    } else {
        let babylon = chain::reader(chain::configured(config)?).await?;
        let params = babylon.staking_params().await?;
        params.all().iter().map(Params::from).collect()
    };
    Ok(Versions { params, stakers }.into())
}
