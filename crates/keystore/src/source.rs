//! Where a passphrase comes from; never the command line, which every user of the machine can read.

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::PassphraseError;
use crate::passphrase::Passphrase;

/// Most bytes of a passphrase that are read from anywhere.
const MAX_LENGTH: usize = 4096;

/// Where systemd puts the credentials of a service.
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// Where to get a passphrase from, as configuration and options spell it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PassphraseSource {
    /// `prompt`: ask at the terminal.
    #[default]
    Prompt,
    /// `file:/path`: the one line of a file that only its owner can read.
    File(PathBuf),
    /// `fd:3`: the one line that an inherited file descriptor gives.
    Descriptor(u32),
    /// `credential:name`: a credential that the service manager passed (`LoadCredential=` of systemd).
    Credential(String),
}

impl PassphraseSource {
    /// Gets the passphrase of `what`, such as "key file `a.key`" (which a prompt shows).
    ///
    /// # Errors
    ///
    /// Fails where the source is missing, empty, open to others, or nobody is at the terminal.
    pub fn read(&self, what: &str) -> Result<Passphrase, PassphraseError> {
        self.read_with(what, terminal)
    }

    /// Gets the passphrase for something new: a prompt asks twice, and a short one is refused.
    ///
    /// # Errors
    ///
    /// As [`Self::read`], and where the two entries differ.
    pub fn read_new(&self, what: &str) -> Result<Passphrase, PassphraseError> {
        self.read_new_with(what, terminal)
    }

    fn read_new_with(
        &self,
        what: &str,
        mut ask: impl FnMut(&str) -> io::Result<Zeroizing<String>>,
    ) -> Result<Passphrase, PassphraseError> {
        let passphrase = self.read_with(what, &mut ask)?;
        if !passphrase.is_long_enough() {
            return Err(PassphraseError::Short);
        }
        if *self == Self::Prompt {
            let again = self.prompt(&format!("Passphrase for {what}, again: "), what, &mut ask)?;
            if !again.same_as(&passphrase) {
                return Err(PassphraseError::Differs {
                    what: what.to_owned(),
                });
            }
        }
        Ok(passphrase)
    }

    fn read_with(
        &self,
        what: &str,
        ask: impl FnMut(&str) -> io::Result<Zeroizing<String>>,
    ) -> Result<Passphrase, PassphraseError> {
        match self {
            Self::Prompt => self.prompt(&format!("Passphrase for {what}: "), what, ask),
            Self::File(path) => {
                let file = self.open(path)?;
                self.check_private(path, &file)?;
                self.line_of(file)
            }
            // The descriptor's own path, because taking a bare number as a file needs unsafe code.
            Self::Descriptor(number) => {
                let file = self.open(&PathBuf::from(format!("/dev/fd/{number}")))?;
                self.line_of(file)
            }
            Self::Credential(name) => {
                let directory = std::env::var_os(CREDENTIALS_DIRECTORY)
                    .ok_or_else(|| PassphraseError::NoCredentials { name: name.clone() })?;
                // No look at the mode: the service manager guards the directory and may use access lists.
                let file = self.open(&Path::new(&directory).join(name))?;
                self.line_of(file)
            }
        }
    }

    fn prompt(
        &self,
        question: &str,
        what: &str,
        mut ask: impl FnMut(&str) -> io::Result<Zeroizing<String>>,
    ) -> Result<Passphrase, PassphraseError> {
        match ask(question) {
            Ok(answer) => self.not_empty(Passphrase::new(answer.as_str())),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                Err(PassphraseError::NoTerminal {
                    what: what.to_owned(),
                })
            }
            Err(source) => Err(self.failed(source)),
        }
    }

    fn open(&self, path: &Path) -> Result<File, PassphraseError> {
        File::open(path).map_err(|source| self.failed(source))
    }

    fn check_private(&self, path: &Path, file: &File) -> Result<(), PassphraseError> {
        let metadata = file.metadata().map_err(|source| self.failed(source))?;
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(PassphraseError::Permissions {
                path: path.to_owned(),
                mode,
            });
        }
        Ok(())
    }

    fn line_of(&self, file: File) -> Result<Passphrase, PassphraseError> {
        // Reserved at once: growing would leave copies behind that nobody wipes.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_LENGTH + 1));
        file.take(MAX_LENGTH as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| self.failed(source))?;
        let refused = || PassphraseError::Content {
            from: self.to_string(),
            limit: MAX_LENGTH,
        };
        if bytes.len() > MAX_LENGTH {
            return Err(refused());
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| refused())?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.contains(['\n', '\r', '\0']) {
            return Err(refused());
        }
        self.not_empty(Passphrase::new(line))
    }

    fn not_empty(&self, passphrase: Passphrase) -> Result<Passphrase, PassphraseError> {
        if passphrase.is_empty() {
            Err(PassphraseError::Empty {
                from: self.to_string(),
            })
        } else {
            Ok(passphrase)
        }
    }

    fn failed(&self, source: io::Error) -> PassphraseError {
        PassphraseError::Io {
            from: self.to_string(),
            source,
        }
    }
}

/// Asks at the terminal without showing what is typed.
fn terminal(question: &str) -> io::Result<Zeroizing<String>> {
    if !io::stdin().is_terminal() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    rpassword::prompt_password(question).map(Zeroizing::new)
}

impl FromStr for PassphraseSource {
    type Err = PassphraseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let source = match text.split_once(':') {
            None if text == "prompt" => Some(Self::Prompt),
            Some(("file", path)) if !path.is_empty() => Some(Self::File(PathBuf::from(path))),
            Some(("fd", number)) => number.parse().ok().map(Self::Descriptor),
            Some(("credential", name)) if is_file_name(name) => {
                Some(Self::Credential(name.to_owned()))
            }
            _ => None,
        };
        // The text is not repeated: it may be the passphrase itself, given by mistake.
        source.ok_or(PassphraseError::Source)
    }
}

/// Whether a credential's name stays inside its directory.
fn is_file_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\0']) && name != "." && name != ".."
}

impl TryFrom<String> for PassphraseSource {
    type Error = PassphraseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PassphraseSource> for String {
    fn from(source: PassphraseSource) -> Self {
        source.to_string()
    }
}

impl fmt::Display for PassphraseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prompt => f.write_str("prompt"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Descriptor(number) => write!(f, "fd:{number}"),
            Self::Credential(name) => write!(f, "credential:{name}"),
        }
    }
}

#[cfg(test)]
mod tests;
