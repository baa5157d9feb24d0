//! Where everything of one watchtower is on disk.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// The program's home directory.
///
/// | path | what | back up |
/// |---|---|---|
/// | `watchtower.toml` | configuration | yes |
/// | `keys/seed.key` | the encrypted seed of wallet and account | yes, or its words on paper |
/// | `data/state/` | wallet, progress, checkpoints under way | no: rebuilt from the seed and both chains |
/// | `data/parked/` | what was given up on, with the reason | no |
/// | `lock` | one process at a time changes `data/` | no |
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

    /// The encrypted seed.
    pub fn seed_file(&self) -> PathBuf {
        self.0.join("keys").join("seed.key")
    }

    /// The database of everything that can be rebuilt.
    pub fn state(&self) -> PathBuf {
        self.0.join("data").join("state")
    }

    /// What was given up on, one file each.
    pub fn parked(&self) -> PathBuf {
        self.0.join("data").join("parked")
    }

    /// Creates the directories that are missing, for this user alone.
    pub fn create(&self) -> io::Result<()> {
        for directory in [self.0.join("keys"), self.0.join("data")] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)?;
        }
        Ok(())
    }
}
