//! Settings from environment variables: `COVENANT__BITCOIN__RPC_URL=…` sets `rpc_url` of section `[bitcoin]`.

use std::ffi::OsString;

use figment::value::{Dict, Map, Value};
use figment::{Error, Metadata, Profile, Provider};
use toml::Value as TomlValue;

/// The environment variables that override settings of one program.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    variables: Vec<Variable>,
}

/// One variable and the setting that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    name: String,
    path: Vec<String>,
    text: String,
}

impl Environment {
    /// Picks the overrides of `program` (such as `btc-staker`) out of all variables.
    ///
    /// The prefix is the program's name in capitals with `_` for `-`, then `__`; further `__` separate sections. A
    /// value is read as TOML where it is TOML (`8332`, `true`, `["a", "b"]`, `"quoted"`) and as plain text otherwise.
    /// Variables that are not UTF-8 are left out: they cannot be settings.
    pub fn of_program(
        program: &str,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        let prefix = format!("{}__", variable_prefix(program));
        let mut found: Vec<Variable> = variables
            .into_iter()
            .filter_map(|(name, text)| {
                let name = name.into_string().ok()?;
                let text = text.into_string().ok()?;
                let key = name.strip_prefix(&prefix).filter(|key| !key.is_empty())?;
                let path = key
                    .to_ascii_lowercase()
                    .split("__")
                    .map(str::to_owned)
                    .collect();
                Some(Variable { name, path, text })
            })
            .collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Self { variables: found }
    }

    /// Names of the variables that override a setting, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|variable| variable.name.as_str())
    }

    pub(super) fn variables(&self) -> &[Variable] {
        &self.variables
    }
}

/// The start of all environment variables of `program`: `BTC_STAKER` for `btc-staker`.
pub(crate) fn variable_prefix(program: &str) -> String {
    program.to_ascii_uppercase().replace('-', "_")
}

impl Provider for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::named(format!("environment variable {}", self.name))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let value = Value::serialize(parse(&self.text))?;
        let nested = self.path.iter().rev().fold(value, |inner, key| {
            Value::from(Dict::from([(key.clone(), inner)]))
        });
        Ok(nested
            .into_dict()
            .map_or_else(Map::new, |dict| Profile::Default.collect(dict)))
    }
}

/// Reads one value as TOML, or as plain text where it is none; dates are text, for no setting is a date.
fn parse(text: &str) -> TomlValue {
    let plain = || TomlValue::String(text.to_owned());
    // A line break could smuggle in a second key.
    if text.contains('\n') {
        return plain();
    }
    toml::from_str::<toml::Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .filter(|value| !matches!(value, TomlValue::Datetime(_)))
        .unwrap_or_else(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_toml_where_they_can_be_and_text_otherwise() {
        assert_eq!(parse("8332"), TomlValue::Integer(8332));
        assert_eq!(parse("true"), TomlValue::Boolean(true));
        assert_eq!(parse("\"8332\""), TomlValue::String("8332".into()));
        assert_eq!(
            parse("[\"a\"]"),
            TomlValue::Array(vec![TomlValue::String("a".into())])
        );
        for text in [
            "http://127.0.0.1:8332",
            "bbn-1",
            "0123",
            "2026-11-23",
            "",
            "1\nother = 2",
        ] {
            assert_eq!(parse(text), TomlValue::String(text.into()), "{text}");
        }
    }

    #[test]
    fn only_variables_with_the_programs_prefix_are_settings() {
        let environment = Environment::of_program(
            "btc-staker",
            [
                ("BTC_STAKER__BITCOIN__RPC_URL", "x"),
                ("BTC_STAKER_CONFIG", "x"),
                ("BTC_STAKER__", "x"),
                ("COVENANT__BITCOIN__RPC_URL", "x"),
            ]
            .map(|(name, value)| (name.into(), value.into())),
        );
        assert_eq!(
            environment.names().collect::<Vec<_>>(),
            ["BTC_STAKER__BITCOIN__RPC_URL"]
        );
        assert_eq!(environment.variables()[0].path, ["bitcoin", "rpc_url"]);
    }

    proptest! {
        #[test]
        fn any_value_of_a_variable_is_read_without_panicking(text in ".*") {
            let environment = Environment::of_program(
                "covenant",
                [("COVENANT__A__B".into(), text.into())],
            );
            prop_assert!(environment.variables()[0].data().is_ok());
        }
    }
}
