//! Entry point of `btc-staker`.

use std::process::ExitCode;

use btc_staker::BtcStaker;

fn main() -> ExitCode {
    daemon::program::run::<BtcStaker>()
}
