//! Which tables a backup was asked to hold.

use longshore_shared::domain::sync::Selection;
use serde::Serialize;
use utoipa::ToSchema;

/// Which tables were asked for.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BackupSelection)]
pub(crate) struct BackupSelectionView {
    /// Names or patterns; null: everything that the database holds.
    #[schema(required = true)]
    chosen: Option<Vec<String>>,
    /// Names or patterns that are left out.
    exclude: Vec<String>,
}

impl From<Selection> for BackupSelectionView {
    fn from(selection: Selection) -> Self {
        match selection {
            Selection::Full => Self { chosen: None, exclude: Vec::new() },
            Selection::Selective { tables, exclude } => Self { chosen: Some(tables), exclude },
        }
    }
}
