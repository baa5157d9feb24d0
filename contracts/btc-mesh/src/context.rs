//! What a message sees besides storage: the block it is in, Bitcoin, and the curve.

use cosmwasm_std::Addr;
use eots::curve::Curve;
use mesh_core::Domain;
use mesh_core::age::AgeLimits;

use crate::ContractError;
use crate::config::Config;
use crate::light::{Light, Tip};
use crate::msg::Params;

/// What a message sees besides storage.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) config: &'a Config,
    pub(crate) curve: &'a dyn Curve,
    pub(crate) light: &'a dyn Light,
    /// Height of this chain's present block.
    pub(crate) height: u64,
    /// Its time, seconds since 1970.
    pub(crate) time: u64,
    /// Who sent the message.
    pub(crate) sender: &'a Addr,
}

impl Context<'_> {
    pub(crate) const fn params(&self) -> &Params {
        &self.config.params
    }

    pub(crate) const fn age_limits(&self) -> AgeLimits {
        AgeLimits {
            max_age: self.config.params.max_age,
            max_stale: self.config.params.max_stale,
        }
    }

    pub(crate) const fn domain(&self) -> Domain {
        Domain::from_bytes(self.config.domain.0)
    }

    /// Refuses everybody but governance.
    pub(crate) fn only_governance(&self) -> Result<(), ContractError> {
        if *self.sender == self.config.gov {
            Ok(())
        } else {
            Err(ContractError::NotGovernance {
                sender: self.sender.clone(),
                gov: self.config.gov.clone(),
            })
        }
    }

    /// Refuses what a closed instance does not do any more.
    pub(crate) fn only_open(&self) -> Result<(), ContractError> {
        if self.config.closed {
            Err(ContractError::Closed)
        } else {
            Ok(())
        }
    }

    /// How far Bitcoin's tip is behind this chain's clock, seconds.
    pub(crate) fn lag(&self, tip: &Tip) -> u64 {
        self.time.saturating_sub(tip.time.into())
    }
}
