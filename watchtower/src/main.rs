//! Entry point of `watchtower`.

use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::program::run::<watchtower::cli::Watchtower>()
}
