//! How far a running step has come. Lossy: it rides the bus and is never the truth.

use serde::{Deserialize, Serialize};

use super::id::{JobId, OrgId, StepId};
use super::step::Counts;

/// A sample of a running step's counters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepProgress {
    /// The organisation.
    pub org_id: OrgId,
    /// The job.
    pub job_id: JobId,
    /// The step.
    pub step_id: StepId,
    /// The attempt that is sampled; an older attempt's counters are void.
    pub attempt: i32,
    /// The table that it works on.
    pub table_number: Option<i32>,
    /// The worker's name.
    pub worker: String,
    /// What the step has done so far.
    pub counts: Counts,
    /// The step has ended; the state in the store counts from here on.
    pub ended: bool,
}
