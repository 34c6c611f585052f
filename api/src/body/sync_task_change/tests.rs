//! Edits and what is said about them.

#![expect(clippy::unwrap_used, reason = "a test")]

use chrono::{DateTime, Utc};
use longshore_shared::domain::id::{ConnectionId, OrgId, ScheduleId, TaskId};
use longshore_shared::domain::schedule::{Overlap, Schedule, Timing};
use longshore_shared::domain::sync::{
    ConflictPolicy, Keyless, OnMismatch, Selection, SyncSpec, TargetBusy, TargetTriggers,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{SyncTask, SyncTaskChange};
use crate::error::ApiError;

fn now() -> DateTime<Utc> {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

fn task() -> SyncTask {
    let spec = json!({
        "selection": {"mode": "selective", "tables": ["a*"], "exclude": ["ab"]}, "policy": "source_first",
        "delete_extra": false, "keyless": "refuse", "target_triggers": "refuse", "on_mismatch": "fail",
    });
    SyncTask {
        org_id: OrgId(Uuid::nil()),
        id: TaskId(Uuid::nil()),
        name: "nightly".to_owned(),
        source_id: ConnectionId(Uuid::from_u128(1)),
        target_id: ConnectionId(Uuid::from_u128(2)),
        spec: serde_json::from_value::<SyncSpec>(spec).unwrap(),
        timing: Timing {
            schedule: Some(Schedule::parse("0 3 * * *", "UTC").unwrap()),
            // Due and not fired yet.
            next_run_at: Some(now() - chrono::TimeDelta::seconds(1)),
            ..Timing::on_demand(ScheduleId(Uuid::nil()))
        },
        version: 7,
        created_at: now(),
    }
}

fn change(body: &Value) -> Result<SyncTask, ApiError> {
    let change: SyncTaskChange = serde_json::from_str(&body.to_string()).unwrap();
    change.apply(task(), now()).map(|(task, _)| task)
}

#[test]
fn only_what_is_given_changes() {
    let same = change(&json!({})).unwrap();
    assert_eq!(
        (same.name, same.spec, same.timing.next_run_at),
        (task().name, task().spec, task().timing.next_run_at)
    );
    let after = change(&json!({
        "name": "weekly", "policy": "target_first", "delete_extra": true, "keyless": "replace",
        "target_triggers": "fire", "on_mismatch": "continue", "overlap": "queue", "catch_up_seconds": 0,
        "target_busy": "refuse", "max_delete_percent": 7,
    }))
    .unwrap();
    assert_eq!(
        (after.name.as_str(), after.timing.overlap, after.timing.catch_up_seconds),
        ("weekly", Overlap::Queue, 0)
    );
    assert_eq!((after.spec.target_busy, after.spec.max_delete_percent), (TargetBusy::Refuse, 7));
    let SyncSpec { policy, delete_extra, keyless, target_triggers, on_mismatch, .. } = after.spec;
    assert_eq!((policy, delete_extra, keyless), (ConflictPolicy::TargetFirst, true, Keyless::Replace));
    assert_eq!((target_triggers, on_mismatch), (TargetTriggers::Fire, OnMismatch::Continue));
    assert_eq!(after.timing.next_run_at, task().timing.next_run_at, "what is due stays due");
}

#[test]
fn a_selection_changes_in_parts() {
    let check = |body: &Value, expected: Selection| {
        assert_eq!(change(body).unwrap().spec.selection, expected, "{body}");
    };
    let selective = |tables: &[&str], exclude: &[&str]| Selection::Selective {
        tables: tables.iter().map(ToString::to_string).collect(),
        exclude: exclude.iter().map(ToString::to_string).collect(),
    };
    check(&json!({"tables": ["b"]}), selective(&["b"], &["ab"]));
    check(&json!({"exclude": []}), selective(&["a*"], &[]));
    check(&json!({"mode": "full"}), Selection::Full);
    assert!(change(&json!({"mode": "full", "tables": ["b"]})).is_err());
}

#[test]
fn f24_a_schedule_that_changes_forgets_what_was_due() {
    let check = |body: &Value, expected: Option<&str>| {
        let next = change(body).unwrap().timing.next_run_at;
        assert_eq!(next, expected.map(|time| time.parse().unwrap()), "{body}");
    };
    let cron = |text: &str| json!({"schedule": {"cron": text, "time_zone": "UTC"}});
    check(&cron("0 4 * * *"), Some("2026-03-03T04:00:00Z"));
    check(&cron("0  3 * * *"), Some("2026-03-02T11:59:59Z"));
    check(&json!({"schedule": null}), None);
    check(&json!({"enabled": false}), None);
    check(&json!({"enabled": true}), Some("2026-03-02T11:59:59Z"));
    check(
        &json!({"schedule": {"every": "day", "at": "03:00", "time_zone": "UTC"}}),
        Some("2026-03-03T03:00:00Z"),
    );
}

#[test]
fn everything_that_is_wrong_is_told() {
    let check = |body: &Value, expected: &[&str]| {
        let found: Vec<String> = match change(body) {
            Err(ApiError::Invalid(errors)) => errors.into_iter().map(|error| error.field).collect(),
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected, "{body}");
    };
    check(
        &json!({"name": " ", "overlap": "both", "catch_up_seconds": -1}),
        &["name", "overlap", "catch_up_seconds"],
    );
    check(&json!({"catch_up_seconds": 604_801, "tables": []}), &["tables", "catch_up_seconds"]);
    check(
        &json!({"schedule": {"every": "week", "time_zone": "Mars"}}),
        &["schedule.on", "schedule.at", "schedule.time_zone"],
    );
    check(&json!({"schedule": {"every": "year", "time_zone": 7}}), &["schedule.every", "schedule.time_zone"]);
    check(&json!({"schedule": []}), &["schedule"]);
}
