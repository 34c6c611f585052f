//! When a subject runs by itself, and what happens where its runs meet.

use chrono::{DateTime, Utc};

use super::Schedule;
use crate::domain::id::ScheduleId;
use crate::domain::words;

words! {
    /// What happens to a run of a subject while another one goes on.
    Overlap {
        /// A due time is skipped; a person's run is refused.
        Skip = "skip",
        /// One run waits: a person's, or that of the latest due time.
        Queue = "queue",
    }
}

/// When a subject runs by itself, and what happens where its runs meet.
#[derive(Clone, Debug)]
pub struct Timing {
    /// The identifier of its row.
    pub id: ScheduleId,
    /// When it runs by itself; `None`: when somebody asks.
    pub schedule: Option<Schedule>,
    /// Whether the schedule fires.
    pub enabled: bool,
    /// What happens to a run while another one goes on.
    pub overlap: Overlap,
    /// How late a due time may still fire, in seconds.
    pub catch_up_seconds: i32,
    /// The next firing.
    pub next_run_at: Option<DateTime<Utc>>,
}

impl Timing {
    /// An hour.
    pub const CATCH_UP_SECONDS: i32 = 3_600;

    /// What runs when somebody asks, unless another run goes on.
    pub const fn on_demand(id: ScheduleId) -> Self {
        Self {
            id,
            schedule: None,
            enabled: true,
            overlap: Overlap::Skip,
            catch_up_seconds: Self::CATCH_UP_SECONDS,
            next_run_at: None,
        }
    }

    /// The schedule, if it fires.
    pub fn firing(&self) -> Option<&Schedule> {
        self.schedule.as_ref().filter(|_| self.enabled)
    }
}
