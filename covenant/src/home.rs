//! Where everything of one committee member is on disk.

use std::path::{Path, PathBuf};

/// The program's home directory.
///
/// | path | what | back up |
/// |---|---|---|
/// | `covenant.toml` | configuration | yes |
/// | `keys/` | encrypted key files | yes |
/// | `data/signing-record.redb` | which unbonding transactions were signed | yes, while the signer is stopped |
/// | `data/audit.jsonl` | audit log | yes |
/// | `data/parked/` | delegations that are not signed, with the reason | no |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// The home at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A path of the configuration: relative ones are below the home.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.0.join(path)
    }

    /// The directory of everything the program writes.
    pub fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// Which unbonding transactions were signed.
    pub fn signing_record(&self) -> PathBuf {
        self.data().join("signing-record.redb")
    }

    /// The audit log.
    pub fn audit_log(&self) -> PathBuf {
        self.data().join("audit.jsonl")
    }

    /// The parked delegations, one file each.
    pub fn parked(&self) -> PathBuf {
        self.data().join("parked")
    }
}
