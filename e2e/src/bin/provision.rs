//! Provides every chain program up front, so that the first test does not spend its time on it.

use std::io::Write as _;

fn main() -> anyhow::Result<()> {
    let mut output = std::io::stdout();
    for executable in testenv::provision::ALL {
        writeln!(
            output,
            "{}={}",
            executable.variable,
            executable.locate()?.display()
        )?;
    }
    Ok(())
}
