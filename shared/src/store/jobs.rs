//! Table `jobs`. Written by `workflow` only.

pub mod queue;
pub mod recent;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Conn, StoreError};
use crate::domain::actor::Actor;
use crate::domain::failure::{Failure, FailureClass};
use crate::domain::id::{ConnectionId, JobId, OrgId};
use crate::domain::job::{Ending, Job, JobKind, JobSpec, JobState};
use crate::domain::subject::Subject;

#[derive(serde::Deserialize)]
struct Row {
    org_id: Uuid,
    id: Uuid,
    kind: String,
    state: String,
    subject_kind: Option<String>,
    subject_id: Option<Uuid>,
    name: String,
    source_id: Option<Uuid>,
    source_name: Option<String>,
    target_id: Option<Uuid>,
    target_name: Option<String>,
    spec: serde_json::Value,
    requested_by_kind: String,
    requested_by_id: Option<Uuid>,
    requested_by_name: String,
    due_at: Option<DateTime<Utc>>,
    queued_behind: Option<Uuid>,
    ending: Option<String>,
    warnings: serde_json::Value,
    failure: Option<serde_json::Value>,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Job {
    type Error = StoreError;

    fn try_from(r: Row) -> Result<Self, StoreError> {
        let subject = r.subject_kind.zip(r.subject_id).map(|(kind, id)| Subject::read(&kind, id));
        Ok(Self {
            org_id: OrgId(r.org_id),
            id: JobId(r.id),
            state: r.state.parse()?,
            subject: subject.transpose()?,
            name: r.name,
            source_id: r.source_id.map(ConnectionId),
            source_name: r.source_name,
            target_id: r.target_id.map(ConnectionId),
            target_name: r.target_name,
            spec: spec(r.kind.parse()?, r.spec)?,
            requested_by: Actor {
                kind: r.requested_by_kind.parse()?,
                id: r.requested_by_id,
                name: r.requested_by_name,
            },
            due_at: r.due_at,
            queued_behind: r.queued_behind.map(JobId),
            ending: r.ending.map(|e| e.parse()).transpose()?,
            warnings: serde_json::from_value(r.warnings)?,
            failure: r.failure.map(serde_json::from_value).transpose()?,
            created_at: r.created_at,
            started_at: r.started_at,
            ended_at: r.ended_at,
        })
    }
}

fn spec(kind: JobKind, stored: serde_json::Value) -> Result<JobSpec, StoreError> {
    Ok(match kind {
        JobKind::Sync => JobSpec::Sync(serde_json::from_value(stored)?),
        JobKind::Probe => JobSpec::Probe(serde_json::from_value(stored)?),
        JobKind::ConnectionTest => JobSpec::ConnectionTest(serde_json::from_value(stored)?),
        JobKind::Backup => JobSpec::Backup(serde_json::from_value(stored)?),
        JobKind::BackupVerification => JobSpec::BackupVerification(serde_json::from_value(stored)?),
    })
}

fn stored(spec: &JobSpec) -> Result<serde_json::Value, StoreError> {
    Ok(match spec {
        JobSpec::Sync(spec) => serde_json::to_value(spec)?,
        JobSpec::Probe(spec) => serde_json::to_value(spec)?,
        JobSpec::ConnectionTest(spec) => serde_json::to_value(spec)?,
        JobSpec::Backup(spec) => serde_json::to_value(spec)?,
        JobSpec::BackupVerification(spec) => serde_json::to_value(spec)?,
    })
}

/// A job from its row's JSON.
pub(super) fn read(row: serde_json::Value) -> Result<Job, StoreError> {
    Job::try_from(serde_json::from_value::<Row>(row)?)
}

/// Stores a new, pending job, and notes in it what its connections are called. A run of its subject that has not ended is
/// [`StoreError::Taken`] by `jobs_one_active_run`, one that is queued like it by
/// `jobs_one_queued_run`, the same due time by `jobs_due`.
pub async fn insert(conn: &mut Conn, j: &mut Job, trace: Option<&str>) -> Result<(), StoreError> {
    let row = sqlx::query!(
        "INSERT INTO jobs (org_id, id, kind, state, subject_kind, subject_id, source_id, target_id, name, spec,
             requested_by_kind, requested_by_id, requested_by_name, due_at, trace, created_at, queued_behind,
             source_name, source_reach, target_name, target_reach)
         SELECT $1, $2, $3, 'pending', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
             s.name, s.reach, t.name, t.reach
         FROM (VALUES (1)) AS one
         LEFT JOIN connections s ON s.org_id = $1 AND s.id = $6
         LEFT JOIN connections t ON t.org_id = $1 AND t.id = $7
         RETURNING source_name, target_name",
        j.org_id.0,
        j.id.0,
        j.spec.kind().as_str(),
        j.subject.map(|subject| subject.kind().as_str()),
        j.subject.map(Subject::id),
        j.source_id.map(|c| c.0),
        j.target_id.map(|c| c.0),
        j.name,
        stored(&j.spec)?,
        j.requested_by.kind.as_str(),
        j.requested_by.id,
        j.requested_by.name,
        j.due_at,
        trace,
        j.created_at,
        j.queued_behind.map(|b| b.0)
    )
    .fetch_one(conn)
    .await?;
    (j.source_name, j.target_name) = (row.source_name, row.target_name);
    Ok(())
}

/// The job.
pub async fn find(conn: &mut Conn, org_id: OrgId, id: JobId) -> Result<Option<Job>, StoreError> {
    sqlx::query_as!(
        Row,
        "SELECT org_id, id, kind, state, subject_kind, subject_id, name, source_id, source_name, target_id, target_name,
                spec, requested_by_kind, requested_by_id, requested_by_name, due_at, queued_behind, ending, warnings,
                failure, created_at, started_at, ended_at
         FROM jobs WHERE org_id = $1 AND id = $2",
        org_id.0,
        id.0
    )
    .fetch_optional(conn)
    .await?
    .map(Job::try_from)
    .transpose()
}

/// The part of a job that its transitions turn on.
#[derive(Clone, Debug)]
pub struct Locked {
    /// Where it stands.
    pub state: JobState,
    /// How it is to end.
    pub ending: Option<Ending>,
    /// The trace context of its submission.
    pub trace: Option<String>,
    /// Whether a limit decides which of its steps are announced.
    pub limited: bool,
}

/// Locks the job row until the transaction ends. Every transition of a job or of one of
/// its steps takes this lock first, so that two of them always see each other and no
/// two wait for each other in a ring.
pub async fn lock(conn: &mut Conn, org_id: OrgId, id: JobId) -> Result<Option<Locked>, StoreError> {
    sqlx::query!(
        r#"SELECT state, ending, trace, is_limited(org_id, source_id, target_id) AS "limited!"
           FROM jobs WHERE org_id = $1 AND id = $2 FOR NO KEY UPDATE"#,
        org_id.0,
        id.0
    )
    .fetch_optional(conn)
    .await?
    .map(|r| {
        Ok(Locked {
            state: r.state.parse()?,
            ending: r.ending.map(|e| e.parse()).transpose()?,
            trace: r.trace,
            limited: r.limited,
        })
    })
    .transpose()
}

/// Decides how the job will end; the first decision stands.
pub async fn set_ending(
    conn: &mut Conn,
    org_id: OrgId,
    id: JobId,
    ending: Ending,
    failure: Option<&Failure>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE jobs SET ending = $3, failure = $4
         WHERE org_id = $1 AND id = $2 AND ending IS NULL AND state IN ('pending', 'running')",
        org_id.0,
        id.0,
        ending.as_str(),
        failure.map(serde_json::to_value).transpose()?
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A job's end, as it is counted.
#[derive(Clone, Copy, Debug)]
pub struct Finished {
    /// What it did.
    pub kind: JobKind,
    /// Its final state.
    pub state: JobState,
    /// Of the failure, if it has one that this release knows.
    pub class: Option<FailureClass>,
    /// From its first claim; `None`: no worker had begun.
    pub seconds: Option<f64>,
}

/// The job reaches its final state; a final state is never left, so a second call
/// changes nothing and answers `None`. It ends
/// now, not when this transaction began to wait for its lock: steps have ended in between. In
/// the same statement each webhook that wants to hear of it is owed a delivery; of a test's end
/// nobody hears but who asked.
pub async fn finish(
    conn: &mut Conn,
    org_id: OrgId,
    id: JobId,
    state: JobState,
) -> Result<Option<Finished>, StoreError> {
    let told: Vec<String> = JobKind::ALL
        .iter()
        .filter(|kind| kind.traits().tells_webhooks)
        .map(|kind| kind.as_str().to_owned())
        .collect();
    let row = sqlx::query!(
        r#"WITH ended AS (
             UPDATE jobs SET state = $3, ended_at = clock_timestamp()
             WHERE org_id = $1 AND id = $2 AND state IN ('pending', 'running')
             RETURNING org_id, id, kind, failure ->> 'class' AS class,
                       extract(epoch FROM ended_at - started_at)::float8 AS seconds),
         told AS (
             INSERT INTO webhook_deliveries (org_id, id, webhook_id, event, job_id)
             SELECT e.org_id, time_ordered_id(), w.id, 'job.' || $3, e.id FROM ended e
             JOIN webhooks w ON w.org_id = e.org_id AND w.enabled AND 'job.' || $3 = ANY (w.events)
             WHERE e.kind = ANY ($4))
         SELECT kind, class, seconds FROM ended"#,
        org_id.0,
        id.0,
        state.as_str(),
        &told
    )
    .fetch_optional(conn)
    .await?;
    row.map(|r| {
        let (kind, class) = (r.kind.parse()?, r.class.and_then(|class| class.parse().ok()));
        Ok(Finished { kind, state, class, seconds: r.seconds })
    })
    .transpose()
}

/// Adds warnings for the job's reader.
pub async fn warn(conn: &mut Conn, org_id: OrgId, id: JobId, warnings: &[String]) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE jobs SET warnings = warnings || $3 WHERE org_id = $1 AND id = $2",
        org_id.0,
        id.0,
        serde_json::to_value(warnings)?
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Which of the jobs are to end.
pub async fn ending(conn: &mut Conn, jobs: &[JobId]) -> Result<Vec<JobId>, StoreError> {
    let ids: Vec<Uuid> = jobs.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        "SELECT id FROM jobs WHERE state IN ('pending', 'running') AND id = ANY ($1) AND ending IS NOT NULL",
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| JobId(r.id)).collect())
}

/// Jobs that began more than `seconds` ago and are not about to end.
pub async fn lasting(conn: &mut Conn, seconds: f64, limit: i64) -> Result<Vec<(OrgId, JobId)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT org_id, id FROM jobs WHERE state = 'running' AND ending IS NULL
           AND started_at < clock_timestamp() - make_interval(secs => $1)
         ORDER BY started_at LIMIT $2",
        seconds,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (OrgId(r.org_id), JobId(r.id))).collect())
}

/// What stands in the way of a subject's next run.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// A run of it that has not ended and does not wait itself.
    pub active: Option<JobId>,
    /// This due time has its job already.
    pub fired: bool,
}

/// How the subject's runs stand, for the firing of `due_at`.
pub async fn standing(
    conn: &mut Conn,
    org_id: OrgId,
    subject: Subject,
    due_at: DateTime<Utc>,
) -> Result<Standing, StoreError> {
    let row = sqlx::query!(
        r#"SELECT (SELECT id FROM jobs WHERE org_id = $1 AND subject_kind = $2 AND subject_id = $3
                   AND state IN ('pending', 'running') AND queued_behind IS NULL) AS active,
                  EXISTS (SELECT FROM jobs WHERE org_id = $1 AND subject_kind = $2 AND subject_id = $3
                          AND due_at = $4) AS "fired!""#,
        org_id.0,
        subject.kind().as_str(),
        subject.id(),
        due_at
    )
    .fetch_one(conn)
    .await?;
    Ok(Standing { active: row.active.map(JobId), fired: row.fired })
}

/// Jobs that have fewer than `window` steps out although more could be; those that a limit
/// holds for are not among them. One that waits to begin is, when its limit was lifted.
pub async fn underfilled(
    conn: &mut Conn,
    window: i64,
    limit: i64,
) -> Result<Vec<(OrgId, JobId)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT j.org_id, j.id FROM jobs j
         WHERE j.state IN ('pending', 'running') AND j.ending IS NULL
           AND NOT is_limited(j.org_id, j.source_id, j.target_id)
           AND (SELECT true FROM steps s
                WHERE s.org_id = j.org_id AND s.job_id = j.id AND s.state = 'waiting'
                  AND (SELECT g.waits FROM stages g
                       WHERE g.org_id = s.org_id AND g.job_id = s.job_id AND g.number = s.stage) = 0
                ORDER BY s.ordinal LIMIT 1)
           AND (SELECT count(*) FROM steps o WHERE o.org_id = j.org_id AND o.job_id = j.id
                AND o.state IN ('announced', 'running')) < $1
         ORDER BY j.id LIMIT $2",
        window,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (OrgId(r.org_id), JobId(r.id))).collect())
}

/// How many steps of one job may be out at once: 1.5 times the permits of live workers,
/// shared by the running jobs, at least 2.
pub async fn window(conn: &mut Conn) -> Result<i64, StoreError> {
    let row = sqlx::query!(r#"SELECT job_window($1) AS "window!""#, super::workers::LIVE_SECONDS)
        .fetch_one(conn)
        .await?;
    Ok(row.window)
}
