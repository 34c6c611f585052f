//! Bodies and what is said about them.

#![expect(clippy::unwrap_used, reason = "a test")]

use longshore_shared::domain::id::{OrgId, TaskId};
use longshore_shared::domain::sync::Selection;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{NewSyncTask, SyncTask};
use crate::error::ApiError;

fn read(body: &Value) -> Result<SyncTask, ApiError> {
    let body: NewSyncTask = serde_json::from_str(&body.to_string()).unwrap();
    let now = chrono::DateTime::UNIX_EPOCH;
    body.check(OrgId(Uuid::nil()), TaskId(Uuid::nil()), now).map(|(task, ..)| task)
}

fn good() -> Value {
    json!({"name": "nightly", "mode": "full", "policy": "source_first",
           "source_id": "00000000-0000-7000-8000-000000000001",
           "target_id": "00000000-0000-7000-8000-000000000002"})
}

fn check(changes: &Value, expected: &[&str]) {
    let mut body = good();
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    let found: Vec<String> = match read(&body) {
        Ok(_) => Vec::new(),
        Err(ApiError::Invalid(errors)) => {
            errors.iter().map(|error| format!("{} {}", error.field, error.code)).collect()
        }
        Err(other) => panic!("{other:?}"),
    };
    assert_eq!(found, expected, "{changes}");
}

#[test]
fn fields() {
    check(&json!({}), &[]);
    check(&json!({"name": null}), &["name required"]);
    check(&json!({"source_id": "7"}), &["source_id unknown_connection"]);
    check(&json!({"source_id": 7}), &["source_id invalid_value"]);
    check(&json!({"target_id": "00000000-0000-7000-8000-000000000001"}), &["target_id same_database"]);
    check(&json!({"policy": null}), &["policy required"]);
    check(&json!({"policy": "newest"}), &["policy invalid_value"]);
    check(&json!({"mode": null}), &["mode required"]);
    check(&json!({"delete_extra": "yes"}), &["delete_extra invalid_value"]);
    check(&json!({"max_delete_percent": 0}), &[]);
    check(&json!({"max_delete_percent": 101}), &["max_delete_percent invalid_value"]);
    check(&json!({"max_delete_percent": -1}), &["max_delete_percent invalid_value"]);
    check(
        &json!({"keyless": "drop", "on_mismatch": 1}),
        &["keyless invalid_value", "on_mismatch invalid_value"],
    );
    check(&json!({"target_triggers": "fire", "enabled": false}), &[]);
}

#[test]
fn selections() {
    check(&json!({"tables": ["a"]}), &["tables invalid_value"]);
    check(&json!({"exclude": []}), &["exclude invalid_value"]);
    check(&json!({"mode": "selective"}), &["tables required"]);
    check(&json!({"mode": "selective", "tables": []}), &["tables required"]);
    check(&json!({"mode": "selective", "tables": "a"}), &["tables invalid_value"]);
    check(&json!({"mode": "selective", "tables": ["a", ""]}), &["tables invalid_value"]);
    check(&json!({"mode": "selective", "tables": ["t".repeat(65)]}), &["tables invalid_value"]);
    check(&json!({"mode": "selective", "tables": vec!["t"; 5001]}), &["tables too_long"]);
    check(&json!({"mode": "selective", "tables": ["a*"], "exclude": ["a\0"]}), &["exclude invalid_value"]);
    let task = read(&{
        let mut body = good();
        body["mode"] = json!("selective");
        body["tables"] = json!(["order*", "`x`"]);
        body
    })
    .unwrap();
    let expected = Selection::Selective { tables: vec!["order*".into(), "`x`".into()], exclude: vec![] };
    assert_eq!(task.spec.selection, expected);
}

#[test]
fn i15_i16_schedules() {
    let schedule = |cron: &str, zone: &str| json!({"schedule": {"cron": cron, "time_zone": zone}});
    check(&schedule("30 2 * * 1-5", "Europe/Berlin"), &[]);
    check(&schedule("* * * *", "UTC"), &["schedule.cron invalid_cron"]);
    check(&schedule("60 * * * *", "UTC"), &["schedule.cron invalid_cron"]);
    check(&schedule("0 0 30 2 *", "UTC"), &["schedule.cron invalid_cron"]);
    check(&schedule("@reboot", "UTC"), &["schedule.cron invalid_cron"]);
    check(&schedule("0 0 * * *", "Mars/Olympus"), &["schedule.time_zone invalid_time_zone"]);
    check(&json!({"schedule": {"cron": "0 0 * * *"}}), &["schedule.time_zone required"]);
    check(&json!({"schedule": {}}), &["schedule.cron required", "schedule.time_zone required"]);
    check(&json!({"schedule": "daily"}), &["schedule invalid_value"]);
    check(&json!({"schedule": {"cron": 7, "time_zone": "UTC"}}), &["schedule.cron invalid_value"]);
    check(&json!({"schedule": {"every": "day", "at": "02:30", "time_zone": "Asia/Seoul"}}), &[]);
    check(&json!({"schedule": {"every": "day", "time_zone": "UTC"}}), &["schedule.at required"]);
    check(&json!({"schedule": {"every": "noon", "time_zone": "UTC"}}), &["schedule.every invalid_value"]);
    check(&json!({"overlap": "queue", "catch_up_seconds": 0}), &[]);
    check(
        &json!({"overlap": 1, "catch_up_seconds": 604_801}),
        &["overlap invalid_value", "catch_up_seconds invalid_value"],
    );
    let mut body = good();
    body["schedule"] = json!({"cron": "0 3 * * *", "time_zone": "UTC"});
    assert_eq!(read(&body).unwrap().timing.next_run_at.unwrap().to_rfc3339(), "1970-01-01T03:00:00+00:00");
    body["enabled"] = json!(false);
    assert_eq!(read(&body).unwrap().timing.next_run_at, None);
}
