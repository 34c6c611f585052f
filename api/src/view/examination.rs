//! What a test of a connection found, as it is shown.

use longshore_shared::domain::examination::{
    Direction, Examination, Feature, FeatureRights, MissingRight, Passage, ServerFacts, Stage, StageFailure,
    StageReport, SyncRights,
};
use longshore_shared::domain::id::JobId;
use longshore_shared::domain::job::JobState;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::word::{Word, words};

/// A test of a connection.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectionTest)]
pub(crate) struct TestView {
    /// The test's job.
    job_id: Uuid,
    #[schema(schema_with = words::<JobState>)]
    state: Word<JobState>,
    /// What was found; null as long as the job goes on, and if it failed itself.
    #[schema(required = true)]
    examination: Option<ExaminationView>,
}

impl TestView {
    pub(crate) fn of(job_id: JobId, state: JobState, examination: Option<Examination>) -> Self {
        Self { job_id: job_id.0, state: Word(state), examination: examination.map(Into::into) }
    }
}

/// What a test of a connection found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Examination)]
pub(crate) struct ExaminationView {
    /// Whether the connection is successful: no stage failed. A missing right is no failure.
    passed: bool,
    /// Every stage that the connection has, in the order of the way.
    stages: Vec<StageView>,
    /// What the server is, once it was reached.
    #[schema(required = true)]
    server: Option<ServerView>,
    /// What each feature lacks, once the rights were read.
    features: Vec<FeatureView>,
    /// What a sync from here needs, and one into here, once the rights were read.
    syncs: Vec<SyncRightsView>,
}

/// What was found of one stage.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Stage)]
struct StageView {
    #[schema(schema_with = words::<Stage>)]
    stage: Word<Stage>,
    /// Which hop, from 1, outermost first; null: the database.
    #[schema(required = true)]
    hop: Option<u8>,
    /// How it ended.
    #[schema(schema_with = words::<Passage>)]
    passage: Word<Passage>,
    /// How long it took. What the database's own stages took together stands at the last of them.
    #[schema(required = true)]
    milliseconds: Option<u32>,
    /// Why it failed.
    #[schema(required = true)]
    failure: Option<StageFailureView>,
    /// The SSH host's key, to be compared and confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "SHA256:jR5Xq0L2K3mC7w1b4J9d8Tf6Ys+Zc/0aQeUvHgIpNkM")]
    fingerprint: Option<String>,
}

/// Why a stage failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StageFailure)]
struct StageFailureView {
    /// A stable code.
    code: String,
    message: String,
    /// What to do about it.
    hint: String,
}

/// What a server is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Server)]
struct ServerView {
    flavour: String,
    version: String,
    /// The protocol and cipher of the session; null: it was not encrypted.
    #[schema(required = true)]
    tls: Option<String>,
    /// One round trip.
    latency_milliseconds: f64,
    /// The server's clock minus the worker's.
    clock_skew_seconds: f64,
    warnings: Vec<String>,
}

/// What a feature lacks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FeatureRights)]
struct FeatureView {
    #[schema(schema_with = words::<Feature>)]
    feature: Word<Feature>,
    /// Whether nothing is missing.
    available: bool,
    missing: Vec<MissingView>,
}

/// A right or setting that is missing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MissingRight)]
struct MissingView {
    right: String,
    /// What an administrator runs to grant it.
    statement: String,
}

/// What a sync needs of the account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SyncRights)]
struct SyncRightsView {
    /// Whether the database is read or written.
    #[schema(schema_with = words::<Direction>)]
    direction: Word<Direction>,
    /// Whether nothing of the needs is missing on the database as a whole; a job asks for no more
    /// than it needs, and an account with rights to single tables may do for it.
    available: bool,
    /// Rights that a sync may need, whatever its task.
    needs: Vec<String>,
    /// Rights that it can do without, worse.
    helps: Vec<String>,
    missing: Vec<String>,
    /// What an administrator runs to grant all of them.
    #[schema(example = "GRANT SELECT, LOCK TABLES ON `shop`.* TO 'longshore'@'10.%'")]
    statement: String,
}

impl From<SyncRights> for SyncRightsView {
    fn from(found: SyncRights) -> Self {
        let SyncRights { direction, needs, helps, missing, statement } = found;
        let available = missing.is_empty();
        Self { direction: Word(direction), available, needs, helps, missing, statement }
    }
}

impl From<Examination> for ExaminationView {
    fn from(found: Examination) -> Self {
        Self {
            passed: found.is_passed(),
            stages: found.stages.into_iter().map(Into::into).collect(),
            server: found.server.map(Into::into),
            features: found.features.into_iter().map(Into::into).collect(),
            syncs: found.syncs.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<StageReport> for StageView {
    fn from(found: StageReport) -> Self {
        let StageReport { stage, hop, passage, milliseconds, failure, fingerprint } = found;
        let failure = failure.map(|StageFailure { code, message, hint }| StageFailureView {
            code: code.to_string(),
            message,
            hint,
        });
        Self { stage: Word(stage), hop, passage: Word(passage), milliseconds, failure, fingerprint }
    }
}

impl From<ServerFacts> for ServerView {
    fn from(found: ServerFacts) -> Self {
        let ServerFacts { flavour, version, tls, latency_milliseconds, clock_skew_seconds, warnings } = found;
        Self { flavour, version, tls, latency_milliseconds, clock_skew_seconds, warnings }
    }
}

impl From<FeatureRights> for FeatureView {
    fn from(FeatureRights { feature, missing }: FeatureRights) -> Self {
        let view = |MissingRight { right, statement }| MissingView { right, statement };
        let available = missing.is_empty();
        Self { feature: Word(feature), available, missing: missing.into_iter().map(view).collect() }
    }
}
