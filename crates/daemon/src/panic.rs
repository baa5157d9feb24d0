//! Bugs: a panic becomes one clear line in the log, whichever thread it happens on.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic;

/// Logs every panic of this process; `RUST_BACKTRACE=1` adds where it came from.
pub(crate) fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let message = message(info.payload());
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            tracing::error!(location, %backtrace, "internal error: {message}");
        } else {
            tracing::error!(location, "internal error: {message}");
        }
    }));
}

/// The text that the code panicked with.
pub(crate) fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
