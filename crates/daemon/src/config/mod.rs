//! Configuration: one TOML file, overridden by environment variables, read into the program's own typed struct.
//!
//! [`load`] reads the file, lays `COVENANT__BITCOIN__RPC_URL`-like variables over it and deserializes the result into
//! a [`Settings`] type. Whatever is wrong is reported with the file and line (or the variable), the key, the value and
//! the rule ([`ConfigError`]). Sections are structs with `#[serde(deny_unknown_fields)]`, so that a typing error is an
//! error and not a silently ignored line.
//!
//! Secrets are never values here: a setting names the file that holds the secret. Values of keys that look like a
//! secret are not shown in errors, nor are URLs with a password, in case somebody writes one in all the same.

mod environment;
mod error;
mod file;
mod problem;
mod template;

use std::path::Path;

use figment::Figment;
use serde::de::DeserializeOwned;

pub use environment::Environment;
pub(crate) use environment::variable_prefix;
pub use error::{ConfigError, Problem};
pub use template::{TemplateError, write_template};

use file::ConfigFile;
use problem::{describe, locate_broken_rule};

/// A program's configuration.
pub trait Settings: DeserializeOwned {
    /// The rules that the types alone cannot hold, such as one value's bound by another; all that are broken.
    fn broken_rules(&self) -> Vec<BrokenRule> {
        Vec::new()
    }
}

/// A value that can be read but breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenRule {
    /// Path of the setting, such as `http.listen`.
    pub key: String,
    /// The rule and the value that breaks it, such as ``must be at least 1, is 0``.
    pub rule: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl BrokenRule {
    /// Creates one without a hint.
    pub fn new(key: impl Into<String>, rule: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            rule: rule.into(),
            hint: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Reads the configuration of a program from `path`, overridden by `environment`.
///
/// # Errors
///
/// Refuses a missing or unreadable file, text that is not TOML, unknown keys, values of the wrong type, and settings
/// that break a rule of [`Settings::broken_rules`].
pub fn load<T: Settings>(path: &Path, environment: &Environment) -> Result<T, ConfigError> {
    let file = ConfigFile::read(path)?;
    let figment = environment
        .variables()
        .iter()
        .fold(Figment::from(&file), |merged, variable| {
            merged.merge(variable)
        });
    let settings: T = figment.extract().map_err(|errors| {
        ConfigError::Invalid(
            errors
                .into_iter()
                .map(|error| describe(&error, &figment, &file))
                .collect(),
        )
    })?;
    let broken = settings.broken_rules();
    if broken.is_empty() {
        return Ok(settings);
    }
    Err(ConfigError::Invalid(
        broken
            .into_iter()
            .map(|rule| locate_broken_rule(rule, &figment, &file))
            .collect(),
    ))
}

#[cfg(test)]
mod tests;
