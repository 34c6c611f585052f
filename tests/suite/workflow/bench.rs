//! A database with one organisation and a task, and what the laws look at.

use longshore_shared::clock;
use longshore_shared::domain::actor::Actor;
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::id::{
    ConnectionId, JobId, OrgId, ScheduleId, StepId, TaskId, TokenId, WorkerId,
};
use longshore_shared::domain::schedule::Timing;
use longshore_shared::domain::step::{
    Growth, Outcome, Owed, StageDraft, StepDraft, StepKind, TableDraft, TableMode,
};
use longshore_shared::domain::sync::{ConflictPolicy, Selection, SyncSpec};
use longshore_shared::store::steps::Claimed;
use longshore_shared::store::sync_tasks::SyncTask;
use longshore_shared::store::{Database, migrate, sync_tasks, workers};
use longshore_shared::workflow::submit::{self, Request};
use longshore_shared::workflow::{WorkflowError, cancel, claim};
use longshore_tests::control_plane::ControlPlane;
use longshore_tests::servers::Servers;
use serde_json::json;

/// The lease that the laws claim with; it lapses when they say so.
pub(super) const LEASE: f64 = 600.0;

/// An organisation with a task, and the fleet's way to its database.
pub(super) struct Bench {
    pub(super) control: ControlPlane,
    pub(super) database: Database,
    pub(super) org: OrgId,
    pub(super) task: SyncTask,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let control = ControlPlane::make(Servers::of_the_run()).await;
        let owner = Database::new(&control.owner_url, 1, "laws").unwrap();
        migrate(&owner).await.unwrap();
        owner.close().await;
        let database = Database::new(&control.system_url, 12, "laws").unwrap();
        let org = OrgId(clock::fresh_id());
        let (source, target) = (clock::fresh_id(), clock::fresh_id());
        control.run(&format!("INSERT INTO organisations (id, name) VALUES ('{org}', 'laws')")).await;
        for id in [source, target] {
            let sql = format!(
                "INSERT INTO connections (org_id, id, name, engine, connection_type, host, port, database,
                     username, tls, timeout_seconds)
                 VALUES ('{org}', '{id}', '{id}', 'mariadb', 'direct', 'h', 1, 'd', 'u', '{{}}', 1)"
            );
            control.run(&sql).await;
        }
        let task = task(org, source.into(), target.into());
        let mut tx = database.system().await.unwrap();
        sync_tasks::insert(tx.conn(), &task).await.unwrap();
        tx.commit().await.unwrap();
        Self { control, database, org, task }
    }

    /// A fresh job.
    pub(super) async fn submit(&self) -> Result<JobId, WorkflowError> {
        let mut tx = self.database.system().await?;
        let submitted = submit::sync_run(tx.conn(), &self.task, asked()).await?;
        tx.commit().await?;
        Ok(submitted.job.id)
    }

    /// A fresh job of a fresh task, so that others may run beside it.
    pub(super) async fn another(&self) -> JobId {
        let id = TaskId(clock::fresh_id());
        let timing = Timing { id: ScheduleId(id.0), ..self.task.timing.clone() };
        let task = SyncTask { id, name: id.to_string(), timing, ..self.task.clone() };
        let mut tx = self.database.system().await.unwrap();
        sync_tasks::insert(tx.conn(), &task).await.unwrap();
        let submitted = submit::sync_run(tx.conn(), &task, asked()).await.unwrap();
        tx.commit().await.unwrap();
        submitted.job.id
    }

    /// Asks for a job's end, as a person does.
    pub(super) async fn cancel(&self, job: JobId) -> Result<(), WorkflowError> {
        let mut tx = self.database.system().await?;
        let reached = cancel::request(tx.conn(), self.org, job).await?;
        tx.commit().await?;
        reached.count();
        Ok(())
    }

    /// A live worker with these permits.
    pub(super) async fn worker(&self, permits: i32) -> WorkerId {
        let id = WorkerId(clock::fresh_id());
        let mut tx = self.database.system().await.unwrap();
        workers::beat(tx.conn(), id, "w", permits, "0").await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    pub(super) async fn claim(&self, step: StepId, worker: WorkerId) -> Option<Claimed> {
        let over =
            format!("UPDATE steps SET announced_at = now() WHERE id = '{step}' AND announced_at > now()");
        self.control.run(&over).await;
        claim::claim(&self.database, self.org, step, worker, "w", LEASE).await.unwrap()
    }

    /// The job's steps in this state.
    pub(super) async fn steps(&self, job: JobId, state: &str) -> Vec<StepId> {
        let sql =
            format!("SELECT id FROM steps WHERE job_id = '{job}' AND state = '{state}' ORDER BY ordinal");
        self.control.column::<uuid::Uuid>(&sql).await.into_iter().map(StepId).collect()
    }

    pub(super) async fn job_state(&self, job: JobId) -> String {
        self.control.value(&format!("SELECT state FROM jobs WHERE id = '{job}'")).await
    }

    /// Takes the job's plan and lets it end with this growth; the job then has its steps.
    pub(super) async fn planned(&self, growth: Growth) -> (JobId, WorkerId) {
        let (job, worker) = (self.submit().await.unwrap(), self.worker(8).await);
        let plan = self.steps(job, "announced").await[0];
        let plan = self.claim(plan, worker).await.unwrap();
        let outcome = Outcome { growth: Some(growth), ..Outcome::default() };
        longshore_shared::workflow::settle::done(&self.database, &plan, &outcome).await.unwrap();
        (job, worker)
    }
}

fn task(org_id: OrgId, source_id: ConnectionId, target_id: ConnectionId) -> SyncTask {
    let spec = SyncSpec::new(Selection::Full, ConflictPolicy::SourceFirst);
    SyncTask {
        org_id,
        id: TaskId(clock::fresh_id()),
        name: "laws".to_owned(),
        source_id,
        target_id,
        spec,
        timing: Timing::on_demand(ScheduleId(clock::fresh_id())),
        version: 1,
        created_at: clock::now(),
    }
}

/// Somebody asks, without a trace.
pub(super) fn asked() -> Request<'static> {
    Request { by: Actor::token(TokenId(clock::fresh_id()), "ci"), trace: None }
}

/// A growth from stages: what each waits for, and how many steps it has.
pub(super) fn growth(stages: &[(&[i32], usize)]) -> Growth {
    let numbered = stages.iter().enumerate().map(|(i, stage)| (i32::try_from(i + 1).unwrap(), stage));
    let mut growth = Growth { tables: vec![table()], ..Growth::default() };
    for (number, (waits_for, steps)) in numbered {
        let waits_for = waits_for.to_vec();
        growth.stages.push(StageDraft { number, name: format!("stage {number}"), waits_for });
        growth.steps.extend((0..*steps).map(|_| StepDraft {
            stage: number,
            kind: StepKind::Copy,
            table_number: Some(0),
            tables: Vec::new(),
            payload: json!({}),
            affine: false,
        }));
    }
    growth
}

fn table() -> TableDraft {
    TableDraft {
        number: 0,
        name: "t".to_owned(),
        mode: TableMode::Create,
        plan: json!({}),
        rows_total: 0,
        bytes_total: 0,
        failure: None,
        owes: Owed::default(),
    }
}

pub(super) fn transient() -> Failure {
    Failure::transient(FailureCode::ConnectionLost, "lost")
}

pub(super) fn permanent() -> Failure {
    Failure::permanent(FailureCode::ValueRefused, "bad")
}
