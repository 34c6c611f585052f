//! The steps of a backup's verification: everything of the package is read again and proven.
//!
//! `check_plan` reads the manifest and shares its parts out, `check_parts` reads some of them whole, `check_end` tells
//! that all were as the manifest says. One that is not fails the job by the name of the table. Idempotent
//! and without a trace: they read the store, and write nothing anywhere. No database is touched: whether the rows
//! can be loaded, a drill proves.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_shared::domain::backup::VerificationSpec;
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::step::{Counts, Finding, Growth, Outcome, StageDraft, StepDraft, StepKind};
use longshore_shared::failpoint::{Failpoint, reach};
use longshore_shared::package::manifest::{Manifest, PartEntry};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::attempt::{Attempt, misplaced, written};
use super::error::StepError;
use super::family::Family;
use crate::transfer::whole;

/// Bytes of objects that one step reads, and parts at most.
const STEP_BYTES: u64 = 64 << 20;
const STEP_PARTS: usize = 64;

/// Verifications of a backup.
pub(super) struct VerificationJob(pub(super) VerificationSpec);

/// The parts that a step reads.
#[derive(Debug, Serialize, Deserialize)]
struct CheckPayload {
    /// Their numbers in the manifest.
    parts: Vec<usize>,
}

#[async_trait]
impl Family for VerificationJob {
    async fn run(&self, attempt: &Arc<Attempt>) -> Result<Outcome, StepError> {
        match attempt.step().kind {
            StepKind::CheckPlan => self.plan(attempt).await,
            StepKind::CheckParts => self.parts(attempt).await,
            StepKind::CheckEnd => {
                reach(Failpoint::CheckBeforeEnd).await?;
                let findings = vec![Finding::PackageChecked { package_id: self.0.package_id }];
                Ok(Outcome { findings, ..Outcome::default() })
            }
            kind @ (StepKind::Plan
            | StepKind::Snapshot
            | StepKind::Copy
            | StepKind::Diff
            | StepKind::Prune
            | StepKind::Reconcile
            | StepKind::Replace
            | StepKind::Together
            | StepKind::Index
            | StepKind::ForeignKeys
            | StepKind::Verify
            | StepKind::DumpPlan
            | StepKind::Dump
            | StepKind::DumpEnd
            | StepKind::ProbePlan
            | StepKind::ProbeEnlist
            | StepKind::Probe
            | StepKind::ConnectionTest
            | StepKind::ConnectionRecheck) => Err(misplaced(kind).into()),
        }
    }
}

impl VerificationJob {
    async fn plan(&self, attempt: &Attempt) -> Result<Outcome, StepError> {
        let manifest = attempt.manifest(self.0.package_id).await?;
        agrees(&manifest)?;
        Ok(Outcome { growth: Some(growth(&manifest.parts)?), ..Outcome::default() })
    }

    async fn parts(&self, attempt: &Attempt) -> Result<Outcome, StepError> {
        let CheckPayload { parts } = attempt.payload()?;
        let manifest = attempt.manifest(self.0.package_id).await?;
        let reader = attempt.package_reader(self.0.package_id)?;
        for at in parts {
            let part =
                manifest.parts.get(at).ok_or_else(|| damaged("the manifest has lost a part".to_owned()))?;
            let of = |failure: Failure| {
                let message = format!(
                    "part {at} of the package, rows of {}: {}",
                    named(&manifest, part),
                    failure.message
                );
                Failure { message, ..failure }
            };
            let mut text = reader.part(part).await.map_err(|error| of(error.into()))?;
            let mut bytes = 0;
            while let Some(piece) = text.piece().map_err(|error| of(error.into()))? {
                bytes += whole(piece.len());
            }
            let rows = part.sections.iter().map(|section| whole(section.rows)).sum();
            attempt.meter().add(Counts { rows, bytes, ..Counts::default() });
        }
        Ok(Outcome::default())
    }
}

/// Whether the manifest says the same of tables and of parts.
fn agrees(manifest: &Manifest) -> Result<(), Failure> {
    let mut rows = vec![0; manifest.tables.len()];
    for part in &manifest.parts {
        let bytes: u64 = part.sections.iter().map(|section| section.bytes).sum();
        if bytes != part.raw_bytes {
            return Err(damaged("the sections of a part are not all of it".to_owned()));
        }
        for section in &part.sections {
            let at = usize::try_from(section.table).unwrap_or(usize::MAX);
            let of = rows.get_mut(at).ok_or_else(|| damaged("a part holds rows of no table".to_owned()))?;
            *of += section.rows;
        }
    }
    match manifest.tables.iter().zip(rows).find(|(table, rows)| table.rows != *rows) {
        None => Ok(()),
        Some((table, rows)) => Err(damaged(format!(
            "table {} has {} rows by the manifest, and its parts hold {rows}",
            table.name, table.rows
        ))),
    }
}

fn damaged(what: String) -> Failure {
    Failure::permanent(FailureCode::PackageDamaged, what)
}

fn named(manifest: &Manifest, part: &PartEntry) -> String {
    let name =
        |table: u32| manifest.tables.get(usize::try_from(table).ok()?).map(|table| table.name.as_str());
    let mut names: Vec<&str> = part.sections.iter().filter_map(|section| name(section.table)).collect();
    names.dedup();
    names.truncate(5);
    names.join(", ")
}

fn growth(parts: &[PartEntry]) -> Result<Growth, Failure> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut bytes = 0;
    for (at, part) in parts.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if bytes + part.stored_bytes <= STEP_BYTES && group.len() < STEP_PARTS => {
                group.push(at);
            }
            _ => {
                groups.push(vec![at]);
                bytes = 0;
            }
        }
        bytes += part.stored_bytes;
    }
    let step = |stage, kind, payload: Value| StepDraft {
        stage,
        kind,
        table_number: None,
        tables: Vec::new(),
        payload,
        affine: false,
    };
    let stage = |number, name: &str, waits_for| StageDraft { number, name: name.to_owned(), waits_for };
    let read = |parts| Ok(step(1, StepKind::CheckParts, written(&CheckPayload { parts })?));
    let mut steps = groups.into_iter().map(read).collect::<Result<Vec<_>, Failure>>()?;
    let before = if steps.is_empty() { Vec::new() } else { vec![1] };
    steps.push(step(2, StepKind::CheckEnd, json!({})));
    let stages = vec![stage(1, "parts", Vec::new()), stage(2, "verdict", before)];
    Ok(Growth { tables: Vec::new(), stages, steps })
}
