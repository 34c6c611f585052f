//! `probe_plan`, `probe_enlist` and `probe`: steps that touch nobody's database.
//!
//! Idempotent and without a trace: they rest. A step for holders tells the token that its
//! worker holds.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use longshore_shared::clock;
use longshore_shared::domain::failure::Failure;
use longshore_shared::domain::probe::ProbeSpec;
use longshore_shared::domain::step::{Growth, Outcome, StageDraft, StepDraft, StepKind};
use longshore_shared::store::job_holders::Enlisted;
use serde_json::{Value, json};

use super::attempt::{Attempt, misplaced};
use super::error::StepError;
use super::family::{Family, Leader};
use super::snapshot_share::SnapshotShare;

/// Probes of the fleet.
pub(super) struct ProbeJob(pub(super) ProbeSpec);

#[async_trait]
impl Family for ProbeJob {
    async fn run(&self, attempt: &Arc<Attempt>) -> Result<Outcome, StepError> {
        match attempt.step().kind {
            StepKind::ProbePlan if self.0.steps > 1 || self.0.holders > 0 => {
                Ok(Outcome { growth: Some(growth(self.0)), ..Outcome::default() })
            }
            StepKind::ProbePlan | StepKind::Probe => Ok(rest(self.0, attempt.share.as_deref()).await),
            kind @ (StepKind::ProbeEnlist
            | StepKind::Plan
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
            | StepKind::CheckPlan
            | StepKind::CheckParts
            | StepKind::CheckEnd
            | StepKind::ConnectionTest
            | StepKind::ConnectionRecheck) => Err(misplaced(kind).into()),
        }
    }

    async fn leader(&self, attempt: &Arc<Attempt>) -> Result<Option<Box<dyn Leader>>, StepError> {
        let leads = attempt.step().kind == StepKind::ProbeEnlist;
        Ok(leads.then(|| Box::new(Token { holders: self.0.holders }) as Box<dyn Leader>))
    }
}

/// Hands out a token that means nothing.
struct Token {
    holders: u32,
}

#[async_trait]
impl Leader for Token {
    fn wanted(&self) -> Result<u32, Failure> {
        Ok(self.holders)
    }

    async fn point(&mut self, _enlisted: &[Enlisted]) -> Result<Value, StepError> {
        Ok(Value::String(clock::fresh_id().to_string()))
    }
}

/// Rests; `share` is what the worker holds for the job, if anything.
async fn rest(spec: ProbeSpec, share: Option<&SnapshotShare>) -> Outcome {
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
    let draft = |stage, kind, affine| StepDraft {
        stage,
        kind,
        table_number: None,
        tables: Vec::new(),
        payload: json!({}),
        affine,
    };
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
