//! The folder of one node or program: gone after a test that passes, kept and named after one that
//! fails.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use tempfile::TempDir;

/// Lines of each log shown for a failed test: enough for the reason, short enough to read.
const SHOWN_LINES: usize = 20;

static KEEP_ALL: AtomicBool = AtomicBool::new(false);

/// A temporary folder that outlives a panic.
#[derive(Debug)]
pub struct Scratch {
    name: String,
    folder: Option<TempDir>,
    path: PathBuf,
}

impl Scratch {
    /// Creates an empty folder whose name begins with `name`.
    ///
    /// # Errors
    ///
    /// When the system's temporary folder cannot be written.
    pub fn new(name: &str) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("btc-mesh-{name}-"))
            .tempdir()
            .context("cannot create a temporary folder")?;
        let path = folder.path().to_owned();
        Ok(Self {
            name: name.to_owned(),
            folder: Some(folder),
            path,
        })
    }

    /// Keeps and reports every folder that is dropped from now on, as a panic does: for a program
    /// that fails by returning an error.
    pub fn keep_all() {
        KEEP_ALL.store(true, Ordering::Relaxed);
    }

    /// Undoes [`Scratch::keep_all`]: only a panic keeps folders.
    pub fn keep_after_panics() {
        KEEP_ALL.store(false, Ordering::Relaxed);
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() && !KEEP_ALL.load(Ordering::Relaxed) {
            return;
        }
        if let Some(folder) = self.folder.take() {
            let kept = folder.keep();
            // Not `eprintln!`: a failing report must not panic inside a panic.
            let mut report = format!("--- {}: files kept in {}\n", self.name, kept.display());
            for log in logs(&kept) {
                let _ = writeln!(report, "--- end of {}\n{}", log.display(), tail(&log));
            }
            let _ = std::io::stderr().write_all(report.as_bytes());
        }
    }
}

fn logs(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut logs: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    logs.sort();
    logs
}

/// The last lines of a text file; empty when it cannot be read.
pub(crate) fn tail(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}
