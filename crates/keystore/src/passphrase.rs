//! A passphrase in memory.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// Least number of characters of a passphrase for a new key file (the floor of NIST SP 800-63B).
pub const MIN_PASSPHRASE_LENGTH: usize = 8;

/// A passphrase; wiped when dropped and never printed.
#[derive(Clone)]
pub struct Passphrase(SecretString);

impl Passphrase {
    /// Copies a passphrase; where it came from should be wiped by whoever holds it.
    pub fn new(text: &str) -> Self {
        Self(SecretString::from(text))
    }

    /// Whether it is long enough to protect a new key file.
    pub fn is_long_enough(&self) -> bool {
        self.0.expose_secret().chars().count() >= MIN_PASSPHRASE_LENGTH
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.expose_secret().is_empty()
    }

    pub(crate) fn same_as(&self, other: &Self) -> bool {
        // Both come from one person in front of the terminal: there is nobody to time this.
        self.0.expose_secret() == other.0.expose_secret()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(redacted)")
    }
}
