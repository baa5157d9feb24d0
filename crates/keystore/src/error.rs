//! What can go wrong; no message ever contains a secret.

use std::io;
use std::path::PathBuf;

use crate::passphrase::MIN_PASSPHRASE_LENGTH;

/// Why a key file cannot be created, opened or unlocked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// Something is there already.
    #[error("`{}` exists already and a key file is never overwritten; choose another path or move it away", path.display())]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// Nothing is there.
    #[error("there is no key file at `{}`; create or restore the key first", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// Others than the owner may read or change it.
    #[error("`{}` has mode {mode:04o}, which lets others than its owner at the key; run `chmod 600` on it", path.display())]
    Permissions {
        /// The path.
        path: PathBuf,
        /// Its mode bits.
        mode: u32,
    },
    /// The file system failed.
    #[error("cannot {action} key file `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// Not a key file, or changed since it was written.
    #[error("`{}` is no intact key file: {reason}; restore it from a backup", path.display())]
    Damaged {
        /// The path.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Written by a later version of this software.
    #[error("`{}` has format version {version}, this program reads version {supported}; upgrade it", path.display())]
    Version {
        /// The path.
        path: PathBuf,
        /// Its version.
        version: u32,
        /// The version read here.
        supported: u32,
    },
    /// A derivation cost outside what Argon2id allows, or more than this program is willing to spend.
    #[error(
        "Argon2id cost of {memory_kib} KiB, {passes} passes and {lanes} lanes is not allowed (at most 1 GiB, 16 passes, 16 lanes)"
    )]
    Cost {
        /// Memory in KiB.
        memory_kib: u32,
        /// Number of passes.
        passes: u32,
        /// Number of lanes.
        lanes: u32,
    },
    /// The passphrase does not open the file.
    #[error("wrong passphrase for key file `{}`", path.display())]
    WrongPassphrase {
        /// The path.
        path: PathBuf,
    },
    /// Too short to protect a key.
    #[error("a passphrase for a new key file needs at least {MIN_PASSPHRASE_LENGTH} characters")]
    ShortPassphrase,
    /// A label or public part that does not fit into a listing.
    #[error("the {field} of a key must be at most 200 characters without control characters")]
    Text {
        /// Which one.
        field: &'static str,
    },
}

/// Why no passphrase could be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassphraseError {
    /// Not one of the sources.
    #[error(
        "a passphrase source is `prompt`, `file:/path`, `fd:3` or `credential:name`, never the passphrase itself"
    )]
    Source,
    /// There is nobody to ask.
    #[error(
        "cannot ask for the passphrase of {what}: there is no terminal; use `file:/path`, `fd:3` or `credential:name`"
    )]
    NoTerminal {
        /// Whose passphrase.
        what: String,
    },
    /// The two entries of a new passphrase differ.
    #[error("the two passphrases for {what} differ; nothing was written, try again")]
    Differs {
        /// Whose passphrase.
        what: String,
    },
    /// Nothing was entered, or the source is empty.
    #[error("the passphrase from {from} is empty")]
    Empty {
        /// The source.
        from: String,
    },
    /// More than a passphrase.
    #[error(
        "{from} holds more than one line of at most {limit} bytes of UTF-8, so it is no passphrase"
    )]
    Content {
        /// The source.
        from: String,
        /// Most bytes read.
        limit: usize,
    },
    /// Too short to protect a new key.
    #[error("a new passphrase needs at least {MIN_PASSPHRASE_LENGTH} characters")]
    Short,
    /// The passphrase file is open to others.
    #[error("passphrase file `{}` has mode {mode:04o}, which lets others than its owner read it; run `chmod 600` on it", path.display())]
    Permissions {
        /// The path.
        path: PathBuf,
        /// Its mode bits.
        mode: u32,
    },
    /// The service manager passed no credentials.
    #[error(
        "credential `{name}` is asked for but CREDENTIALS_DIRECTORY is not set; start as a service with LoadCredential={name}:…"
    )]
    NoCredentials {
        /// The credential.
        name: String,
    },
    /// The source cannot be read.
    #[error("cannot read the passphrase from {from}")]
    Io {
        /// The source.
        from: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

/// Why something is no secret of the kind it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Not a BIP-0039 phrase.
    #[error("the seed phrase is not valid: it has 12, 15, 18, 21 or 24 English words of the BIP-0039 list, the last of which is a checksum; word {} is the first unknown one", unknown.map_or("none".to_owned(), |position| position.to_string()))]
    Phrase {
        /// Position of the first word that is not on the list, from 1.
        unknown: Option<usize>,
    },
    /// The file holds a secret of another kind.
    #[error("the key file holds a {found}, a {expected} is needed")]
    Kind {
        /// What is needed.
        expected: crate::Kind,
        /// What it is.
        found: crate::Kind,
    },
    /// A length that the kind does not have.
    #[error("a {kind} cannot have {length} bytes")]
    Length {
        /// The kind.
        kind: crate::Kind,
        /// The refused length.
        length: usize,
    },
}
