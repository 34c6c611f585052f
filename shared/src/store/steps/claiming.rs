//! A step is taken.

use serde_json::Value;
use uuid::Uuid;

use crate::domain::id::{JobId, OrgId, StepId, WorkerId};
use crate::domain::job::Job;
use crate::domain::step::{Lease, StepKind};
use crate::store::{Conn, StoreError, jobs};

/// A step as a claim finds it.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The worker's right to it.
    pub lease: Lease,
    /// What it does.
    pub kind: StepKind,
    /// Which try this is, from 1.
    pub attempt: i32,
    /// The stage that it belongs to.
    pub stage: i32,
    /// The table it works on.
    pub table_number: Option<i32>,
    /// What its kind needs to know.
    pub payload: Value,
    /// The generation of holders that may do it, if it is one of theirs.
    pub generation: Option<i32>,
    /// How long it waited from its announcement to the claim, in seconds.
    pub waited_seconds: f64,
    /// Its job, as the claim found it.
    pub job: Job,
    /// The trace context of the job's submission.
    pub trace: Option<String>,
}

/// A step that was claimed and is not read yet.
pub struct Found {
    /// The worker's right to it.
    pub lease: Lease,
    kind: String,
    attempt: i32,
    stage: i32,
    table_number: Option<i32>,
    payload: Value,
    generation: Option<i32>,
    waited_seconds: f64,
    job: Value,
    trace: Option<String>,
}

impl Found {
    /// The step, unless it is of a kind or form that this release does not know.
    pub fn read(self) -> Result<Claimed, StoreError> {
        Ok(Claimed {
            kind: self.kind.parse()?,
            job: jobs::read(self.job)?,
            lease: self.lease,
            attempt: self.attempt,
            stage: self.stage,
            table_number: self.table_number,
            payload: self.payload,
            generation: self.generation,
            waited_seconds: self.waited_seconds,
            trace: self.trace,
        })
    }
}

struct Row {
    job_id: Uuid,
    kind: String,
    token: i64,
    attempt: i32,
    stage: i32,
    table_number: Option<i32>,
    payload: Value,
    generation: Option<i32>,
    waited: f64,
    job: Value,
    trace: Option<String>,
}

impl Row {
    fn found(self, org_id: OrgId, step_id: StepId) -> Found {
        Found {
            lease: Lease { org_id, job_id: JobId(self.job_id), step_id, token: self.token },
            kind: self.kind,
            attempt: self.attempt,
            stage: self.stage,
            table_number: self.table_number,
            payload: self.payload,
            generation: self.generation,
            waited_seconds: self.waited,
            job: self.job,
            trace: self.trace,
        }
    }
}

/// `announced` becomes `running` with a higher token and a lease of `seconds` on the
/// database's clock; `None`: somebody else has it, it is not to be done any more, or its
/// job does not run yet, or its pause lasts (a message that comes twice does not end it). A step
/// for holders goes only to a worker that holds the point of
/// the newest generation.
///
/// Takes no lock of the job: whatever ends a job early writes the rows of its announced
/// steps too, so one of the two finds the other's write. A message never comes before its
/// announcement is committed, so the statement sees the step as it was announced.
pub async fn claim(
    conn: &mut Conn,
    org_id: OrgId,
    id: StepId,
    worker: WorkerId,
    worker_name: &str,
    seconds: f64,
) -> Result<Option<Found>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"UPDATE steps s SET state = 'running', token = s.token + 1, attempt = s.attempt + 1, worker_id = $3,
               worker_name = $4, lease_until = now() + make_interval(secs => $5),
               started_at = coalesce(s.started_at, now()), failure = NULL,
               generation = CASE WHEN s.queue = 'job' THEN (SELECT d.generation FROM job_holds d
                                                            WHERE d.org_id = $1 AND d.job_id = s.job_id) END
           FROM jobs j
           WHERE s.org_id = $1 AND s.id = $2 AND s.state = 'announced' AND j.org_id = $1 AND j.id = s.job_id
             AND s.announced_at <= now() AND j.ending IS NULL AND j.state = 'running'
             AND (s.queue <> 'job' OR EXISTS (
                 SELECT FROM job_holders h JOIN job_holds d ON d.org_id = h.org_id AND d.job_id = h.job_id
                     AND d.generation = h.generation
                 WHERE h.org_id = $1 AND h.job_id = s.job_id AND h.worker_id = $3 AND h.state = 'held'))
           RETURNING s.job_id, s.kind, s.token, s.attempt, s.stage, s.table_number, s.payload, s.generation,
               coalesce(extract(epoch FROM now() - s.announced_at), 0)::float8 AS "waited!",
               to_jsonb(j) AS "job!", j.trace"#,
        org_id.0,
        id.0,
        worker.0,
        worker_name,
        seconds
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| row.found(org_id, id)))
}

/// As [`claim`], for the first step of a job that is still `pending`, which becomes `running`
/// by it; it is never one for holders. Whoever writes a job's row locks it before a step's, and
/// so does this statement: it finds the step by the job that it has started.
pub async fn claim_first(
    conn: &mut Conn,
    org_id: OrgId,
    id: StepId,
    worker: WorkerId,
    worker_name: &str,
    seconds: f64,
) -> Result<Option<Found>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"WITH j AS (
               UPDATE jobs SET state = 'running', started_at = now()
               WHERE org_id = $1 AND state = 'pending' AND ending IS NULL
                 AND id = (SELECT job_id FROM steps WHERE org_id = $1 AND id = $2 AND state = 'announced'
                           AND announced_at <= now())
               RETURNING *
           )
           UPDATE steps s SET state = 'running', token = s.token + 1, attempt = s.attempt + 1, worker_id = $3,
               worker_name = $4, lease_until = now() + make_interval(secs => $5),
               started_at = coalesce(s.started_at, now()), failure = NULL
           FROM j
           WHERE s.org_id = $1 AND s.id = $2 AND s.state = 'announced' AND s.job_id = j.id
           RETURNING s.job_id, s.kind, s.token, s.attempt, s.stage, s.table_number, s.payload, s.generation,
               coalesce(extract(epoch FROM now() - s.announced_at), 0)::float8 AS "waited!",
               to_jsonb(j) AS "job!", j.trace"#,
        org_id.0,
        id.0,
        worker.0,
        worker_name,
        seconds
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| row.found(org_id, id)))
}
