//! A stake as an instance takes it: rebuilt under one of its covenant sets, with signatures that hold.

use chain::mesh::InstanceTerms;
use chain::{SignedDelegation, TooFewSignatures};
use staking::delegation::{
    CovenantSignatures, DelegationError, StakerSignatureError, ValidDelegation,
};

/// What one of an instance's covenant sets takes.
#[derive(Debug)]
pub(super) struct Fitting {
    /// Number of the set.
    pub(super) covenant_set: u32,
    pub(super) delegation: ValidDelegation,
    /// A quorum.
    pub(super) covenant_signatures: Vec<CovenantSignatures>,
}

/// Why none of them takes it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Misfit {
    /// There are none.
    #[error("the instance has no covenant set that a stake could keep")]
    NoSets,
    /// The last one's rules.
    #[error("none of the instance's covenant sets takes it: {0}")]
    Rule(#[from] DelegationError),
    /// The staker's signatures do not hold under the last one's.
    #[error("none of the instance's covenant sets takes it: {0}")]
    Staker(#[from] StakerSignatureError),
    /// Neither does a quorum of the committee's.
    #[error("none of the instance's covenant sets takes it: {0}")]
    Committee(#[from] TooFewSignatures),
}

/// The first of an instance's covenant sets that takes what was told of a stake.
///
/// # Errors
///
/// Says why the last one does not.
pub(super) fn fit(terms: &InstanceTerms, told: &SignedDelegation) -> Result<Fitting, Misfit> {
    let mut misfit = Misfit::NoSets;
    for set in &terms.covenant_sets {
        let judged = || {
            let delegation = told.validate(&set.params)?;
            delegation.check_staker_signatures(&told.staker_signatures)?;
            let covenant_signatures = told.quorum(&delegation)?;
            Ok(Fitting {
                covenant_set: set.number,
                delegation,
                covenant_signatures,
            })
        };
        match judged() {
            Ok(fitting) => return Ok(fitting),
            Err(reason) => misfit = reason,
        }
    }
    Err(misfit)
}
