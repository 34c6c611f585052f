//! `dump`: streams ranges of the source into parts of the package, and has the source's server tell the checksum
//! of each.
//!
//! Idempotent: an attempt writes under a name of its own, and only what its outcome tells is in the manifest.
//! Cancelled: parts may stay in the store that nothing names; the sweep removes them.

use std::collections::HashMap;
use std::time::Instant;

use longshore_shared::domain::backup::BackupSpec;
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::step::{Outcome, Travelled};
use longshore_shared::failpoint::{Failpoint, reach};
use longshore_shared::store::{RowError, StoreError};

use super::packing::Packing;
use super::table::{DumpDetail, DumpPayload, DumpPlan, Piece};
use crate::engine::shape::{Digest, Range};
use crate::engine::{Loaded, Reader};
use crate::steps::attempt::{Attempt, written};
use crate::steps::error::StepError;
use crate::transfer::pump;

pub(super) async fn run(attempt: &Attempt, spec: &BackupSpec) -> Result<Outcome, StepError> {
    let DumpPayload { pieces } = attempt.payload()?;
    let side = super::source(attempt).await?;
    let plans: HashMap<i32, DumpPlan> = super::plans(attempt).await?.into_iter().collect();
    let plan = |piece: &Piece| {
        plans.get(&piece.table).ok_or_else(|| StoreError::Row(RowError::Absent("a step's table")))
    };
    let mut source = attempt.point_reader(&side).await?;
    source.begin_snapshot(None).await?;
    let mut packing = Packing::new(attempt.package_writer(spec.package_id)?)?;
    let travels = pieces.len() > 1 || attempt.step().table_number.is_none();
    for piece in &pieces {
        let plan = plan(piece)?;
        let since = Instant::now();
        if travels {
            attempt.meter().takes(piece.table);
        }
        packing.begin(piece);
        let Loaded { rows, .. } =
            pump(&mut *source, &mut packing, &plan.shape, &piece.range, attempt.meter()).await?;
        let digest = proven(&mut *source, plan, &piece.range, rows).await?;
        packing.end(piece, &digest)?;
        if travels {
            let (counts, _) = attempt.meter().in_hand();
            let seconds = since.elapsed().as_secs_f64();
            let number = piece.table;
            attempt.meter().puts_down(Travelled {
                number,
                counts,
                done: true,
                seconds,
                ..Travelled::default()
            });
        }
        attempt.check_lease()?;
    }
    reach(Failpoint::DumpBeforeStore).await?;
    let parts = packing.finish().await?;
    reach(Failpoint::DumpStored).await?;
    source.end_snapshot().await?;
    Ok(Outcome { detail: written(&DumpDetail { parts })?, ..Outcome::default() })
}

/// What the source's server says of the range's rows: as many, and their checksum.
async fn proven(
    source: &mut dyn Reader,
    plan: &DumpPlan,
    range: &Range,
    rows: u64,
) -> Result<Digest, StepError> {
    let digest = source.digest(&plan.shape, range, plan.hash).await?;
    if digest.rows != rows && plan.shape.keeps_versions {
        return Err(Failure::permanent(
            FailureCode::RowsLost,
            format!("read table {}: {rows} rows came and the server counts {}", plan.shape.name, digest.rows),
        )
        .into());
    }
    Ok(digest)
}
