//! The cache folder: complete copies only, made by one process at a time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::progress::say;

/// `BTC_MESH_CACHE`, else `btc-mesh` in the user's cache folder.
pub(super) fn root() -> anyhow::Result<PathBuf> {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    variable("BTC_MESH_CACHE")
        .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("btc-mesh")))
        .or_else(|| Some(variable("HOME")?.join(".cache/btc-mesh")))
        .context("no cache folder: set HOME, XDG_CACHE_HOME or BTC_MESH_CACHE")
}

/// Returns the folder `<name>-<fingerprint>` of the cache, filled by `make` if it is not there yet.
///
/// `make` gets an empty folder that becomes the cached one only when it succeeds, so a killed run
/// leaves nothing half-made behind. What it makes must not depend on the folder's path.
pub(super) fn keep(
    name: &str,
    fingerprint: &str,
    make: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let root = root()?;
    let folder = root.join(format!("{name}-{fingerprint}"));
    if folder.is_dir() {
        return Ok(folder);
    }
    fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
    let _lock = lock(name, &root.join(format!("{name}.lock")))?;
    // Another process may have made it while this one waited for the lock.
    if folder.is_dir() {
        return Ok(folder);
    }
    let unfinished = format!("{name}-unfinished-");
    remove_unfinished(&root, &unfinished)?;
    let fresh = tempfile::Builder::new()
        .prefix(&unfinished)
        .tempdir_in(&root)
        .with_context(|| format!("cannot write to {}", root.display()))?;
    make(fresh.path())?;
    fs::rename(fresh.keep(), &folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// Removes what killed runs have left behind; the lock is held, so nobody is working on it.
fn remove_unfinished(root: &Path, prefix: &str) -> anyhow::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            fs::remove_dir_all(entry.path())
                .with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}

fn lock(name: &str, path: &Path) -> anyhow::Result<File> {
    let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    if file.try_lock().is_err() {
        say(name, "another process is providing it; waiting");
        file.lock()
            .with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}
