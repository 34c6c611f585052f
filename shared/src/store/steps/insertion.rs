//! New rows of `steps`.

use crate::clock;
use crate::domain::id::{JobId, OrgId};
use crate::domain::step::{StepDraft, StepKind};
use crate::store::outbox::{self, Announcement, Owed};
use crate::store::{Conn, StoreError};

/// Inserts a job's first step with its stage, in one statement. Announced, it owes `first`,
/// `pause_seconds` from now, and that is answered; where a limit holds it waits, and this is
/// `None`.
pub async fn insert_first(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    kind: StepKind,
    first: &Announcement,
    pause_seconds: f64,
) -> Result<Option<Vec<Owed>>, StoreError> {
    let of_kind = kind.traits();
    let row = sqlx::query!(
        r#"WITH job AS (
               SELECT is_limited(org_id, source_id, target_id) AS limited FROM jobs WHERE org_id = $1 AND id = $2
           ), stage AS (
               INSERT INTO stages (org_id, job_id, number, name, feeds, waits, remaining)
               VALUES ($1, $2, 0, $4, '{}', 0, 1)
           ), step AS (
               INSERT INTO steps (org_id, id, job_id, stage, ordinal, kind, queue, state, payload,
                   source_sessions, target_sessions, counts_rows, written_from, announced_at)
               SELECT $1, $3, $2, 0, 0, $4, $5, CASE WHEN limited THEN 'waiting' ELSE 'announced' END, '{}'::jsonb,
                   $6, $7, $10, $11, CASE WHEN limited THEN NULL ELSE now() END
               FROM job
           ), owed AS (
               INSERT INTO outbox (org_id, job_id, step_id, queue, body, not_before, delayed)
               SELECT $1, $2, $3, $5, $8, now() + make_interval(secs => $9), $9 > 0 FROM job WHERE NOT limited
               RETURNING id, org_id, job_id, step_id, queue, body
           )
           SELECT (SELECT jsonb_agg(to_jsonb(owed)) FROM owed) AS owed FROM job"#,
        org_id.0,
        job_id.0,
        first.step_id.0,
        kind.as_str(),
        first.queue.as_str(),
        of_kind.sessions.source,
        of_kind.sessions.target,
        first.body,
        pause_seconds,
        of_kind.counts_rows,
        of_kind.written_from.as_str()
    )
    .fetch_one(conn)
    .await?;
    row.owed.map(outbox::read).transpose()
}

/// Inserts waiting steps, in one statement however many they are; the first gets the
/// ordinal `from`, the next ones the ordinals after it.
pub async fn insert_waiting(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    from: i32,
    drafts: &[StepDraft],
) -> Result<(), StoreError> {
    let ids: Vec<_> = drafts.iter().map(|_| clock::fresh_id()).collect();
    let stages: Vec<_> = drafts.iter().map(|draft| draft.stage).collect();
    let kinds: Vec<_> = drafts.iter().map(|draft| draft.kind.as_str().to_owned()).collect();
    let queues: Vec<_> = drafts.iter().map(|draft| draft.queue().as_str().to_owned()).collect();
    let tables: Vec<_> = drafts.iter().map(|draft| draft.table_number).collect();
    let payloads: Vec<_> = drafts.iter().map(|draft| draft.payload.clone()).collect();
    let sources: Vec<_> = drafts.iter().map(|draft| draft.sessions().source).collect();
    let targets: Vec<_> = drafts.iter().map(|draft| draft.sessions().target).collect();
    let of_kinds = drafts.iter().map(|draft| draft.kind.traits());
    let counting: Vec<_> = of_kinds.clone().map(|of_kind| of_kind.counts_rows).collect();
    let written: Vec<_> = of_kinds.map(|of_kind| of_kind.written_from.as_str().to_owned()).collect();
    sqlx::query!(
        r#"INSERT INTO steps (org_id, id, job_id, stage, ordinal, kind, queue, state, table_number, payload,
               source_sessions, target_sessions, counts_rows, written_from)
           SELECT $1, d.id, $2, d.stage, $3 + (d.place - 1)::integer, d.kind, d.queue, 'waiting', d.table_number,
               d.payload, d.source_sessions, d.target_sessions, d.counts_rows, d.written_from
           FROM unnest($4::uuid[], $5::integer[], $6::text[], $7::text[], $8::integer[], $9::jsonb[],
                       $10::smallint[], $11::smallint[], $12::boolean[], $13::text[])
               WITH ORDINALITY AS d (id, stage, kind, queue, table_number, payload, source_sessions, target_sessions,
                                     counts_rows, written_from, place)"#,
        org_id.0,
        job_id.0,
        from,
        &ids,
        &stages,
        &kinds,
        &queues,
        &tables as &[Option<i32>],
        &payloads,
        &sources,
        &targets,
        &counting,
        &written
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The highest ordinal of the job's steps.
pub async fn last_ordinal(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<i32, StoreError> {
    let row = sqlx::query!(
        r#"SELECT coalesce(max(ordinal), -1) AS "last!" FROM steps WHERE org_id = $1 AND job_id = $2"#,
        org_id.0,
        job_id.0
    )
    .fetch_one(conn)
    .await?;
    Ok(row.last)
}
