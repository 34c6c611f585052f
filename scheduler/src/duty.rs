//! How every duty is repeated: a round, a pause, and longer pauses while something that
//! it needs is away.
//!
//! A round is never cut off by a soft stop: the stop is looked at between rounds, so a
//! transaction in hand is finished. An outage is told once when it begins and once when
//! it is over.

use std::sync::Arc;
use std::time::Duration;

use longshore_shared::store::within;
use longshore_shared::telemetry::Metric;
use longshore_shared::workflow::WorkflowError;
use tokio_util::sync::CancellationToken;

use crate::context::DutyContext;
use crate::pulse::Need;

/// The longest pause after rounds that failed: what is away answers at once, or only after
/// some seconds, and neither is a hot loop.
const LONGEST: Duration = Duration::from_secs(1);

/// How long a round may take: longer than any statement and than RabbitMQ's patience. After
/// that PostgreSQL counts as away.
const ROUND: Duration = Duration::from_secs(60);

/// What a round says about the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// Nothing more to do for now.
    Idle,
    /// There is more: go on at once.
    More,
}

/// Something that is done again and again.
///
/// A round looks at what stands and does what is missing; it must be harmless to do it
/// twice, to leave it half done between two transactions, and to do it on two schedulers.
pub(crate) trait Duty: Send {
    /// Its name in the log and in metrics.
    const NAME: &'static str;

    /// What there must be for a round to find anything: without it, rounds are rare.
    const NEEDS: Need = Need::Nothing;

    /// The pause between two rounds.
    fn pause(&self) -> Duration;

    /// One round.
    fn round(&mut self, context: &DutyContext) -> impl Future<Output = Result<Round, WorkflowError>> + Send;
}

/// Does the rounds of a duty until `stop`.
pub(crate) async fn keep<D: Duty>(mut duty: D, context: Arc<DutyContext>, stop: CancellationToken) {
    let mut failures: u32 = 0;
    let label = [("duty", D::NAME)];
    Metric::DutyFailures.add(0, &label);
    while !stop.is_cancelled() {
        let timer = Metric::DutyRound.timer();
        let done = within(ROUND, duty.round(&context)).await;
        timer.stop(&label);
        let wait = match done {
            Ok(state) => {
                if failures > 0 {
                    tracing::info!(duty = D::NAME, failures, "the duty goes on");
                }
                failures = 0;
                if state == Round::More { Duration::ZERO } else { duty.pause() }
            }
            Err(error) => {
                context.outages.note(&error);
                if failures == 0 {
                    tracing::warn!(duty = D::NAME, %error, "the duty failed; it is tried again until it succeeds");
                } else {
                    tracing::debug!(duty = D::NAME, %error, failures, "the duty failed again");
                }
                failures = failures.saturating_add(1);
                Metric::DutyFailures.increment(&label);
                LONGEST.min(duty.pause() * 2u32.pow(failures.min(6)))
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => {}
        }
        if failures == 0 {
            context.pulse.rest(D::NEEDS, &stop).await;
        }
    }
}
