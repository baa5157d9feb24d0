//! What a transaction may use and must pay.

use crate::cosmos::{Config, Decimal, GasAdjustment};

/// The fee rules of the configuration.
#[derive(Debug, Clone)]
pub(super) struct Fees {
    price: Decimal,
    adjustment: GasAdjustment,
    max_fee: u64,
    max_gas: u64,
}

impl Fees {
    pub(super) fn new(config: &Config) -> Self {
        let max_fee = config.max_fee.get();
        let affordable = config
            .gas_price
            .fits_into(max_fee.into())
            .and_then(|gas| u64::try_from(gas).ok());
        Self {
            price: config.gas_price,
            adjustment: config.gas_adjustment,
            max_fee,
            max_gas: config.max_gas.get().min(affordable.unwrap_or(u64::MAX)),
        }
    }

    /// Largest gas limit of a transaction: the mempool's, or what the largest fee buys.
    pub(super) fn max_gas(&self) -> u64 {
        self.max_gas
    }

    /// Largest fee of a transaction.
    pub(super) fn max_fee(&self) -> u64 {
        self.max_fee
    }

    /// Largest gas in a simulation that still fits with the adjustment.
    pub(super) fn simulated_gas_limit(&self) -> u64 {
        self.adjustment.remove(self.max_gas)
    }

    /// Gas limit for a transaction that used `simulated` gas.
    pub(super) fn gas_limit(&self, simulated: u64) -> u64 {
        self.adjustment.apply(simulated)
    }

    /// The fee for a gas limit, rounded up: a chain may round what it asks for to the nearest integer.
    pub(super) fn fee(&self, gas_limit: u64) -> u64 {
        self.price
            .times_rounded_up(gas_limit.into())
            .and_then(|fee| u64::try_from(fee).ok())
            .unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fees(change: impl FnOnce(&mut Config)) -> Fees {
        let url = "http://localhost:9090".to_owned().try_into().unwrap();
        let mut config = Config {
            gas_price: "0.002".parse().unwrap(),
            max_fee: 100_000.try_into().unwrap(),
            max_gas: 10_000_000.try_into().unwrap(),
            ..Config::without_fees("chain-test", url, "test", "utest")
        };
        change(&mut config);
        Fees::new(&config)
    }

    #[test]
    fn the_largest_fee_bounds_the_gas() {
        assert_eq!(fees(|_| ()).max_gas(), 10_000_000);
        let thrifty = fees(|config| config.max_fee = 1_000.try_into().unwrap());
        assert_eq!(thrifty.max_gas(), 500_000);
        assert_eq!(thrifty.fee(thrifty.max_gas()), 1_000);
    }

    #[test]
    fn gas_without_a_price_is_bounded_by_its_own_limit_only() {
        let free = fees(|config| config.gas_price = "0".parse().unwrap());
        assert_eq!((free.max_gas(), free.fee(10_000_000)), (10_000_000, 0));
    }

    proptest! {
        #[test]
        fn a_fee_is_never_below_what_a_chain_of_that_price_asks(gas in 0..20_000_000_u64) {
            // Babylon rounds 0.002 times the gas to the nearest integer, halves up (spec 2.16).
            prop_assert!(fees(|_| ()).fee(gas) >= (gas * 2 + 500) / 1_000);
        }

        #[test]
        fn what_fits_before_the_adjustment_fits_after_it(max_gas in 1..u64::MAX) {
            let fees = fees(|config| {
                config.max_gas = max_gas.try_into().unwrap();
                config.max_fee = u64::MAX.try_into().unwrap();
            });
            prop_assert!(fees.gas_limit(fees.simulated_gas_limit()) <= fees.max_gas());
        }
    }
}
