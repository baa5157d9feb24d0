//! The program `covenant`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::program::run::<covenant::Covenant>()
}
