//! Stopping: one token that everything long-running watches, set by SIGTERM, SIGINT or a fatal failure.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How a process ends that is told twice to stop: 128 + SIGINT, as shells do.
const FORCED: i32 = 130;

/// Returns a token that the first SIGTERM or SIGINT (Ctrl-C) cancels. A second one ends the process at once.
///
/// Call it once and within the runtime. A command that waits can select on it, say how to resume, and end; without it
/// Ctrl-C ends the process where it stands, which must be safe too.
///
/// # Errors
///
/// Fails where the system refuses to deliver signals.
pub fn on_signal() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let stop = token.clone();
    tokio::spawn(async move {
        let name = next(&mut terminate, &mut interrupt).await;
        tracing::info!(
            signal = name,
            "stopping; a second signal ends the process at once"
        );
        stop.cancel();
        let name = next(&mut terminate, &mut interrupt).await;
        tracing::warn!(signal = name, "ending at once");
        #[expect(clippy::exit, reason = "the second signal asks for exactly this")]
        std::process::exit(FORCED);
    });
    Ok(token)
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
