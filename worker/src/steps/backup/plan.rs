//! `dump_plan`: looks at the source, finds out whether all of what is asked for can be read, and lays out the
//! job's other steps.
//!
//! A backup that would leave something out without a word fails here, before any row is read: a table that
//! is named and is not there, a table or an object that the account may not read or does not see, a column
//! whose type cannot be moved. Idempotent and without a trace: it looks, and writes nothing anywhere.

use longshore_shared::domain::backup::BackupSpec;
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::step::Outcome;
use longshore_shared::domain::sync::Selection;

use super::layout::{self, Laid};
use super::rights;
use super::select::{Selected, select};
use super::table::DumpPlan;
use crate::engine::shape::{Family, TableKind, TableListing, TableShape};
use crate::engine::{Hash, Inspector, Reader};
use crate::steps::attempt::{Attempt, Side};
use crate::steps::error::StepError;

/// Rows that a table is counted to.
const COUNTED: u64 = 10_000;
/// A table of at most so many bytes is read in one range, with others.
pub(super) const SMALL_BYTES: u64 = 8 << 20;
/// Bytes of a range that is cut: about one part's.
const RANGE_BYTES: u64 = 16 << 20;
/// A range of fewer rows costs more in its making than it moves.
const LEAST_ROWS: u64 = 500;

pub(super) async fn run(attempt: &Attempt, spec: &BackupSpec) -> Result<Outcome, StepError> {
    attempt.package_store()?;
    let side = super::source(attempt).await?;
    let (shapes, listings, bare, warnings) = look(attempt, &side, &spec.selection).await?;
    let salt = salt(attempt);
    let mut reader = attempt.reader(&side).await?;
    let mut laid = cut(&mut *reader, shapes, &listings, salt).await?;
    laid.extend(bare.into_iter().map(|shape| Laid::bare(shape, salt)));
    laid.sort_by(|a, b| a.plan.shape.name.cmp(&b.plan.shape.name));
    let growth = layout::growth(laid)?;
    Ok(Outcome { growth: Some(growth), warnings, ..Outcome::default() })
}

/// Structures of the tables to read with their lines of the list, those whose definitions alone are kept, and what
/// is worth telling.
type Looked = (Vec<TableShape>, Vec<TableListing>, Vec<TableShape>, Vec<String>);

async fn look(attempt: &Attempt, side: &Side, selection: &Selection) -> Result<Looked, StepError> {
    let mut source = attempt.surveyor(side).await?;
    let listings = source.tables().await?;
    let views = listings.iter().filter(|listing| listing.kind == TableKind::View);
    let views: Vec<String> = views.map(|view| view.name.clone()).collect();
    let Selected { tables, bare, mut warnings } = select(selection, listings)?;
    warnings.extend(rights::may_be_read(side, selection, &mut *source, &tables, &views).await?);
    // What cannot be read of the objects is told before anything is read.
    let objects = source.objects().await?;
    let troubled = objects.objects.iter().filter_map(|object| {
        object.trouble.as_ref().map(|why| format!("{} {}: {why}", object.kind, object.name))
    });
    warnings
        .extend(troubled.map(|what| format!("the source holds an object that does not work there: {what}")));
    let names = |listings: &[TableListing]| listings.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
    let shapes = source.shapes(&names(&tables)).await?;
    shapes.iter().try_for_each(movable)?;
    let kept = definitions(&mut *source, &names(&bare), &mut warnings).await?;
    warnings.extend(unversioned(&shapes));
    Ok((shapes, tables, kept, warnings))
}

/// The definitions of tables without rows of their own; one whose server cannot show it is told.
async fn definitions(
    source: &mut dyn Inspector,
    names: &[String],
    warnings: &mut Vec<String>,
) -> Result<Vec<TableShape>, Failure> {
    let mut kept = Vec::new();
    for name in names {
        match source.shapes(std::slice::from_ref(name)).await {
            Ok(shapes) => kept.extend(shapes),
            Err(failure) if failure.is_transient() => return Err(failure),
            Err(failure) => warnings.push(format!("table {name} is left out: {}", failure.message)),
        }
    }
    Ok(kept)
}

fn movable(table: &TableShape) -> Result<(), Failure> {
    let Some(column) = table.stored().find(|column| column.family == Family::Unknown) else { return Ok(()) };
    Err(Failure::permanent(
        FailureCode::TableNotMovable,
        format!(
            "table {}: the type {} of column {} cannot be kept",
            table.name, column.full_type, column.name
        ),
    )
    .with_hint("leave the table out by `exclude`, and keep it by the server's own dump"))
}

fn unversioned(tables: &[TableShape]) -> Option<String> {
    let loose = tables.iter().filter(|shape| !shape.keeps_versions);
    let names: Vec<_> = loose.map(|shape| format!("{} ({})", shape.name, shape.storage)).collect();
    (!names.is_empty()).then(|| {
        format!(
            "these tables keep no versions of their rows, so they are kept as they are at the time and not as of the \
             backup's point: {}",
            names.join(", ")
        )
    })
}

/// A number that nobody knew when the rows were written: the end of a step's id is random.
fn salt(attempt: &Attempt) -> u32 {
    let [.., a, b, c, d] = attempt.step().lease.step_id.0.into_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// Cuts the tables into ranges. What its server believes to be small is only counted, many in a packet.
async fn cut(
    reader: &mut dyn Reader,
    shapes: Vec<TableShape>,
    listings: &[TableListing],
    salt: u32,
) -> Result<Vec<Laid>, StepError> {
    let believed = |listing: &TableListing| listing.rows <= COUNTED && listing.bytes <= SMALL_BYTES;
    let asked: Vec<&TableShape> = shapes
        .iter()
        .zip(listings)
        .filter(|(_, listing)| believed(listing))
        .map(|(shape, _)| shape)
        .collect();
    let mut counted = reader.counts(&asked, COUNTED).await?.into_iter();
    let mut laid = Vec::with_capacity(shapes.len());
    for (shape, listing) in shapes.into_iter().zip(listings) {
        let rows = if believed(listing) { counted.next() } else { None };
        let is_small = |rows: &u64| *rows <= COUNTED && rows * shape.row_bytes.max(1) <= SMALL_BYTES;
        let (ranges, rows) = match rows.filter(is_small) {
            Some(rows) => (vec![crate::engine::shape::Range::ALL], rows),
            None => {
                let aimed = (RANGE_BYTES / shape.row_bytes.max(1)).max(LEAST_ROWS);
                reader.split(&shape, aimed).await?
            }
        };
        let bytes = rows.saturating_mul(shape.row_bytes.max(1));
        let many = u32::try_from(ranges.len()).unwrap_or(u32::MAX);
        let plan = DumpPlan { shape, hash: Hash::Quick(salt), ranges: many };
        laid.push(Laid { plan, ranges, rows, bytes });
    }
    Ok(laid)
}
