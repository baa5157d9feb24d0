//! A fork of a chain: a second node that goes on from the same block with the same keys.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};

use super::node::{Node, Setup};
use super::{Ports, listen_on};
use crate::Scratch;

impl Node {
    /// A node, not running yet, with a copy of this one's data and keys and with ports of its own.
    pub(crate) fn fork(&self) -> anyhow::Result<Self> {
        // A copy of files that are being written to could be of two moments.
        ensure!(
            self.process.is_none(),
            "{} is running; stop it before forking it",
            self.setup.name
        );
        let scratch = Scratch::new(self.setup.name)?;
        let home = scratch.path().join("home");
        copy_folder(&self.setup.home, &home)?;
        let ports = Ports::reserve()?;
        listen_on(&home, &ports)?;
        Ok(Self::new(Setup {
            name: self.setup.name,
            program: self.setup.program.clone(),
            environment: self.setup.environment,
            chain_id: self.setup.chain_id.clone(),
            home,
            ports,
            scratch,
        }))
    }
}

/// Copies a folder of files and folders.
fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let copy = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &copy)?;
        } else {
            fs::copy(entry.path(), &copy)
                .with_context(|| format!("cannot copy {}", entry.path().display()))?;
        }
    }
    Ok(())
}
