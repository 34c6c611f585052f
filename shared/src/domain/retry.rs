//! When a failed step is tried again, and when it is given up: one policy, one place.

use std::time::Duration;

use super::failure::Failure;

/// Attempts a step gets in all, the first included.
pub const ATTEMPTS: i32 = 5;

/// Claims after which a step whose worker dies each time is given up.
pub const POISON_CLAIMS: i32 = 5;

/// What is to be done after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Announce it again after this pause.
    Again(Duration),
    /// Fail the job.
    GiveUp,
}

/// Decides after the `attempt`th attempt (from 1) ended with `failure`.
///
/// `jitter` is a number in `0.0..1.0`; the pause lies between a half and the whole of
/// 1, 4, 16 … seconds, at most two minutes.
pub fn verdict(failure: &Failure, attempt: i32, jitter: f64) -> Verdict {
    if !failure.is_transient() || attempt >= ATTEMPTS {
        return Verdict::GiveUp;
    }
    let exponent = u32::try_from(attempt.max(1) - 1).unwrap_or(0).min(8);
    let whole = 4f64.powi(i32::try_from(exponent).unwrap_or(8)).min(120.0);
    Verdict::Again(Duration::from_secs_f64(whole * (0.5 + jitter.clamp(0.0, 1.0) / 2.0)))
}

#[cfg(test)]
mod tests {
    use super::{ATTEMPTS, Verdict, verdict};
    use crate::domain::failure::{Failure, FailureClass};

    #[test]
    fn transient_is_tried_again_with_growing_pauses_and_then_given_up() {
        let lost = Failure::transient(FailureClass::ConnectionFailure, "connection_lost", "lost", "");
        let mut last = std::time::Duration::ZERO;
        for attempt in 1..ATTEMPTS {
            let Verdict::Again(pause) = verdict(&lost, attempt, 0.5) else { panic!("given up at {attempt}") };
            assert!(pause > last);
            last = pause;
        }
        assert_eq!(verdict(&lost, ATTEMPTS, 0.5), Verdict::GiveUp);
    }

    #[test]
    fn permanent_is_never_tried_again() {
        let wrong = Failure::permanent(FailureClass::ConnectionFailure, "login_refused", "no", "");
        assert_eq!(verdict(&wrong, 1, 0.0), Verdict::GiveUp);
    }
}
