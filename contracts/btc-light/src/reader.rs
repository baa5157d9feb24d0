//! What another contract of the same chain reads of this one, straight from its storage.
//!
//! A query would load this contract's code each time, which costs more than everything else a vote does.

use bitcoin::block::Header;
use bitcoin::consensus;
use cosmwasm_std::{Addr, QuerierWrapper};

use crate::ContractError;
use crate::reorgs::{self, Reorg};
use crate::store::{self, Extent};

/// One `btc-light` contract as others see it.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    querier: QuerierWrapper<'a>,
    contract: &'a Addr,
}

impl<'a> Reader<'a> {
    /// Reads the contract at this address.
    pub const fn new(querier: QuerierWrapper<'a>, contract: &'a Addr) -> Self {
        Self { querier, contract }
    }

    /// Height and header of the best chain's tip.
    pub fn tip(&self) -> Result<(u32, Header), ContractError> {
        let extent = self.extent()?;
        let header = self
            .recent(extent, extent.tip)?
            .ok_or(ContractError::Corrupt(extent.tip))?;
        Ok((extent.tip, header))
    }

    /// The header at a height of the best chain; `None` where it is not stored.
    pub fn header(&self, height: u32) -> Result<Option<Header>, ContractError> {
        let extent = self.extent()?;
        if height > extent.tip {
            return Ok(None);
        }
        if let Some(header) = self.recent(extent, height)? {
            return Ok(Some(header));
        }
        self.get(store::old_key(height))?
            .map(|bytes| consensus::deserialize(&bytes).map_err(|_| ContractError::Corrupt(height)))
            .transpose()
    }

    /// The number of reorganisations so far, and the worst of those after number `seen`: the lowest fork, the greatest
    /// depth.
    pub fn reorgs_since(&self, seen: u64) -> Result<(u64, Option<Reorg>), ContractError> {
        reorgs::query_since(self.querier, self.contract, seen)
    }

    /// Whether the coins of the network that it follows are worthless.
    pub fn test_only(&self) -> Result<bool, ContractError> {
        Ok(store::query_config(self.querier, self.contract)?.test_only)
    }

    fn extent(&self) -> Result<Extent, ContractError> {
        store::query_extent(self.querier, self.contract)
    }

    fn recent(&self, extent: Extent, height: u32) -> Result<Option<Header>, ContractError> {
        if height < extent.first || height > extent.tip {
            return Ok(None);
        }
        self.get(store::recent_key(height))?
            .and_then(|bytes| store::Record::parse(&bytes, height))
            .map(|record| Some(record.header))
            .ok_or(ContractError::Corrupt(height))
    }

    fn get(&self, key: Vec<u8>) -> Result<Option<Vec<u8>>, ContractError> {
        Ok(self.querier.query_wasm_raw(self.contract.as_str(), key)?)
    }
}
