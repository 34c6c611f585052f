//! What a probe is to do: steps without customers' data, to see that the whole way is open
//! (API, store, RabbitMQ, workers) and how fast it is.

use serde::{Deserialize, Serialize};

/// Steps that one probe makes at most.
pub const MOST_STEPS: u32 = 100_000;
/// The longest that a step may rest, in seconds: a day.
pub const LONGEST_SECONDS: f64 = 86_400.0;

/// What a probe is to do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeSpec {
    /// How many steps; a single one is the job's first step itself.
    pub steps: u32,
    /// How long each rests, in seconds; with 0 it does nothing at all.
    pub seconds: f64,
    /// How many workers hold a token for the job at most, so that its steps are done by
    /// them only; with 0 any worker does them.
    #[serde(default)]
    pub holders: u32,
}
