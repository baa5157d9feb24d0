//! What a message sees besides storage: the block it is in, Bitcoin, and the curve.

use btc_light::Reader;
use eots::curve::Curve;

use crate::config::Config;

/// What a message sees besides storage.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) config: &'a Config,
    pub(crate) curve: &'a dyn Curve,
    pub(crate) light: &'a Reader<'a>,
    /// Height of this chain's present block.
    pub(crate) height: u64,
    /// Its time, seconds since 1970.
    pub(crate) time: u64,
}
