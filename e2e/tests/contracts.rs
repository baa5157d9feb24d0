//! The contracts' own workspace, which has its own compiler and lock file: its tests, and its code in the machine that
//! chains load.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use testenv::provision;

/// Longest code that stock `wasmd` stores, bytes.
const STORED: u64 = 800 << 10;

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
    let folder = provision::contracts().unwrap();
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let code: Vec<_> = files
        .filter(|file| file.extension() == Some("wasm".as_ref()))
        .collect();
    for file in &code {
        let bytes = fs::metadata(file).unwrap().len();
        let name = file.display();
        assert!(
            bytes <= STORED,
            "{name} has {bytes} bytes, stock wasmd stores {STORED}"
        );
    }
    let mut command = Command::new("go");
    command
        .args(["run", "."])
        .args(&code)
        .current_dir(workspace().join("vm-check"));
    let report = succeeds(&mut command);
    for file in &code {
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(report.contains(&format!("{name}: ")), "{report}");
    }
    assert!(report.contains("btc_mesh.wasm: "), "{report}");
}
