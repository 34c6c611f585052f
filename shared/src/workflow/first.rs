//! A job's first step and the message it owes.

use crate::bus::StepMessage;
use crate::clock;
use crate::domain::id::{JobId, OrgId, StepId};
use crate::domain::step::StepKind;
use crate::store::outbox::{Announcement, Owed};
use crate::store::{Conn, StoreError, steps};

/// The job's first step, announced (where a limit holds it waits, and this is `None`);
/// published by the caller, or after `pause_seconds` by
/// the sweep.
pub(super) async fn first_step(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    kind: StepKind,
    trace: Option<&str>,
    pause_seconds: f64,
) -> Result<Option<Vec<Owed>>, StoreError> {
    let id = StepId(clock::fresh_id());
    let body = serde_json::to_value(StepMessage::new(org_id, job_id, id, kind.as_str(), trace))?;
    let first = Announcement { step_id: id, queue: kind.traits().queue, body };
    steps::insert_first(conn, org_id, job_id, kind, &first, pause_seconds).await
}
