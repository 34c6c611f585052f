//! Jobs in the order in which they were asked for: lists of them, and how a subject's runs went last.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::super::{Conn, StoreError};
use super::Row;
use crate::domain::id::{ConnectionId, JobId, OrgId, TaskId};
use crate::domain::job::{Job, JobKind, JobState};
use crate::domain::step::Counts;
use crate::domain::subject::{Subject, SubjectKind};

/// Which jobs a list is to show.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Runs of this subject only.
    pub subject: Option<Subject>,
    /// Jobs in this state only.
    pub state: Option<JobState>,
    /// Jobs of this kind only.
    pub kind: Option<JobKind>,
    /// Jobs that read, test or write this connection only.
    pub connection_id: Option<ConnectionId>,
    /// Jobs only whose name, or the name of whose source, target or asker, contains this text without
    /// regard to case, or whose identifier begins with it.
    pub text: Option<String>,
    /// Jobs that were accepted at this moment or later only.
    pub from: Option<DateTime<Utc>>,
    /// Jobs that were accepted before this moment only.
    pub to: Option<DateTime<Utc>>,
    /// Jobs older than this one (a keyset cursor).
    pub before: Option<JobId>,
}

/// A job's identifier is made when it is accepted and holds the time of that; so far apart the two
/// are never. It lets an index find the jobs of a time.
const APART: TimeDelta = TimeDelta::minutes(1);

/// An identifier that is smaller than those of all jobs that were accepted at this time or later.
fn first_id(from: DateTime<Utc>) -> Uuid {
    let milliseconds = u128::try_from((from - APART).timestamp_millis()).unwrap_or_default();
    Uuid::from_u128(milliseconds << 80)
}

/// The organisation's jobs, newest first, with what each did to rows so far.
pub async fn list(
    conn: &mut Conn,
    org_id: OrgId,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<(Job, Counts)>, StoreError> {
    let pattern = filter.text.as_deref().map(containing);
    let rows = sqlx::query!(
        r#"SELECT org_id, id, kind, state, subject_kind, subject_id, name, source_id, source_name, target_id, target_name,
                spec, requested_by_kind, requested_by_id, requested_by_name, due_at, queued_behind, ending, warnings,
                failure, created_at, started_at, ended_at, coalesce(summary, job_counts(org_id, id)) AS "counts!"
         FROM jobs
         WHERE org_id = $1 AND ($2::uuid IS NULL OR (subject_kind = $3 AND subject_id = $2))
           AND ($4::text IS NULL OR state = $4) AND ($5::text IS NULL OR kind = $5)
           AND ($6::uuid IS NULL OR source_id = $6 OR target_id = $6)
           AND ($7::text IS NULL OR name ILIKE $7 OR source_name ILIKE $7 OR target_name ILIKE $7
                OR requested_by_name ILIKE $7 OR id::text ILIKE substr($7, 2))
           AND ($8::timestamptz IS NULL OR (created_at >= $8 AND id >= $9))
           AND ($10::timestamptz IS NULL OR (created_at < $10 AND id < $11))
           AND ($12::uuid IS NULL OR id < $12)
         ORDER BY id DESC LIMIT $13"#,
        org_id.0,
        filter.subject.map(Subject::id),
        filter.subject.map(|subject| subject.kind().as_str()),
        filter.state.map(JobState::as_str),
        filter.kind.map(JobKind::as_str),
        filter.connection_id.map(|c| c.0),
        pattern,
        filter.from,
        filter.from.map(first_id),
        filter.to,
        filter.to.map(|to| first_id(to + APART * 2)),
        filter.before.map(|b| b.0),
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|r| {
            let row = Row {
                org_id: r.org_id,
                id: r.id,
                kind: r.kind,
                state: r.state,
                subject_kind: r.subject_kind,
                subject_id: r.subject_id,
                name: r.name,
                source_id: r.source_id,
                source_name: r.source_name,
                target_id: r.target_id,
                target_name: r.target_name,
                spec: r.spec,
                requested_by_kind: r.requested_by_kind,
                requested_by_id: r.requested_by_id,
                requested_by_name: r.requested_by_name,
                due_at: r.due_at,
                queued_behind: r.queued_behind,
                ending: r.ending,
                warnings: r.warnings,
                failure: r.failure,
                created_at: r.created_at,
                started_at: r.started_at,
                ended_at: r.ended_at,
            };
            Ok((row.try_into()?, serde_json::from_value(r.counts)?))
        })
        .collect()
}

/// A pattern of LIKE for texts that contain this one as it stands.
fn containing(text: &str) -> String {
    let plain = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{plain}%")
}

/// How a task's runs went last.
#[derive(Clone, Copy, Debug)]
pub struct LastRuns {
    /// The newest run that did not wait for another one.
    pub run: LastRun,
    /// The newest run that completed, and when it did.
    pub success: Option<(JobId, DateTime<Utc>)>,
}

/// The newest run of a task.
#[derive(Clone, Copy, Debug)]
pub struct LastRun {
    /// Its job.
    pub id: JobId,
    /// When it was accepted.
    pub at: DateTime<Utc>,
    /// Where it stands.
    pub state: JobState,
}

/// How the runs of these tasks went last; of a task that never ran there is none.
pub async fn last_runs(
    conn: &mut Conn,
    org_id: OrgId,
    tasks: &[TaskId],
) -> Result<HashMap<TaskId, LastRuns>, StoreError> {
    let ids: Vec<_> = tasks.iter().map(|task| task.0).collect();
    let rows = sqlx::query!(
        r#"SELECT t.id AS "task_id!", l.id, l.created_at, l.state, c.id AS "good_id?", c.ended_at AS "good_at?"
           FROM unnest($3::uuid[]) AS t (id)
           CROSS JOIN LATERAL (
               SELECT id, created_at, state FROM jobs
               WHERE org_id = $1 AND subject_kind = $2 AND subject_id = t.id AND queued_behind IS NULL
               ORDER BY id DESC LIMIT 1) l
           LEFT JOIN LATERAL (
               SELECT id, ended_at FROM jobs
               WHERE org_id = $1 AND subject_kind = $2 AND subject_id = t.id AND state = 'completed'
               ORDER BY id DESC LIMIT 1) c ON true"#,
        org_id.0,
        SubjectKind::SyncTask.as_str(),
        &ids
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|r| {
            let run = LastRun { id: JobId(r.id), at: r.created_at, state: r.state.parse()? };
            let success = r.good_id.map(JobId).zip(r.good_at);
            Ok((TaskId(r.task_id), LastRuns { run, success }))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use chrono::{DateTime, Utc};

    use super::{APART, containing, first_id};

    #[test]
    fn what_like_reads_otherwise_is_taken_as_it_stands() {
        assert_eq!(containing(r"50%_a\b"), r"%50\%\_a\\b%");
    }

    #[test]
    fn an_index_finds_the_jobs_of_a_time_by_their_identifiers() {
        let at: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
        let before = at - APART;
        assert!(first_id(before) < first_id(at));
        let milliseconds = first_id(at).as_u128() >> 80;
        assert_eq!(i64::try_from(milliseconds).unwrap(), before.timestamp_millis());
        assert_eq!(first_id(DateTime::UNIX_EPOCH).as_u128() >> 80, 0, "long ago is the beginning");
    }
}
