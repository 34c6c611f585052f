//! `dump_end`: proves that every range of every table is in the store, looks at everything that is no table,
//! and writes the manifest.
//!
//! Idempotent: an attempt's manifest lies under a name of its own, and the one counts that its outcome tells, in
//! the transaction that settles it. Cancelled: nothing refers to what was written.

use std::collections::BTreeMap;

use longshore_shared::domain::backup::{BackupSpec, Point, Written, WrittenTable};
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::step::{Finding, Outcome, StepKind};
use longshore_shared::domain::sync::Selection;
use longshore_shared::failpoint::{Failpoint, reach};
use longshore_shared::package::manifest::{Manifest, PartEntry, TableEntry, VERSION};

use super::select::holds;
use super::table::{DumpDetail, DumpPlan};
use crate::engine::shape::{Digest, Range};
use crate::steps::attempt::{Attempt, read, written};
use crate::steps::error::StepError;
use crate::steps::snapshot::FixedPoint;

pub(super) async fn run(attempt: &Attempt, spec: &BackupSpec) -> Result<Outcome, StepError> {
    let side = super::source(attempt).await?;
    let plans = super::plans(attempt).await?;
    let parts = parts(attempt).await?;
    let tables = tables(&plans, &parts)?;
    let mut source = attempt.surveyor(&side).await?;
    let server = source.server().await?;
    let found = source.objects().await?;
    drop(source);
    let drawn: Vec<String> = plans
        .iter()
        .flat_map(|(_, plan)| side.driver().drawn(&plan.shape))
        .filter(|one| one.schema.is_none())
        .map(|one| one.name)
        .collect();
    let (objects, left): (Vec<_>, Vec<_>) =
        found.objects.into_iter().partition(|object| holds(&spec.selection, object, &drawn));
    let lease = &attempt.step().lease;
    let manifest = Manifest {
        version: VERSION,
        org_id: lease.org_id,
        package_id: spec.package_id,
        engine: side.connection.engine,
        server_version: server.version.clone(),
        flavour: format!("{:?}", server.flavour).to_lowercase(),
        database: found.defaults,
        point: point(attempt).await?,
        tables,
        objects,
        parts,
        left_out: left_out(&spec.selection, &left),
    };
    let writer = attempt.package_writer(spec.package_id)?;
    reach(Failpoint::ManifestBeforeStore).await?;
    attempt.check_lease()?;
    let kept = writer.manifest(&manifest).await.map_err(Failure::from)?;
    reach(Failpoint::ManifestStored).await?;
    let sum = |of: fn(&PartEntry) -> u64| manifest.parts.iter().map(of).sum::<u64>();
    let table =
        |table: &TableEntry| WrittenTable { name: table.name.clone(), rows: table.rows, bytes: table.bytes };
    let written = Written {
        package_id: spec.package_id,
        server_version: server.version,
        point: manifest.point.clone(),
        tables: manifest.tables.iter().map(table).collect(),
        size_bytes: sum(|part| part.raw_bytes),
        stored_bytes: sum(|part| part.stored_bytes) + kept.bytes,
        manifest: kept,
    };
    let findings = vec![Finding::PackageWritten(Box::new(written))];
    Ok(Outcome { findings, warnings: manifest.left_out, ..Outcome::default() })
}

/// The parts that the job's steps told of; their tables by number.
async fn parts(attempt: &Attempt) -> Result<Vec<PartEntry>, StepError> {
    let mut parts = Vec::new();
    for told in attempt.details_of_job(&[StepKind::Dump]).await? {
        let DumpDetail { parts: more } = read(&told, "outcome of a dump")?;
        parts.extend(more);
    }
    Ok(parts)
}

/// The point; of a database without rows that of now, which is as good as any.
async fn point(attempt: &Attempt) -> Result<Point, StepError> {
    let told = attempt.details_of_job(&[StepKind::Snapshot]).await?;
    let Some(told) = told.first().and_then(|told| told.get("point")) else {
        return Ok(Point { at: longshore_shared::clock::now(), position: None });
    };
    let FixedPoint { at, position } = read(told, "point")?;
    Ok(Point { at, position: position.as_ref().map(written).transpose()? })
}

/// The tables of the manifest: each with all of its ranges, once and without a gap, or the backup fails.
fn tables(plans: &[(i32, DumpPlan)], parts: &[PartEntry]) -> Result<Vec<TableEntry>, Failure> {
    let mut seen: BTreeMap<u32, Seen> = BTreeMap::new();
    for section in parts.iter().flat_map(|part| &part.sections) {
        let of = seen.entry(section.table).or_default();
        of.rows += section.rows;
        of.bytes += section.bytes;
        if !section.digest.is_null() {
            let digest: Digest = read(&section.digest, "checksum of a range")?;
            of.told += digest.rows;
            of.ranges.push(read(&section.range, "range")?);
        }
    }
    let entry = |(number, plan): &(i32, DumpPlan)| {
        let of = u32::try_from(*number).ok().and_then(|number| seen.get(&number));
        let nothing = Seen::default();
        let of = of.unwrap_or(&nothing);
        of.prove(plan)?;
        Ok(TableEntry {
            name: plan.shape.name.clone(),
            definition: plan.shape.definition.clone(),
            structure: if plan.ranges == 0 { serde_json::Value::Null } else { written(&plan.shape)? },
            rows: of.rows,
            bytes: of.bytes,
            hash: written(&plan.hash)?,
        })
    };
    plans.iter().map(entry).collect()
}

/// What the parts hold of a table.
#[derive(Default)]
struct Seen {
    rows: u64,
    bytes: u64,
    /// Rows by the server's count.
    told: u64,
    ranges: Vec<Range>,
}

impl Seen {
    fn prove(&self, plan: &DumpPlan) -> Result<(), Failure> {
        let name = &plan.shape.name;
        let broken =
            |what: &str| Err(Failure::permanent(FailureCode::RowsLost, format!("table {name}: {what}")));
        if plan.ranges == 0 {
            return if self.rows == 0 { Ok(()) } else { broken("it has rows that nobody was to read") };
        }
        if self.ranges.len() != usize::try_from(plan.ranges).unwrap_or(usize::MAX)
            || !Range::are_all(&self.ranges)
        {
            return broken("not all of its ranges came into the package, each once");
        }
        if self.rows != self.told && plan.shape.keeps_versions {
            return broken("the package holds another number of its rows than the server counted");
        }
        Ok(())
    }
}

/// What a selection leaves of what is no table.
fn left_out(selection: &Selection, left: &[longshore_shared::domain::object::DatabaseObject]) -> Vec<String> {
    if *selection == Selection::Full || left.is_empty() {
        return Vec::new();
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    left.iter().for_each(|object| *counts.entry(object.kind.as_str()).or_default() += 1);
    let counted: Vec<String> = counts.iter().map(|(kind, many)| format!("{many} {kind}")).collect();
    vec![format!("the backup is of chosen tables only, and leaves of the rest: {}", counted.join(", "))]
}
