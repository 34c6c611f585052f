//! What the migrated schema says of kinds of steps and jobs: nothing.

use super::bench::Bench;
use crate::rules::kinds::named;

#[tokio::test]
async fn no_function_constraint_or_index_names_a_kind() {
    let bench = Bench::new().await;
    let sql = "SELECT prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'";
    let all: Vec<String> = bench.control.column(sql).await;
    assert!(all.len() > 20, "the schema is there");
    // PostgreSQL shows a constraint's own words with their type.
    let shown = all.iter().map(|text| text.replace("ANY (ARRAY['", "IN ('"));
    let wrong: Vec<String> = shown.flat_map(|text| named(&text)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
