//! Messages that were put aside: kept for an operator, and replayed through the truth.
//!
//! A replay never sends the message as it was. It looks at the step that the message names
//! and, if that still waits to be claimed, owes it a fresh message: the claim decides, as
//! always. So a replay after a week, or twice, is harmless.

use super::{WorkflowError, announce};
use crate::bus::Bus;
use crate::domain::dead_letter::{DeadClass, DeadStep, Replay};
use crate::domain::step::StepState;
use crate::store::outbox::Owed;
use crate::store::{Conn, Database, dead_letters, jobs, steps};

/// Keeps what waits in the dead queue, at most `limit`; answers their classes. A process
/// that dies in between leaves them in the queue, where the next look counts them again.
pub async fn keep(database: &Database, bus: &Bus, limit: usize) -> Result<Vec<DeadClass>, WorkflowError> {
    let taken = bus.dead_letters(limit).await?;
    if taken.letters.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = database.system().await?;
    for letter in &taken.letters {
        dead_letters::keep(tx.conn(), letter).await?;
    }
    tx.commit().await?;
    let classes = taken.letters.iter().map(|letter| letter.class).collect();
    taken.settle().await?;
    Ok(classes)
}

/// Announces the step that a dead letter names, if it still waits to be claimed. `conn` sees
/// the organisation that the letter names. Answers outbox rows to publish after the commit.
pub async fn replay(conn: &mut Conn, dead: &DeadStep) -> Result<(Replay, Vec<Owed>), WorkflowError> {
    let nothing = |replay| Ok((replay, Vec::new()));
    // The job is the step's own; what the message says of it is not asked.
    let Some(job_id) = steps::job_of(conn, dead.org_id, dead.step_id).await? else {
        return nothing(Replay::StepGone);
    };
    let Some(job) = jobs::lock(conn, dead.org_id, job_id).await? else { return nothing(Replay::StepGone) };
    if job.state.is_final() || job.ending.is_some() {
        return nothing(Replay::JobEnded);
    }
    match steps::state(conn, dead.org_id, dead.step_id).await? {
        None => nothing(Replay::StepGone),
        Some(StepState::Done | StepState::Failed | StepState::Cancelled) => nothing(Replay::StepEnded),
        Some(StepState::Waiting | StepState::Running) => nothing(Replay::InHand),
        Some(StepState::Announced) => {
            let step = steps::announce_again(conn, dead.org_id, dead.step_id, 0.0).await?;
            // A message is owed already, after a pause perhaps.
            let Some(step) = step else { return nothing(Replay::InHand) };
            let owed = announce::owe(conn, dead.org_id, job_id, job.trace.as_deref(), &[step], 0.0).await?;
            Ok((Replay::Announced, owed))
        }
    }
}
