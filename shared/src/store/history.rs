//! What stays of ended jobs, and what does not: summaries (columns of `jobs` and
//! `job_tables`), and the steps, stages, plans and log lines that are deleted when the
//! history's time is over. Written by `workflow` only.

use uuid::Uuid;

use super::{Conn, StoreError};
use crate::domain::id::{JobId, OrgId};
use crate::domain::job::JobKind;

/// Jobs by their organisations and identifiers, two columns of one length.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    orgs: Vec<Uuid>,
    ids: Vec<Uuid>,
}

impl Jobs {
    /// How many.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = (OrgId, JobId)> {
        self.orgs.iter().zip(&self.ids).map(|(org, id)| (OrgId(*org), JobId(*id)))
    }
}

/// Keeps what came of a job that has ended; what is kept already stays, as is what came of tables that were done
/// together with others.
pub async fn summarise(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE job_tables t SET summary = CASE WHEN t.step_ordinal IS NULL
             THEN job_table_summary(t.org_id, t.job_id, t.number)
             ELSE (SELECT travelled_summary(t, s) FROM (SELECT) AS one
                   LEFT JOIN steps s ON s.org_id = $1 AND s.job_id = $2 AND s.ordinal = t.step_ordinal) END
         WHERE t.org_id = $1 AND t.job_id = $2 AND t.summary IS NULL AND NOT t.done",
        org_id.0,
        job_id.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE jobs SET summary = job_summary(org_id, id)
         WHERE org_id = $1 AND id = $2 AND summary IS NULL AND ended_at IS NOT NULL",
        org_id.0,
        job_id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The jobs that ended longest ago, at least `age_seconds`, and are not pruned; locked
/// against a second scheduler.
pub async fn lock_expired(conn: &mut Conn, age_seconds: f64, limit: i64) -> Result<Jobs, StoreError> {
    let rows = sqlx::query!(
        "SELECT org_id, id FROM jobs
         WHERE pruned_at IS NULL AND ended_at IS NOT NULL AND ended_at < now() - make_interval(secs => $1)
         ORDER BY ended_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED",
        age_seconds,
        limit
    )
    .fetch_all(conn)
    .await?;
    let (orgs, ids) = rows.into_iter().map(|row| (row.org_id, row.id)).unzip();
    Ok(Jobs { orgs, ids })
}

/// Deletes steps of these jobs, at most `limit`; answers how many.
pub async fn delete_steps(conn: &mut Conn, jobs: &Jobs, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM steps WHERE ctid = ANY (ARRAY(
             SELECT s.ctid FROM unnest($1::uuid[], $2::uuid[]) AS p (org_id, job_id)
             JOIN steps s ON s.org_id = p.org_id AND s.job_id = p.job_id LIMIT $3))",
        &jobs.orgs,
        &jobs.ids,
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Deletes log lines of these jobs, at most `limit`; answers how many.
pub async fn delete_log(conn: &mut Conn, jobs: &Jobs, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM job_log WHERE ctid = ANY (ARRAY(
             SELECT l.ctid FROM unnest($1::uuid[], $2::uuid[]) AS p (org_id, job_id)
             JOIN job_log l ON l.org_id = p.org_id AND l.job_id = p.job_id LIMIT $3))",
        &jobs.orgs,
        &jobs.ids,
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Deletes jobs that tested connections and that nobody asked for, with all that is theirs, if
/// they ended at least `age_seconds` ago; at most `limit`. Answers how many.
pub async fn delete_rechecks(conn: &mut Conn, age_seconds: f64, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM jobs WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM jobs WHERE kind = $3 AND requested_by_kind = 'schedule'
                 AND ended_at < now() - make_interval(secs => $1)
             ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
        age_seconds,
        limit,
        JobKind::ConnectionTest.as_str()
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Deletes the stages and forgets the workers' plans of jobs that have no steps any more.
pub async fn delete_plans(conn: &mut Conn, jobs: &Jobs) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM stages g USING unnest($1::uuid[], $2::uuid[]) AS p (org_id, job_id)
         WHERE g.org_id = p.org_id AND g.job_id = p.job_id",
        &jobs.orgs,
        &jobs.ids
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE job_tables t SET plan = 'null' FROM unnest($1::uuid[], $2::uuid[]) AS p (org_id, job_id)
         WHERE t.org_id = p.org_id AND t.job_id = p.job_id AND t.plan <> 'null'",
        &jobs.orgs,
        &jobs.ids
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// These jobs are pruned.
pub async fn mark_pruned(conn: &mut Conn, jobs: &Jobs) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE jobs j SET pruned_at = now() FROM unnest($1::uuid[], $2::uuid[]) AS p (org_id, job_id)
         WHERE j.org_id = p.org_id AND j.id = p.job_id",
        &jobs.orgs,
        &jobs.ids
    )
    .execute(conn)
    .await?;
    Ok(())
}
