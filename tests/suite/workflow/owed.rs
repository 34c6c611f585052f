//! What a table is owed is remembered until a job has given it, however many end before.

use longshore_shared::domain::id::JobId;
use longshore_shared::domain::step::{
    Finding, Growth, Outcome, Owed, StageDraft, StepDraft, StepKind, TableDraft, TableMode, Verified,
    VerifyPolicy, VerifyResult,
};
use longshore_shared::store::job_tables;
use longshore_shared::workflow::settle;
use serde_json::{Value, json};

use super::bench::Bench;

fn names(of: &[&str]) -> Vec<String> {
    of.iter().map(|name| (*name).to_owned()).collect()
}

fn owes(rows: bool, indexes: &[&str], keys: &[&str]) -> Owed {
    Owed { rows, indexes: names(indexes), foreign_keys: names(keys) }
}

/// A job that does nothing with one table but verify it.
async fn planned(bench: &Bench, mode: TableMode, plan: Value, owes: Owed) -> JobId {
    let (name, failure) = ("t".to_owned(), None);
    let table = TableDraft { number: 0, name, mode, plan, rows_total: 0, bytes_total: 0, failure, owes };
    let stage = StageDraft { number: 1, name: "verify".to_owned(), waits_for: vec![0] };
    let (kind, payload) = (StepKind::Verify, json!({}));
    let step = StepDraft { stage: 1, kind, table_number: Some(0), tables: vec![], payload, affine: false };
    let growth = Growth { tables: vec![table], stages: vec![stage], steps: vec![step] };
    bench.planned(growth).await.0
}

/// Ends the job with its table as it should be, and these foreign keys added.
async fn completed(bench: &Bench, job: JobId, added: &[&str]) {
    let worker = bench.worker(8).await;
    let step = bench.steps(job, "announced").await[0];
    let step = bench.claim(step, worker).await.unwrap();
    let (result, policy) = (VerifyResult::Equal, VerifyPolicy::Exact);
    let verified =
        Verified { result, policy, source_rows: 1, target_rows: 1, extra_rows: 0, skipped_rows: 0 };
    let added = Finding::AddedKeys { number: 0, names: names(added) };
    let findings = vec![Finding::Verified(verified), added];
    let outcome = Outcome { findings, ..Outcome::default() };
    settle::done(&bench.database, &step, &outcome).await.unwrap();
    assert_eq!(bench.job_state(job).await, "completed");
}

/// What a next job would be told.
async fn owed(bench: &Bench) -> Option<Owed> {
    let next = bench.submit().await.unwrap();
    let mut tx = bench.database.system().await.unwrap();
    let mut found = job_tables::owed(tx.conn(), bench.org, bench.task.target_id, next).await.unwrap();
    tx.commit().await.unwrap();
    bench.cancel(next).await.unwrap();
    found.remove("t")
}

#[tokio::test]
async fn n10_what_a_table_is_owed_is_remembered_until_it_is_given() {
    use TableMode::{Create, Diff, Equal, Refused};
    let bench = Bench::new().await;
    assert_eq!(owed(&bench).await, None);
    let all = owes(true, &["i"], &["k", "l"]);
    for mode in [Create, Diff, Diff] {
        let job = planned(&bench, mode, json!({}), all.clone()).await;
        bench.cancel(job).await.unwrap();
        assert_eq!(owed(&bench).await, Some(all.clone()), "after {mode}");
    }
    let job = planned(&bench, Diff, json!({}), all.clone()).await;
    completed(&bench, job, &[]).await;
    assert_eq!(owed(&bench).await, Some(owes(false, &[], &["k", "l"])));
    let job = planned(&bench, Equal, json!({}), owes(false, &[], &["k", "l"])).await;
    completed(&bench, job, &["k"]).await;
    assert_eq!(owed(&bench).await, Some(owes(false, &[], &["l"])));
    // Nothing was done with it.
    let job = planned(&bench, Refused, Value::Null, Owed::default()).await;
    completed(&bench, job, &[]).await;
    assert_eq!(owed(&bench).await, Some(owes(false, &[], &["l"])));
    let job = planned(&bench, Diff, json!({}), owes(false, &[], &["l"])).await;
    completed(&bench, job, &["l"]).await;
    assert_eq!(owed(&bench).await, None);
}

/// A release that kept nothing of it is at work beside this one.
#[tokio::test]
async fn n10_what_a_table_is_owed_is_read_out_of_older_plans() {
    let bench = Bench::new().await;
    let plan = json!({"new_indexes": [{"name": "i"}], "new_foreign_keys": [{"name": "k"}]});
    for (mode, begun, rows) in
        [(TableMode::Create, false, true), (TableMode::Diff, true, true), (TableMode::Diff, false, false)]
    {
        let mut plan = plan.clone();
        plan["begun"] = json!(begun);
        let job = planned(&bench, mode, plan, Owed::default()).await;
        bench.control.run(&format!("UPDATE job_tables SET owes = NULL WHERE job_id = '{job}'")).await;
        bench.cancel(job).await.unwrap();
        assert_eq!(owed(&bench).await, Some(owes(rows, &["i"], &["k"])), "{mode}, {begun}");
    }
    let job = planned(&bench, TableMode::Create, plan, Owed::default()).await;
    bench.control.run(&format!("UPDATE job_tables SET owes = NULL WHERE job_id = '{job}'")).await;
    completed(&bench, job, &[]).await;
    assert_eq!(owed(&bench).await, None);
}
