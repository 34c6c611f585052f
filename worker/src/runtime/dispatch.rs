//! Runs a step in hand until it ends or is told to stop.
//!
//! To stop is to drop the step at its next await; what it left on customers' servers (a
//! running statement, an open transaction) is then ended there.

use std::sync::Arc;

use longshore_shared::domain::failure::{Failure, FailureClass};
use longshore_shared::domain::step::Outcome;

use super::Worker;
use super::held::Held;
use crate::steps::{self, Context, StepError};

pub(super) async fn run(worker: Arc<Worker>, held: Arc<Held>) -> Result<Outcome, StepError> {
    let (guard, meter) = (Arc::clone(&held.guard), Arc::clone(&held.meter));
    let context = Context::load(worker.hands.clone(), held.step.clone(), guard, meter).await?;
    let ended = tokio::select! {
        ended = steps::run(&context) => ended,
        () = held.cancel.cancelled() => Err(stopped().into()),
    };
    if ended.is_err() {
        context.end_sessions().await;
    }
    ended
}

fn stopped() -> Failure {
    Failure::transient(FailureClass::Internal, "stopped", "the step was told to stop", "nothing is to be done")
}
