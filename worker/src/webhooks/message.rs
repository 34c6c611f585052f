//! What a webhook is told: a vocabulary of its own, versioned, held by tests.
//!
//! It is made from the job's rows at each try: a final state never changes, so every try
//! says the same. It holds ids, states, counters and the failure's words; no cell, no secret.

use chrono::{DateTime, SecondsFormat, Utc};
use longshore_shared::domain::job::Job;
use longshore_shared::domain::step::Counts;
use longshore_shared::store::webhook_deliveries::Taken;
use serde_json::{Value, json};

const VERSION: u32 = 1;

/// What a delivery about a job says.
pub(super) fn of_job(event: &str, job: &Job, counts: Counts) -> String {
    let failure = job.failure.as_ref().map(|failure| {
        json!({
            "class": failure.class, "code": failure.code, "message": failure.message, "hint": failure.hint,
        })
    });
    let data = json!({
        "job_id": job.id, "kind": job.spec.kind(), "state": job.state, "task_id": job.task_id(),
        "trigger": job.trigger(), "created_at": time(job.created_at), "started_at": job.started_at.map(time),
        "ended_at": job.ended_at.map(time), "failure": failure, "warnings": job.warnings.len(),
        "counts": counts,
    });
    message(event, job.ended_at.unwrap_or(job.created_at), &data)
}

/// What a test says.
pub(super) fn of_ping(taken: &Taken) -> String {
    message(&taken.event, taken.created_at, &json!({"webhook_id": taken.webhook_id}))
}

fn message(event: &str, at: DateTime<Utc>, data: &Value) -> String {
    json!({"type": event, "version": VERSION, "timestamp": time(at), "data": data}).to_string()
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use longshore_shared::domain::actor::Actor;
    use longshore_shared::domain::failure::{Failure, FailureCode};
    use longshore_shared::domain::id::{JobId, OrgId, TokenId};
    use longshore_shared::domain::job::{Job, JobSpec, JobState};
    use longshore_shared::domain::probe::ProbeSpec;
    use longshore_shared::domain::step::Counts;
    use serde_json::json;
    use uuid::Uuid;

    #[test]
    fn the_form_is_as_it_has_always_been() {
        let at = |seconds: i64| DateTime::from_timestamp(1_700_000_000 + seconds, 5_000);
        let failure = Failure::permanent(FailureCode::WorkerDied, "it died").with_hint("look at it");
        let job = Job {
            org_id: OrgId(Uuid::nil()),
            id: JobId(Uuid::from_u128(2)),
            state: JobState::Failed,
            subject: None,
            name: "probe".to_owned(),
            source_id: None,
            source_name: None,
            target_id: None,
            target_name: None,
            spec: JobSpec::Probe(ProbeSpec { steps: 1, seconds: 0.0, holders: 0 }),
            requested_by: Actor::token(TokenId(Uuid::nil()), "ci"),
            due_at: None,
            ending: None,
            queued_behind: None,
            warnings: vec!["one".to_owned()],
            failure: Some(failure),
            created_at: at(0).unwrap_or_default(),
            started_at: at(1),
            ended_at: at(2),
        };
        let counts = Counts { rows: 7, inserted: 6, ..Counts::default() };
        let told: serde_json::Value =
            serde_json::from_str(&super::of_job("job.failed", &job, counts)).unwrap_or_default();
        let expected = json!({
            "type": "job.failed", "version": 1, "timestamp": "2023-11-14T22:13:22.000005Z",
            "data": {
                "job_id": "00000000-0000-0000-0000-000000000002", "kind": "probe", "state": "failed",
                "task_id": null, "trigger": "person", "created_at": "2023-11-14T22:13:20.000005Z",
                "started_at": "2023-11-14T22:13:21.000005Z", "ended_at": "2023-11-14T22:13:22.000005Z",
                "failure": {
                    "class": "internal", "code": "worker_died", "message": "it died", "hint": "look at it",
                },
                "warnings": 1,
                "counts": {
                    "rows": 7, "bytes": 0, "inserted": 6, "updated": 0, "deleted": 0, "unchanged": 0,
                    "skipped": 0,
                },
            },
        });
        assert_eq!(told, expected);
    }
}
