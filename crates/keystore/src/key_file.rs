//! Key files on disk: created once and never overwritten, opened only if nobody else can read them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rand::RngCore;
use rand::rngs::OsRng;

use crate::cipher::{KdfCost, Sealing};
use crate::document::{Document, DocumentError, Header, Kind, VERSION};
use crate::error::KeyFileError;
use crate::passphrase::Passphrase;
use crate::secret::Secret;

/// Far above any key file; more is not read.
const MAX_LENGTH: u64 = 64 * 1024;

/// Longest label or public part, in characters.
const MAX_TEXT: usize = 200;

/// A new key and what its file says of it in clear.
#[derive(Debug)]
pub struct NewKey<'a> {
    /// Name for people.
    pub label: &'a str,
    /// Public part, so that keys can be listed without a passphrase: an x-only public key in hex, a fingerprint.
    pub public: &'a str,
    /// What is encrypted.
    pub secret: &'a Secret,
}

/// A key file whose secret is still locked.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
    header: Header,
    ciphertext: Vec<u8>,
}

impl KeyFile {
    /// Encrypts a key into a new file of mode 0600, which is whole and durable when this returns.
    ///
    /// # Errors
    ///
    /// Refuses an existing path, a short passphrase and a cost out of bounds.
    pub fn create(
        path: &Path,
        key: &NewKey<'_>,
        passphrase: &Passphrase,
        cost: KdfCost,
    ) -> Result<Self, KeyFileError> {
        check_text("label", key.label)?;
        check_text("public part", key.public)?;
        if !passphrase.is_long_enough() {
            return Err(KeyFileError::ShortPassphrase);
        }
        if path.symlink_metadata().is_ok() {
            // Said before the work of the derivation; the write below is what makes sure.
            return Err(KeyFileError::Exists {
                path: path.to_owned(),
            });
        }
        let (mut salt, mut nonce) = ([0; 16], [0; 24]);
        OsRng.fill_bytes(&mut salt);
        OsRng.fill_bytes(&mut nonce);
        let header = Header::new(
            key.secret.kind(),
            key.label.to_owned(),
            key.public.to_owned(),
            cost,
            salt,
            nonce,
        );
        let associated = header.to_bytes();
        let ciphertext = Sealing {
            cost,
            salt: &salt,
            nonce: &nonce,
            associated: &associated,
        }
        .seal(passphrase, &key.secret.to_bytes())?;
        write_new(
            path,
            Document::new(header.clone(), &ciphertext)
                .to_text()
                .as_bytes(),
        )?;
        Ok(Self {
            path: path.to_owned(),
            header,
            ciphertext,
        })
    }

    /// Reads a key file without unlocking it.
    ///
    /// # Errors
    ///
    /// Refuses a missing or damaged file, and one that others than its owner may read.
    pub fn open(path: &Path) -> Result<Self, KeyFileError> {
        let text = read_private(path)?;
        let (document, ciphertext) = Document::parse(&text).map_err(|error| match error {
            DocumentError::Damaged(reason) => KeyFileError::Damaged {
                path: path.to_owned(),
                reason,
            },
            DocumentError::Version(version) => KeyFileError::Version {
                path: path.to_owned(),
                version,
                supported: VERSION,
            },
        })?;
        Ok(Self {
            path: path.to_owned(),
            header: document.header,
            ciphertext,
        })
    }

    /// Decrypts the secret. Takes the time and memory that the file was created with.
    ///
    /// # Errors
    ///
    /// Tells a wrong passphrase from everything else.
    pub fn unlock(&self, passphrase: &Passphrase) -> Result<Secret, KeyFileError> {
        let sealing = Sealing {
            cost: self.header.argon2id,
            salt: &self.header.salt.0,
            nonce: &self.header.nonce.0,
            associated: &self.header.to_bytes(),
        };
        let plaintext = sealing
            .unseal(passphrase, &self.ciphertext)?
            .ok_or_else(|| KeyFileError::WrongPassphrase {
                path: self.path.clone(),
            })?;
        Secret::from_bytes(self.header.kind, &plaintext).map_err(|error| KeyFileError::Damaged {
            path: self.path.clone(),
            reason: error.to_string(),
        })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What kind of secret it holds.
    pub fn kind(&self) -> Kind {
        self.header.kind
    }

    /// Name for people.
    pub fn label(&self) -> &str {
        &self.header.label
    }

    /// Public part, as given at creation. Authentic only once the file has been unlocked.
    pub fn public(&self) -> &str {
        &self.header.public
    }
}

fn check_text(field: &'static str, text: &str) -> Result<(), KeyFileError> {
    if text.chars().count() <= MAX_TEXT && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(KeyFileError::Text { field })
    }
}

/// Writes a new file so that after a crash it is there whole or not at all, and an existing one is never touched.
fn write_new(path: &Path, content: &[u8]) -> Result<(), KeyFileError> {
    new_file::create(path, |mut file: &File| file.write_all(content)).map_err(|error| {
        match error.kind() {
            io::ErrorKind::AlreadyExists => KeyFileError::Exists {
                path: path.to_owned(),
            },
            _ => io_error("create", path, error),
        }
    })
}

fn read_private(path: &Path) -> Result<String, KeyFileError> {
    let failed = |source| io_error("read", path, source);
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => KeyFileError::Missing {
            path: path.to_owned(),
        },
        _ => failed(error),
    })?;
    // Asked of the opened file, so that it cannot be exchanged in between.
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Permissions {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = String::new();
    match file.take(MAX_LENGTH).read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(KeyFileError::Damaged {
            path: path.to_owned(),
            reason: "it is not text".to_owned(),
        }),
        Err(error) => Err(failed(error)),
    }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> KeyFileError {
    KeyFileError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
