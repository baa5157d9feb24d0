//! The configuration file: its text, its settings, and on which line each of them stands.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Value};
use figment::{Error, Metadata, Profile, Provider};
use toml::de::{DeTable, DeValue};

use super::ConfigError;

/// A configuration file that is TOML; what its keys mean is not known here.
#[derive(Debug)]
pub(super) struct ConfigFile {
    path: PathBuf,
    text: String,
    table: toml::Table,
}

impl ConfigFile {
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => ConfigError::Missing {
                path: path.to_owned(),
            },
            _ => ConfigError::Unreadable {
                path: path.to_owned(),
                source: error,
            },
        })?;
        let table = text
            .parse::<toml::Table>()
            .map_err(|error| ConfigError::Syntax {
                path: path.to_owned(),
                line: error.span().map_or(1, |span| line_of(&text, span.start)),
                // The message alone: the error's full text would quote the line, which could hold a secret.
                message: error.message().to_owned(),
            })?;
        Ok(Self {
            path: path.to_owned(),
            text,
            table,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The line, counted from 1, where the setting or its nearest enclosing section stands; `None` where neither does.
    pub(super) fn line_of(&self, key: &[String]) -> Option<usize> {
        let root = DeTable::parse(&self.text).ok()?;
        let mut table = root.get_ref();
        let mut line = None;
        for name in key {
            let Some((found, value)) = table.get_key_value(name.as_str()) else {
                break;
            };
            line = Some(line_of(&self.text, found.span().start));
            let DeValue::Table(inner) = value.get_ref() else {
                break;
            };
            table = inner;
        }
        line
    }
}

impl Provider for &ConfigFile {
    fn metadata(&self) -> Metadata {
        Metadata::from("file", self.path.as_path())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let settings = Value::serialize(&self.table)?;
        Ok(settings
            .into_dict()
            .map_or_else(Map::new, |dict| Profile::Default.collect(dict)))
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}
