//! How to reach the chain and what to pay it.

use std::num::{NonZeroU16, NonZeroU64, NonZeroUsize};

use serde::{Deserialize, Serialize};

use crate::cosmos;
use crate::cosmos::{Decimal, GasAdjustment, GrpcUrl};

/// The chain refuses fees below this price, rounded to the nearest integer (spec 2.16).
const MINIMUM_GAS_PRICE: Decimal = Decimal::from_thousandths(2);

/// Configuration of the connection to one Babylon node and of the account's transactions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Id of the chain, such as `bbn-1`; a node of another chain is refused.
    pub chain_id: String,
    /// gRPC endpoint of the node, such as `http://127.0.0.1:9090`; `https` for TLS with the system's roots.
    pub grpc_url: GrpcUrl,
    /// Prefix of the chain's account addresses.
    #[serde(default = "default::account_prefix")]
    pub account_prefix: String,
    /// Denomination in which fees are paid.
    #[serde(default = "default::fee_denomination")]
    pub fee_denomination: String,
    /// Price of one unit of gas in the smallest unit of the fee denomination. The chain takes no less than 0.002.
    #[serde(default = "default::gas_price")]
    pub gas_price: Decimal,
    /// Factor between simulated gas and the limit that is paid for; at least 1. A simulation does not see what other
    /// transactions add to the state before ours runs (spec 6.3).
    #[serde(default = "default::gas_adjustment")]
    pub gas_adjustment: GasAdjustment,
    /// Largest fee of one transaction, in the smallest unit of the fee denomination.
    #[serde(default = "default::max_fee")]
    pub max_fee: NonZeroU64,
    /// Largest gas limit of one transaction; the node's mempool refuses more than 10,000,000.
    #[serde(default = "default::max_gas")]
    pub max_gas: NonZeroU64,
    /// Most messages in one transaction.
    #[serde(default = "default::max_messages")]
    pub max_messages: NonZeroUsize,
    /// Most transactions that wait for a block at once.
    #[serde(default = "default::max_in_flight")]
    pub max_in_flight: NonZeroUsize,
    /// Seconds after which an unanswered request counts as failed.
    #[serde(default = "default::request_timeout_seconds")]
    pub request_timeout_seconds: NonZeroU16,
    /// Seconds that a transaction has to get into a block before its messages are reported as timed out.
    #[serde(default = "default::inclusion_timeout_seconds")]
    pub inclusion_timeout_seconds: NonZeroU16,
    /// Milliseconds between two questions whether a transaction is in a block.
    #[serde(default = "default::poll_interval_milliseconds")]
    pub poll_interval_milliseconds: NonZeroU16,
}

impl Config {
    /// A configuration with every default.
    pub fn new(chain_id: impl Into<String>, grpc_url: GrpcUrl) -> Self {
        Self {
            chain_id: chain_id.into(),
            grpc_url,
            account_prefix: default::account_prefix(),
            fee_denomination: default::fee_denomination(),
            gas_price: default::gas_price(),
            gas_adjustment: default::gas_adjustment(),
            max_fee: default::max_fee(),
            max_gas: default::max_gas(),
            max_messages: default::max_messages(),
            max_in_flight: default::max_in_flight(),
            request_timeout_seconds: default::request_timeout_seconds(),
            inclusion_timeout_seconds: default::inclusion_timeout_seconds(),
            poll_interval_milliseconds: default::poll_interval_milliseconds(),
        }
    }
}

impl From<Config> for cosmos::Config {
    /// The same, paying at least what the chain takes.
    fn from(config: Config) -> Self {
        Self {
            chain_id: config.chain_id,
            grpc_url: config.grpc_url,
            account_prefix: config.account_prefix,
            fee_denomination: config.fee_denomination,
            gas_price: config.gas_price.max(MINIMUM_GAS_PRICE),
            max_fee: config.max_fee,
            gas_adjustment: config.gas_adjustment,
            max_gas: config.max_gas,
            max_messages: config.max_messages,
            max_in_flight: config.max_in_flight,
            request_timeout_seconds: config.request_timeout_seconds,
            inclusion_timeout_seconds: config.inclusion_timeout_seconds,
            poll_interval_milliseconds: config.poll_interval_milliseconds,
        }
    }
}

mod default {
    use std::num::{NonZeroU64, NonZeroUsize};

    use super::{Decimal, MINIMUM_GAS_PRICE};

    pub(super) use crate::cosmos::default::{
        gas_adjustment, inclusion_timeout_seconds, max_messages, poll_interval_milliseconds,
        request_timeout_seconds,
    };

    pub(super) fn account_prefix() -> String {
        "bbn".to_owned()
    }

    pub(super) fn fee_denomination() -> String {
        "ubbn".to_owned()
    }

    pub(super) const fn gas_price() -> Decimal {
        MINIMUM_GAS_PRICE
    }

    /// Five times what the largest transaction costs at the default price.
    pub(super) const fn max_fee() -> NonZeroU64 {
        const { NonZeroU64::new(100_000).unwrap() }
    }

    pub(super) const fn max_gas() -> NonZeroU64 {
        const { NonZeroU64::new(10_000_000).unwrap() }
    }

    /// As many of the largest transactions as fill two of the chain's blocks (50,000,000 gas each).
    pub(super) const fn max_in_flight() -> NonZeroUsize {
        const { NonZeroUsize::new(10).unwrap() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_required_keys_are_enough() {
        let config: Config =
            toml::from_str("chain_id = 'bbn-1'\ngrpc_url = 'http://127.0.0.1:9090'").unwrap();
        assert_eq!(config.gas_price.to_string(), "0.002");
        assert_eq!(config.gas_adjustment.apply(100_001), 150_002);
        assert_eq!(config, Config::new("bbn-1", config.grpc_url.clone()));
    }

    #[test]
    fn bad_values_are_refused_with_the_value_and_the_rule() {
        for (line, expected) in [
            ("gas_pric = '1'", "unknown field `gas_pric`"),
            ("gas_price = 'cheap'", "`cheap` is not a decimal number"),
            ("gas_adjustment = '0.9'", "must be at least 1"),
            ("max_fee = 0", "nonzero"),
            (
                "grpc_url = '127.0.0.1:9090'",
                "write it as http://host:port",
            ),
            ("grpc_url = 'ftp://host'", "write it as http://host:port"),
        ] {
            let mut text = String::from("chain_id = 'bbn-1'\n");
            if !line.starts_with("grpc_url") {
                text += "grpc_url = 'https://node:443'\n";
            }
            text += line;
            let error = toml::from_str::<Config>(&text).unwrap_err().to_string();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn a_price_below_the_chains_minimum_is_raised_to_it() {
        for (price, paid) in [("0", "0.002"), ("0.000006", "0.002"), ("0.003", "0.003")] {
            let config = Config {
                gas_price: price.parse().unwrap(),
                ..Config::new("bbn-1", "http://node".to_owned().try_into().unwrap())
            };
            assert_eq!(cosmos::Config::from(config).gas_price.to_string(), paid);
        }
    }
}
