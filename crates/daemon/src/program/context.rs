//! What a command gets to work with.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::config::{self, Environment, Settings};
use crate::metrics::Build;
use crate::output::{CommandError, Exit};
use crate::paths::Paths;
use crate::progress::Progress;
use crate::telemetry::Telemetry;

/// The surroundings of one command: places, configuration, logs and progress.
pub struct Context {
    pub(super) build: Build,
    pub(super) paths: Paths,
    pub(super) environment: Environment,
    pub(super) telemetry: Telemetry,
    pub(super) progress: Progress,
}

impl Context {
    /// Reads the configuration.
    ///
    /// # Errors
    ///
    /// As [`config::load`], with [`Exit::Configuration`].
    pub fn config<T: Settings>(&self) -> Result<T, CommandError> {
        Ok(config::load(self.paths.config()?, &self.environment)?)
    }

    /// Where configuration and data are.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// The data directory, created for this user alone where it is missing.
    ///
    /// # Errors
    ///
    /// Fails where no place for it is known or it cannot be created.
    pub fn home(&self) -> Result<&Path, CommandError> {
        let home = self.paths.home()?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(home)
            .map_err(|error| {
                CommandError::new(
                    Exit::Failed,
                    "home-not-created",
                    format!(
                        "the data directory {} cannot be created: {error}",
                        home.display()
                    ),
                )
            })?;
        Ok(home)
    }

    /// Lines of progress for people who watch.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Which program this is.
    pub fn build(&self) -> Build {
        self.build
    }

    /// The logs of this process.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// The environment variables that override settings.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }
}
