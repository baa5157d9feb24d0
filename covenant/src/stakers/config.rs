//! The `[stakers]` section of the configuration.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};

use daemon::config::BrokenRule;
use daemon::http;
use serde::Deserialize;

use super::{HourlyLimits, ParamsConfig, ParamsSets, ParamsSetsError, PlaceLimits};

/// Name of the section.
const SECTION: &str = "stakers";

/// Where and for whom signatures are given without a hub.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address and port.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// Whether `listen` may be an address that other machines can reach.
    #[serde(default)]
    pub allow_remote: bool,
    /// Most delegations of one staker key within an hour.
    #[serde(default = "default_hourly_per_staker")]
    pub delegations_per_hour_per_staker: NonZeroU32,
    /// Most delegations of all stakers within an hour.
    #[serde(default = "default_hourly")]
    pub delegations_per_hour: NonZeroU32,
    /// Most requests that are worked on at once.
    #[serde(default = "default_at_once")]
    pub requests_at_once: NonZeroUsize,
    /// Most requests of one address that are worked on at once.
    #[serde(default = "default_at_once_per_address")]
    pub requests_at_once_per_address: NonZeroUsize,
    /// The sets of parameters that are signed under.
    pub params: Vec<ParamsConfig>,
}

impl Config {
    /// The sets of parameters.
    pub fn params_sets(&self) -> Result<ParamsSets, ParamsSetsError> {
        ParamsSets::new(&self.params)
    }

    /// The limits of requests at once.
    pub fn place_limits(&self) -> PlaceLimits {
        PlaceLimits {
            per_address: self.requests_at_once_per_address,
            overall: self.requests_at_once,
        }
    }

    /// The limits of delegations in an hour.
    pub fn hourly_limits(&self) -> HourlyLimits {
        HourlyLimits {
            per_staker: self.delegations_per_hour_per_staker,
            overall: self.delegations_per_hour,
        }
    }

    /// The broken rules of the section.
    pub fn broken_rules(&self) -> Vec<BrokenRule> {
        // The same rule as for monitoring: neither has TLS.
        let address = http::Config {
            listen: self.listen,
            allow_remote: self.allow_remote,
        };
        let mut broken = address.broken_rules(SECTION);
        if let Err(error) = self.params_sets() {
            broken.push(BrokenRule::new(
                format!("{SECTION}.params"),
                error.to_string(),
            ));
        }
        broken
    }
}

fn default_listen() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 9316))
}

/// A staker makes few stakes, and may have to ask again.
fn default_hourly_per_staker() -> NonZeroU32 {
    const { NonZeroU32::new(20).unwrap() }
}

/// Twenty megabytes of records and logs in a day at most, whoever tries.
fn default_hourly() -> NonZeroU32 {
    const { NonZeroU32::new(1_000).unwrap() }
}

fn default_at_once() -> NonZeroUsize {
    const { NonZeroUsize::new(32).unwrap() }
}

fn default_at_once_per_address() -> NonZeroUsize {
    const { NonZeroUsize::new(4).unwrap() }
}
