//! Reports in all their disorder.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use longshore_shared::domain::id::{JobId, OrgId, StepId};
use longshore_shared::domain::progress::StepProgress;
use longshore_shared::domain::step::Counts;
use uuid::Uuid;

use super::ProgressHub;

const ORG: OrgId = OrgId(Uuid::from_u128(1));
const JOB: JobId = JobId(Uuid::from_u128(2));

fn report(step: u128, attempt: i32, rows: i64, ended: bool) -> StepProgress {
    StepProgress {
        org_id: ORG,
        job_id: JOB,
        step_id: StepId(Uuid::from_u128(step)),
        attempt,
        table_number: Some(0),
        worker: "one".to_owned(),
        counts: Counts { rows, bytes: rows * 10, ..Counts::default() },
        ended,
    }
}

#[test]
fn the_newest_report_of_each_step_counts() {
    let check = |reports: &[StepProgress], expected: &[(u128, i32, i64)]| {
        let (progress_hub, now) = (ProgressHub::default(), Instant::now());
        for report in reports {
            progress_hub.take(report, now);
        }
        let mut found: Vec<_> = progress_hub
            .of(ORG, JOB, now)
            .steps
            .into_iter()
            .map(|(id, (attempt, counts))| (id.0.as_u128(), attempt, counts.rows))
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected);
    };
    check(&[], &[]);
    check(&[report(1, 1, 5, false), report(1, 1, 9, false), report(2, 1, 3, false)], &[(1, 1, 9), (2, 1, 3)]);
    check(&[report(1, 1, 5, false), report(1, 1, 9, true)], &[]);
    // a report that its step's end overtook does not bring the step back
    check(&[report(1, 1, 9, true), report(1, 1, 5, false)], &[]);
    // a second attempt begins anew, and the first one's late reports are void
    check(&[report(1, 1, 9, true), report(1, 2, 2, false), report(1, 1, 8, false)], &[(1, 2, 2)]);
}

#[test]
fn another_organisation_sees_nothing() {
    let (progress_hub, now) = (ProgressHub::default(), Instant::now());
    progress_hub.take(&report(1, 1, 5, false), now);
    assert!(progress_hub.of(OrgId(Uuid::from_u128(9)), JOB, now).steps.is_empty());
}

#[test]
fn the_rate_is_of_the_last_seconds() {
    let (progress_hub, begun) = (ProgressHub::default(), Instant::now());
    let at = |tenths: u64| begun + Duration::from_millis(tenths * 100);
    assert_eq!(progress_hub.of(ORG, JOB, at(0)).rate, None);
    for second in 0..=20_u64 {
        let rows = i64::try_from(second * 100).unwrap();
        progress_hub.take(&report(1, 1, rows, false), at(second * 10));
        if second == 0 {
            assert_eq!(progress_hub.of(ORG, JOB, at(5)).rate, None);
        }
    }
    let (rows, bytes) = progress_hub.of(ORG, JOB, at(200)).rate.unwrap();
    assert!((90.0..=110.0).contains(&rows) && (900.0..=1_100.0).contains(&bytes), "{rows} {bytes}");
    // a job that stands still has a rate of nothing, not the one of before
    assert_eq!(progress_hub.of(ORG, JOB, at(400)).rate, Some((0.0, 0.0)));
}

#[test]
fn who_falls_silent_is_forgotten() {
    let (progress_hub, begun) = (ProgressHub::default(), Instant::now());
    progress_hub.take(&report(1, 1, 5, false), begun);
    let later = begun + Duration::from_secs(61);
    progress_hub.take(&report(2, 1, 5, false), later);
    assert_eq!(progress_hub.of(ORG, JOB, later).steps.len(), 1);
    let much_later = later + Duration::from_secs(121);
    progress_hub
        .take(&StepProgress { job_id: JobId(Uuid::from_u128(3)), ..report(1, 1, 5, false) }, much_later);
    assert_eq!(progress_hub.lock().len(), 1);
}
