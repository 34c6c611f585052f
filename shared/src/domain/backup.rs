//! Backups: what is asked for, and what came of it. A backup is a package; its id is the package's.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::actor::Actor;
use super::connection::Engine;
use super::failure::Failure;
use super::id::{ConnectionId, JobId, OrgId, PackageId};
use super::sync::Selection;
use super::words;

words! {
    /// What a package is.
    PackageKind {
        /// A backup.
        Backup = "backup",
    }
}

words! {
    /// Where a package stands.
    PackageState {
        /// A job writes it.
        Writing = "writing",
        /// Its manifest is known; it can be read.
        Complete = "complete",
        /// Its job did not come to the manifest; what was written of it is removed.
        Failed = "failed",
        /// A person or a policy deleted it; what it was stays on record.
        Deleted = "deleted",
    }
}

words! {
    /// Where a backup stands.
    BackupState {
        /// It is being made.
        Running = "running",
        /// It can be restored.
        Complete = "complete",
        /// It did not come to its end, and holds nothing.
        Failed = "failed",
        /// It was deleted.
        Deleted = "deleted",
    }
}

impl From<PackageState> for BackupState {
    fn from(state: PackageState) -> Self {
        match state {
            PackageState::Writing => Self::Running,
            PackageState::Complete => Self::Complete,
            PackageState::Failed => Self::Failed,
            PackageState::Deleted => Self::Deleted,
        }
    }
}

/// A backup as it stands in the store.
#[derive(Clone, Debug)]
pub struct Backup {
    /// The organisation that owns it.
    pub org_id: OrgId,
    /// Its identifier, and its package's; time-ordered.
    pub id: PackageId,
    /// As a person calls it.
    pub name: String,
    /// What it is of.
    pub connection_id: ConnectionId,
    /// What that was called when it was made.
    pub connection_name: String,
    /// The engine.
    pub engine: Engine,
    /// As the source's server said it; none before it is complete.
    pub server_version: Option<String>,
    /// Which tables were asked for.
    pub selection: Selection,
    /// Where it stands.
    pub state: BackupState,
    /// The job that makes or made it.
    pub job_id: Option<JobId>,
    /// The point of its rows; none before it is complete.
    pub point: Option<Point>,
    /// Its tables; none before it is complete.
    pub tables: Vec<WrittenTable>,
    /// Bytes of the rows' text.
    pub size_bytes: i64,
    /// Bytes of its objects.
    pub stored_bytes: i64,
    /// When it was last read whole and proven.
    pub verified_at: Option<DateTime<Utc>>,
    /// When it was last restored to be compared.
    pub drilled_at: Option<DateTime<Utc>>,
    /// Why it failed, when it did.
    pub failure: Option<Failure>,
    /// Who asked for it.
    pub created_by: Actor,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// What a backup is to hold, apart from of which connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSpec {
    /// The package that it becomes.
    pub package_id: PackageId,
    /// Which tables, and what belongs to them.
    pub selection: Selection,
}

/// Which backup is to be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationSpec {
    /// Its package.
    pub package_id: PackageId,
}

/// A point of a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// When it was fixed, by the worker's clock.
    pub at: DateTime<Utc>,
    /// Where the source's log of changes stood: `{"file", "position", "gtid"}`; none: it keeps no log, or the
    /// account may not see it.
    pub position: Option<Value>,
}

/// Where a package's manifest lies, and which one it is; the fenced row keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestRef {
    /// Its key below the store's prefix.
    pub key: String,
    /// BLAKE3 of the object, in hex.
    pub hash: String,
    /// Bytes of the object.
    pub bytes: u64,
}

/// A package that is complete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// The package.
    pub package_id: PackageId,
    /// What it holds, and how to prove it.
    pub manifest: ManifestRef,
    /// As the source's server says it.
    pub server_version: String,
    /// The one point that all rows are of.
    pub point: Point,
    /// Its tables, in order of name.
    pub tables: Vec<WrittenTable>,
    /// Bytes of the rows' text.
    pub size_bytes: u64,
    /// Bytes of its objects.
    pub stored_bytes: u64,
}

/// A table of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenTable {
    /// Its name.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
    /// Bytes of their text.
    pub bytes: u64,
}
