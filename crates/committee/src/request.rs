//! What a staker asks the committee for, judged before anybody is asked.

use bitcoin::Network;
use staking::delegation::{DelegationError, StakerSignatureError, ValidDelegation, validate};
use staking::params::{ParamsError, StakingParams};

use crate::Delegation;

/// A delegation that keeps every rule of the parameters under which signatures are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureRequest {
    pub(crate) network: Network,
    params: StakingParams,
    pub(crate) delegation: Delegation,
    valid: ValidDelegation,
}

/// Why the committee need not be asked: every honest member would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureRequestError {
    /// The parameters are none.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The delegation breaks a rule.
    #[error(transparent)]
    Delegation(#[from] DelegationError),
    /// A signature of the staker's is not its own.
    #[error(transparent)]
    Staker(#[from] StakerSignatureError),
}

impl SignatureRequest {
    /// Rebuilds `delegation` under `params`, which come from where the stake is to count (a partner chain's covenant set),
    /// and checks it and the staker's signatures.
    pub fn new(
        network: Network,
        params: &StakingParams,
        delegation: Delegation,
    ) -> Result<Self, SignatureRequestError> {
        params.validate()?;
        let valid = validate(&delegation.registration(), params)?;
        valid.check_staker_signatures(&delegation.staker_signatures())?;
        Ok(Self {
            network,
            params: params.clone(),
            delegation,
            valid,
        })
    }

    /// The rebuilt delegation, against which answers are checked.
    pub fn valid(&self) -> &ValidDelegation {
        &self.valid
    }

    /// The parameters that govern it.
    pub fn params(&self) -> &StakingParams {
        &self.params
    }

    /// The number of these parameters among a member's sets.
    ///
    /// Numbers are each member's own, and no height begins a set that no chain has: the rest must be the same.
    pub(crate) fn version_among(&self, sets: &[StakingParams]) -> Option<u32> {
        let same = |set: &&StakingParams| {
            let renumbered = StakingParams {
                version: self.params.version,
                activation_height: self.params.activation_height,
                ..(*set).clone()
            };
            renumbered == self.params
        };
        sets.iter().find(same).map(|set| set.version)
    }
}
