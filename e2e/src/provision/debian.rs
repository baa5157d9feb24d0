//! A program out of Debian's unstable suite, on a machine that runs another release, without root.
//!
//! apt resolves the package against an imaginary empty machine, so that everything down to the C
//! library is fetched; the packages are unpacked into a folder and the programs are started through
//! that folder's own loader. The suite moves: only the package's name is pinned, apt finds the
//! current versions and verifies them with Debian's keys.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use super::progress::say;
use crate::process::find_on_path;

/// Debian's keys, under the names that its releases have given them.
const KEYRINGS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
];

/// Packages that only matter to an installation (service users, questions to the administrator).
/// The imaginary machine has them already, which saves half of the download.
const PRETENDED: [&str; 2] = ["debconf", "systemd-standalone-sysusers"];

/// A Debian package and the programs wanted from it.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: &'static str,
    pub(super) programs: &'static [&'static str],
}

impl Package {
    /// Names the recipe, not the version: see above.
    pub(super) fn fingerprint(&self) -> String {
        format!("debian-{}", self.name)
    }

    /// Leaves an executable file for each program in `folder`; `name` is what it is all for.
    pub(super) fn unpack_into(&self, name: &str, folder: &Path) -> anyhow::Result<()> {
        ensure!(
            find_on_path("apt-get").is_some() && find_on_path("dpkg-deb").is_some(),
            "apt-get and dpkg-deb are needed to fetch it from Debian; this machine has neither"
        );
        let platform = Platform::of_this_machine()?;
        let apt = Apt::prepare(folder, platform)?;
        say(
            self.name,
            "fetching the package lists of Debian unstable (17 MB)",
        );
        apt.run(&["update"])?;
        say(name, "fetching the package and its libraries (20 MB)");
        apt.run(&[
            "install",
            "--download-only",
            "--no-install-recommends",
            "--yes",
            self.name,
        ])?;
        say(name, "unpacking");
        let root = folder.join("root");
        for package in apt.downloaded()? {
            run(Command::new("dpkg-deb")
                .arg("--extract")
                .arg(&package)
                .arg(&root))?;
        }
        for program in self.programs {
            write_starter(folder, program, platform)?;
        }
        apt.remove()
    }
}

#[derive(Clone, Copy)]
struct Platform {
    /// Debian's name of the architecture.
    architecture: &'static str,
    /// The folder of the libraries.
    triplet: &'static str,
    /// The file name of the loader.
    loader: &'static str,
}

impl Platform {
    fn of_this_machine() -> anyhow::Result<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Ok(Self {
                architecture: "amd64",
                triplet: "x86_64-linux-gnu",
                loader: "ld-linux-x86-64.so.2",
            }),
            "aarch64" => Ok(Self {
                architecture: "arm64",
                triplet: "aarch64-linux-gnu",
                loader: "ld-linux-aarch64.so.1",
            }),
            other => bail!("Debian packages are provisioned on x86_64 and aarch64, not on {other}"),
        }
    }
}

/// apt with its own lists, cache and idea of what is installed.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn prepare(folder: &Path, platform: Platform) -> anyhow::Result<Self> {
        let apt = Self {
            folder: folder.join("apt"),
        };
        for needed in [
            "etc/preferences.d",
            "lists/partial",
            "cache/archives/partial",
        ] {
            fs::create_dir_all(apt.folder.join(needed))?;
        }
        let keyring = KEYRINGS
            .into_iter()
            .find(|path| Path::new(path).exists())
            .context("Debian's keys are missing; install the package debian-archive-keyring")?;
        let source = format!("deb [signed-by={keyring}] {} unstable main\n", mirror()?);
        fs::write(apt.folder.join("etc/sources.list"), source)?;
        let installed = PRETENDED.map(|name| {
            format!(
                "Package: {name}\nStatus: install ok installed\nVersion: 9999\n\
                 Architecture: {}\nMulti-Arch: foreign\n\n",
                platform.architecture
            )
        });
        fs::write(apt.folder.join("status"), installed.concat())?;
        Ok(apt)
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let at = |name: &str| self.folder.join(name).display().to_string();
        let settings = [
            format!("Dir::Etc={}", at("etc")),
            format!("Dir::State::Lists={}", at("lists")),
            format!("Dir::State::status={}", at("status")),
            format!("Dir::Cache={}", at("cache")),
            // The lists hold one index of packages and nothing for people to browse.
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
            // The system's locks guard the system's folders; the cache has its own lock.
            "Debug::NoLocking=true".to_owned(),
            // Root would otherwise download as a user that cannot enter the cache folder.
            "APT::Sandbox::User=root".to_owned(),
        ];
        let mut command = Command::new("apt-get");
        command.arg("-qq").env("DEBIAN_FRONTEND", "noninteractive");
        for setting in settings {
            command.arg("-o").arg(setting);
        }
        run(command.args(arguments))
    }

    fn downloaded(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut packages = Vec::new();
        for entry in fs::read_dir(self.folder.join("cache/archives"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                packages.push(path);
            }
        }
        Ok(packages)
    }

    fn remove(self) -> anyhow::Result<()> {
        fs::remove_dir_all(&self.folder)
            .with_context(|| format!("cannot remove {}", self.folder.display()))
    }
}

/// The Debian mirror that this machine is set up to use.
fn mirror() -> anyhow::Result<String> {
    let output = Command::new("apt-get")
        .args([
            "indextargets",
            // Or a machine where `apt-get update` has not run would name none.
            "--no-release-info",
            "--format",
            "$(REPO_URI)",
            "Created-By: Packages",
        ])
        .output()
        .context("cannot run apt-get")?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| line.trim_end_matches('/'))
        .find(|line| line.ends_with("/debian"))
        .map(str::to_owned)
        .context("apt's sources name no Debian mirror (an address that ends in `/debian`)")
}

/// Writes a script that starts `program` with the loader and libraries it was packaged with.
fn write_starter(folder: &Path, program: &str, platform: Platform) -> anyhow::Result<()> {
    let Platform {
        triplet, loader, ..
    } = platform;
    let binary = folder.join("root/usr/bin").join(program);
    ensure!(binary.is_file(), "the package has no {program}");
    let script = format!(
        "#!/bin/sh\n\
         root=$(dirname \"$(readlink -f \"$0\")\")/root\n\
         exec \"$root/usr/lib/{triplet}/{loader}\" --library-path \"$root/usr/lib/{triplet}\" \\\n\
         \x20 \"$root/usr/bin/{program}\" \"$@\"\n"
    );
    let path = folder.join(program);
    fs::write(&path, script)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot run {name}"))?;
    ensure!(
        output.status.success(),
        "{name} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
