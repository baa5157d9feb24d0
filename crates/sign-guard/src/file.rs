//! The store's file: created once, never overwritten, opened by one process at a time.

use std::fs::File;
use std::io;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError};

use crate::error::{OpenError, StorageError};
use crate::store::{self, FORMAT};

/// Makes a new store, whole or not at all, and durable under its name.
pub(crate) fn create(path: &Path) -> Result<Database, OpenError> {
    let failed = |source| io_error("create", path, source);
    if path.symlink_metadata().is_ok() {
        return Err(OpenError::Exists {
            path: path.to_owned(),
        });
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory = directory.canonicalize().map_err(failed)?;
    let file = tempfile::NamedTempFile::new_in(&directory).map_err(failed)?;
    initialise(&file).map_err(|source| OpenError::Damaged {
        path: path.to_owned(),
        source,
    })?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist_noclobber(path)
        .map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => OpenError::Exists {
                path: path.to_owned(),
            },
            _ => failed(error.error),
        })?;
    sync_directories(&directory, |path| File::open(path)?.sync_all()).map_err(failed)?;
    open(path)
}

fn initialise(file: &tempfile::NamedTempFile) -> Result<(), StorageError> {
    let backend = FileBackend::new(file.reopen().map_err(redb::StorageError::from)?)?;
    let database = builder().create_with_backend(backend)?;
    store::initialise(&database)?;
    database.close()?;
    Ok(())
}

/// Opens an existing store; refuses where another process has it.
pub(crate) fn open(path: &Path) -> Result<Database, OpenError> {
    match path.try_exists() {
        Ok(true) => {}
        Ok(false) => {
            return Err(OpenError::Missing {
                path: path.to_owned(),
            });
        }
        Err(source) => return Err(io_error("open", path, source)),
    }
    let damaged = |source| OpenError::Damaged {
        path: path.to_owned(),
        source,
    };
    let database = builder().open(path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse {
            path: path.to_owned(),
        },
        other => damaged(other.into()),
    })?;
    let found = store::format(&database).map_err(damaged)?;
    if found != FORMAT {
        return Err(OpenError::Format {
            path: path.to_owned(),
            found,
            known: FORMAT,
        });
    }
    Ok(database)
}

/// How every store is opened: a file that was altered behind our back is refused, not trusted.
pub(crate) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_check_integrity_on_open(true);
    builder
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

fn io_error(action: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Io {
        action,
        path: path.to_owned(),
        source,
    }
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
