//! Files of redb, for what neither seed nor chains rebuild: made whole, checked when they are opened, and written with two
//! syncs (`docs/adr/0002-redb-for-signing-records-sled-for-the-rest.md`).

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Builder, Database, Durability, WriteTransaction};

/// Why such a file cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DurableError {
    /// The file cannot be made.
    #[error(transparent)]
    File(#[from] io::Error),
    /// The store inside cannot be read or written.
    #[error(transparent)]
    Store(#[from] redb::Error),
}

/// Opens the file at `path`; one that is not there is made with what `fill` writes.
///
/// # Errors
///
/// [`redb::Error::DatabaseAlreadyOpen`] where another process has it.
pub(crate) fn open(
    path: &Path,
    fill: impl Fn(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<Database, DurableError> {
    if !path.try_exists()? {
        match new_file::create(path, |file| Ok(initialise(file, &fill)?)) {
            // Another command was faster.
            Err(DurableError::File(error)) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made?,
        }
    }
    Ok(builder().open(path).map_err(redb::Error::from)?)
}

/// A transaction that is durable, with two syncs, once committed.
pub(crate) fn begin_write(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

/// A file that was altered behind our back is refused, not trusted.
fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_check_integrity_on_open(true);
    builder
}

fn initialise(
    file: &File,
    fill: impl Fn(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<(), redb::Error> {
    // Closing the store gives back its lock, which is on the open file that both handles share.
    let backend = FileBackend::new(file.try_clone()?)?;
    let database = builder().create_with_backend(backend)?;
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    fill(&transaction)?;
    transaction.commit()?;
    database.close()?;
    Ok(())
}
