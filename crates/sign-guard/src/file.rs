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
    new_file::create(path, initialise).map_err(|failure| match failure {
        Failure::Io(error) if error.kind() == io::ErrorKind::AlreadyExists => OpenError::Exists {
            path: path.to_owned(),
        },
        Failure::Io(source) => io_error("create", path, source),
        Failure::Storage(source) => OpenError::Damaged {
            path: path.to_owned(),
            source,
        },
    })?;
    open(path)
}

/// Why a new store cannot be filled.
enum Failure {
    Io(io::Error),
    Storage(StorageError),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

fn initialise(file: &File) -> Result<(), Failure> {
    // Closing the store gives back its lock, which is on the open file that both handles share.
    let backend = FileBackend::new(file.try_clone()?).map_err(StorageError::from)?;
    let database = builder()
        .create_with_backend(backend)
        .map_err(StorageError::from)?;
    store::initialise(&database)?;
    database.close().map_err(StorageError::from)?;
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

fn io_error(action: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
