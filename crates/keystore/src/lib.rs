//! Encrypted key files and secrets.
