use longshore_shared::domain::step::{TableMode, VerifyPolicy, VerifyResult};

use super::{Both, Found, judge, unequal};
use crate::engine::shape::{Family, KeyTuple};
use crate::steps::sync::plan::fake;
use crate::steps::sync::table::TablePlan;

fn check(
    (verify, prunes): (VerifyPolicy, bool),
    (source, target, same): (u64, u64, bool),
    (missing, differing): (u64, u64),
    (result, extra, skipped): (VerifyResult, i64, i64),
) {
    let plan = TablePlan { verify, prunes, ..fake::plan(fake::shape("t"), TableMode::Diff) };
    let both = Both { source, target, equal: same };
    let verified = judge(&plan, both, &Found { missing, differing, ..Found::default() });
    assert_eq!((verified.result, verified.extra_rows, verified.skipped_rows), (result, extra, skipped));
}

#[test]
fn policies() {
    use VerifyPolicy::{Exact, SourceFirst, TargetFirst};
    use VerifyResult::{Equal, Mismatch};
    check((Exact, false), (5, 5, true), (0, 0), (Equal, 0, 0));
    check((Exact, true), (5, 5, false), (0, 0), (Mismatch, 0, 0));
    check((Exact, false), (5, 6, false), (0, 0), (Mismatch, 1, 0));
    check((SourceFirst, false), (5, 7, false), (0, 0), (Equal, 2, 0));
    check((SourceFirst, false), (5, 7, false), (1, 0), (Mismatch, 3, 0));
    check((SourceFirst, false), (5, 5, false), (0, 1), (Mismatch, 0, 0));
    check((TargetFirst, false), (5, 7, false), (0, 3), (Equal, 2, 3));
    check((TargetFirst, true), (5, 7, false), (0, 3), (Mismatch, 2, 3));
    check((TargetFirst, false), (5, 4, false), (1, 3), (Mismatch, 0, 3));
}

#[test]
fn n17_json_that_no_text_carries_is_named_as_a_cause() {
    let mut plan = fake::plan(fake::shape("t"), TableMode::Create);
    let both = Both { source: 1, target: 1, equal: false };
    let first = |at| Some((KeyTuple(vec![bytes::Bytes::from_static(b"5")]), at));
    let found = |missing, at| Found { missing, differing: 1, first: first(at), ..Found::default() };
    let hint = |plan: &TablePlan, found: &Found| unequal(plan, &judge(plan, both, found), found, false).hint;
    assert!(!hint(&plan, &found(0, Some(1))).contains("DECIMAL"));
    plan.shape.columns[1].family = Family::Json;
    for (missing, at, expected) in
        [(0, Some(1), true), (0, None, true), (0, Some(0), false), (1, Some(1), false)]
    {
        let hint = hint(&plan, &found(missing, at));
        assert_eq!(hint.contains("code = CAST(CAST(code AS CHAR) AS JSON)"), expected, "{hint}");
    }
}
