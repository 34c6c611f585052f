//! What a job was asked to do, and who asked, as of when it was asked. No secret is part of either.

use longshore_shared::domain::actor::{Actor, ActorKind};
use longshore_shared::domain::backup::{BackupSpec, VerificationSpec};
use longshore_shared::domain::connection_test::TestSpec;
use longshore_shared::domain::job::JobSpec;
use longshore_shared::domain::probe::ProbeSpec;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::backup_selection::BackupSelectionView;
use super::connection::ConnectionView;
use super::sync_spec::SyncSpecView;
use crate::word::{Word, words};

/// What a job was asked to do, by its kind.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = JobSpec)]
pub(super) enum JobSpecView {
    /// Of a run of a sync task.
    Sync(Box<RunSpecView>),
    /// Of a probe.
    Probe(ProbeSpecView),
    /// Of a connection's test.
    ConnectionTest(Box<TestSpecView>),
    /// Of a backup.
    Backup(BackupSpecView),
    /// Of a backup's verification.
    BackupVerification(VerificationSpecView),
}

/// What a run was asked to do.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RunSpec)]
pub(super) struct RunSpecView {
    #[serde(flatten)]
    spec: SyncSpecView,
    /// Whether it may delete any number of rows.
    confirm_deletes: bool,
}

/// What a probe was asked to do.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ProbeSpec)]
pub(super) struct ProbeSpecView {
    steps: u32,
    /// How long each step rests.
    seconds: f64,
    holders: u32,
}

/// What a backup was asked to hold.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BackupSpec)]
pub(super) struct BackupSpecView {
    /// The backup.
    backup_id: Uuid,
    #[serde(flatten)]
    selection: BackupSelectionView,
}

/// Which backup was to be proven.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = VerificationSpec)]
pub(super) struct VerificationSpecView {
    /// The backup.
    backup_id: Uuid,
}

/// What a connection's test was asked to look at.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = TestSpec)]
pub(super) struct TestSpecView {
    /// A connection that was not saved; null: the saved one that is the job's source.
    #[schema(required = true)]
    connection: Option<ConnectionView>,
}

impl From<JobSpec> for JobSpecView {
    fn from(spec: JobSpec) -> Self {
        match spec {
            JobSpec::Sync(spec) => {
                let confirm_deletes = spec.deletes_confirmed;
                Self::Sync(Box::new(RunSpecView { spec: spec.into(), confirm_deletes }))
            }
            JobSpec::Probe(ProbeSpec { steps, seconds, holders }) => {
                Self::Probe(ProbeSpecView { steps, seconds, holders })
            }
            JobSpec::ConnectionTest(spec) => {
                let connection = match spec {
                    TestSpec::Saved => None,
                    TestSpec::Draft(draft) => Some((*draft).into()),
                };
                Self::ConnectionTest(Box::new(TestSpecView { connection }))
            }
            JobSpec::Backup(BackupSpec { package_id, selection }) => {
                Self::Backup(BackupSpecView { backup_id: package_id.0, selection: selection.into() })
            }
            JobSpec::BackupVerification(VerificationSpec { package_id }) => {
                Self::BackupVerification(VerificationSpecView { backup_id: package_id.0 })
            }
        }
    }
}

/// Who asked for a job, by the name that they had then.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Actor)]
pub(super) struct ActorView {
    #[schema(schema_with = words::<ActorKind>)]
    kind: Word<ActorKind>,
    /// Null: a schedule of Longshore's own.
    #[schema(required = true)]
    id: Option<Uuid>,
    name: String,
}

impl From<Actor> for ActorView {
    fn from(actor: Actor) -> Self {
        Self { kind: Word(actor.kind), id: actor.id, name: actor.name }
    }
}
