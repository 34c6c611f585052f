//! `probe_plan` and `probe`: steps that touch nobody's database.
//!
//! Idempotent and without a trace: they rest.

use std::time::Duration;

use longshore_shared::domain::probe::ProbeSpec;
use longshore_shared::domain::step::{Growth, Outcome, StageDraft, StepDraft, StepKind};
use serde_json::json;

/// Does a step of a probe.
pub(crate) async fn probe(kind: StepKind, spec: ProbeSpec) -> Outcome {
    if kind == StepKind::ProbePlan && spec.steps > 1 {
        return Outcome { growth: Some(growth(spec.steps)), ..Outcome::default() };
    }
    if spec.seconds > 0.0 {
        // What is no length of time was refused at the submission.
        tokio::time::sleep(Duration::try_from_secs_f64(spec.seconds).unwrap_or_default()).await;
    }
    Outcome::default()
}

fn growth(steps: u32) -> Growth {
    let step = StepDraft { stage: 1, kind: StepKind::Probe, table_number: None, payload: json!({}) };
    Growth {
        tables: Vec::new(),
        stages: vec![StageDraft { number: 1, name: "probe".to_owned(), waits_for: Vec::new() }],
        steps: (0..steps).map(|_| step.clone()).collect(),
    }
}
