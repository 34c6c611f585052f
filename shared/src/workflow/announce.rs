//! Owing the bus a message for each announced step.

use crate::bus::StepMessage;
use crate::domain::id::{JobId, OrgId, StepId};
use crate::domain::step::Lease;
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

/// The message of a step of the lease's job, without that step: its `step` and `kind` are
/// put in where the step is chosen.
pub(super) fn template(lease: &Lease, trace: Option<&str>) -> Result<serde_json::Value, StoreError> {
    let message = StepMessage::new(lease.org_id, lease.job_id, StepId(uuid::Uuid::nil()), "", trace);
    Ok(serde_json::to_value(message)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::template;
    use crate::bus::StepMessage;
    use crate::clock;
    use crate::domain::id::{JobId, OrgId, StepId};
    use crate::domain::step::Lease;

    /// As `settle_step` of the schema puts a step in.
    #[test]
    fn a_template_with_a_step_is_the_steps_message() {
        let [org_id, job_id, step_id] = [(); 3].map(|()| clock::fresh_id());
        let (org_id, job_id, step_id) = (OrgId(org_id), JobId(job_id), StepId(step_id));
        let trace = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        for trace in [None, trace] {
            let mut body =
                template(&Lease { org_id, job_id, step_id, token: 1 }, trace).expect("a message is JSON");
            body["step"] = json!(step_id);
            body["kind"] = json!("probe");
            let whole = StepMessage::new(org_id, job_id, step_id, "probe", trace);
            assert_eq!(body, serde_json::to_value(&whole).expect("so is this"));
        }
    }
}
