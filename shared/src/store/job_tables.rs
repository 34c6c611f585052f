//! Table `job_tables`: what a job does to each table, and how far it has come.

mod progress;

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

pub use self::progress::{TableProgress, TableSum, page, progress, sums};
use super::{Conn, StoreError};
use crate::domain::failure::Failure;
use crate::domain::id::{ConnectionId, JobId, OrgId};
use crate::domain::step::{Counts, Lease, Owed, TableDraft, Travelled, Verified};

/// As many tables are stored by one statement: their plans are large.
const INSERTED: usize = 1_000;

/// Stores the plans of tables; `travels_in`: the ordinal of the step that works on a table together with others.
pub async fn insert_all(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    tables: &[TableDraft],
    travels_in: &BTreeMap<i32, i32>,
) -> Result<(), StoreError> {
    for some in tables.chunks(INSERTED) {
        let numbers: Vec<_> = some.iter().map(|t| t.number).collect();
        let names: Vec<_> = some.iter().map(|t| t.name.clone()).collect();
        let modes: Vec<_> = some.iter().map(|t| t.mode.as_str().to_owned()).collect();
        let plans: Vec<_> = some.iter().map(|t| t.plan.clone()).collect();
        let rows: Vec<_> = some.iter().map(|t| t.rows_total).collect();
        let bytes: Vec<_> = some.iter().map(|t| t.bytes_total).collect();
        let failures = some.iter().map(|t| t.failure.as_ref().map(serde_json::to_value).transpose());
        let failures = failures.collect::<Result<Vec<_>, _>>()?;
        let owes = some.iter().map(|t| serde_json::to_value(&t.owes)).collect::<Result<Vec<_>, _>>()?;
        let ordinals: Vec<_> = some.iter().map(|t| travels_in.get(&t.number).copied()).collect();
        sqlx::query!(
            "INSERT INTO job_tables (org_id, job_id, number, name, mode, plan, rows_total, bytes_total, failure, owes,
                 step_ordinal)
             SELECT $1, $2, d.number, d.name, d.mode, d.plan, d.rows_total, d.bytes_total, d.failure, d.owes,
                 d.step_ordinal
             FROM unnest($3::integer[], $4::text[], $5::text[], $6::jsonb[], $7::bigint[], $8::bigint[], $9::jsonb[],
                         $10::jsonb[], $11::integer[])
                 AS d (number, name, mode, plan, rows_total, bytes_total, failure, owes, step_ordinal)",
            org_id.0,
            job_id.0,
            &numbers,
            &names,
            &modes,
            &plans,
            &rows,
            &bytes,
            &failures as &[Option<Value>],
            &owes,
            &ordinals as &[Option<i32>]
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Stores what came of tables in a step that works on several; the newest word of each counts. Whoever calls
/// has found the lease to be the newest.
pub async fn set_travelled(conn: &mut Conn, lease: &Lease, tables: &[Travelled]) -> Result<(), StoreError> {
    if tables.is_empty() {
        return Ok(());
    }
    let numbers: Vec<_> = tables.iter().map(|t| t.number).collect();
    let done: Vec<_> = tables.iter().map(|t| t.done).collect();
    let wrote: Vec<_> = tables.iter().map(|t| t.wrote).collect();
    let seconds: Vec<_> = tables.iter().map(|t| t.seconds).collect();
    let verified = tables.iter().map(|t| t.verified.as_ref().map(serde_json::to_value).transpose());
    let verified = verified.collect::<Result<Vec<_>, _>>()?;
    let count = |of: fn(&Counts) -> i64| tables.iter().map(|t| of(&t.counts)).collect::<Vec<_>>();
    sqlx::query!(
        "UPDATE job_tables t SET done = d.done, wrote = t.wrote OR d.wrote, seconds = d.seconds,
             verified = coalesce(d.verified, t.verified), rows = d.rows, bytes = d.bytes, inserted = d.inserted,
             updated = d.updated, deleted = d.deleted, unchanged = d.unchanged, skipped = d.skipped,
             worker_name = (SELECT s.worker_name FROM steps s WHERE s.org_id = $1 AND s.id = $3)
         FROM unnest($4::integer[], $5::boolean[], $6::boolean[], $7::float8[], $8::jsonb[], $9::bigint[],
                     $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[])
             AS d (number, done, wrote, seconds, verified, rows, bytes, inserted, updated, deleted, unchanged, skipped)
         WHERE t.org_id = $1 AND t.job_id = $2 AND t.number = d.number",
        lease.org_id.0,
        lease.job_id.0,
        lease.step_id.0,
        &numbers,
        &done,
        &wrote,
        &seconds,
        &verified as &[Option<Value>],
        &count(|c| c.rows),
        &count(|c| c.bytes),
        &count(|c| c.inserted),
        &count(|c| c.updated),
        &count(|c| c.deleted),
        &count(|c| c.unchanged),
        &count(|c| c.skipped)
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

/// The plans of those of these tables of which something is left to do, by number.
pub async fn unfinished(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    numbers: &[i32],
) -> Result<Vec<(i32, Value)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT number, plan FROM job_tables
         WHERE org_id = $1 AND job_id = $2 AND number = ANY ($3) AND NOT done AND failure IS NULL ORDER BY number",
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

/// How the tables of the job's task were cut by its last completed job, but for those that travelled with others:
/// they were not cut.
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
           WHERE t.org_id = $1 AND t.step_ordinal IS NULL AND t.job_id = (
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
