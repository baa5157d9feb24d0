//! Provides every chain program and the contracts' code up front, so that the first test does not
//! spend its time on it.

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
    let contracts = testenv::provision::contracts()?;
    writeln!(output, "BTC_MESH_CONTRACTS_DIR={}", contracts.display())?;
    Ok(())
}
