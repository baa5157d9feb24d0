//! Our programs' executables, as new as their sources.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// The packages that hold a program of the same name.
const PACKAGES: [&str; 4] = ["btc-staker", "covenant", "finality-provider", "watchtower"];

/// The beginnings of the variables that tell this process about its own package.
///
/// Build scripts may ask to be run again when one of them changes (ring's does). Passed on, they
/// would make this build and the next one by hand each undo the other's work.
const SET_PER_PACKAGE: [&str; 5] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_CRATE_",
    "CARGO_BIN_",
    "CARGO_PRIMARY_PACKAGE",
];

/// Built once per process. The outcome is kept either way: after a failed build every test says so,
/// and only the first one spends the time.
static BUILT: LazyLock<Result<BTreeMap<String, PathBuf>, String>> =
    LazyLock::new(|| build().map_err(|error| format!("{error:#}")));

/// Where `name` is: in `BTC_MESH_BIN_DIR` if that is set, else where cargo has built it.
pub(super) fn executable(name: &str) -> anyhow::Result<PathBuf> {
    if let Some(folder) = std::env::var_os("BTC_MESH_BIN_DIR") {
        let path = Path::new(&folder).join(name);
        ensure!(
            path.is_file(),
            "BTC_MESH_BIN_DIR has no {name}: {}",
            path.display()
        );
        return Ok(path);
    }
    let built = BUILT.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
    let path = built
        .get(name)
        .with_context(|| format!("there is no program called {name}"))?;
    Ok(path.clone())
}

/// Builds all programs in one go, with the profile and into the target folder of the running test
/// binary.
///
/// cargo holds its own lock, so test binaries may do this side by side; the later ones find nothing
/// left to do.
fn build() -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.toml");
    let (profile, target) = profile_and_target()?;
    // Set by `cargo test` and `cargo run` to the cargo that they are.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    for (variable, _) in std::env::vars_os() {
        if SET_PER_PACKAGE
            .iter()
            .any(|prefix| variable.as_bytes().starts_with(prefix.as_bytes()))
        {
            command.env_remove(variable);
        }
    }
    let output = command
        .args([
            "build",
            "--quiet",
            "--bins",
            "--message-format",
            "json-render-diagnostics",
        ])
        .arg("--manifest-path")
        .arg(&manifest)
        .arg("--profile")
        .arg(profile)
        .arg("--target-dir")
        .arg(target)
        .args(PACKAGES.iter().flat_map(|package| ["--package", package]))
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo; set BTC_MESH_BIN_DIR to a folder with the programs")?;
    ensure!(
        output.status.success(),
        "cargo build of {} ended with {}",
        PACKAGES.join(", "),
        output.status
    );
    let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let mut executables = BTreeMap::new();
    for message in messages {
        let message = message.context("cargo printed something else than JSON")?;
        if let (Some(path), Some(name)) = (
            message.get("executable").and_then(Value::as_str),
            message.pointer("/target/name").and_then(Value::as_str),
        ) {
            executables.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    Ok(executables)
}

/// Reads `<target>/<profile's folder>/deps/<test>` or `<target>/<profile's folder>/<program>` off
/// this process.
fn profile_and_target() -> anyhow::Result<(String, PathBuf)> {
    let this = std::env::current_exe().context("this process has no executable")?;
    let folder = this
        .ancestors()
        .skip(1)
        .find(|folder| folder.file_name() != Some(OsStr::new("deps")))
        .context("this process's executable is in no folder")?;
    let target = folder.parent().context("the build folder has no parent")?;
    let name = folder
        .file_name()
        .and_then(OsStr::to_str)
        .context("the build folder has no name")?;
    // The one profile whose folder has another name.
    let profile = if name == "debug" { "dev" } else { name };
    Ok((profile.to_owned(), target.to_owned()))
}
