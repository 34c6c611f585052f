//! Tables without a key: equal as bags of rows, replaced as a whole, or refused.

use longshore_tests::agree::tables_agree;
use longshore_tests::client::Job;
use longshore_tests::stack::Stack;
use serde_json::{Value, json};

const CREATE: &str = "CREATE TABLE bag (a VARCHAR(10), b INT)";

struct Case {
    source: &'static str,
    target: &'static str,
    options: Value,
    /// The table's mode, or the failure's code.
    expected: Result<&'static str, &'static str>,
}

#[tokio::test]
async fn a_table_without_a_key_is_compared_as_a_bag_of_rows() {
    bags_are_compared(&Stack::running().await).await;
}

/// Bags that are equal, that differ, and what each task may do to them.
pub(super) async fn bags_are_compared(stack: &Stack) {
    let (source, target) =
        (stack.client.connection(&stack.source).await, stack.client.connection(&stack.target).await);
    let (bag, mixed) =
        ("('x', 1), ('x', 1), (NULL, NULL), ('', 0)", "('', 0), ('x', 1), (NULL, NULL), ('x', 1)");
    let (fewer, other_case) =
        ("('x', 1), (NULL, NULL), ('', 0)", "('X', 1), ('x', 1), (NULL, NULL), ('', 0)");
    let cases = [
        Case { source: bag, target: "", options: json!({}), expected: Ok("fill") },
        Case { source: "", target: "", options: json!({}), expected: Ok("fill") },
        Case { source: bag, target: mixed, options: json!({}), expected: Ok("equal") },
        Case { source: bag, target: fewer, options: json!({}), expected: Err("keyless_differs") },
        Case { source: bag, target: other_case, options: json!({}), expected: Err("keyless_differs") },
        Case { source: bag, target: fewer, options: json!({"keyless": "replace"}), expected: Ok("replace") },
        Case {
            source: bag,
            target: other_case,
            options: json!({"delete_extra": true}),
            expected: Ok("replace"),
        },
        Case { source: "", target: bag, options: json!({"keyless": "replace"}), expected: Ok("replace") },
    ];
    for case in &cases {
        for (schema, rows) in [(&stack.source, case.source), (&stack.target, case.target)] {
            schema.run(&format!("DROP TABLE IF EXISTS bag; {CREATE}")).await;
            if !rows.is_empty() {
                schema.run(&format!("INSERT INTO bag VALUES {rows}")).await;
            }
        }
        let before = longshore_tests::agree::data_lines(&stack.target, &["bag"]).await;
        let task = stack.client.task(&source, &target, &case.options).await;
        let job = stack.run(&task).await;
        check(case, &job);
        match case.expected {
            Ok(_) => tables_agree(&stack.source, &stack.target, &["bag"]).await,
            Err(_) => assert_eq!(longshore_tests::agree::data_lines(&stack.target, &["bag"]).await, before),
        }
    }
}

fn check(case: &Case, job: &Job) {
    let what = format!("{} -> {} with {}: {job:#?}", case.source, case.target, case.options);
    match case.expected {
        Ok(mode) => {
            assert_eq!((job.state.as_str(), job.table("bag").mode.as_str()), ("completed", mode), "{what}");
        }
        Err(code) => {
            assert_eq!((job.state.as_str(), job.why().code.as_str()), ("failed", code), "{what}");
            assert!(job.why().message.contains("bag"), "{what}");
        }
    }
}
