//! The contracts' own workspace, which has its own compiler and lock file: its tests, and its code in the machine that
//! chains load.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use testenv::provision;

/// Longest code that stock `wasmd` stores, bytes.
const STORED: u64 = 800 << 10;

/// What chains are given.
const CONTRACTS: [&str; 4] = ["btc_light", "btc_mesh", "btc_mirror", "escrow"];

fn workspace() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join("contracts")
}

/// Runs a command, whose output is of interest where it fails.
fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (printed, complaints) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{printed}\n{complaints}",
        output.status
    );
    printed
}

#[test]
fn the_contracts_keep_their_own_tests() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["test", "--locked"])
        .current_dir(workspace())
        // Of the programs, which another build holds locked.
        .env_remove("CARGO_TARGET_DIR");
    succeeds(&mut command);
}

#[test]
fn the_contracts_load_in_the_chains_virtual_machine() {
    let folder = provision::contracts().unwrap().canonicalize().unwrap();
    let code = CONTRACTS.map(|name| folder.join(format!("{name}.wasm")));
    for file in &code {
        let bytes = fs::metadata(file).unwrap().len();
        let name = file.display();
        assert!(
            bytes <= STORED,
            "{name} has {bytes} bytes, stock wasmd stores {STORED}"
        );
    }
    let mut command = provision::go(&workspace().join("vm-check"));
    let report = succeeds(command.args(["run", "."]).args(&code));
    for name in CONTRACTS {
        assert!(report.contains(&format!("{name}.wasm: ")), "{report}");
    }
}
