//! Signs of life during long work: spinners and bars on stderr where a person sees it, nothing in a pipe.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// The lines of progress of one command.
///
/// Clones share one screen. Where stderr is not a terminal every line is invisible and costs nothing.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    screen: MultiProgress,
}

impl Progress {
    /// Adds a spinner for work without a known end. It vanishes when the returned bar is dropped.
    pub fn spinner(&self, message: impl Into<Cow<'static, str>>) -> ProgressBar {
        let spinner = self
            .screen
            .add(ProgressBar::new_spinner())
            .with_message(message);
        if !spinner.is_hidden() {
            spinner.enable_steady_tick(TICK);
        }
        spinner
    }

    /// Adds a bar for `length` steps. It vanishes when the returned bar is dropped.
    pub fn bar(&self, length: u64, message: impl Into<Cow<'static, str>>) -> ProgressBar {
        let style = ProgressStyle::with_template("{msg} [{bar:40}] {human_pos}/{human_len} {eta}");
        self.screen
            .add(ProgressBar::new(length))
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            .with_message(message)
    }

    /// Runs `write` while no line of progress is on the screen, so that its text is not overdrawn.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.screen.suspend(write)
    }

    /// A writer to stderr that keeps clear of the progress lines.
    pub(crate) fn notes(&self) -> Notes {
        Notes {
            progress: self.clone(),
        }
    }
}

/// Stderr beside lines of progress.
#[derive(Debug, Clone)]
pub(crate) struct Notes {
    progress: Progress,
}

impl Write for Notes {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.progress.aside(|| io::stderr().write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::IsTerminal;

    use super::*;

    #[test]
    fn nothing_is_drawn_where_nobody_looks() {
        // The tests may themselves run at a terminal.
        let unseen = !io::stderr().is_terminal();
        let progress = Progress::default();
        assert_eq!(
            progress.spinner("waiting for the committee").is_hidden(),
            unseen
        );
        assert_eq!(progress.bar(3, "confirmations").is_hidden(), unseen);
    }
}
