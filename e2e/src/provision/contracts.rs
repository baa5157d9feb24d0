//! The contracts' code, built from the sources as they are now.
//!
//! `contracts/scripts` does the work: the compiler that the chains' virtual machines need is
//! fetched once, and the code is built for each state of the sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use bitcoin::hashes::{Hash as _, HashEngine as _, sha256};
use toml::Table;

use super::cache;
use super::progress::{follow, say};

/// How messages call it.
const NAME: &str = "contracts";
/// The environment variable that names a folder with the code and goes before building it.
const VARIABLE: &str = "BTC_MESH_CONTRACTS_DIR";

/// The folder with the optimised code of every contract: `btc_light.wasm` and so on.
///
/// `BTC_MESH_CONTRACTS_DIR` if that is set, else built here, which blocks for minutes the first
/// time and for about one after each change of the sources.
///
/// # Errors
///
/// When it cannot be built here. The message says what to install or which variable to set.
pub fn contracts() -> anyhow::Result<PathBuf> {
    if let Some(folder) = std::env::var_os(VARIABLE) {
        let folder = PathBuf::from(folder);
        ensure!(
            folder.is_dir(),
            "{VARIABLE}={} is no folder",
            folder.display()
        );
        return Ok(folder);
    }
    let sources = Sources::of_this_checkout()?;
    let fingerprint = sources.fingerprint()?;
    cache::keep(NAME, &fingerprint, |folder| {
        sources.build_into(folder)?;
        ensure!(
            sources.fingerprint()? == fingerprint,
            "the sources were changed while they were being built; try again"
        );
        Ok(())
    })
    .with_context(|| {
        format!(
            "the contracts cannot be built here; set {VARIABLE} to a folder with their optimised code"
        )
    })
}

/// What the code is made from.
struct Sources {
    /// The checkout.
    root: PathBuf,
}

impl Sources {
    fn of_this_checkout() -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        Ok(Self {
            root: root.context("this package is in no folder")?.to_owned(),
        })
    }

    fn build_into(&self, folder: &Path) -> anyhow::Result<()> {
        let workspace = self.root.join("contracts");
        let scripts = workspace.join("scripts");
        let toolchain = cache::root()?.join("wasm-toolchain");
        if !toolchain.is_dir() {
            say(NAME, "fetching the compiler for wasm from Debian (once)");
        }
        follow(
            NAME,
            Command::new(scripts.join("wasm-toolchain.sh")).arg(&toolchain),
        )?;
        say(NAME, "building; a few minutes the first time");
        follow(
            NAME,
            Command::new(scripts.join("build-contract.sh"))
                // Of the programs, and of another compiler.
                .env_remove("CARGO_TARGET_DIR")
                .arg(&toolchain)
                .arg(workspace.join("Cargo.toml"))
                .arg(folder),
        )?;
        say(NAME, "ready");
        Ok(())
    }

    /// Changes with every file that the code depends on.
    fn fingerprint(&self) -> anyhow::Result<String> {
        let mut files = Vec::new();
        for file in [
            // The crates take their dependencies from it.
            "Cargo.toml",
            "contracts/Cargo.toml",
            "contracts/Cargo.lock",
            "contracts/scripts/build-contract.sh",
            "contracts/scripts/wasm-toolchain.sh",
        ] {
            files.push(self.root.join(file));
        }
        for package in self.packages()? {
            files.push(package.join("Cargo.toml"));
            list_files(&package.join("src"), &mut files)?;
        }
        files.sort();
        // A contract may be a dependency of another one.
        files.dedup();
        let mut engine = sha256::Hash::engine();
        for file in files {
            let content =
                fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let name = file.strip_prefix(&self.root)?.to_string_lossy();
            // Digests of one length each: no two lists of files look the same.
            engine.input(sha256::Hash::hash(name.as_bytes()).as_byte_array());
            engine.input(sha256::Hash::hash(&content).as_byte_array());
        }
        let digest = sha256::Hash::from_engine(engine).to_string();
        let (short, _) = digest.split_at(12);
        Ok(short.to_owned())
    }

    /// The folders of the contracts, and of our crates that they share with the programs.
    fn packages(&self) -> anyhow::Result<Vec<PathBuf>> {
        let workspace = self.root.join("contracts");
        let manifest: Table = fs::read_to_string(workspace.join("Cargo.toml"))?.parse()?;
        let workspace_table = manifest.get("workspace");
        let members = workspace_table
            .and_then(|table| table.get("members")?.as_array())
            .context("the contracts' workspace has no members")?;
        let dependencies = workspace_table
            .and_then(|table| table.get("dependencies")?.as_table())
            .context("the contracts' workspace has no dependencies")?;
        let shared = dependencies
            .values()
            .filter_map(|dependency| dependency.get("path")?.as_str());
        Ok(members
            .iter()
            .filter_map(toml::Value::as_str)
            .chain(shared)
            .map(|package| workspace.join(package))
            .collect())
    }
}

fn list_files(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            list_files(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}
