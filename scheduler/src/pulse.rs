//! Whether there is anything to do, so that a fleet at rest costs next to nothing.
//!
//! While no job is open, no message owed and no schedule due, the duties that could only find such
//! things rest ([`Need`]) and are woken the moment one of them is seen. All the same each makes a
//! round now and then. Not here: who looks (`feel`).

use std::time::Duration;

use longshore_shared::store::pulse::Stir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A duty that rests makes a round so often.
const RARELY: Duration = Duration::from_secs(60);

/// What there must be for a duty's round to find anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It finds things that the pulse does not feel: it never rests.
    Nothing,
    /// An open job, one that ended a moment ago, or an outbox row that is not confirmed.
    Work,
    /// A schedule whose time has come.
    Due,
}

/// What was felt last.
#[derive(Debug)]
pub(crate) struct Pulse(watch::Sender<Stir>);

impl Default for Pulse {
    fn default() -> Self {
        Self(watch::channel(EVERYTHING).0)
    }
}

/// What is taken for there while nobody knows.
pub(crate) const EVERYTHING: Stir = Stir { work: true, due: true };

impl Pulse {
    /// Waits while there is none of what is needed, but not for ever.
    pub(crate) async fn rest(&self, need: Need, stop: &CancellationToken) {
        let mut felt = self.0.subscribe();
        let stirred = felt.wait_for(|stir| match need {
            Need::Nothing => true,
            Need::Work => stir.work,
            Need::Due => stir.due,
        });
        let _ = stop.run_until_cancelled(tokio::time::timeout(RARELY, stirred)).await;
    }

    /// Takes note of what was felt.
    pub(crate) fn set(&self, felt: Stir) {
        self.0.send_if_modified(|stir| std::mem::replace(stir, felt) != felt);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::{FutureExt as _, poll};
    use longshore_shared::store::pulse::Stir;
    use tokio_util::sync::CancellationToken;

    use super::{Need, Pulse};

    #[tokio::test]
    async fn n24_duties_rest_only_while_there_is_nothing_for_them() {
        let (pulse, stop) = (Pulse::default(), CancellationToken::new());
        let rests = |need| pulse.rest(need, &stop).now_or_never().is_none();
        assert!(!rests(Need::Work) && !rests(Need::Due), "before anything was felt");
        for (work, due, expected) in [
            (true, true, [false, false, false]),
            (true, false, [false, false, true]),
            (false, true, [false, true, false]),
            (false, false, [false, true, true]),
        ] {
            pulse.set(Stir { work, due });
            assert_eq!([Need::Nothing, Need::Work, Need::Due].map(rests), expected, "{work} {due}");
        }
    }

    #[tokio::test]
    async fn n24_who_rests_is_woken_at_once() {
        let (pulse, stop) = (Pulse::default(), CancellationToken::new());
        pulse.set(Stir { work: false, due: false });
        let (mut works, mut fires) =
            (pin!(pulse.rest(Need::Work, &stop)), pin!(pulse.rest(Need::Due, &stop)));
        assert!(poll!(&mut works).is_pending() && poll!(&mut fires).is_pending());
        pulse.set(Stir { work: true, due: false });
        assert!(poll!(&mut works).is_ready() && poll!(&mut fires).is_pending());
        stop.cancel();
        assert!(poll!(&mut fires).is_ready(), "a stop ends the rest");
    }
}
