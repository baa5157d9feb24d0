//! Where the chain programs come from.
//!
//! For each program: the variable that names it, else `PATH` where that has the right version, else a copy that is made once and
//! kept in the cache folder. Making it takes seconds to minutes, so it happens under a file lock
//! (test binaries start side by side), in a temporary folder that is renamed when it is complete,
//! with progress on standard error. The copy's folder carries a fingerprint of the recipe: a
//! changed recipe makes a new copy.
//!
//! The code of our contracts comes about in the same way, with [`contracts`].

mod cache;
mod contracts;
mod debian;
mod go;
mod node;
mod progress;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

pub use self::contracts::contracts;
pub use self::go::go;
pub use self::node::staking_library;
use crate::process::find_on_path;

/// A program that this repository uses but does not build from its own sources.
#[derive(Debug)]
pub struct Executable {
    /// Its file name.
    pub name: &'static str,
    /// The environment variable that names it and goes before everything else.
    pub variable: &'static str,
    /// The arguments that make it print its version and exit.
    version_arguments: &'static [&'static str],
    /// What the version must contain, but of what the variable names.
    version: &'static str,
    recipe: Recipe,
}

#[derive(Debug)]
enum Recipe {
    Debian(debian::Package),
    Go(go::Module),
}

/// Bitcoin's node.
pub const BITCOIND: Executable = Executable {
    name: "bitcoind",
    variable: "BITCOIND_EXE",
    version_arguments: &["-version"],
    version: "Bitcoin",
    recipe: Recipe::Debian(debian::Package {
        name: "bitcoin-knots",
        programs: &["bitcoind", "bitcoin-cli"],
    }),
};

/// Babylon's node.
pub const BABYLOND: Executable = Executable {
    name: "babylond",
    variable: "BABYLOND_EXE",
    version_arguments: &["version"],
    version: "4.0.0",
    recipe: Recipe::Go(go::Module {
        version: "4.0.0",
        package: "github.com/babylonlabs-io/babylon/v4/cmd/babylond",
        go_mod: include_str!("../../nodes/babylond/go.mod"),
        go_sum: include_str!("../../nodes/babylond/go.sum"),
        wasmvm: "github.com/CosmWasm/wasmvm/v2",
    }),
};

/// The node of partner chains.
pub const WASMD: Executable = Executable {
    name: "wasmd",
    variable: "WASMD_EXE",
    version_arguments: &["version"],
    version: "0.61.6",
    recipe: Recipe::Go(go::Module {
        version: "0.61.6",
        package: "github.com/CosmWasm/wasmd/cmd/wasmd",
        go_mod: include_str!("../../nodes/wasmd/go.mod"),
        go_sum: include_str!("../../nodes/wasmd/go.sum"),
        wasmvm: "github.com/CosmWasm/wasmvm/v3",
    }),
};

/// Every chain program, for those who want them all before the first test.
pub const ALL: [&Executable; 3] = [&BITCOIND, &BABYLOND, &WASMD];

impl Executable {
    /// The program's path; makes the copy first if that is what it takes.
    ///
    /// Blocks for as long as that takes (minutes, once).
    ///
    /// # Errors
    ///
    /// When there is none and none can be made here. The message says what to install or which
    /// variable to set.
    pub fn locate(&self) -> anyhow::Result<PathBuf> {
        if let Some(path) = std::env::var_os(self.variable).filter(|path| !path.is_empty()) {
            let path = PathBuf::from(path);
            self.version_of(&path).with_context(|| {
                format!(
                    "{}={} is no usable {}",
                    self.variable,
                    path.display(),
                    self.name
                )
            })?;
            return Ok(path);
        }
        if let Some(path) = find_on_path(self.name) {
            match self.version_of(&path).and_then(|said| self.check(&said)) {
                Ok(()) => return Ok(path),
                Err(reason) => progress::say(
                    self.name,
                    &format!(
                        "{} is passed over: {reason:#}; {} names it if it is to be used all the same",
                        path.display(),
                        self.variable
                    ),
                ),
            }
        }
        self.provision().with_context(|| {
            format!(
                "{name} is not on PATH and could not be provisioned; \
                 install it, or set {variable} to its path",
                name = self.name,
                variable = self.variable,
            )
        })
    }

    fn provision(&self) -> anyhow::Result<PathBuf> {
        let folder = cache::keep(self.name, &self.fingerprint(), |folder| {
            match &self.recipe {
                Recipe::Debian(package) => package.unpack_into(self.name, folder),
                Recipe::Go(module) => module.build_into(self.name, folder),
            }?;
            let version = self.version_of(&folder.join(self.name))?;
            self.check(&version)?;
            progress::say(self.name, &format!("ready: {version}"));
            Ok(())
        })?;
        Ok(folder.join(self.name))
    }

    fn fingerprint(&self) -> String {
        match &self.recipe {
            Recipe::Debian(package) => package.fingerprint(),
            Recipe::Go(module) => module.fingerprint(),
        }
    }

    /// Whether what a program says of its version is what we work with.
    fn check(&self, said: &str) -> anyhow::Result<()> {
        ensure!(
            said.contains(self.version),
            "it says that it is `{said}` instead of `{}`",
            self.version
        );
        Ok(())
    }

    /// The first line that the program prints about its version.
    fn version_of(&self, path: &Path) -> anyhow::Result<String> {
        let output = Command::new(path)
            .args(self.version_arguments)
            .output()
            .with_context(|| format!("cannot run {}", path.display()))?;
        ensure!(
            output.status.success(),
            "{} {} ended with {}: {}",
            path.display(),
            self.version_arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
        // babylond prints its version on standard error.
        let printed = [output.stdout, output.stderr].concat();
        let first = String::from_utf8_lossy(&printed)
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        Ok(first)
    }
}
