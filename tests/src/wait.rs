//! Waiting with a deadline and a name.

use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(50);

/// Looks again and again until `look` finds something; panics after `patience`.
pub async fn until<T>(what: &str, patience: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(start.elapsed() < patience, "waited {patience:?} in vain: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks again and again for as long as `time` lasts; panics at once when `holds` does not.
pub async fn holds_for(what: &str, time: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while start.elapsed() < time {
        assert!(holds().await, "did not hold: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Short for [`Duration::from_secs`].
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
