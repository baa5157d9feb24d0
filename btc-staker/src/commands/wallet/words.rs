//! Where the words of a seed are read from; never the command line, which every user of the machine can read.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::str::FromStr;

use daemon::output::{CommandError, Exit};
use keystore::Seed;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::seed::SeedError;

/// Far more than 24 words.
const MAX_LENGTH: usize = 4096;

/// Where the words are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WordsSource {
    /// `stdin`.
    Stdin,
    /// `file:PATH`.
    File(PathBuf),
    /// `fd:NUMBER`.
    Descriptor(u32),
}

impl WordsSource {
    /// Reads the seed.
    ///
    /// # Errors
    ///
    /// Fails where nothing can be read, and where it is no seed phrase.
    pub(super) fn read(&self) -> Result<Seed, CommandError> {
        let failed = |error: io::Error| {
            CommandError::new(
                Exit::Failed,
                "words-not-read",
                format!("the words cannot be read: {error}"),
            )
        };
        // Reserved at once: growing would leave copies behind that nobody wipes.
        let mut text = Zeroizing::new(String::with_capacity(MAX_LENGTH));
        let input: Box<dyn Read> = match self {
            Self::Stdin => Box::new(io::stdin().lock()),
            Self::File(path) => Box::new(File::open(path).map_err(failed)?),
            // The descriptor's own path, because taking a bare number as a file needs unsafe code.
            Self::Descriptor(number) => {
                Box::new(File::open(format!("/dev/fd/{number}")).map_err(failed)?)
            }
        };
        input
            .take(MAX_LENGTH as u64)
            .read_to_string(&mut text)
            .map_err(failed)?;
        let seed = Seed::from_phrase(&text).map_err(|error| Error::from(SeedError::from(error)))?;
        Ok(seed)
    }
}

impl FromStr for WordsSource {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let source = match text.split_once(':') {
            None if text == "stdin" => Some(Self::Stdin),
            Some(("file", path)) if !path.is_empty() => Some(Self::File(path.into())),
            Some(("fd", number)) => number.parse().ok().map(Self::Descriptor),
            _ => None,
        };
        // The text is not repeated: it may be the words themselves, given by mistake.
        source.ok_or("it is `stdin`, `file:PATH` or `fd:NUMBER`, never the words themselves")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_never_taken_from_the_argument_itself() {
        assert_eq!("stdin".parse(), Ok(WordsSource::Stdin));
        assert_eq!("fd:3".parse(), Ok(WordsSource::Descriptor(3)));
        assert_eq!("file:a:b".parse(), Ok(WordsSource::File("a:b".into())));
        for text in ["", "file:", "fd:x", "abandon abandon about"] {
            let error = text.parse::<WordsSource>().unwrap_err();
            assert!(!error.contains("abandon"));
        }
    }
}
