//! What rows without a parent mean; pure.

use longshore_shared::domain::failure::{Failure, FailureCode};

use crate::engine::Orphans;
use crate::engine::shape::TableShape;

/// What is known of the table that lacks the parents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The task leaves it out.
    LeftOut,
    /// It failed in this job.
    Failed,
    /// Only rows that meet a condition are synchronised.
    Condition,
    /// All its rows are synchronised.
    Within,
}

/// Warnings for what the source has just so, a failure for what it does not: what was `found`, and how much of it
/// the source has alike.
pub(super) fn judge(
    table: &TableShape,
    found: &[(Orphans, u64)],
    cause: &dyn Fn(&str) -> Cause,
) -> Result<Vec<String>, Failure> {
    let judged = found.iter().map(|(Orphans { key, rows }, alike)| {
        let (name, constraint) = (&table.name, &key.name);
        let parent = match &key.parent_schema {
            Some(schema) => format!("{schema}.{}", key.parent),
            None => key.parent.clone(),
        };
        if rows <= alike {
            return Ok(format!(
                "table {name}: {rows} rows have no parent in {parent} (foreign key {constraint}), as on the source"
            ));
        }
        let (why, hint) = explained(table, &parent, cause(&parent));
        Err(Failure::permanent(FailureCode::ForeignKeyBroken, format!(
                "table {name}: {rows} rows have no parent in {parent} (foreign key {constraint}), {alike} of them as on \
                 the source{why}"
            )).with_hint(hint))
    });
    judged.collect()
}

/// Why that may be, and what can be done.
fn explained(table: &TableShape, parent: &str, cause: Cause) -> (String, String) {
    let name = &table.name;
    match cause {
        Cause::LeftOut => (
            String::new(),
            "synchronise the parent table too, or remove the rows on the target that have no parent"
                .to_owned(),
        ),
        Cause::Failed => (
            format!(": {parent} failed in this job"),
            format!("see why {parent} failed; a run that synchronises both adds what is missing"),
        ),
        Cause::Condition => (
            format!(": the task's condition on {parent} leaves their parents out"),
            format!(
                "give {name} a condition as well, by which it leaves out the rows that point to such parents, or take \
                 the condition on {parent} away; rows that are on the target already have to be removed there"
            ),
        ),
        Cause::Within if table.filter.is_some() => (
            format!(": rows outside the task's condition on {name} are as the target had them"),
            format!("remove these rows of {name} on the target, or take the condition away"),
        ),
        Cause::Within => (
            format!(", though all of {parent} is synchronised"),
            format!("remove these rows of {name} on the target: the source does not have their parents"),
        ),
    }
}

#[cfg(test)]
mod tests {

    use super::{Cause, Orphans, TableShape, judge};
    use crate::steps::sync::plan::fake;

    fn of(rows: u64, alike: u64) -> (Orphans, u64) {
        (Orphans { key: fake::points_to("p"), rows }, alike)
    }

    #[test]
    fn n02_only_the_sources_own_orphans_pass() {
        for (rows, alike, expected) in
            [(3, 3, Ok(1)), (4, 3, Err("foreign_key_broken")), (1, 0, Err("foreign_key_broken"))]
        {
            let judged = judge(&fake::shape("t"), &[of(rows, alike)], &|_| Cause::LeftOut);
            assert_eq!(judged.as_ref().map(Vec::len).map_err(|f| f.code.as_str()), expected);
        }
    }

    #[test]
    #[expect(clippy::unwrap_used, reason = "a test")]
    fn n17_a_remedy_is_one_that_can_be_done() {
        let plain = fake::shape("t");
        let filtered =
            TableShape { filter: Some(serde_json::from_value("id < 5".into()).unwrap()), ..fake::shape("t") };
        for (table, cause, words) in [
            (&plain, Cause::LeftOut, ["on the source", "synchronise the parent table too"]),
            (
                &plain,
                Cause::Condition,
                ["condition on p leaves their parents out", "take the condition on p away"],
            ),
            (
                &filtered,
                Cause::Condition,
                ["condition on p leaves their parents out", "give t a condition as well"],
            ),
            (&filtered, Cause::Within, ["outside the task's condition on t", "take the condition away"]),
            (&plain, Cause::Within, ["though all of p is synchronised", "remove these rows of t"]),
            (&plain, Cause::Failed, ["p failed in this job", "see why p failed"]),
        ] {
            let failure = judge(table, &[of(1, 0)], &|_| cause).unwrap_err();
            assert!(failure.message.contains(words[0]), "{cause:?}: {failure:#?}");
            assert!(failure.hint.contains(words[1]), "{cause:?}: {failure:#?}");
            let says = failure.hint.contains("synchronise the parent table too");
            assert_eq!(says, cause == Cause::LeftOut, "{failure:#?}");
        }
    }
}
