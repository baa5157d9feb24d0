//! How to reach a chain and what to pay it.

use std::num::{NonZeroU16, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use proto::grpc_url::GrpcUrl;
use serde::{Deserialize, Serialize};

use super::decimal::Decimal;

/// Configuration of the connection to one node of a Cosmos chain and of the account's transactions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Id of the chain, such as `bbn-1`; a node of another chain is refused.
    pub chain_id: String,
    /// gRPC endpoint of the node, such as `http://127.0.0.1:9090`; `https` for TLS with the system's roots.
    pub grpc_url: GrpcUrl,
    /// Prefix of the chain's account addresses.
    pub account_prefix: String,
    /// Denomination in which fees are paid.
    pub fee_denomination: String,
    /// Price of one unit of gas in the smallest unit of the fee denomination; 0 where the node takes transactions for
    /// nothing.
    pub gas_price: Decimal,
    /// Largest fee of one transaction, in the smallest unit of the fee denomination.
    pub max_fee: NonZeroU64,
    /// Factor between simulated gas and the limit that is paid for; at least 1. A simulation does not see what other
    /// transactions add to the state before ours runs (spec 6.3).
    #[serde(default = "default::gas_adjustment")]
    pub gas_adjustment: GasAdjustment,
    /// Largest gas limit of one transaction: what a block may hold, or less.
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
    /// A configuration with every default, for a node that takes transactions for nothing.
    pub fn without_fees(
        chain_id: impl Into<String>,
        grpc_url: GrpcUrl,
        account_prefix: impl Into<String>,
        fee_denomination: impl Into<String>,
    ) -> Self {
        Self {
            chain_id: chain_id.into(),
            grpc_url,
            account_prefix: account_prefix.into(),
            fee_denomination: fee_denomination.into(),
            gas_price: Decimal::from_thousandths(0),
            max_fee: NonZeroU64::MIN,
            gas_adjustment: default::gas_adjustment(),
            max_gas: default::max_gas(),
            max_messages: default::max_messages(),
            max_in_flight: default::max_in_flight(),
            request_timeout_seconds: default::request_timeout_seconds(),
            inclusion_timeout_seconds: default::inclusion_timeout_seconds(),
            poll_interval_milliseconds: default::poll_interval_milliseconds(),
        }
    }

    /// [`Self::request_timeout_seconds`].
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_seconds.get().into())
    }

    /// [`Self::inclusion_timeout_seconds`].
    pub fn inclusion_timeout(&self) -> Duration {
        Duration::from_secs(self.inclusion_timeout_seconds.get().into())
    }

    /// [`Self::poll_interval_milliseconds`].
    pub fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_interval_milliseconds.get().into())
    }
}

/// What holds for any chain; also where a chain's own configuration has no reason for another value.
pub(crate) mod default {
    use std::num::{NonZeroU16, NonZeroU64, NonZeroUsize};

    use super::GasAdjustment;

    pub(crate) const fn gas_adjustment() -> GasAdjustment {
        GasAdjustment::from_thousandths(1_500)
    }

    /// Half as much again as our largest message needs with the adjustment: 2016 headers, 13,000,000 gas.
    pub(crate) const fn max_gas() -> NonZeroU64 {
        const { NonZeroU64::new(30_000_000).unwrap() }
    }

    pub(crate) const fn max_messages() -> NonZeroUsize {
        const { NonZeroUsize::new(500).unwrap() }
    }

    pub(crate) const fn max_in_flight() -> NonZeroUsize {
        const { NonZeroUsize::new(10).unwrap() }
    }

    pub(crate) const fn request_timeout_seconds() -> NonZeroU16 {
        const { NonZeroU16::new(15).unwrap() }
    }

    pub(crate) const fn inclusion_timeout_seconds() -> NonZeroU16 {
        const { NonZeroU16::new(180).unwrap() }
    }

    pub(crate) const fn poll_interval_milliseconds() -> NonZeroU16 {
        const { NonZeroU16::new(300).unwrap() }
    }
}

/// A factor of at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Decimal", into = "Decimal")]
pub struct GasAdjustment(Decimal);

/// A factor below 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a gas adjustment of {0} would run every transaction out of gas; it must be at least 1")]
pub struct GasAdjustmentError(Decimal);

impl GasAdjustment {
    pub(crate) const fn from_thousandths(thousandths: u128) -> Self {
        Self(Decimal::from_thousandths(thousandths))
    }

    /// `gas` with the adjustment, rounded up.
    pub fn apply(self, gas: u64) -> u64 {
        self.0
            .times_rounded_up(gas.into())
            .and_then(|adjusted| u64::try_from(adjusted).ok())
            .unwrap_or(u64::MAX)
    }

    /// The most gas that is at most `adjusted` with the adjustment.
    pub fn remove(self, adjusted: u64) -> u64 {
        self.0
            .fits_into(adjusted.into())
            .and_then(|gas| u64::try_from(gas).ok())
            .unwrap_or(adjusted)
    }
}

impl TryFrom<Decimal> for GasAdjustment {
    type Error = GasAdjustmentError;

    fn try_from(factor: Decimal) -> Result<Self, GasAdjustmentError> {
        if factor.is_below_one() {
            Err(GasAdjustmentError(factor))
        } else {
            Ok(Self(factor))
        }
    }
}

impl From<GasAdjustment> for Decimal {
    fn from(adjustment: GasAdjustment) -> Decimal {
        adjustment.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_chain_takes_has_no_default() {
        let text = "chain_id = 'x-1'\ngrpc_url = 'http://127.0.0.1:9090'\naccount_prefix = 'wasm'\n\
                    fee_denomination = 'stake'\ngas_price = '0'\nmax_fee = 1";
        let config: Config = toml::from_str(text).unwrap();
        let url = config.grpc_url.clone();
        assert_eq!(config, Config::without_fees("x-1", url, "wasm", "stake"));
        assert_eq!(config.gas_adjustment.apply(100_001), 150_002);

        for line in text.lines() {
            let (key, _) = line.split_once(" = ").unwrap();
            let error = toml::from_str::<Config>(&text.replace(line, "")).unwrap_err();
            assert!(error.to_string().contains(key), "{error}");
        }
    }
}
