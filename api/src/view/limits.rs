//! An organisation's limits as they are shown.

use serde::Serialize;
use utoipa::ToSchema;

/// The limits of an organisation over the whole fleet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Limits)]
pub(crate) struct LimitsView {
    /// How many steps of it may run at once; null: as many as its jobs' windows give.
    #[schema(required = true, minimum = 1, maximum = 10_000)]
    pub(crate) max_steps: Option<i32>,
}
