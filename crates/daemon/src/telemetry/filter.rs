//! Which log lines are written.

use std::str::FromStr;

use serde::Deserialize;
use tracing_subscriber::filter::{LevelFilter, Targets};

/// Libraries that log each packet; they are quiet unless the filter names them.
const CHATTY: [&str; 6] = ["h2", "hyper", "hyper_util", "rustls", "sled", "tower"];

/// The level of each part of the program: `info`, or `info,covenant=debug,hyper=trace`.
///
/// Parts are named as in the log's lines; those that are not named have the level that stands alone, or `warn`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Filter {
    alone: LevelFilter,
    named: Vec<(String, LevelFilter)>,
}

/// A log filter that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a log level: use off, error, warn, info, debug or trace")]
pub struct FilterError(String);

impl Filter {
    /// The same level for every part.
    pub(super) const fn of(level: LevelFilter) -> Self {
        Self {
            alone: level,
            named: Vec::new(),
        }
    }

    pub(super) fn targets(&self) -> Targets {
        let quiet = self.alone.min(LevelFilter::WARN);
        Targets::new()
            .with_default(self.alone)
            .with_targets(CHATTY.map(|library| (library, quiet)))
            .with_targets(self.named.iter().cloned())
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut filter = Self::of(LevelFilter::WARN);
        for part in text.split(',') {
            match part.split_once('=') {
                Some((target, level)) => {
                    filter
                        .named
                        .push((target.trim().to_owned(), parse_level(level)?));
                }
                None => filter.alone = parse_level(part)?,
            }
        }
        Ok(filter)
    }
}

impl TryFrom<String> for Filter {
    type Error = FilterError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// Reads a level by its name; the numbers that `tracing` also takes are not offered.
fn parse_level(text: &str) -> Result<LevelFilter, FilterError> {
    let name = text.trim();
    let refused = || FilterError(name.to_owned());
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return Err(refused());
    }
    name.parse().map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tracing_subscriber::filter::LevelFilter as Level;

    use super::*;

    fn enabled(filter: &str, target: &str, level: Level) -> bool {
        let targets = filter.parse::<Filter>().unwrap().targets();
        targets.would_enable(target, &level.into_level().unwrap())
    }

    #[test]
    fn the_level_alone_is_ours_and_libraries_stay_quiet_until_they_are_named() {
        assert!(enabled("debug", "covenant::signer", Level::DEBUG));
        assert!(!enabled("debug", "covenant::signer", Level::TRACE));
        assert!(!enabled("debug", "hyper::client", Level::INFO));
        assert!(enabled("debug", "hyper::client", Level::WARN));
        assert!(!enabled("error", "hyper::client", Level::WARN));
        assert!(enabled("info, hyper=trace", "hyper::client", Level::TRACE));
        assert!(enabled("covenant=debug", "daemon", Level::WARN));
    }

    #[test]
    fn a_typing_error_is_refused_and_named() {
        for (text, wrong) in [
            ("loud", "loud"),
            ("", ""),
            ("3", "3"),
            ("info,covenant=debgu", "debgu"),
            ("info,", ""),
        ] {
            assert_eq!(
                text.parse::<Filter>(),
                Err(FilterError(wrong.to_owned())),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panicking(text in ".*") {
            let _ = text.parse::<Filter>();
        }
    }
}
