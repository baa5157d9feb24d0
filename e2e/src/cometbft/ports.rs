//! The ports that one node listens on.

use crate::Port;

/// One port for each interface.
#[derive(Debug)]
pub(crate) struct Ports {
    /// CometBFT's JSON-RPC.
    pub(crate) rpc: Port,
    /// CometBFT's peers, of which there are none.
    pub(crate) p2p: Port,
    /// The application's gRPC services.
    pub(crate) grpc: Port,
    /// The application's REST interface.
    pub(crate) rest: Port,
}

impl Ports {
    /// Reserves four ports that nobody listens on.
    ///
    /// # Errors
    ///
    /// As [`Port::reserve`].
    pub(crate) fn reserve() -> anyhow::Result<Self> {
        Ok(Self {
            rpc: Port::reserve()?,
            p2p: Port::reserve()?,
            grpc: Port::reserve()?,
            rest: Port::reserve()?,
        })
    }
}
