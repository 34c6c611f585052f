//! The refusal to take parents away; pure.

use longshore_shared::domain::failure::{Failure, FailureCode};

use super::kept::Why;
use crate::engine::children::Child;

/// Rows of one child that would lose their parents.
pub(super) struct Lost {
    /// The child.
    pub(super) child: Child,
    /// How many rows.
    pub(super) rows: u64,
    /// Why the job keeps them, if it writes the child.
    pub(super) why: Option<Why>,
}

pub(super) fn would_lose(lost: &[Lost]) -> Failure {
    let each = |Lost { child, rows, why }: &Lost| {
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
    use super::{Child, Lost, Why, would_lose};
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
        let failure = would_lose(&[lost(None, 3, None), lost(Some("other"), 1, Some(Why::Condition))]);
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
}
