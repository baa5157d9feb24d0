//! The story on a terminal.

use std::fmt::{Display, Write as _};
use std::io::Write as _;
use std::time::Instant;

use testenv::network::{Audience, Fact};

/// Width of the names of details.
const NAMES: usize = 20;

/// Prints facts on standard output and progress on standard error.
pub(crate) struct Console {
    started: Instant,
}

impl Console {
    /// A console whose clock starts now.
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// Prints the last line.
    pub(crate) fn end(&self, line: &str) {
        show(&format!(
            "\n{line} ({} s)\n",
            self.started.elapsed().as_secs()
        ));
    }
}

impl Audience for Console {
    fn chapter(&mut self, title: &str) {
        show(&format!("\n=== {title}\n"));
    }

    fn progress(&mut self, what: &str) {
        let _ = writeln!(
            std::io::stderr(),
            "{:>4} s    … {what}",
            self.started.elapsed().as_secs()
        );
    }

    fn fact(&mut self, fact: &dyn Fact) {
        let mut lines = format!("\n  * {}\n", fact.headline());
        for (name, value) in fact.details() {
            let _ = writeln!(lines, "      {name:<NAMES$} {value}");
        }
        show(&lines);
    }

    fn table(&mut self, table: &dyn Display) {
        show(&format!("\n=== In the end: {table}\n"));
    }
}

/// A reader that has gone away (`| head`) is no reason to fail.
pub(crate) fn show(text: &str) {
    let mut output = std::io::stdout();
    let _ = output.write_all(text.as_bytes());
    let _ = output.flush();
}
