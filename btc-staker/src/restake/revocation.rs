//! Taking a stake back from every partner chain.
//!
//! A consent has one share at least, and a chain that is not in the newest one counts nothing. So the list that leaves all
//! of them out has the smallest share that there is, and that one is for nobody.

use mesh_core::consent::{Share, Target};

/// Whom the share of a revocation is for: targets are hashes, and no text is known whose hash this is.
pub const NOBODY: Target = Target::from_bytes([0; 32]);

/// What commands call it. The list has it as the reward address, too, since there must be one.
pub const NAME: &str = "nobody";

/// The list that leaves every chain out.
pub fn list() -> Vec<Share> {
    vec![Share {
        target: NOBODY,
        basis_points: 1,
        reward_address: NAME.to_owned(),
    }]
}

/// Whether a list leaves every chain out.
pub fn is_one(shares: &[Share]) -> bool {
    shares.iter().all(|share| share.target == NOBODY)
}

#[cfg(test)]
mod tests {
    use mesh_core::consent::Consent;

    use super::*;

    #[test]
    fn a_revocation_is_a_consent_that_gives_no_chain_anything() {
        let consent = Consent::new(&[1; 32], 0, 2, list()).unwrap();
        for target in [
            Target::babylon("bbn-1"),
            Target::instance(&mesh_core::Domain::from_bytes([1; 32])),
        ] {
            assert_eq!(consent.share_of(&target), None);
        }
        assert!(is_one(&list()));
        let share = Share {
            target: Target::babylon("bbn-1"),
            ..list().remove(0)
        };
        assert!(!is_one(&[list().remove(0), share]));
    }
}
