//! What this contract knows of Bitcoin, by way of `btc-light`.

use bitcoin::block::Header;
use bitcoin::hashes::Hash;
use btc_light::{Reader, Reorg};

use crate::ContractError;

/// Bitcoin's newest block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tip {
    /// Its height.
    pub(crate) height: u32,
    /// Its hash, internal byte order.
    pub(crate) hash: [u8; 32],
    /// Its time, seconds since 1970.
    pub(crate) time: u32,
}

/// A view of Bitcoin's best chain.
pub(crate) trait Light {
    /// The newest block.
    fn tip(&self) -> Result<Tip, ContractError>;

    /// The header at a height of the best chain; `None` where it is not known.
    fn header(&self, height: u32) -> Result<Option<Header>, ContractError>;

    /// The number of reorganisations so far, and the worst of those after number `seen`.
    fn reorgs_since(&self, seen: u64) -> Result<(u64, Option<Reorg>), ContractError>;
}

impl Light for Reader<'_> {
    fn tip(&self) -> Result<Tip, ContractError> {
        let (height, header) = Reader::tip(self)?;
        Ok(Tip {
            height,
            hash: header.block_hash().to_byte_array(),
            time: header.time,
        })
    }

    fn header(&self, height: u32) -> Result<Option<Header>, ContractError> {
        Ok(Reader::header(self, height)?)
    }

    fn reorgs_since(&self, seen: u64) -> Result<(u64, Option<Reorg>), ContractError> {
        Ok(Reader::reorgs_since(self, seen)?)
    }
}
