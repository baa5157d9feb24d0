//! Delegations that the chain lists and nobody can read.

use bitcoin::Transaction;
use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::hashes::{Hash, sha256};
use chain::InvalidDelegation;

/// Name under which a delegation that could not be read is parked.
pub(super) fn id(invalid: &InvalidDelegation) -> String {
    match deserialize_hex::<Transaction>(&invalid.staking_tx) {
        Ok(staking_tx) => staking_tx.compute_txid().to_string(),
        Err(_) => {
            format!(
                "unreadable-{}",
                sha256::Hash::hash(invalid.staking_tx.as_bytes())
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_delegation_has_a_name_that_is_a_file_name() {
        let name = |staking_tx: &str| {
            id(&InvalidDelegation {
                staking_tx: staking_tx.into(),
                reason: "x".into(),
            })
        };
        let hostile = name("../../etc/passwd");
        assert!(
            hostile.starts_with("unreadable-") && !hostile.contains('/'),
            "{hostile}"
        );
        assert_ne!(name("a"), name("b"));
    }
}
