//! `verify`: proves that a table arrived as the policy promises.
//!
//! Idempotent and without a trace: it only reads, on both sides in one consistent view
//! each. What the comparisons of the table have proven already is not read again. A large table that
//! was loaded is compared in parts, by steps of their own, so that all workers share it.

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::step::{
    Finding, Outcome, StepKind, TableMode, Verified, VerifyPolicy, VerifyResult,
};
use longshore_shared::failpoint::{Failpoint, reach};

use super::compare::{Comparison, digests};
use super::table::{DiffDetail, TablePlan, VerifyPayload};
use crate::engine::shape::{Family, KeyTuple, Range, TableShape};
use crate::engine::{Reader, named};
use crate::steps::attempt::{read, written};
use crate::steps::error::StepError;
use crate::steps::sync::context::Context;
use crate::transfer::{counted, whole};

pub(super) async fn run(context: &Context) -> Result<Outcome, StepError> {
    let plan = context.table().await?;
    reach(Failpoint::VerifyBefore).await?;
    let VerifyPayload { part } = context.payload()?;
    if let Some(range) = part {
        return compare_part(context, &plan, range).await;
    }
    let unproven = unproven(&plan, told(context, &plan).await?);
    let compared = match unproven.ranges.as_slice() {
        [] => (Both::default(), Found::default()),
        ranges => {
            let (mut source, mut target) =
                futures::try_join!(context.source_reader(), context.target_reader())?;
            compare(context, (&mut *source, &mut *target), &plan, ranges).await?
        }
    };
    let (verified, failure) = judged(&plan, &unproven, compared);
    reach(Failpoint::VerifyAfter).await?;
    let findings = vec![Finding::Verified(verified)];
    match failure {
        None => Ok(Outcome { findings, ..Outcome::default() }),
        Some(failure) => Err(StepError::Found { failure, findings }),
    }
}

/// What is found of a table by sessions that are open, given what comparisons of it told: its verification, and
/// why it fails if it does. The source's view is open, the target's is opened and ended here.
pub(super) async fn prove(
    context: &Context,
    (source, target): (&mut dyn Reader, &mut dyn Reader),
    plan: &TablePlan,
    details: Vec<DiffDetail>,
) -> Result<(Verified, Option<Failure>), StepError> {
    let unproven = unproven(plan, details);
    let compared = match unproven.ranges.as_slice() {
        [] => (Both::default(), Found::default()),
        ranges => compare(context, (source, target), plan, ranges).await?,
    };
    Ok(judged(plan, &unproven, compared))
}

fn judged(
    plan: &TablePlan,
    unproven: &Unproven,
    (both, found): (Both, Found),
) -> (Verified, Option<Failure>) {
    // Storage without versions shows rows of the source that came later.
    let was_kept = unproven.was_kept && plan.shape.keeps_versions;
    let both = Both { source: both.source + unproven.rows, target: both.target + unproven.rows, ..both };
    let verified = judge(plan, both, &found);
    let failure = match verified.result {
        VerifyResult::Equal => None,
        VerifyResult::Mismatch | VerifyResult::ChangedMeanwhile => {
            Some(unequal(plan, &verified, &found, was_kept))
        }
    };
    (verified, failure)
}

/// Tells the step that judges the table whether both sides have the same rows here.
async fn compare_part(context: &Context, plan: &TablePlan, range: Range) -> Result<Outcome, StepError> {
    let (mut source, mut target) = futures::try_join!(context.source_reader(), context.target_reader())?;
    futures::try_join!(source.begin_snapshot(None), target.begin_snapshot(None))?;
    let found = digests(&mut *source, &mut *target, &plan.shape, &range, context.hash()).await?;
    futures::try_join!(source.end_snapshot(), target.end_snapshot())?;
    let equal = found.filter(|(left, right)| left == right).map(|(left, _)| left.rows);
    let detail = written(&DiffDetail { deferred: 0, equal, kept: equal.is_some(), range })?;
    Ok(Outcome { detail, ..Outcome::default() })
}

/// What of a table is still to be compared.
struct Unproven {
    /// These ranges; each row of either side is in one of them, or was proven.
    ranges: Vec<Range>,
    /// Rows that both sides have alike in all others.
    rows: u64,
    /// Every comparison saw the target as the policy promises when it was done.
    was_kept: bool,
}

/// What the table's comparisons told.
async fn told(context: &Context, plan: &TablePlan) -> Result<Vec<DiffDetail>, StepError> {
    let proving: &[StepKind] = match plan.mode {
        TableMode::Diff => &[StepKind::Diff],
        TableMode::Create | TableMode::Fill => &[StepKind::Copy, StepKind::Verify],
        TableMode::Replace => &[StepKind::Replace],
        TableMode::Equal | TableMode::Refused | TableMode::Dump => return Ok(Vec::new()),
    };
    let details = context.details(proving).await?;
    Ok(details.iter().map(|told| read(told, "outcome")).collect::<Result<_, Failure>>()?)
}

/// A comparison has looked at each range when all was done that there was to do, at this very
/// point of the source; where both sides were equal then there is nothing more to prove. Ranges
/// mean the same rows on both sides only if both order the key alike, and nothing may have been
/// written past them.
fn unproven(plan: &TablePlan, details: Vec<DiffDetail>) -> Unproven {
    let all = Unproven { ranges: vec![Range::ALL], rows: 0, was_kept: false };
    let told: Vec<Range> = details.iter().map(|detail| detail.range.clone()).collect();
    let was_kept = Range::are_all(&told) && details.iter().all(|detail| detail.kept);
    let all = Unproven { was_kept, ..all };
    let is_whole = told == [Range::ALL];
    if !is_whole && !plan.shape.key.as_ref().is_some_and(|key| key.same_order) {
        return all;
    }
    if !Range::are_all(&told) || details.iter().any(|detail| detail.deferred > 0) {
        return all;
    }
    let rows = details.iter().filter_map(|detail| detail.equal).sum();
    let ranges = details.into_iter().filter(|detail| detail.equal.is_none()).map(|detail| detail.range);
    Unproven { ranges: ranges.collect(), rows, was_kept }
}

/// Rows of both sides, and whether they are equal.
#[derive(Clone, Copy, Debug)]
struct Both {
    source: u64,
    target: u64,
    equal: bool,
}

impl Default for Both {
    fn default() -> Self {
        Self { source: 0, target: 0, equal: true }
    }
}

/// Compares ranges, at one point of each side.
async fn compare(
    context: &Context,
    (source, target): (&mut dyn Reader, &mut dyn Reader),
    plan: &TablePlan,
    ranges: &[Range],
) -> Result<(Both, Found), StepError> {
    futures::try_join!(source.begin_snapshot(None), target.begin_snapshot(None))?;
    let (mut both, mut found) = (Both::default(), Found::default());
    for range in ranges {
        let (left, right) = futures::try_join!(
            source.digest(&plan.shape, range, context.hash()),
            target.digest(&plan.shape, range, context.hash())
        )?;
        both.source += left.rows;
        both.target += right.rows;
        if left == right {
            continue;
        }
        both.equal = false;
        if plan.shape.key.is_none() {
            found.only_computed = only_computed(context, source, target, &plan.shape).await?;
        } else {
            let rows = context.chunk_rows(&plan.shape);
            found += by_key(context, source, target, plan, range, rows).await?;
        }
    }
    futures::try_join!(source.end_snapshot(), target.end_snapshot())?;
    Ok((both, found))
}

/// Whether a table without a key differs in nothing but what is computed.
async fn only_computed(
    context: &Context,
    source: &mut dyn Reader,
    target: &mut dyn Reader,
    table: &TableShape,
) -> Result<bool, Failure> {
    if table.computed().next().is_none() {
        return Ok(false);
    }
    let mut written = table.clone();
    written.columns.iter_mut().for_each(|column| column.persistent = false);
    let found = digests(source, target, &written, &Range::ALL, context.hash()).await?;
    Ok(found.is_some_and(|(ours, theirs)| ours == theirs))
}

/// What a comparison by key found.
#[derive(Clone, Debug, Default)]
struct Found {
    missing: u64,
    differing: u64,
    /// The first row that is missing or differs, and the place of the value in which it does.
    first: Option<(KeyTuple, Option<usize>)>,
    /// A table without a key differs in what is computed, and in nothing else.
    only_computed: bool,
}

impl std::ops::AddAssign for Found {
    fn add_assign(&mut self, other: Self) {
        self.missing += other.missing;
        self.differing += other.differing;
        self.first = self.first.take().or(other.first);
    }
}

/// Compares a part, or all, of a table whose sides differ.
async fn by_key(
    context: &Context,
    source: &mut dyn Reader,
    target: &mut dyn Reader,
    plan: &TablePlan,
    range: &Range,
    rows: u64,
) -> Result<Found, Failure> {
    let ranges = match *range == Range::ALL {
        true => source.split(&plan.shape, rows).await?.0,
        false => vec![range.clone()],
    };
    let mut found = Found::default();
    for range in &ranges {
        let compared = digests(source, target, &plan.shape, range, context.hash()).await?;
        let same = compared.is_some_and(|(left, right)| left == right);
        if same {
            continue;
        }
        let mut comparison = Comparison::new(&plan.shape, range, context.hash());
        while let Some(page) = comparison.next(source, target).await? {
            found.missing += counted(page.missing.len());
            found.differing += counted(page.differing.len());
            found.first = found.first.take().or_else(|| page.first(&plan.shape));
        }
    }
    Ok(found)
}

fn judge(plan: &TablePlan, both: Both, found: &Found) -> Verified {
    let extra = (both.target + found.missing).saturating_sub(both.source);
    let kept = match plan.verify {
        VerifyPolicy::TargetFirst => found.differing,
        VerifyPolicy::Exact | VerifyPolicy::SourceFirst => 0,
    };
    let holds = match plan.verify {
        VerifyPolicy::Exact => both.equal,
        VerifyPolicy::SourceFirst => found.missing == 0 && found.differing == 0,
        VerifyPolicy::TargetFirst => found.missing == 0 && (extra == 0 || !plan.prunes),
    };
    Verified {
        result: if holds { VerifyResult::Equal } else { VerifyResult::Mismatch },
        policy: plan.verify,
        source_rows: whole(both.source),
        target_rows: whole(both.target),
        extra_rows: whole(extra),
        skipped_rows: whole(kept),
    }
}

/// `was_kept`: the target was as promised when its ranges were compared, and is not any more.
fn unequal(plan: &TablePlan, verified: &Verified, found: &Found, was_kept: bool) -> Failure {
    let table = &plan.shape;
    if found.only_computed {
        let columns: Vec<&str> = table.computed().map(|column| column.name.as_str()).collect();
        return named::computed(table, &columns, None);
    }
    if let Some((key, Some(at))) = &found.first
        && let Some(column) = table.proven().nth(*at).filter(|column| column.generated)
    {
        return named::computed(table, &[&column.name], Some(key));
    }
    let (code, what) = match was_kept {
        true => (FailureCode::ChangedMeanwhile, "somebody else wrote to the target after it was compared"),
        false => (FailureCode::VerificationFailed, "the target is not as promised"),
    };
    let message = format!("table {}: {what}: {}", plan.shape.name, differing(plan, verified, found));
    let failure = Failure::permanent(code, message);
    match code {
        FailureCode::VerificationFailed => match typed_json(table, found) {
            Some(column) => failure.with_hint(json_hint(column)),
            None => failure,
        },
        _ => failure,
    }
}

/// The column of JSON in which a row differs, or may.
fn typed_json<'t>(table: &'t TableShape, found: &Found) -> Option<&'t str> {
    if found.missing > 0 {
        return None;
    }
    let seen = found.first.as_ref().and_then(|(_, at)| table.proven().nth((*at)?));
    let mut columns = table.proven().filter(|column| seen.is_none_or(|seen| seen.name == column.name));
    columns.find(|column| column.family == Family::Json).map(|column| column.name.as_str())
}

/// Seen on MySQL 5.7 and 9: `findings/json-typed-scalars.sh`.
fn json_hint(column: &str) -> String {
    format!(
        "a document that was made of columns (JSON_OBJECT, JSON_ARRAY) keeps DECIMALs, which no text carries: where \
         `{column}` holds such, write it anew on the source ({column} = CAST(CAST({column} AS CHAR) AS JSON)); between \
         MySQL 5.7 and a newer one numbers like 2.0 and 1e5 print otherwise: write them as 2 and 100000 there, or \
         exclude the table; else see who writes to the target, and run the task again"
    )
}

fn differing(plan: &TablePlan, verified: &Verified, found: &Found) -> String {
    let Verified { source_rows, target_rows, extra_rows, .. } = verified;
    let what = match plan.shape.key {
        None => "the checksums differ".to_owned(),
        Some(_) => format!(
            "{} rows are missing, {} differ, {extra_rows} are only on the target",
            found.missing, found.differing
        ),
    };
    let first = found.first.as_ref().map_or_else(String::new, |(key, at)| {
        let column = at.and_then(|at| plan.shape.proven().nth(at));
        let column = column.map_or_else(String::new, |column| format!(" (column {})", column.name));
        format!("; the first of them is the row {}{column}", named::row(&plan.shape, key))
    });
    format!("{source_rows} rows on the source, {target_rows} on the target; {what}{first}")
}

#[cfg(test)]
mod tests;
