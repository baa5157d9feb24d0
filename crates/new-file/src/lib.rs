//! Making a file that must not be lost, such as a key or a signing record.
//!
//! [`create`] has the file filled under a temporary name, syncs it, gives it its own name only if nothing is there, and
//! syncs the directories. Wherever the machine stops, the file is there whole or not at all; once `create` has
//! returned it is there for good. Nothing is ever overwritten and nobody but the owner can read it.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::Builder;

/// Only the owner reads and writes.
const PRIVATE: u32 = 0o600;

/// Makes a new file at `path`, of mode 0600, with what `fill` writes into it.
///
/// # Errors
///
/// Where something is at `path`, a dangling link included, fails with [`io::ErrorKind::AlreadyExists`]. Fails with what
/// `fill` fails with, and where the file system does. Unless only the last sync failed, no file is there then.
pub fn create<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&File) -> Result<(), E>,
) -> Result<(), E> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory = directory.canonicalize()?;
    let file = Builder::new()
        .permissions(Permissions::from_mode(PRIVATE))
        .tempfile_in(&directory)?;
    fill(file.as_file())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_directories(&directory, |path| File::open(path)?.sync_all())?;
    Ok(())
}

/// Makes the names of the file and of the directories above it durable, one of which may be just as new.
fn sync_directories(
    directory: &Path,
    mut sync: impl FnMut(&Path) -> io::Result<()>,
) -> io::Result<()> {
    sync(directory)?;
    for ancestor in directory.ancestors().skip(1) {
        match sync(ancestor).map_err(|error| error.kind()) {
            // What we may not even read, we cannot have made.
            Err(io::ErrorKind::PermissionDenied) => break,
            // Some file systems, read-only ones among them, have nothing to sync.
            Err(io::ErrorKind::InvalidInput | io::ErrorKind::ReadOnlyFilesystem) => {}
            result => result?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn synced(failing: &str, kind: io::ErrorKind) -> (io::Result<()>, Vec<String>) {
        let mut visited = Vec::new();
        let result = sync_directories(Path::new("/data/btc-mesh/provider"), |path| {
            visited.push(path.display().to_string());
            if path == Path::new(failing) {
                Err(kind.into())
            } else {
                Ok(())
            }
        });
        (result, visited)
    }

    #[test]
    fn the_directory_and_all_above_it_are_synced() {
        let (result, visited) = synced("none", io::ErrorKind::Other);
        assert!(result.is_ok());
        assert_eq!(
            visited,
            ["/data/btc-mesh/provider", "/data/btc-mesh", "/data", "/"]
        );
    }

    #[test]
    fn a_directory_that_cannot_be_synced_is_an_error() {
        for kind in [io::ErrorKind::Other, io::ErrorKind::PermissionDenied] {
            assert!(synced("/data/btc-mesh/provider", kind).0.is_err());
        }
        assert!(synced("/data", io::ErrorKind::Other).0.is_err());
    }

    #[test]
    fn directories_of_others_are_left_alone() {
        let (result, visited) = synced("/data", io::ErrorKind::PermissionDenied);
        assert!(result.is_ok());
        assert_eq!(visited.last().map(String::as_str), Some("/data"));
        assert!(synced("/", io::ErrorKind::ReadOnlyFilesystem).0.is_ok());
    }
}
