//! The test environment: real nodes and our programs as child processes.
//!
//! A scenario starts a [`Bitcoind`] and a [`Babylond`] (or a partner chain's [`Wasmd`]), runs our
//! programs with [`Program`], and waits for what must become true with [`poll_until`]. Everything a
//! test starts lives in its own temporary folder and on its own ports, and is killed when the test
//! drops it, or when the test itself is killed. A failed test leaves its folder, logs included, and
//! prints where it is.
//!
//! The chain programs are found or provisioned by [`provision`]; our own are built once per test
//! binary. Tests fail by panicking rather than by returning an error: that is how a failure is
//! recognised when the folder is dropped.

mod babylond;
mod bitcoind;
mod cometbft;
pub mod network;
pub mod partner_chain;
mod poll;
mod port;
mod process;
mod program;
pub mod programs;
pub mod provision;
pub mod scenario;
mod scratch;
mod wasmd;

pub use babylond::{Babylond, Settings as BabylondSettings};
pub use bitcoind::Bitcoind;
pub use cometbft::GenesisEdit;
pub use poll::poll_until;
pub use port::Port;
pub use program::{Daemon, Finished, Program};
pub use scratch::Scratch;
pub use wasmd::{FundedAccount, Settings as WasmdSettings, Wasmd};
