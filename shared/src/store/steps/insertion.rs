//! New rows of `steps`.

use crate::clock;
use crate::domain::id::{JobId, OrgId, StepId};
use crate::domain::step::{StepDraft, StepState};
use crate::store::{Conn, StoreError};

/// Inserts a step in this state.
pub async fn insert(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    id: StepId,
    ordinal: i32,
    draft: &StepDraft,
    state: StepState,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO steps (org_id, id, job_id, stage, ordinal, kind, queue, state, table_number, payload,
             source_sessions, target_sessions, announced_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
                 CASE WHEN $8 = 'announced' THEN now() END)",
        org_id.0,
        id.0,
        job_id.0,
        draft.stage,
        ordinal,
        draft.kind.as_str(),
        draft.queue().as_str(),
        state.as_str(),
        draft.table_number,
        draft.payload,
        draft.kind.sessions().source,
        draft.kind.sessions().target
    )
    .execute(conn)
    .await?;
    Ok(())
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
    let sources: Vec<_> = drafts.iter().map(|draft| draft.kind.sessions().source).collect();
    let targets: Vec<_> = drafts.iter().map(|draft| draft.kind.sessions().target).collect();
    sqlx::query!(
        r#"INSERT INTO steps (org_id, id, job_id, stage, ordinal, kind, queue, state, table_number, payload,
               source_sessions, target_sessions)
           SELECT $1, d.id, $2, d.stage, $3 + (d.place - 1)::integer, d.kind, d.queue, 'waiting', d.table_number,
               d.payload, d.source_sessions, d.target_sessions
           FROM unnest($4::uuid[], $5::integer[], $6::text[], $7::text[], $8::integer[], $9::jsonb[],
                       $10::smallint[], $11::smallint[])
               WITH ORDINALITY AS d (id, stage, kind, queue, table_number, payload, source_sessions, target_sessions,
                                     place)"#,
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
        &targets
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
