//! Entry point of `finality-provider`.

use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::program::run::<finality_provider::cli::FinalityProvider>()
}
