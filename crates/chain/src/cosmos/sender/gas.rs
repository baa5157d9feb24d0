//! What messages cost in gas, learnt from simulations, so that batches come out about as large as they may be.

use std::collections::HashMap;

use proto::prost_types::Any;

use super::plan::TRANSACTION_GAS;

/// Gas of a thousand bytes of message before any was simulated: high, so that the first batch is rather too small.
const FIRST_GUESS: u64 = 400_000;

/// Gas by type of message, in proportion to its size.
#[derive(Debug, Default)]
pub(super) struct GasBook {
    /// Gas of a thousand bytes, by type URL.
    rates: HashMap<String, u64>,
}

impl GasBook {
    /// About what a message will use.
    pub(super) fn estimate(&self, message: &Any) -> u64 {
        let rate = self
            .rates
            .get(&message.type_url)
            .copied()
            .unwrap_or(FIRST_GUESS);
        size(message).saturating_mul(rate) / 1_000
    }

    /// Takes note of what a transaction of these messages used.
    pub(super) fn learn<'a>(&mut self, messages: impl Iterator<Item = &'a Any> + Clone, used: u64) {
        let estimated: u64 = messages.clone().map(|message| self.estimate(message)).sum();
        let used = used.saturating_sub(TRANSACTION_GAS);
        if estimated == 0 || used == 0 {
            return;
        }
        let mut rates = HashMap::new();
        for message in messages {
            let rate = self
                .rates
                .get(&message.type_url)
                .copied()
                .unwrap_or(FIRST_GUESS);
            // u128 cannot overflow here; a rate beyond u64 is no rate.
            let scaled = u128::from(rate) * u128::from(used) / u128::from(estimated);
            rates.insert(
                message.type_url.clone(),
                u64::try_from(scaled).unwrap_or(rate).max(1),
            );
        }
        self.rates.extend(rates);
    }
}

fn size(message: &Any) -> u64 {
    u64::try_from(message.type_url.len() + message.value.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize) -> Any {
        Any {
            type_url: "/test.Msg".to_owned(),
            value: vec![0; bytes],
        }
    }

    #[test]
    fn an_estimate_becomes_what_was_used() {
        let mut book = GasBook::default();
        let batch = vec![message(191); 100];
        book.learn(batch.iter(), TRANSACTION_GAS + 5_000_000);
        assert_eq!(book.estimate(&batch[0]), 50_000);
        book.learn(batch.iter(), TRANSACTION_GAS + 6_000_000);
        assert_eq!(book.estimate(&batch[0]), 60_000);
        assert_eq!(book.estimate(&message(391)), 120_000);
    }

    #[test]
    fn extreme_figures_neither_panic_nor_stick() {
        let mut book = GasBook::default();
        book.learn(std::iter::empty(), 1);
        book.learn([message(10)].iter(), u64::MAX);
        book.learn([message(10)].iter(), TRANSACTION_GAS + 1_000);
        assert!(book.estimate(&message(10)) <= 1_000);
    }
}
