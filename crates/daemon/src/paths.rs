//! Where a program's configuration and data are.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::config::variable_prefix;
use crate::output::{CommandError, Exit};

/// The directory of the product below the user's standard directories.
const PRODUCT: &str = "btc-mesh";

/// The places a program uses, as the command line and the environment say.
///
/// | | configuration file | data directory |
/// |---|---|---|
/// | 1 | `--config` | `--home` |
/// | 2 | `<PROGRAM>_CONFIG` | `<PROGRAM>_HOME` |
/// | 3 | `<program>.toml` in a data directory that was named by 1 or 2 | |
/// | 4 | `$XDG_CONFIG_HOME/btc-mesh/<program>.toml` | `$XDG_DATA_HOME/btc-mesh/<program>` |
///
/// The third line lets two instances live beside each other with nothing but two `--home`s. Without the XDG variables
/// their defaults below `$HOME` are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    config: Option<PathBuf>,
    home: Option<PathBuf>,
}

/// There is no place for a file, because nothing says where it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no place for the {what} is known: neither {option} nor HOME is set")]
pub struct NoPlace {
    what: &'static str,
    option: &'static str,
}

impl Paths {
    /// Finds the places of `program`, such as `btc-staker`, from its options and the `variable`s of its environment.
    pub fn resolve(
        program: &str,
        config: Option<PathBuf>,
        home: Option<PathBuf>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        let prefix = variable_prefix(program);
        let named = |suffix| {
            variable(&format!("{prefix}_{suffix}"))
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
        };
        // The XDG specification has relative paths ignored.
        let absolute = |name| {
            variable(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let standard = |name, below_home| {
            absolute(name)
                .or_else(|| absolute("HOME").map(|user| user.join(below_home)))
                .map(|directory| directory.join(PRODUCT))
        };
        let file_name = format!("{program}.toml");
        let named_home = home.or_else(|| named("HOME"));
        Self {
            config: config
                .or_else(|| named("CONFIG"))
                .or_else(|| named_home.as_ref().map(|home| home.join(&file_name)))
                .or_else(|| standard("XDG_CONFIG_HOME", ".config").map(|dir| dir.join(&file_name))),
            home: named_home
                .or_else(|| standard("XDG_DATA_HOME", ".local/share").map(|dir| dir.join(program))),
        }
    }

    /// The configuration file, which may not exist.
    ///
    /// # Errors
    ///
    /// There is none where nothing was named and there is no `HOME`, as in a bare service environment.
    pub fn config(&self) -> Result<&Path, NoPlace> {
        self.config.as_deref().ok_or(NoPlace {
            what: "configuration",
            option: "--config",
        })
    }

    /// The data directory, which may not exist.
    ///
    /// # Errors
    ///
    /// As for [`Self::config`].
    pub fn home(&self) -> Result<&Path, NoPlace> {
        self.home.as_deref().ok_or(NoPlace {
            what: "data",
            option: "--home",
        })
    }
}

impl From<NoPlace> for CommandError {
    fn from(error: NoPlace) -> Self {
        Self::new(Exit::Configuration, "no-place", error.to_string())
            .with_hint(format!("name one with {}", error.option))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(options: [Option<&str>; 2], variables: &[(&str, &str)]) -> (String, String) {
        let [config, home] = options.map(|option| option.map(PathBuf::from));
        let paths = Paths::resolve("btc-staker", config, home, |name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.into())
        });
        let text = |path: Result<&Path, NoPlace>| {
            path.map_or_else(|error| error.to_string(), |path| path.display().to_string())
        };
        (text(paths.config()), text(paths.home()))
    }

    #[test]
    fn what_is_nearest_to_the_user_wins() {
        let user = ("HOME", "/u");
        let xdg = [user, ("XDG_CONFIG_HOME", "/c"), ("XDG_DATA_HOME", "/d")];
        let named = [
            user,
            ("BTC_STAKER_CONFIG", "/v.toml"),
            ("BTC_STAKER_HOME", "/v"),
        ];
        for (options, variables, config, home) in [
            (
                [None; 2],
                &[user][..],
                "/u/.config/btc-mesh/btc-staker.toml",
                "/u/.local/share/btc-mesh/btc-staker",
            ),
            (
                [None; 2],
                &xdg,
                "/c/btc-mesh/btc-staker.toml",
                "/d/btc-mesh/btc-staker",
            ),
            ([None; 2], &named, "/v.toml", "/v"),
            ([None; 2], &named[2..], "/v/btc-staker.toml", "/v"),
            ([Some("x.toml"), None], &named, "x.toml", "/v"),
            ([None, Some("h")], &[user], "h/btc-staker.toml", "h"),
            ([Some("x.toml"), Some("h")], &named, "x.toml", "h"),
        ] {
            assert_eq!(
                resolved(options, variables),
                (config.to_owned(), home.to_owned())
            );
        }
    }

    #[test]
    fn relative_standard_directories_and_empty_variables_are_ignored() {
        let variables = [
            ("HOME", "/u"),
            ("XDG_CONFIG_HOME", "c"),
            ("BTC_STAKER_CONFIG", ""),
        ];
        assert_eq!(
            resolved([None; 2], &variables).0,
            "/u/.config/btc-mesh/btc-staker.toml"
        );
    }

    #[test]
    fn without_any_place_the_error_names_the_option() {
        let (config, home) = resolved([None; 2], &[]);
        assert!(config.contains("--config"), "{config}");
        assert!(home.contains("--home"), "{home}");
    }
}
