//! The refusals to take parents away, and to bring rows without theirs; pure.

use longshore_shared::domain::failure::{Failure, FailureCode};

use super::kept::Why;
use super::newcomers::{Absent, Parentless};
use crate::engine::children::Child;
use crate::engine::shape::ForeignKey;

/// Rows of one child that would lose their parents.
pub(super) struct Lost {
    /// The child.
    pub(super) child: Child,
    /// How many rows.
    pub(super) rows: u64,
    /// Why the job keeps them, if it writes the child.
    pub(super) why: Option<Why>,
}

/// Tells everything that stands in the way of the job's rows.
pub(super) fn all(lost: &[&Lost], parentless: &[&Parentless]) -> Option<Failure> {
    let lost = (!lost.is_empty()).then(|| would_lose(lost));
    let without = (!parentless.is_empty()).then(|| without_parents(parentless));
    match (lost, without) {
        (Some(lost), Some(without)) => {
            let message = format!("{}; {}", lost.message, without.message);
            let hint = format!("{}; {}", lost.hint, without.hint);
            Some(Failure { message, ..lost }.with_hint(hint))
        }
        (lost, without) => lost.or(without),
    }
}

/// Rows that come have no parent.
fn without_parents(found: &[&Parentless]) -> Failure {
    let each: Vec<String> = found.iter().map(|one| told(one)).collect();
    let mut hints: Vec<String> = found.iter().map(|one| remedy(one)).collect();
    hints.sort_unstable();
    hints.dedup();
    Failure::permanent(
        FailureCode::ChildrenWouldBeOrphaned,
        format!("{}; they would have no parent there, so nothing was written", each.join("; ")),
    )
    .with_hint(format!("{}, or bring these rows of the parent to the target first", hints.join(", ")))
}

fn told(one: &Parentless) -> String {
    let Parentless { table, key, first, absent, .. } = one;
    let (rows, parent) = (one.counted(), above(key));
    let first = first.as_ref().map_or_else(String::new, |first| format!(", the first is the row {first}"));
    let why = match absent {
        Absent::LeftOut => "the task leaves that table out".to_owned(),
        Absent::Condition => format!("the task's condition on {parent} leaves their parents out"),
        Absent::Fails => format!("{parent} fails in this job"),
    };
    format!(
        "table {table}: {rows} rows that are to come point to rows of {parent} that the target lacks (foreign key \
         {}{first}): {why}",
        key.name
    )
}

fn remedy(one: &Parentless) -> String {
    let (table, parent) = (&one.table, above(&one.key));
    match one.absent {
        Absent::LeftOut if one.key.parent_schema.is_some() => {
            format!("synchronise the database of {parent} before, or give {table} a condition")
        }
        Absent::LeftOut => {
            format!(
                "add the table {parent} to the task, or give {table} a condition that leaves these rows out"
            )
        }
        Absent::Condition => format!(
            "give {table} a condition as well, by which it leaves these rows out, or take the condition on {parent} \
             away"
        ),
        Absent::Fails => format!("see why {parent} fails"),
    }
}

fn above(key: &ForeignKey) -> String {
    match &key.parent_schema {
        Some(schema) => format!("{schema}.{}", key.parent),
        None => key.parent.clone(),
    }
}

pub(super) fn would_lose(lost: &[&Lost]) -> Failure {
    let each = |Lost { child, rows, why }: &&Lost| {
        let why = why.map_or("which the task leaves out", Why::told);
        format!(
            "{rows} rows of table {}, {why}, point to rows of {} that the source does not have (foreign key {})",
            child.place(),
            child.key.parent,
            child.key.name
        )
    };
    let each: Vec<String> = lost.iter().map(each).collect();
    let mut hints: Vec<&str> =
        lost.iter().map(|lost| lost.why.map_or("add the table to the task", Why::remedy)).collect();
    hints.sort_unstable();
    hints.dedup();
    Failure::permanent(
        FailureCode::ChildrenWouldBeOrphaned,
        format!("{}; they would lose their parents, so nothing was deleted", each.join("; ")),
    )
    .with_hint(format!("{}, or remove these rows of it on the target first", hints.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::{Absent, Child, Lost, Parentless, Why, all, would_lose};
    use crate::steps::sync::plan::fake;

    #[test]
    fn all_children_are_named_with_their_numbers() {
        let lost = |schema: Option<&str>, rows, why| Lost {
            child: Child {
                schema: schema.map(str::to_owned),
                table: "c".to_owned(),
                key: fake::points_to("p"),
            },
            rows,
            why,
        };
        let failure = would_lose(&[&lost(None, 3, None), &lost(Some("other"), 1, Some(Why::Condition))]);
        for word in [
            "3 rows of table c, which the task leaves out",
            "1 rows of table other.c, of whose rows",
            "foreign key to_p",
            "nothing was deleted",
        ] {
            assert!(failure.message.contains(word), "{word}: {failure:#?}");
        }
        for word in
            ["add the table to the task", "take the conditions on both tables away", "on the target first"]
        {
            assert!(failure.hint.contains(word), "{word}: {failure:#?}");
        }
    }

    #[test]
    fn rows_that_come_are_named_with_cause_and_remedy() {
        let of = |absent, schema: Option<&str>, rows| {
            let mut key = fake::points_to("p");
            key.parent_schema = schema.map(str::to_owned);
            let first = Some("id = 3".to_owned());
            Parentless { table: "c".to_owned(), key, rows, first, absent }
        };
        for (absent, schema, rows, words) in [
            (
                Absent::LeftOut,
                None,
                2,
                ["2 rows that are to come", "the first is the row id = 3", "add the table p"],
            ),
            (
                Absent::LeftOut,
                Some("o"),
                2,
                ["rows of o.p that the target lacks", "nothing was written", "o.p before"],
            ),
            (
                Absent::Condition,
                None,
                1,
                ["condition on p leaves their parents out", "foreign key to_p", "give c a condition"],
            ),
            (Absent::Fails, None, 10_000, ["at least 10000 rows", "p fails in this job", "see why p fails"]),
        ] {
            let told = all(&[], &[&of(absent, schema, rows)]).map(|told| told.message + &told.hint);
            for word in words {
                assert!(told.as_ref().is_some_and(|told| told.contains(word)), "{word}: {told:?}");
            }
        }
        let lost = Lost {
            child: Child { schema: None, table: "d".to_owned(), key: fake::points_to("p") },
            rows: 3,
            why: None,
        };
        let both =
            all(&[&lost], &[&of(Absent::LeftOut, None, 2)]).map(|told| told.message).unwrap_or_default();
        assert!(both.contains("3 rows of table d") && both.contains("table c: 2 rows"), "{both}");
        assert_eq!(all(&[], &[]), None);
    }
}
