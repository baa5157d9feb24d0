//! What a program's `init` answers once its home has the directories it needs.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::Context;
use crate::config::{TemplateError, write_template};
use crate::output::CommandError;

/// A home to start from. Running `init` again changes nothing, and says so.
#[derive(Debug, Serialize)]
pub struct Initialised {
    home: PathBuf,
    config: PathBuf,
    /// `false` where there was a configuration already, which is left as it is.
    config_written: bool,
    #[serde(skip)]
    next: &'static str,
}

impl Initialised {
    /// Makes the home and writes `template` into the configuration unless there is one; `next` tells people how to go on.
    ///
    /// # Errors
    ///
    /// Fails where one of them cannot be written.
    pub fn new(
        context: &Context,
        template: &str,
        next: &'static str,
    ) -> Result<Self, CommandError> {
        let home = context.home()?.to_owned();
        let config = context.paths().config()?.to_owned();
        let config_written = match write_template(&config, template) {
            Ok(()) => true,
            Err(TemplateError::Exists { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            home,
            config,
            config_written,
            next,
        })
    }
}

impl fmt::Display for Initialised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let note = if self.config_written {
            "written"
        } else {
            "was there already and is left as it is"
        };
        writeln!(f, "home           {}", self.home.display())?;
        writeln!(f, "configuration  {} ({note})", self.config.display())?;
        write!(f, "next: {}", self.next)
    }
}
