//! Jobs as of one moment, from the store and from what running steps report: one whole, many short.

use std::collections::HashMap;
use std::time::Instant;

use longshore_shared::domain::id::{JobId, OrgId};
use longshore_shared::domain::job::Job;
use longshore_shared::domain::step::Counts;
use longshore_shared::store::{OrgTx, job_tables, jobs, stages, step_reports, target_locks};

use crate::error::ApiError;
use crate::live::{ProgressHub, Snapshot};
use crate::view::{JobSnapshot, JobSummary, JobView, Live, MOST_TABLES, WaitView};

/// The job's view. The reports are read before the store: a step that ends in between
/// then stands in the store and its report, being of no running step, counts for nothing.
pub(crate) async fn view(tx: &mut OrgTx, progress_hub: &ProgressHub, id: JobId) -> Result<JobView, ApiError> {
    let Snapshot { steps, rate, .. } = progress_hub.of(tx.org_id(), id, Instant::now());
    let snapshot = load(tx, id).await?.ok_or(ApiError::NotFound)?;
    Ok(JobView::of(snapshot, &Live { steps, rate }))
}

async fn load(tx: &mut OrgTx, id: JobId) -> Result<Option<JobSnapshot>, ApiError> {
    let (org_id, conn) = (tx.org_id(), tx.conn());
    let Some(job) = jobs::find(conn, org_id, id).await? else { return Ok(None) };
    let tables = job_tables::progress(conn, org_id, id, MOST_TABLES).await?;
    let travelling: Vec<i32> =
        tables.iter().filter(|table| table.travels_in.is_some()).map(|table| table.number).collect();
    let rest = match i64::try_from(travelling.len()).is_ok_and(|shown| shown < MOST_TABLES) {
        true => Vec::new(),
        false => job_tables::sums(conn, org_id, id, &travelling).await?,
    };
    let waits = target_locks::waiting(conn, org_id, &[id]).await?;
    Ok(Some(JobSnapshot {
        waiting_for: waits.first().map(|(_, holder)| WaitView::for_target(*holder)),
        tables,
        rest,
        running: step_reports::running(conn, org_id, id).await?,
        kinds: step_reports::kinds(conn, org_id, id).await?,
        phases: if job.state.is_final() { Vec::new() } else { stages::open(conn, org_id, id).await? },
        workers: step_reports::chunks_by_worker(conn, org_id, id).await?,
        job,
    }))
}

/// Short views of jobs with what each did to rows.
pub(crate) async fn summaries(
    tx: &mut OrgTx,
    found: Vec<(Job, Counts)>,
) -> Result<Vec<JobSummary>, ApiError> {
    let open = found.iter().filter(|(job, _)| !job.state.is_final()).map(|(job, _)| job.id);
    let (org_id, open): (OrgId, Vec<JobId>) = (tx.org_id(), open.collect());
    let mut waits: HashMap<JobId, _> = match open.as_slice() {
        [] => HashMap::new(),
        open => target_locks::waiting(tx.conn(), org_id, open).await?.into_iter().collect(),
    };
    let summary = |(job, counts): (Job, Counts)| {
        let wait = waits.remove(&job.id).map(WaitView::for_target);
        JobSummary::of(job, counts, wait)
    };
    Ok(found.into_iter().map(summary).collect())
}
