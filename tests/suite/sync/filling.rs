//! An empty target is filled; then the two sides are changed by hand and synced again.

use longshore_tests::agree::agree;
use longshore_tests::client::{Counts, Job};
use longshore_tests::schema::Schema;
use longshore_tests::seeds::{KEYLESS, shop};
use longshore_tests::stack::Stack;
use serde_json::json;

const CUSTOMERS: u32 = 3_000;

#[tokio::test]
async fn an_empty_target_is_filled_by_both_workers() {
    let stack = Stack::running_with(&[("CHUNK_ROWS", "400")]).await;
    shop(&stack.source, CUSTOMERS).await;
    let task = stack.task(&json!({})).await;
    let job = stack.run_completed(&task).await;

    agree(&stack.source, &stack.target).await;
    check_view(&job, &stack.source).await;
    assert_eq!(job.workers(), ["worker-1", "worker-2"], "both workers did chunks");
    let log = stack.client.log(&job.id).await;
    assert!(log.iter().all(|line| line.level == "info"), "{log:#?}");

    // Once more: nothing is left to do.
    let again = stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
    for table in &again.tables {
        let rows = rows(&stack.source, &table.name).await;
        let expected = Counts { unchanged: if table.mode == "diff" { rows } else { 0 }, ..Counts::default() };
        assert_eq!(table.counts, expected, "{}: {}", table.name, table.mode);
    }
}

async fn check_view(job: &Job, source: &Schema) {
    assert_eq!((job.kind.as_str(), job.trigger.as_str()), ("sync", "person"));
    assert!(job.started_at.is_some() && job.ended_at.is_some() && job.failure.is_none());
    let mut names: Vec<_> = job.tables.iter().map(|table| table.name.clone()).collect();
    names.sort();
    assert_eq!(names, source.tables().await, "every table is in the view");
    for table in &job.tables {
        let rows = rows(source, &table.name).await;
        assert_eq!((table.mode.as_str(), table.state.as_str()), ("create", "completed"), "{table:#?}");
        assert_eq!(table.counts, Counts { inserted: rows, ..Counts::default() }, "{}", table.name);
        assert_eq!((table.rows_done, table.chunks_done), (rows, table.chunks_total), "{}", table.name);
        let verified = table.verified.as_ref().unwrap_or_else(|| panic!("{} is verified", table.name));
        assert_eq!(
            (verified.result.as_str(), verified.policy.as_str()),
            ("equal", "exact"),
            "{}",
            table.name
        );
        assert_eq!((verified.source_rows, verified.target_rows), (rows, rows), "{}", table.name);
        assert_eq!((verified.extra_rows, verified.skipped_rows), (0, 0), "{}", table.name);
        assert!(rows == 0 || !table.workers.is_empty(), "{}", table.name);
    }
    let all: i64 = job.tables.iter().map(|table| table.counts.inserted).sum();
    assert_eq!((job.progress.rows_done, job.progress.rows_total), (all, Some(all)));
    let tables = i64::try_from(job.tables.len()).unwrap();
    assert_eq!((job.progress.tables_done, job.progress.tables_total), (tables, tables));
}

async fn rows(schema: &Schema, table: &str) -> i64 {
    schema.value(&format!("SELECT COUNT(*) FROM {}", longshore_tests::schema::quoted(table))).await
}

#[tokio::test]
async fn changes_of_both_sides_end_as_the_policy_says() {
    let stack = Stack::running_with(&[("CHUNK_ROWS", "300")]).await;
    shop(&stack.source, 1_000).await;
    let fill = stack.task(&json!({})).await;
    stack.run_completed(&fill).await;

    for sql in CHANGES {
        stack.source.run(sql).await;
    }
    for sql in CHANGES_OF_THE_TARGET {
        stack.target.run(sql).await;
    }
    let ids = (&ids(&stack).await.0, &ids(&stack).await.1);
    let options = json!({"policy": "source_first", "delete_extra": true, "keyless": "replace"});
    let mirror = stack.client.task(ids.0, ids.1, &options).await;
    let job = stack.run_completed(&mirror).await;
    agree(&stack.source, &stack.target).await;
    assert_eq!(job.table(KEYLESS).mode, "replace");
    let orders = job.table("orders").counts;
    assert_eq!((orders.inserted, orders.deleted), (3, 10), "{orders:?}");
}

async fn ids(stack: &Stack) -> (String, String) {
    let answer = stack.client.get("/v1/connections").await.expect(200);
    let of = |name: &str| {
        let items = answer.body["items"].as_array().unwrap();
        items.iter().find(|item| item["name"] == name).unwrap()["id"].as_str().unwrap().to_owned()
    };
    (of(&stack.source.name), of(&stack.target.name))
}

const CHANGES: &[&str] = &[
    "UPDATE customers SET name = 'changed 😀', photo = X'00ff5c27' WHERE id % 97 = 0",
    "UPDATE customers SET name = '' WHERE name IS NULL AND id % 2 = 0",
    "DELETE FROM order_items WHERE order_id BETWEEN 200 AND 210",
    "INSERT INTO orders VALUES (5000, 1, '2024-02-29', 'open'), (0, 2, '2024-02-29', 'paid'), (-3, 3, '2024-03-01', 'sent')",
    "INSERT INTO order_items (order_id, line, sku, quantity, price) VALUES (5000, 1, 'P-000001', 2, 3), (0, 1, 'P-000002', 1, 1)",
    // Two rows swap a unique value.
    "UPDATE customers SET email = 'swap' WHERE id = 10",
    "UPDATE customers SET email = 'c10@example.com' WHERE id = 11",
    "UPDATE customers SET email = 'c11@example.com' WHERE id = 10",
    "DELETE FROM page_views WHERE path = '/p/7' LIMIT 3",
];

const CHANGES_OF_THE_TARGET: &[&str] = &[
    "UPDATE products SET price = price + 1 WHERE sku LIKE '%5'",
    "DELETE FROM order_items WHERE order_id > 900",
    "INSERT INTO orders SELECT 100000 + seq, 1, '2025-01-01', 'open' FROM seq_1_to_10",
    "UPDATE `odd ``name`` ü` SET `c;d` = UPPER(`c;d`)",
    "INSERT INTO page_views VALUES ('/only here', 1, NULL)",
    "DELETE FROM settings",
];
