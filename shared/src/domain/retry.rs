//! When a failed step is tried again, and when it is given up: one policy, one place.
//!
//! Two tables decide: what sort of trouble it is says how soon and how often, what kind of
//! step it is says how often at most. The stricter bound counts.

use std::time::Duration;

use super::failure::{Failure, FailureClass, FailureCode};
use super::step::StepKind;

/// Claims after which a step whose worker dies each time is given up, whatever its kind.
pub const POISON_CLAIMS: i32 = 5;

/// What is to be done after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Announce it again after this pause.
    Again(Duration),
    /// Announce it again after this pause; the attempt counts for nothing.
    Wait(Duration),
    /// Fail the job.
    GiveUp,
}

/// How soon and how often a sort of trouble is met again.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// The first pause at most, in seconds.
    first: f64,
    /// Each pause is so many times the one before.
    factor: f64,
    /// No pause is longer, in seconds.
    longest: f64,
    /// Attempts in all.
    attempts: i32,
}

/// Another session was in the way; it is over in a moment.
const QUICK: Pace = Pace { first: 0.5, factor: 2.0, longest: 8.0, attempts: 8 };
/// A server or a network is away.
const USUAL: Pace = Pace { first: 1.0, factor: 4.0, longest: 120.0, attempts: 5 };
/// Something is used up: a person has to make room, and hammering makes it worse.
const SLOW: Pace = Pace { first: 30.0, factor: 2.0, longest: 300.0, attempts: 4 };
/// Nobody is free: it is waited for as long as it takes, in seconds.
const WAITED: f64 = 8.0;
/// A fault of Longshore's own, which most likely comes again.
const DOUBTFUL: Pace = Pace { first: 1.0, factor: 2.0, longest: 4.0, attempts: 3 };

fn pace(failure: &Failure) -> Pace {
    match failure.code {
        FailureCode::Deadlock
        | FailureCode::LockWait
        | FailureCode::DuplicateKey
        | FailureCode::LeaseLost => QUICK,
        FailureCode::StepPanicked => DOUBTFUL,
        _ if failure.class == FailureClass::InsufficientSpace => SLOW,
        _ => USUAL,
    }
}

/// Decides after the `attempt`th attempt (from 1) at a step of this kind ended with `failure`.
///
/// `jitter` is a number in `0.0..1.0`; the pause lies between a half and the whole of what
/// the trouble's pace says.
pub fn verdict(kind: StepKind, failure: &Failure, attempt: i32, jitter: f64) -> Verdict {
    let Pace { first, factor, longest, attempts } = pace(failure);
    let jittered = |whole: f64| Duration::from_secs_f64(whole * (0.5 + jitter.clamp(0.0, 1.0) / 2.0));
    if failure.code == FailureCode::NoHolders {
        return Verdict::Wait(jittered(WAITED));
    }
    // Longshore's own outage is nobody's answer, also where a person waits for one.
    let most = match failure.code {
        FailureCode::ControlPlaneAway | FailureCode::LeaseLost => attempts,
        _ => attempts.min(kind.traits().attempts),
    };
    if !failure.is_transient() || attempt >= most {
        return Verdict::GiveUp;
    }
    let whole = (first * factor.powi((attempt.max(1) - 1).min(16))).min(longest);
    Verdict::Again(jittered(whole))
}

#[cfg(test)]
mod tests {
    use super::{Verdict, verdict};
    use crate::domain::failure::{Failure, FailureCode};
    use crate::domain::step::StepKind;

    /// The longest pauses after each attempt until it is given up.
    fn pauses(kind: StepKind, failure: &Failure) -> Vec<f64> {
        let each = (1..100).map_while(|attempt| match verdict(kind, failure, attempt, 1.0) {
            Verdict::Again(pause) => Some(pause.as_secs_f64()),
            Verdict::GiveUp | Verdict::Wait(_) => None,
        });
        each.collect()
    }

    #[test]
    fn what_is_tried_again_how_soon_and_how_often() {
        use FailureCode::{
            ConnectTimeout, ConnectionLost, ControlPlaneAway, Deadlock, LeaseLost, LockWait, MemoryFull,
            StepPanicked,
        };
        use StepKind::{ConnectionTest, Copy, Plan, Probe, Replace};
        let usual = [1.0, 4.0, 16.0, 64.0];
        let quick = [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0];
        for (kind, code, expected) in [
            (Copy, ConnectionLost, &usual[..]),
            (Plan, ConnectTimeout, &usual),
            (Probe, ControlPlaneAway, &usual),
            (ConnectionTest, ControlPlaneAway, &usual),
            (ConnectionTest, LeaseLost, &quick),
            (ConnectionTest, ConnectTimeout, &[]),
            (Copy, Deadlock, &quick),
            (Copy, LockWait, &quick),
            (Replace, Deadlock, &quick[..4]),
            (Copy, MemoryFull, &[30.0, 60.0, 120.0]),
            (Plan, StepPanicked, &[1.0, 2.0]),
        ] {
            let failure = Failure::transient(code, "it failed");
            assert_eq!(pauses(kind, &failure), expected, "{kind} {code}");
        }
    }

    #[test]
    fn permanent_is_never_tried_again() {
        // A full disk stays full until a person has made room.
        for code in [FailureCode::LoginRefused, FailureCode::DiskFull, FailureCode::Deadlock] {
            for kind in StepKind::ALL {
                let wrong = Failure::permanent(code, "no");
                assert_eq!(verdict(*kind, &wrong, 1, 0.0), Verdict::GiveUp, "{kind} {code}");
            }
        }
    }

    #[test]
    fn jitter_takes_up_to_a_half() {
        let lost = Failure::transient(FailureCode::ConnectionLost, "lost");
        for (jitter, expected) in [(0.0, 2.0), (0.5, 3.0), (1.0, 4.0), (7.0, 4.0)] {
            let Verdict::Again(pause) = verdict(StepKind::Copy, &lost, 2, jitter) else { panic!("given up") };
            assert!((pause.as_secs_f64() - expected).abs() < 1e-9, "{jitter}: {pause:?}");
        }
    }
}
