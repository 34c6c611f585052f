//! Owing the bus a message for each announced step.

use crate::bus::StepMessage;
use crate::domain::id::{JobId, OrgId};
use crate::store::outbox::{Announcement, Owed};
use crate::store::steps::Announced;
use crate::store::{Conn, StoreError, outbox};

/// Writes the outbox rows of announced steps; answers them, for publishing after the
/// commit.
pub(super) async fn owe(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    trace: Option<&str>,
    steps: &[Announced],
    pause_seconds: f64,
) -> Result<Vec<Owed>, StoreError> {
    if steps.is_empty() {
        return Ok(Vec::new());
    }
    let announcement = |step: &Announced| {
        let message = StepMessage::new(org_id, job_id, step.id, &step.kind, trace);
        let body = serde_json::to_value(message)?;
        Ok(Announcement { step_id: step.id, queue: step.queue, body })
    };
    let announcements: Vec<_> = steps.iter().map(announcement).collect::<Result<_, StoreError>>()?;
    outbox::insert(conn, org_id, job_id, &announcements, pause_seconds).await
}
