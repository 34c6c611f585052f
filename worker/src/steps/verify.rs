//! `verify`: proves that a table arrived as the policy promises.
//!
//! Idempotent and without a trace: it only reads, on both sides in one consistent view
//! each.

use longshore_shared::domain::failure::{Failure, FailureClass};
use longshore_shared::domain::step::{Outcome, Verified, VerifyPolicy, VerifyResult};
use longshore_shared::failpoint::{Failpoint, reach};

use super::compare::{Comparison, digests};
use super::context::Context;
use super::error::StepError;
use super::table::TablePlan;
use crate::engine::Reader;
use crate::engine::shape::{Digest, Range};
use crate::transfer::whole;

pub(super) async fn run(context: &Context) -> Result<Outcome, StepError> {
    let plan = context.table().await?;
    let (mut source, mut target) = futures::try_join!(context.source_reader(), context.target_reader())?;
    reach(Failpoint::VerifyBefore).await?;
    futures::try_join!(source.freeze(), target.freeze())?;
    let (left, right) =
        futures::try_join!(source.digest(&plan.shape, &Range::ALL), target.digest(&plan.shape, &Range::ALL))?;
    let found = match plan.verify {
        VerifyPolicy::SourceFirst | VerifyPolicy::TargetFirst if left != right => {
            let rows = context.chunk_rows(&plan.shape);
            by_key(&mut *source, &mut *target, &plan, rows).await?
        }
        _ => Found::default(),
    };
    let verified = judge(&plan, &left, &right, found);
    futures::try_join!(source.thaw(), target.thaw())?;
    reach(Failpoint::VerifyAfter).await?;
    if verified.result == VerifyResult::Equal {
        return Ok(Outcome { verified: Some(verified), ..Outcome::default() });
    }
    Err(StepError::Unequal { failure: unequal(&plan, &verified, found), verified })
}

/// What a comparison by key found.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    missing: u64,
    differing: u64,
}

async fn by_key(
    source: &mut dyn Reader,
    target: &mut dyn Reader,
    plan: &TablePlan,
    rows: u64,
) -> Result<Found, Failure> {
    let (ranges, _) = source.split(&plan.shape, rows).await?;
    let mut found = Found::default();
    for range in &ranges {
        let same = digests(source, target, &plan.shape, range).await?.is_some_and(|(l, r)| l == r);
        if same {
            continue;
        }
        let mut comparison = Comparison::new(&plan.shape, range);
        while let Some(page) = comparison.next(source, target).await? {
            found.missing += u64::try_from(page.missing.len()).unwrap_or(u64::MAX);
            found.differing += u64::try_from(page.differing.len()).unwrap_or(u64::MAX);
        }
    }
    Ok(found)
}

fn judge(plan: &TablePlan, left: &Digest, right: &Digest, found: Found) -> Verified {
    let extra = (right.rows + found.missing).saturating_sub(left.rows);
    let kept = match plan.verify {
        VerifyPolicy::TargetFirst => found.differing,
        VerifyPolicy::Exact | VerifyPolicy::SourceFirst => 0,
    };
    let holds = match plan.verify {
        VerifyPolicy::Exact => left == right,
        VerifyPolicy::SourceFirst => found.missing == 0 && found.differing == 0,
        VerifyPolicy::TargetFirst => found.missing == 0 && (extra == 0 || !plan.prunes),
    };
    Verified {
        result: if holds { VerifyResult::Equal } else { VerifyResult::Mismatch },
        policy: plan.verify,
        source_rows: whole(left.rows),
        target_rows: whole(right.rows),
        extra_rows: whole(extra),
        skipped_rows: whole(kept),
    }
}

fn unequal(plan: &TablePlan, verified: &Verified, found: Found) -> Failure {
    let Verified { source_rows, target_rows, extra_rows, .. } = verified;
    let what = match plan.verify {
        VerifyPolicy::Exact => "the checksums differ".to_owned(),
        VerifyPolicy::SourceFirst | VerifyPolicy::TargetFirst => format!(
            "{} rows are missing, {} differ, {extra_rows} are only on the target",
            found.missing, found.differing
        ),
    };
    Failure::permanent(
        FailureClass::DataError,
        "verification_failed",
        format!(
            "table {}: the target is not as promised: {source_rows} rows on the source, {target_rows} on the \
             target; {what}",
            plan.shape.name
        ),
        "rows changed on one of the sides during the job, or a trigger of the target changed them: run it again",
    )
}

#[cfg(test)]
mod tests;
