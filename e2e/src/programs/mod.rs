//! Our programs as a scenario runs them: a home with a configuration and keys, the service, and commands beside it.

mod btc_staker;
mod covenant;
mod finality_provider;
mod watchtower;

pub use btc_staker::BtcStakerProgram;
pub use covenant::{CovenantProgram, CovenantSettings, StakersSettings};
pub use finality_provider::FinalityProviderProgram;
pub use watchtower::WatchtowerProgram;
