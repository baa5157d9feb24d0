//! Where everything of one staker is on disk.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// The program's home directory.
///
/// | path | what | back up |
/// |---|---|---|
/// | `btc-staker.toml` | configuration | yes |
/// | `keys/seed.key` | the encrypted seed | yes, or the words of the seed on paper |
/// | `data/` | wallet and journal | no: they are rebuilt from the seed and the chain |
/// | `stakes.redb` | stakes without a hub, with their signatures ([`crate::journal`]) | yes, until chains know them |
/// | `consents.redb` | every consent that was signed ([`crate::restake`]) | no: an old copy is worse than none |
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

    /// Wallet and journal.
    pub fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// The record of stakes without a hub.
    pub fn stakes(&self) -> PathBuf {
        self.0.join("stakes.redb")
    }

    /// The record of consents.
    pub fn consents(&self) -> PathBuf {
        self.0.join("consents.redb")
    }

    /// Creates the directories that are missing, for this user alone.
    pub fn create(&self) -> io::Result<()> {
        for directory in [self.0.join("keys"), self.data()] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)?;
        }
        Ok(())
    }
}
