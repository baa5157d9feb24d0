//! A program built from a Go module that pins every dependency by hash.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use bitcoin::hashes::{Hash as _, sha256};

use super::progress::{follow, say};
use crate::process::find_on_path;

/// A program of a Go module, with the module files that pin it.
#[derive(Debug)]
pub(super) struct Module {
    /// The program's version, which it reports at run time.
    pub(super) version: &'static str,
    /// The import path of the program.
    pub(super) package: &'static str,
    pub(super) go_mod: &'static str,
    pub(super) go_sum: &'static str,
    /// The import path of the module that brings the contract runtime as a shared library.
    pub(super) wasmvm: &'static str,
}

impl Module {
    /// Changes with every dependency.
    pub(super) fn fingerprint(&self) -> String {
        let pins = sha256::Hash::hash([self.go_mod, self.go_sum].concat().as_bytes()).to_string();
        let (short, _) = pins.split_at(12);
        format!("{}-{short}", self.version)
    }

    /// Leaves the program `name`, and the shared library it needs, in `folder`.
    pub(super) fn build_into(&self, name: &str, folder: &Path) -> anyhow::Result<()> {
        ensure!(
            find_on_path("go").is_some(),
            "Go 1.25 or newer is needed to build it and is not on PATH; install it"
        );
        ensure!(
            find_on_path("cc").is_some() || find_on_path("gcc").is_some(),
            "a C compiler is needed to build it and is not on PATH; install gcc"
        );
        let source = folder.join("source");
        fs::create_dir(&source)?;
        fs::write(source.join("go.mod"), self.go_mod)?;
        fs::write(source.join("go.sum"), self.go_sum)?;
        say(
            name,
            "building from source; about four minutes from empty caches, seconds otherwise",
        );
        self.build(name, &source, &folder.join(name))?;
        let library = self.wasmvm_library(&source)?;
        let file_name = library
            .file_name()
            .context("the library's path has no file name")?;
        fs::copy(&library, folder.join(file_name))
            .with_context(|| format!("cannot copy {}", library.display()))?;
        fs::remove_dir_all(&source)?;
        Ok(())
    }

    fn build(&self, name: &str, source: &Path, binary: &Path) -> anyhow::Result<()> {
        let version = "github.com/cosmos/cosmos-sdk/version";
        let link_options = [
            // Symbols that only a debugger reads make half of the file.
            "-s -w".to_owned(),
            format!("-X {version}.Name={name} -X {version}.AppName={name}"),
            format!("-X {version}.Version={}", self.version),
            // The shared library is found next to the program, so Go's module cache may go.
            "-extldflags '-Wl,-rpath,$ORIGIN'".to_owned(),
        ]
        .join(" ");
        follow(
            name,
            go(source)
                .args(["build", "-v", "-ldflags", &link_options, "-o"])
                .arg(binary)
                .arg(self.package),
        )
    }

    fn wasmvm_library(&self, source: &Path) -> anyhow::Result<PathBuf> {
        let output = go(source)
            .args(["list", "-m", "-f", "{{.Dir}}", self.wasmvm])
            .output()
            .context("cannot run go")?;
        ensure!(
            output.status.success(),
            "go list ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let module = String::from_utf8(output.stdout)?;
        let library = format!("libwasmvm.{}.so", std::env::consts::ARCH);
        Ok(Path::new(module.trim()).join("internal/api").join(library))
    }
}

/// The go command, in the module at `source` and untouched by settings made for other modules.
pub fn go(source: &Path) -> Command {
    let mut command = Command::new("go");
    command
        .current_dir(source)
        .env("GOFLAGS", "-mod=readonly -buildvcs=false")
        .env("GOWORK", "off")
        .env("CGO_ENABLED", "1");
    command
}
