//! How far the tables of a job have come: each by itself, or of very many as many as are asked for and the
//! others in sums.

use serde_json::Value;
use uuid::Uuid;

use super::super::{Conn, StoreError};
use crate::domain::failure::Failure;
use crate::domain::id::{JobId, OrgId, StepId};
use crate::domain::step::{Counts, Standing, TableMode, Verified};

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
    /// The step that it travels in with others, as long as that is kept.
    pub travels_in: Option<StepId>,
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

/// Tables of the job by number: all that have steps of their own, and of those that travel with others the first
/// `most`, failed ones and those in hand before the rest.
pub async fn progress(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    most: i64,
) -> Result<Vec<TableProgress>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"WITH chosen AS MATERIALIZED (
               SELECT t.number FROM job_tables t
               LEFT JOIN steps s ON s.org_id = t.org_id AND s.job_id = t.job_id AND s.ordinal = t.step_ordinal
               WHERE t.org_id = $1 AND t.job_id = $2 AND t.step_ordinal IS NOT NULL
               ORDER BY t.failure IS NULL, s.state IS DISTINCT FROM 'running' OR t.done, t.number LIMIT $3
           )
           SELECT t.number, t.name, t.mode, t.rows_total, t.bytes_total, t.verified, t.failure,
                  s.id AS "travels_in?",
                  coalesce(t.summary, CASE WHEN t.step_ordinal IS NULL
                      THEN job_table_summary(t.org_id, t.job_id, t.number)
                      ELSE travelled_summary(t, s) END) AS "summary!"
           FROM job_tables t
           LEFT JOIN steps s ON s.org_id = t.org_id AND s.job_id = t.job_id AND s.ordinal = t.step_ordinal
           WHERE t.org_id = $1 AND t.job_id = $2
             AND (t.step_ordinal IS NULL OR t.number IN (SELECT number FROM chosen))
           ORDER BY t.number"#,
        org_id.0,
        job_id.0,
        most
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The next tables of the job behind a number, at most so many.
pub async fn page(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    after: i32,
    most: i64,
) -> Result<Vec<TableProgress>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT t.number, t.name, t.mode, t.rows_total, t.bytes_total, t.verified, t.failure,
                  s.id AS "travels_in?",
                  coalesce(t.summary, CASE WHEN t.step_ordinal IS NULL
                      THEN job_table_summary(t.org_id, t.job_id, t.number)
                      ELSE travelled_summary(t, s) END) AS "summary!"
           FROM job_tables t
           LEFT JOIN steps s ON s.org_id = t.org_id AND s.job_id = t.job_id AND s.ordinal = t.step_ordinal
           WHERE t.org_id = $1 AND t.job_id = $2 AND t.number > $3
           ORDER BY t.number LIMIT $4"#,
        org_id.0,
        job_id.0,
        after,
        most
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Tables that stand alike, summed up.
#[derive(Clone, Debug)]
pub struct TableSum {
    /// How many.
    pub tables: i64,
    /// Where each of them stands.
    pub standing: Standing,
    /// Their verification has ended.
    pub verified: bool,
    /// Rows to read: what was read of those that are done, an estimate of the others.
    pub rows_total: i64,
    /// Bytes to read.
    pub bytes_total: i64,
    /// What was done to their rows.
    pub counts: Counts,
    /// From the begin of the first step that works on them to the end of the last, or until now.
    pub moving_seconds: Option<f64>,
}

/// The sums of the job's tables that travel with others, but for these.
pub async fn sums(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    except: &[i32],
) -> Result<Vec<TableSum>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT t.mode, t.failure IS NOT NULL AS "failed!", t.verified IS NOT NULL AS "verified!", t.done,
                  t.wrote OR NOT t.done AND coalesce(s.wrote, false) AS "wrote!",
                  t.done OR s.started_at IS NOT NULL AS "begun!", count(*) AS "tables!",
                  sum(CASE WHEN t.done THEN t.rows ELSE greatest(t.rows_total, t.rows) END)::bigint AS "rows_total!",
                  sum(CASE WHEN t.done THEN t.bytes ELSE greatest(t.bytes_total, t.bytes) END)::bigint AS "bytes_total!",
                  sum(t.rows)::bigint AS "rows!", sum(t.bytes)::bigint AS "bytes!",
                  sum(t.inserted)::bigint AS "inserted!", sum(t.updated)::bigint AS "updated!",
                  sum(t.deleted)::bigint AS "deleted!", sum(t.unchanged)::bigint AS "unchanged!",
                  sum(t.skipped)::bigint AS "skipped!",
                  extract(epoch FROM max(coalesce(s.ended_at, now())) FILTER (WHERE s.started_at IS NOT NULL)
                      - min(s.started_at))::float8 AS moving_seconds
           FROM job_tables t
           LEFT JOIN steps s ON s.org_id = t.org_id AND s.job_id = t.job_id AND s.ordinal = t.step_ordinal
           WHERE t.org_id = $1 AND t.job_id = $2 AND t.step_ordinal IS NOT NULL AND t.number <> ALL ($3)
           GROUP BY 1, 2, 3, 4, 5, 6"#,
        org_id.0,
        job_id.0,
        except
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|r| {
            let mode = r.mode.parse()?;
            Ok(TableSum {
                tables: r.tables,
                standing: Standing { mode, failed: r.failed, done: r.done, begun: r.begun, wrote: r.wrote },
                verified: r.verified,
                rows_total: r.rows_total,
                bytes_total: r.bytes_total,
                counts: Counts {
                    rows: r.rows,
                    bytes: r.bytes,
                    inserted: r.inserted,
                    updated: r.updated,
                    deleted: r.deleted,
                    unchanged: r.unchanged,
                    skipped: r.skipped,
                },
                moving_seconds: r.moving_seconds,
            })
        })
        .collect()
}

struct Row {
    number: i32,
    name: String,
    mode: String,
    rows_total: i64,
    bytes_total: i64,
    verified: Option<Value>,
    failure: Option<Value>,
    travels_in: Option<Uuid>,
    summary: Value,
}

impl TryFrom<Row> for TableProgress {
    type Error = StoreError;

    fn try_from(r: Row) -> Result<Self, StoreError> {
        let Summary { counts, steps } = serde_json::from_value(r.summary)?;
        Ok(Self {
            number: r.number,
            name: r.name,
            mode: r.mode.parse()?,
            rows_total: r.rows_total,
            bytes_total: r.bytes_total,
            verified: r.verified.map(serde_json::from_value).transpose()?,
            failure: r.failure.map(serde_json::from_value).transpose()?,
            travels_in: r.travels_in.map(StepId),
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
    }
}

impl TableProgress {
    /// What its state follows from.
    pub const fn standing(&self) -> Standing {
        Standing {
            mode: self.mode,
            failed: self.failure.is_some(),
            done: self.steps_done == self.steps_total,
            begun: self.steps_begun > 0,
            wrote: self.writes > 0,
        }
    }
}

/// What came of a table, as the functions `job_table_summary` and `travelled_summary` say.
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
