//! Table `job_tables`: what a job does to each table, and how far it has come.

use std::collections::HashMap;

use serde_json::Value;

use super::{Conn, StoreError};
use crate::domain::failure::Failure;
use crate::domain::id::{ConnectionId, JobId, OrgId};
use crate::domain::step::{Counts, Owed, TableDraft, TableMode, Verified};

/// Stores the plans of tables in one statement.
pub async fn insert_all(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    tables: &[TableDraft],
) -> Result<(), StoreError> {
    let numbers: Vec<_> = tables.iter().map(|t| t.number).collect();
    let names: Vec<_> = tables.iter().map(|t| t.name.clone()).collect();
    let modes: Vec<_> = tables.iter().map(|t| t.mode.as_str().to_owned()).collect();
    let plans: Vec<_> = tables.iter().map(|t| t.plan.clone()).collect();
    let rows: Vec<_> = tables.iter().map(|t| t.rows_total).collect();
    let bytes: Vec<_> = tables.iter().map(|t| t.bytes_total).collect();
    let failures = tables.iter().map(|t| t.failure.as_ref().map(serde_json::to_value).transpose());
    let failures = failures.collect::<Result<Vec<_>, _>>()?;
    let owes = tables.iter().map(|t| serde_json::to_value(&t.owes)).collect::<Result<Vec<_>, _>>()?;
    sqlx::query!(
        "INSERT INTO job_tables (org_id, job_id, number, name, mode, plan, rows_total, bytes_total, failure, owes)
         SELECT $1, $2, d.* FROM unnest($3::integer[], $4::text[], $5::text[], $6::jsonb[], $7::bigint[],
             $8::bigint[], $9::jsonb[], $10::jsonb[]) AS d",
        org_id.0,
        job_id.0,
        &numbers,
        &names,
        &modes,
        &plans,
        &rows,
        &bytes,
        &failures as &[Option<Value>],
        &owes
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Stores what the verification of a table found.
pub async fn set_verified(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    number: i32,
    verified: &Verified,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE job_tables SET verified = $4 WHERE org_id = $1 AND job_id = $2 AND number = $3",
        org_id.0,
        job_id.0,
        number,
        serde_json::to_value(verified)?
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Stores why a table failed.
pub async fn set_failure(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    number: i32,
    failure: &Failure,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE job_tables SET failure = $4 WHERE org_id = $1 AND job_id = $2 AND number = $3",
        org_id.0,
        job_id.0,
        number,
        serde_json::to_value(failure)?
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Number and name of each of the job's tables that has failed.
pub async fn all_failed(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
) -> Result<Vec<(i32, String)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT number, name FROM job_tables WHERE org_id = $1 AND job_id = $2 AND failure IS NOT NULL",
        org_id.0,
        job_id.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (r.number, r.name)).collect())
}

/// The worker's plans of some of the job's tables (all when `numbers` is `None`), by number.
pub async fn plans(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    numbers: Option<&[i32]>,
) -> Result<Vec<(i32, Value)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT number, plan FROM job_tables
         WHERE org_id = $1 AND job_id = $2 AND ($3::integer[] IS NULL OR number = ANY ($3)) ORDER BY number",
        org_id.0,
        job_id.0,
        numbers
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (r.number, r.plan)).collect())
}

/// The table has been given foreign keys of these names.
pub async fn forget_keys(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    number: i32,
    names: &[String],
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE job_tables SET owes = jsonb_set(owes, '{foreign_keys}', (owes -> 'foreign_keys') - $4::text[])
         WHERE org_id = $1 AND job_id = $2 AND number = $3 AND owes IS NOT NULL",
        org_id.0,
        job_id.0,
        number,
        names
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What the target's tables are still to get by the last job that touched each, apart from `except`.
/// Once a table is verified its rows and indexes are there; a foreign key is owed until it was added.
pub async fn owed(
    conn: &mut Conn,
    org_id: OrgId,
    target_id: ConnectionId,
    except: JobId,
) -> Result<HashMap<String, Owed>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT ON (t.name) t.name,
               coalesce(t.owes, jsonb_build_object(
                   'rows', t.mode <> 'diff' OR coalesce((t.plan ->> 'begun')::boolean, false),
                   'indexes', jsonb_path_query_array(t.plan, '$.new_indexes[*].name'),
                   'foreign_keys', CASE WHEN whole.is THEN '[]'
                       ELSE jsonb_path_query_array(t.plan, '$.new_foreign_keys[*].name') END)) AS "owes!",
               whole.is AS "whole!"
           FROM job_tables t JOIN jobs j ON j.org_id = t.org_id AND j.id = t.job_id
           CROSS JOIN LATERAL
               (SELECT t.failure IS NULL AND coalesce(t.verified ->> 'result' = 'equal', false) AS is) whole
           WHERE t.org_id = $1 AND j.target_id = $2 AND j.id <> $3
             AND t.mode IN ('create', 'fill', 'diff', 'replace', 'equal')
           ORDER BY t.name, j.id DESC"#,
        org_id.0,
        target_id.0,
        except.0
    )
    .fetch_all(conn)
    .await?;
    let owed = rows.into_iter().map(|r| {
        let owes: Owed = serde_json::from_value(r.owes)?;
        let left = if r.whole { Owed { rows: false, indexes: Vec::new(), ..owes } } else { owes };
        Ok((r.name, left))
    });
    owed.filter(|found: &Result<(String, Owed), StoreError>| {
        found.as_ref().map_or(true, |(_, owed)| *owed != Owed::default())
    })
    .collect()
}

/// How a table was cut by the task's last completed job.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// Its name.
    pub name: String,
    /// The worker's plan of it.
    pub plan: Value,
    /// Rows that the source had, as estimated or counted then.
    pub rows_total: i64,
    /// What its row steps were told, in their order.
    pub payloads: Vec<Value>,
    /// How many seconds one of them took, in the mean.
    pub seconds: f64,
}

/// How the tables of the job's task were cut by its last completed job.
pub async fn remembered(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
) -> Result<Vec<Remembered>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT t.name, t.plan, t.rows_total,
                  (SELECT array_agg(s.payload ORDER BY s.ordinal) FROM steps s
                   WHERE s.org_id = t.org_id AND s.job_id = t.job_id AND s.table_number = t.number
                     AND s.counts_rows) AS payloads,
                  (SELECT avg(extract(epoch FROM s.ended_at - s.started_at))::float8 FROM steps s
                   WHERE s.org_id = t.org_id AND s.job_id = t.job_id AND s.table_number = t.number
                     AND s.counts_rows) AS seconds
           FROM job_tables t
           WHERE t.org_id = $1 AND t.job_id = (
               SELECT last.id FROM jobs this JOIN jobs last ON last.org_id = $1
                   AND last.subject_kind = this.subject_kind AND last.subject_id = this.subject_id
               WHERE this.org_id = $1 AND this.id = $2 AND last.state = 'completed'
               ORDER BY last.id DESC LIMIT 1)
           ORDER BY t.number"#,
        org_id.0,
        job_id.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|r| {
            let (payloads, seconds) = (r.payloads?, r.seconds.unwrap_or_default());
            Some(Remembered { name: r.name, plan: r.plan, rows_total: r.rows_total, payloads, seconds })
        })
        .collect())
}

/// How many tables of the job failed, and the first one's failure.
pub async fn failed(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
) -> Result<(i64, Option<(String, Failure)>), StoreError> {
    let rows = sqlx::query!(
        r#"SELECT name, failure AS "failure!" FROM job_tables
           WHERE org_id = $1 AND job_id = $2 AND failure IS NOT NULL ORDER BY number"#,
        org_id.0,
        job_id.0
    )
    .fetch_all(conn)
    .await?;
    let count = i64::try_from(rows.len())?;
    let first = rows.into_iter().next();
    Ok((count, first.map(|r| Ok::<_, StoreError>((r.name, serde_json::from_value(r.failure)?))).transpose()?))
}

/// A table with what its steps did so far.
#[derive(Clone, Debug)]
pub struct TableProgress {
    /// Its number in the job.
    pub number: i32,
    /// Its name.
    pub name: String,
    /// What is done with it.
    pub mode: TableMode,
    /// Rows to read; an estimate.
    pub rows_total: i64,
    /// Bytes to read; an estimate.
    pub bytes_total: i64,
    /// What its verification found.
    pub verified: Option<Verified>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What its ended steps did to rows. `rows` and `bytes` count the steps that move rows
    /// only, so that a verification does not count them twice.
    pub counts: Counts,
    /// Its steps that move rows: in all, and done.
    pub chunks_total: i64,
    /// Done steps that move rows.
    pub chunks_done: i64,
    /// All its steps.
    pub steps_total: i64,
    /// Steps that are done.
    pub steps_done: i64,
    /// Steps that are running or have ever run.
    pub steps_begun: i64,
    /// Steps that wrote to it, or may have.
    pub writes: i64,
    /// The workers that did its row-moving steps.
    pub workers: Vec<String>,
    /// From the first step's claim to the last step's end, in seconds.
    pub seconds: Option<f64>,
    /// From the claim of the first step that moves rows to the end of the last, or until now.
    pub moving_seconds: Option<f64>,
}

/// Every table of the job, by number.
pub async fn progress(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
) -> Result<Vec<TableProgress>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT number, name, mode, rows_total, bytes_total, verified, failure,
                  coalesce(summary, job_table_summary(org_id, job_id, number)) AS "summary!"
           FROM job_tables WHERE org_id = $1 AND job_id = $2 ORDER BY number"#,
        org_id.0,
        job_id.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|r| {
            let Summary { counts, steps } = serde_json::from_value(r.summary)?;
            Ok(TableProgress {
                number: r.number,
                name: r.name,
                mode: r.mode.parse()?,
                rows_total: r.rows_total,
                bytes_total: r.bytes_total,
                verified: r.verified.map(serde_json::from_value).transpose()?,
                failure: r.failure.map(serde_json::from_value).transpose()?,
                counts,
                chunks_total: steps.chunks_total,
                chunks_done: steps.chunks_done,
                steps_total: steps.steps_total,
                steps_done: steps.steps_done,
                steps_begun: steps.steps_begun,
                writes: steps.writes,
                workers: steps.workers,
                seconds: steps.seconds,
                moving_seconds: steps.moving_seconds,
            })
        })
        .collect()
}

/// What came of a table, as the function `job_table_summary` says.
#[derive(serde::Deserialize)]
struct Summary {
    #[serde(flatten)]
    counts: Counts,
    #[serde(flatten)]
    steps: StepSums,
}

#[derive(serde::Deserialize)]
struct StepSums {
    chunks_total: i64,
    chunks_done: i64,
    steps_total: i64,
    steps_done: i64,
    steps_begun: i64,
    writes: i64,
    workers: Vec<String>,
    seconds: Option<f64>,
    moving_seconds: Option<f64>,
}
