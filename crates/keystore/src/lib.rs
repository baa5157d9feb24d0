//! Encrypted key files and the passphrases that open them.
//!
//! A [`KeyFile`] holds one [`Secret`]: a seed (BIP-0039) or a 32-byte secret key. [`KeyFile::create`] encrypts it and
//! never overwrites; [`KeyFile::open`] reads what is in clear (kind, label, public part), so keys can be listed
//! without a passphrase; [`KeyFile::unlock`] gives the secret. The passphrase comes from where the configuration
//! says ([`PassphraseSource`]): a prompt, a file, a file descriptor or a service credential, never the command line.
//!
//! Nothing here prints or formats a secret: `Debug` of every type that holds one is redacted, and the buffers are
//! wiped when dropped.
//!
//! # Format
//!
//! A key file is JSON in one exact spelling; any other byte is refused as damage.
//!
//! | member | content |
//! |---|---|
//! | `header` | format name and version, kind, label, public part, Argon2id cost and salt, nonce |
//! | `ciphertext` | XChaCha20-Poly1305 of the secret; the header's bytes are its associated data |
//! | `checksum` | SHA-256 of the two, which tells a damaged file from a wrong passphrase |

mod cipher;
mod document;
mod error;
mod key_file;
mod passphrase;
mod secret;
mod source;

pub use cipher::KdfCost;
pub use document::Kind;
pub use error::{KeyFileError, PassphraseError, SecretError};
pub use key_file::{KeyFile, NewKey};
pub use passphrase::{MIN_PASSPHRASE_LENGTH, Passphrase};
pub use secret::{Secret, SecretKey, Seed};
pub use source::PassphraseSource;
