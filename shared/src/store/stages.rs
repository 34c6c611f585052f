//! Table `stages`: what waits for what inside a job.

use super::{Conn, StoreError};
use crate::domain::id::{JobId, OrgId};
use crate::domain::step::StageDraft;

/// Inserts stages, in one statement however many they are: each with those that wait for it, and with the
/// number of its steps.
pub async fn insert_all(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    stages: &[(&StageDraft, Vec<i32>, i32)],
) -> Result<(), StoreError> {
    let numbers: Vec<_> = stages.iter().map(|(stage, ..)| stage.number).collect();
    let names: Vec<_> = stages.iter().map(|(stage, ..)| stage.name.clone()).collect();
    // PostgreSQL's arrays are rectangles: those that are not travel as JSON.
    let feeds: Vec<_> = stages.iter().map(|(_, feeds, _)| serde_json::json!(feeds)).collect();
    let waits = stages.iter().map(|(stage, ..)| i32::try_from(stage.waits_for.len()));
    let waits = waits.collect::<Result<Vec<_>, _>>()?;
    let remaining: Vec<_> = stages.iter().map(|(.., remaining)| *remaining).collect();
    sqlx::query!(
        "INSERT INTO stages (org_id, job_id, number, name, feeds, waits, remaining)
         SELECT $1, $2, d.number, d.name, ARRAY(SELECT jsonb_array_elements_text(d.feeds)::integer), d.waits, d.remaining
         FROM unnest($3::integer[], $4::text[], $5::jsonb[], $6::integer[], $7::integer[])
             AS d (number, name, feeds, waits, remaining)",
        org_id.0,
        job_id.0,
        &numbers,
        &names,
        &feeds,
        &waits,
        &remaining
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Makes stage 0 feed the stages that a plan added on top of it.
pub async fn set_feeds(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    number: i32,
    feeds: &[i32],
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE stages SET feeds = $4 WHERE org_id = $1 AND job_id = $2 AND number = $3",
        org_id.0,
        job_id.0,
        number,
        feeds
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// One step of the stage has ended; answers how many remain.
pub async fn step_ended(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    number: i32,
) -> Result<i32, StoreError> {
    let row = sqlx::query!(
        "UPDATE stages SET remaining = remaining - 1 WHERE org_id = $1 AND job_id = $2 AND number = $3
         RETURNING remaining",
        org_id.0,
        job_id.0,
        number
    )
    .fetch_one(conn)
    .await?;
    Ok(row.remaining)
}

/// So many steps of the stage will not be done; answers whether it is complete by that and open.
pub async fn steps_dropped(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    number: i32,
    count: i32,
) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        "UPDATE stages SET remaining = remaining - $4 WHERE org_id = $1 AND job_id = $2 AND number = $3
         RETURNING remaining, waits",
        org_id.0,
        job_id.0,
        number,
        count
    )
    .fetch_one(conn)
    .await?;
    Ok(row.remaining == 0 && row.waits == 0)
}

/// The stage has ended: those it feeds wait for one less. Answers which of them are open
/// now and have no step of their own.
pub async fn close(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    number: i32,
) -> Result<Vec<i32>, StoreError> {
    let rows = sqlx::query!(
        "UPDATE stages SET waits = waits - 1
         WHERE org_id = $1 AND job_id = $2
           AND number = ANY ((SELECT f.feeds FROM stages f
                              WHERE f.org_id = $1 AND f.job_id = $2 AND f.number = $3)::integer[])
         RETURNING number, waits, remaining",
        org_id.0,
        job_id.0,
        number
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().filter(|r| r.waits == 0 && r.remaining == 0).map(|r| r.number).collect())
}

/// The names of the stages whose steps may run now and have not all ended, in order.
pub async fn open(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query!(
        "SELECT name FROM stages WHERE org_id = $1 AND job_id = $2 AND waits = 0 AND remaining > 0
         ORDER BY number",
        org_id.0,
        job_id.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| r.name).collect())
}

/// Whether every stage of the job has ended. The last ones end last: they are looked at first.
pub async fn all_ended(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        r#"SELECT (SELECT number FROM stages WHERE org_id = $1 AND job_id = $2 AND remaining > 0
                   ORDER BY number DESC LIMIT 1) IS NULL AS "ended!""#,
        org_id.0,
        job_id.0
    )
    .fetch_one(conn)
    .await?;
    Ok(row.ended)
}
