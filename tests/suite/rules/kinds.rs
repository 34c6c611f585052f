//! No statement of the control plane names a kind of step or job: what it asks of one stands in the
//! row, or comes with the statement. What the migrated schema itself says is held by
//! `workflow::kinds`.

use super::source::sources;

#[test]
fn no_query_names_a_kind() {
    let mut wrong = Vec::new();
    for source in sources(&["shared", "api", "worker", "scheduler"]) {
        wrong.extend(named(&source.code()).into_iter().map(|text| format!("{}: {text}", source.path)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Where a column `kind` is compared with a word.
pub(crate) fn named(sql: &str) -> Vec<String> {
    let compared = sql.match_indices("kind").filter(|(at, _)| {
        // `relkind` is PostgreSQL's own.
        let is_own = !sql[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
        let rest = sql[at + "kind".len()..].trim_start();
        let operators = ["=", "<>", "!=", "IN", "NOT IN"];
        let operand = operators.iter().find_map(|operator| rest.strip_prefix(operator));
        is_own
            && operand.is_some_and(|operand| operand.trim_start().trim_start_matches('(').starts_with('\''))
    });
    compared.map(|(at, _)| sql[at..].chars().take(40).collect()).collect()
}

/// What a job's spec asks for is known by its family; the runtime finds that by `steps::family`.
#[test]
fn the_runtime_matches_on_no_jobs_spec() {
    for source in sources(&["worker"]).iter().filter(|source| source.room == "runtime") {
        let code = source.code();
        for word in ["JobSpec", "SyncSpec", "ProbeSpec", "TestSpec", "JobKind::", "StepKind::"] {
            let of_all = code.matches("StepKind::first_of").count();
            let found = code.matches(word).count() - if word == "StepKind::" { of_all } else { 0 };
            assert_eq!(found, 0, "{}: {word}", source.path);
        }
    }
}

#[test]
fn a_word_beside_kind_is_found() {
    for (sql, expected) in [
        ("WHERE s.kind = 'copy'", 1),
        ("FILTER (WHERE s.kind <> 'verify' AND s.kind IN ('a', 'b'))", 2),
        ("kind NOT IN ('x')", 1),
        ("c.relkind IN ('r')", 0),
        ("kind = $3 AND trigger = 'schedule'", 0),
        ("CHECK (kind ~ '^[a-z_]+$')", 0),
    ] {
        assert_eq!(named(sql).len(), expected, "{sql}");
    }
}
