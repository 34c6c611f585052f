//! What a sync is to do, as its task and each of its runs show it.

use std::collections::BTreeMap;

use longshore_shared::domain::sync::{
    ConflictPolicy, Keyless, OnMismatch, Selection, SyncSpec, TargetBusy, TargetTriggers,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::word::{Word, words};

/// What a sync is to do, apart from where.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SyncSpec)]
pub(crate) struct SyncSpecView {
    mode: ModeView,
    /// Names or patterns of a selective sync; empty for a full one.
    tables: Vec<String>,
    /// Names or patterns that a selective sync leaves out.
    exclude: Vec<String>,
    /// Conditions on the rows of tables, by their names.
    #[serde(rename = "where")]
    conditions: BTreeMap<String, String>,
    /// The time zone of the conditions' dates and times, and of `NOW()` there.
    where_time_zone: String,
    #[schema(schema_with = words::<ConflictPolicy>)]
    policy: Word<ConflictPolicy>,
    delete_extra: bool,
    /// How many hundredths of a table's rows a run may delete without `confirm_deletes`.
    max_delete_percent: i32,
    #[schema(schema_with = words::<Keyless>)]
    keyless: Word<Keyless>,
    #[schema(schema_with = words::<TargetTriggers>)]
    target_triggers: Word<TargetTriggers>,
    #[schema(schema_with = words::<OnMismatch>)]
    on_mismatch: Word<OnMismatch>,
    #[schema(schema_with = words::<TargetBusy>)]
    target_busy: Word<TargetBusy>,
}

/// Which tables a task covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Mode)]
enum ModeView {
    Full,
    Selective,
}

impl From<SyncSpec> for SyncSpecView {
    fn from(spec: SyncSpec) -> Self {
        let (mode, tables, exclude) = match spec.selection {
            Selection::Full => (ModeView::Full, Vec::new(), Vec::new()),
            Selection::Selective { tables, exclude } => (ModeView::Selective, tables, exclude),
        };
        Self {
            mode,
            tables,
            exclude,
            conditions: spec.filters.into_iter().map(|(table, filter)| (table, filter.into())).collect(),
            where_time_zone: spec.filter_zone.to_string(),
            policy: Word(spec.policy),
            delete_extra: spec.delete_extra,
            max_delete_percent: spec.max_delete_percent,
            keyless: Word(spec.keyless),
            target_triggers: Word(spec.target_triggers),
            on_mismatch: Word(spec.on_mismatch),
            target_busy: Word(spec.target_busy),
        }
    }
}
