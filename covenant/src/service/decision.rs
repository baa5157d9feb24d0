//! What to do with a delegation that the chain lists as pending: pure, and the same for the same facts.

use chain::{Delegation, DelegationStatus};
use staking::keys::CovenantKey;
use staking::params::ParamsVersions;

use crate::signer::{Refusal, no_expansion};

/// The next step for one delegation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Ask the signer.
    Sign,
    /// Nothing is to be done.
    Skip(Skip),
    /// It can never be signed by this version of the program.
    Park(Refusal),
}

/// Why nothing is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Skip {
    /// The chain has all our signatures.
    AlreadySigned,
    /// It needs no signatures any more.
    NotPending,
    /// We were not in its committee.
    NotAMember,
    /// Its parameter version appeared after this pass had asked for the parameters; the next pass knows it.
    UnknownParams,
}

/// Decides about a delegation from what the chain says of it; `own` is the member's key.
pub fn decide(delegation: &Delegation, params: &ParamsVersions, own: CovenantKey) -> Decision {
    if delegation.status != DelegationStatus::Pending {
        return Decision::Skip(Skip::NotPending);
    }
    let Some(params) = params.version(delegation.params_version) else {
        return Decision::Skip(Skip::UnknownParams);
    };
    if !params.covenant.contains(&own) {
        return Decision::Skip(Skip::NotAMember);
    }
    if is_signed_by(delegation, own) {
        return Decision::Skip(Skip::AlreadySigned);
    }
    if delegation.expansion.is_some() {
        return Decision::Park(no_expansion());
    }
    Decision::Sign
}

/// The chain takes a member's signatures all together or not at all (spec 2.9), so one kind speaks for all.
fn is_signed_by(delegation: &Delegation, own: CovenantKey) -> bool {
    delegation
        .covenant_unbonding_signatures
        .iter()
        .any(|signature| signature.key == own)
}
