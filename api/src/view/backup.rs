//! A backup as it is shown.

use chrono::{DateTime, Utc};
use longshore_shared::domain::backup::{Backup, BackupState, Point, WrittenTable};
use longshore_shared::domain::connection::Engine;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::backup_selection::BackupSelectionView;
use super::job_spec::ActorView;
use super::table::FailureView;
use crate::word::{Word, words};

/// A backup.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Backup)]
pub(crate) struct BackupView {
    id: Uuid,
    name: String,
    connection_id: Uuid,
    /// What the connection was called when the backup was made.
    connection_name: String,
    #[schema(schema_with = words::<Engine>)]
    engine: Word<Engine>,
    /// As the source's server said it; null before the backup is complete.
    #[schema(required = true)]
    server_version: Option<String>,
    #[schema(schema_with = words::<BackupState>)]
    state: Word<BackupState>,
    /// The one point that all of its rows are of; null before it is complete.
    #[schema(required = true)]
    point: Option<PointView>,
    /// Its tables with rows and bytes; null in lists, and before it is complete.
    #[schema(required = true)]
    tables: Option<Vec<BackupTableView>>,
    selection: BackupSelectionView,
    /// Bytes of the rows' text.
    size_bytes: i64,
    /// Bytes of its objects in the store.
    stored_bytes: i64,
    /// When it was last read whole and proven.
    #[schema(required = true)]
    verified_at: Option<DateTime<Utc>>,
    /// When it was last restored to be compared.
    #[schema(required = true)]
    drilled_at: Option<DateTime<Utc>>,
    /// The job that makes or made it.
    #[schema(required = true)]
    job_id: Option<Uuid>,
    created_by: ActorView,
    created_at: DateTime<Utc>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureView>,
}

/// A point of a source.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BackupPoint)]
struct PointView {
    at: DateTime<Utc>,
    /// Where the source's binary log stood; null: it keeps none, or the account may not see it.
    #[schema(value_type = Option<LogPositionView>, required = true)]
    position: Option<Value>,
}

/// Where a binary log stands.
#[derive(ToSchema)]
#[schema(as = LogPosition)]
#[expect(dead_code, reason = "its shape is only told")]
struct LogPositionView {
    file: String,
    position: u64,
    /// In global transaction identifiers; empty where the server has none.
    gtid: String,
}

/// A table of a backup.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BackupTable)]
struct BackupTableView {
    name: String,
    rows: u64,
    /// Bytes of the rows' text.
    bytes: u64,
}

impl BackupView {
    /// With its tables, if it is complete.
    pub(crate) fn whole(backup: Backup) -> Self {
        let table = |WrittenTable { name, rows, bytes }| BackupTableView { name, rows, bytes };
        let tables = backup.tables.clone().into_iter().map(table).collect();
        let tables = backup.point.is_some().then_some(tables);
        Self { tables, ..backup.into() }
    }
}

impl From<Backup> for BackupView {
    fn from(backup: Backup) -> Self {
        Self {
            id: backup.id.0,
            name: backup.name,
            connection_id: backup.connection_id.0,
            connection_name: backup.connection_name,
            engine: Word(backup.engine),
            server_version: backup.server_version,
            state: Word(backup.state),
            point: backup.point.map(|Point { at, position }| PointView { at, position }),
            tables: None,
            selection: backup.selection.into(),
            size_bytes: backup.size_bytes,
            stored_bytes: backup.stored_bytes,
            verified_at: backup.verified_at,
            drilled_at: backup.drilled_at,
            job_id: backup.job_id.map(|id| id.0),
            created_by: backup.created_by.into(),
            created_at: backup.created_at,
            failure: backup.failure.map(Into::into),
        }
    }
}
