//! The signer's judgement of a request: pure, so the same request always gets the same answer.

use staking::delegation::{ValidDelegation, validate};
use staking::keys::CovenantKey;

use super::{Refusal, SigningRequest};

/// Rebuilds the delegation that `request` describes and checks every rule that protects the stake (spec 4.11).
///
/// Only the result may be signed: its transactions and sighashes are those that were checked. That no signature is
/// encrypted to the member's own key follows from the keys of a delegation being distinct.
pub fn examine(request: &SigningRequest, own: CovenantKey) -> Result<ValidDelegation, Refusal> {
    let params = &request.params;
    params
        .validate()
        .map_err(|error| Refusal::new("params", error.to_string()))?;
    if !params.covenant.contains(&own) {
        return Err(Refusal::new(
            "not-a-member",
            format!(
                "covenant key {own} is not in the committee of params version {}",
                params.version
            ),
        ));
    }
    let delegation = validate(&request.delegation.registration(), params)
        .map_err(|error| Refusal::new(error.rule(), error.to_string()))?;
    delegation
        .check_staker_signatures(&request.delegation.staker_signatures())
        .map_err(|error| Refusal::new(error.rule(), error.to_string()))?;
    Ok(delegation)
}
