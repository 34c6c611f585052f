//! Owing the bus a message for each announced step.

use crate::bus::StepMessage;
use crate::domain::id::{JobId, OrgId};
use crate::store::steps::Announced;
use crate::store::{Conn, StoreError, outbox};

/// Writes the outbox rows of announced steps; answers their ids, for publishing after
/// the commit.
pub(super) async fn owe(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    trace: Option<&str>,
    steps: &[Announced],
    pause_seconds: f64,
) -> Result<Vec<i64>, StoreError> {
    let mut ids = Vec::with_capacity(steps.len());
    for step in steps {
        let message = StepMessage::new(org_id, job_id, step.id, &step.kind, trace);
        let body = serde_json::to_value(message)?;
        ids.push(outbox::insert(conn, org_id, job_id, step.id, step.queue, &body, pause_seconds).await?);
    }
    Ok(ids)
}
