//! `probe_plan` and `probe`: steps that touch nobody's database.
//!
//! Idempotent and without a trace: they rest. A step for holders tells the token that its
//! worker holds.

use std::sync::PoisonError;
use std::time::Duration;

use longshore_shared::domain::probe::ProbeSpec;
use longshore_shared::domain::step::{Growth, Outcome, StageDraft, StepDraft, StepKind};
use serde_json::{Value, json};

use super::SnapshotShare;

/// Does a step of a probe; `share` is what the worker holds for the job, if anything.
pub(crate) async fn probe(kind: StepKind, spec: ProbeSpec, share: Option<&SnapshotShare>) -> Outcome {
    if kind == StepKind::ProbePlan && (spec.steps > 1 || spec.holders > 0) {
        return Outcome { growth: Some(growth(spec)), ..Outcome::default() };
    }
    if spec.seconds > 0.0 {
        // What is no length of time was refused at the submission.
        tokio::time::sleep(Duration::try_from_secs_f64(spec.seconds).unwrap_or_default()).await;
    }
    let detail = match share {
        Some(SnapshotShare::Token(point)) => {
            json!({"point": *point.lock().unwrap_or_else(PoisonError::into_inner)})
        }
        Some(SnapshotShare::Snapshot(_)) | None => Value::Null,
    };
    Outcome { detail, ..Outcome::default() }
}

fn growth(spec: ProbeSpec) -> Growth {
    let affine = spec.holders > 0;
    let draft =
        |stage, kind, affine| StepDraft { stage, kind, table_number: None, payload: json!({}), affine };
    let (mut stages, mut steps) = (Vec::new(), Vec::new());
    if affine {
        stages.push(StageDraft { number: 1, name: "enlist".to_owned(), waits_for: Vec::new() });
        steps.push(draft(1, StepKind::ProbeEnlist, false));
    }
    let waits_for = if affine { vec![1] } else { Vec::new() };
    stages.push(StageDraft { number: 2, name: "probe".to_owned(), waits_for });
    steps.extend((0..spec.steps).map(|_| draft(2, StepKind::Probe, affine)));
    Growth { tables: Vec::new(), stages, steps }
}
