//! How to reach the chain and what to pay it.

use std::fmt;
use std::num::{NonZeroU16, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use proto::tonic::transport::Uri;
use serde::{Deserialize, Serialize};

use super::decimal::Decimal;

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

mod default {
    use std::num::{NonZeroU16, NonZeroU64, NonZeroUsize};

    use super::{Decimal, GasAdjustment};

    pub(super) fn account_prefix() -> String {
        "bbn".to_owned()
    }

    pub(super) fn fee_denomination() -> String {
        "ubbn".to_owned()
    }

    /// The chain's own minimum.
    pub(super) const fn gas_price() -> Decimal {
        Decimal::from_thousandths(2)
    }

    pub(super) const fn gas_adjustment() -> GasAdjustment {
        GasAdjustment::from_thousandths(1_500)
    }

    /// Five times what the largest transaction costs at the default price.
    pub(super) const fn max_fee() -> NonZeroU64 {
        const { NonZeroU64::new(100_000).unwrap() }
    }

    pub(super) const fn max_gas() -> NonZeroU64 {
        const { NonZeroU64::new(10_000_000).unwrap() }
    }

    pub(super) const fn max_messages() -> NonZeroUsize {
        const { NonZeroUsize::new(500).unwrap() }
    }

    /// As many of the largest transactions as fill two of the chain's blocks (50,000,000 gas each).
    pub(super) const fn max_in_flight() -> NonZeroUsize {
        const { NonZeroUsize::new(10).unwrap() }
    }

    pub(super) const fn request_timeout_seconds() -> NonZeroU16 {
        const { NonZeroU16::new(15).unwrap() }
    }

    pub(super) const fn inclusion_timeout_seconds() -> NonZeroU16 {
        const { NonZeroU16::new(180).unwrap() }
    }

    pub(super) const fn poll_interval_milliseconds() -> NonZeroU16 {
        const { NonZeroU16::new(300).unwrap() }
    }
}

/// An `http` or `https` address with a host.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GrpcUrl {
    text: String,
    uri: Uri,
}

/// A text that is no [`GrpcUrl`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not the address of a gRPC endpoint; write it as http://host:port or https://host:port"
)]
pub struct GrpcUrlError(String);

impl GrpcUrl {
    /// The address.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Whether the connection is encrypted.
    pub fn uses_tls(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }
}

impl TryFrom<String> for GrpcUrl {
    type Error = GrpcUrlError;

    fn try_from(text: String) -> Result<Self, GrpcUrlError> {
        match text.parse::<Uri>() {
            Ok(uri) if matches!(uri.scheme_str(), Some("http" | "https")) => Ok(Self { text, uri }),
            _ => Err(GrpcUrlError(text)),
        }
    }
}

impl From<GrpcUrl> for String {
    fn from(url: GrpcUrl) -> String {
        url.text
    }
}

impl fmt::Display for GrpcUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for GrpcUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GrpcUrl({})", self.text)
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
    const fn from_thousandths(thousandths: u128) -> Self {
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
}
