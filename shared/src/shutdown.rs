//! The signals that end a process: the first asks it to stop softly, the second ends it.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a process says when a second signal cut its soft stop short.
const CUT_SHORT: i32 = 130;

/// A token that SIGTERM or SIGINT cancels; the second signal exits at once, and what was
/// in hand is left to its lease. Must be called inside a tokio runtime.
#[expect(clippy::disallowed_methods, reason = "the listener lives as long as the process")]
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = CancellationToken::new();
    let asked = token.clone();
    tokio::spawn(async move {
        next(&mut terminate, &mut interrupt).await;
        tracing::info!("asked to stop");
        asked.cancel();
        next(&mut terminate, &mut interrupt).await;
        tracing::warn!("asked to stop a second time: stopping at once");
        std::process::exit(CUT_SHORT);
    });
    Ok(token)
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
