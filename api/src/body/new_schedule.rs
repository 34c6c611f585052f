//! The part of a body that says when a task runs by itself.

use chrono::{DateTime, TimeDelta, Utc};
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::domain::schedule::{Draft, Every, On, Schedule, ScheduleError, ScheduleErrors};
use longshore_shared::domain::sync::Selection;
use longshore_shared::store::sync_tasks::SyncTask;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::extract::field::{Field, FieldErrors};
use crate::word::{ScheduleDay, Word, optional_words};

/// When a task runs by itself: either a five-field `cron` expression, or `every` with
/// what that needs. A time that daylight saving leaves out runs right after the gap, one
/// that it repeats runs once.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSchedule {
    /// Minute, hour, day of month, month, day of week (0 or 7 = Sunday).
    #[schema(value_type = Option<String>, max_length = 200, example = "30 2 * * 1-5")]
    #[serde(default)]
    cron: Field<String>,
    /// `hours` (with `hours`), `day` (with `at`), `week` or `month` (with `on` and `at`).
    #[schema(schema_with = optional_words::<Every>, required = false)]
    #[serde(default)]
    every: Field<Word<Every>>,
    /// So many hours pass between two runs, whatever the clock shows.
    #[schema(value_type = Option<u8>, minimum = 1, maximum = 168)]
    #[serde(default)]
    hours: Field<u32>,
    /// The first of the runs every so many hours, on the zone's clock;
    /// `2000-01-01T00:00` unless given.
    #[schema(value_type = Option<String>, example = "2026-03-01T06:15")]
    #[serde(default)]
    from: Field<String>,
    /// Days of the week (`mon` to `sun`), or dates of the month: a month that lacks one is
    /// left out, `last` is the last day of each.
    #[schema(value_type = Option<Vec<ScheduleDay>>, example = json!([1, 15, "last"]))]
    #[serde(default)]
    on: Field<Vec<On>>,
    /// The time of day.
    #[schema(value_type = Option<String>, example = "02:30")]
    #[serde(default)]
    at: Field<String>,
    /// IANA name.
    #[schema(value_type = String, required = true, example = "Europe/Berlin")]
    #[serde(default)]
    time_zone: Field<String>,
}

impl NewSchedule {
    pub(super) fn check(self, found: &mut FieldErrors) -> Option<Schedule> {
        let before = found.count();
        let draft = Draft {
            cron: found.optional("cron", self.cron, "a five-field cron expression"),
            every: found.optional("every", self.every, &Word::<Every>::choices()).map(|word| word.0),
            hours: found.optional("hours", self.hours, "a whole number from 1 to 168"),
            from: found.optional("from", self.from, "a date and time of day as a text"),
            on: found.optional("on", self.on, "a list of days"),
            at: found.optional("at", self.at, "a time of day as a text"),
            time_zone: found.optional("time_zone", self.time_zone, "the IANA name of a time zone"),
        };
        // What does not read at all would be told as missing too.
        if found.count() > before {
            return None;
        }
        match Schedule::try_from(draft) {
            Ok(schedule) => Some(schedule),
            Err(ScheduleErrors(errors)) => {
                for error in errors {
                    let place = error.position.map(|p| format!("field {p}: ")).unwrap_or_default();
                    let detail = format!("{place}{}; {}", error.reason, error.remedy);
                    found.add(error.field, code(&error), detail);
                }
                None
            }
        }
    }
}

fn code(error: &ScheduleError) -> ProblemCode {
    match error {
        ScheduleError { missing: true, .. } => ProblemCode::Required,
        ScheduleError { field: "cron", .. } => ProblemCode::InvalidCron,
        ScheduleError { field: "time_zone", .. } => ProblemCode::InvalidTimeZone,
        ScheduleError { .. } => ProblemCode::InvalidValue,
    }
}

/// Refuses a full sync whose schedule brings runs closer together than the operator's
/// bound; zero is none.
pub(crate) fn rare_enough(task: &SyncTask, bound: TimeDelta, now: DateTime<Utc>) -> Result<(), ApiError> {
    let (Selection::Full, Some(schedule)) = (&task.spec.selection, &task.timing.schedule) else {
        return Ok(());
    };
    let Some((one, other)) = schedule.closer_than(bound, now) else { return Ok(()) };
    let detail = format!(
        "two runs of this full sync would be {} seconds apart ({one} and {other}); the operator of this \
         installation allows no less than {} seconds; choose a rarer schedule, or a selective sync",
        (other - one).num_seconds(),
        bound.num_seconds()
    );
    Err(ApiError::field("schedule", ProblemCode::TooFrequent, detail))
}
