//! What is to be done about a due time: pure.

use chrono::{DateTime, TimeDelta, Utc};
use longshore_shared::domain::schedule::{DueResult, Schedule};
use longshore_shared::store::schedule_events::Entry;

/// Whatever the task's bound: what is fired within this is on time, not caught up with.
const ON_TIME: TimeDelta = TimeDelta::seconds(60);
/// Missed times that are counted at most; one entry stands for so many or more.
const COUNTED: usize = 1_000;

/// What is to be done about a due time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// The times before the one that fires, or all of them if none does.
    pub(super) missed: Option<Entry>,
    /// The due time to fire, unless all that were due are too long ago.
    pub(super) fire: Option<DateTime<Utc>>,
    /// When it is due again.
    pub(super) next: Option<DateTime<Utc>>,
}

/// Of all times from `due_at` to `now` the latest counts, if it is at most `bound` ago.
pub(super) fn decide(
    schedule: &Schedule,
    due_at: DateTime<Utc>,
    now: DateTime<Utc>,
    bound: TimeDelta,
) -> Decision {
    let least = TimeDelta::microseconds(1);
    let from = due_at.max(now - bound.max(ON_TIME)) - least;
    let fire = schedule.last_until(from, now);
    let missed = missed(schedule, due_at, fire.unwrap_or(now.max(due_at) + least)).filter(|entry| {
        // The time that was set is one of the missed, unless it is the one that fires.
        fire != Some(entry.due_at)
    });
    Decision { missed, fire, next: schedule.next_after(now.max(due_at)) }
}

/// An entry for the times from `due_at` to before `until`.
fn missed(schedule: &Schedule, due_at: DateTime<Utc>, until: DateTime<Utc>) -> Option<Entry> {
    let least = TimeDelta::microseconds(1);
    // An edit by hand may have set a time that is none of the schedule's; it counts as one.
    let times = i32::try_from(schedule.count(due_at, until, COUNTED).max(1)).unwrap_or(i32::MAX);
    let last_due_at = schedule.last_until(due_at - least, until - least).unwrap_or(due_at);
    Some(Entry { due_at, last_due_at, times, result: DueResult::Missed, job_id: None })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use chrono::{DateTime, TimeDelta, Utc};
    use longshore_shared::domain::schedule::Schedule;

    use super::decide;

    fn at(time: &str) -> DateTime<Utc> {
        format!("2026-03-02T{time}Z").parse().unwrap()
    }

    #[test]
    fn f21_only_the_latest_missed_time_fires_and_only_within_the_bound() {
        let check = |cron: &str, due: &str, now: &str, fire: Option<&str>, next: &str| {
            let schedule = Schedule::parse(cron, "UTC").unwrap();
            let decision = decide(&schedule, at(due), at(now), TimeDelta::hours(1));
            assert_eq!(decision.fire, fire.map(at), "{cron} {due} {now}");
            assert_eq!(decision.next, Some(at(next)), "{cron} {due} {now}");
        };
        check("* * * * *", "10:00:00", "10:00:00.4", Some("10:00:00"), "10:01:00");
        check("* * * * *", "10:00:00", "10:00:00", Some("10:00:00"), "10:01:00");
        check("* * * * *", "10:00:00", "13:07:30", Some("13:07:00"), "13:08:00");
        check("0 * * * *", "10:00:00", "13:07:30", Some("13:00:00"), "14:00:00");
        check("0 3,20 * * *", "03:00:00", "04:00:00", Some("03:00:00"), "20:00:00");
        check("0 3,20 * * *", "03:00:00", "04:00:01", None, "20:00:00");
        check("0 */4 * * *", "04:00:00", "13:00:00", Some("12:00:00"), "16:00:00");
        // The row was written by a clock that is ahead: never twice for one time.
        check("* * * * *", "10:05:00", "10:04:00", None, "10:06:00");
    }

    #[test]
    fn f21_missed_times_are_told_in_one_entry() {
        let check = |due: &str, now: &str, bound: i64, expected: Option<(&str, &str, i32)>| {
            let schedule = Schedule::parse("*/10 * * * *", "UTC").unwrap();
            let missed = decide(&schedule, at(due), at(now), TimeDelta::seconds(bound)).missed;
            let found = missed.map(|entry| (entry.due_at, entry.last_due_at, entry.times));
            assert_eq!(found, expected.map(|(from, to, times)| (at(from), at(to), times)), "{due} {now}");
        };
        check("10:00:00", "10:00:01", 3_600, None);
        check("10:00:00", "10:09:59", 3_600, None);
        check("10:00:00", "10:10:01", 3_600, Some(("10:00:00", "10:00:00", 1)));
        check("10:00:00", "13:05:00", 3_600, Some(("10:00:00", "12:50:00", 18)));
        // Never caught up with: only what is on time fires.
        check("10:00:00", "10:00:59", 0, None);
        check("10:00:00", "10:05:00", 0, Some(("10:00:00", "10:00:00", 1)));
        check("10:00:00", "13:05:00", 0, Some(("10:00:00", "13:00:00", 19)));
        check("10:00:00", "13:00:30", 0, Some(("10:00:00", "12:50:00", 18)));
    }
}
