//! Foreign keys of the source that the target's tables lack and are not given: their owner left them
//! out or took them away, so they are told by each run and added by nobody; pure.

use std::collections::HashSet;

use longshore_shared::domain::connection::Engine;

use super::Table;
use super::constrain::Parents;
use super::decide::{Candidate, Decision};
use super::refuse::bounded;
use crate::engine;
use crate::engine::shape::ForeignKey;

/// One warning for all of them whose parents the target has, with the statements that add them.
pub(super) fn told(engine: Engine, tables: &[Table], target: &Parents) -> Option<String> {
    let is_kept = |table: &&Table| !matches!(table.decision, Decision::Refused(_));
    let kept: Vec<&Candidate> =
        tables.iter().filter(is_kept).filter_map(|table| table.candidate.as_ref()).collect();
    let planned: HashSet<String> = kept.iter().map(|one| one.source.name.to_lowercase()).collect();
    let has_parent = |key: &ForeignKey| target.has(key, &planned);
    let (mut lacking, mut statements) = (Vec::new(), Vec::new());
    for candidate in kept {
        let Some(target) = &candidate.target else { continue };
        let name = &target.shape.name;
        for key in candidate.lacks().into_iter().filter(has_parent) {
            lacking.push(format!("{} of {name} (to {})", key.name, key.parent));
            statements.push(engine::of(engine).alteration(name, &key.clause));
        }
    }
    (!lacking.is_empty()).then(|| {
        bounded(format!(
            "the target's tables lack these foreign keys of the source, which no run owes them: {}; should they have \
             them, run there: {}",
            lacking.join(", "),
            statements.join("; ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use longshore_shared::domain::connection::Engine;
    use longshore_shared::domain::step::Owed;

    use super::super::decide::{Candidate, decide};
    use super::super::fake::{points_to, shape, spec};
    use super::super::tests::candidate;
    use super::{Parents, Table, told};
    use crate::engine::shape::TableShape;

    fn with_keys(parents: &[&str]) -> TableShape {
        let foreign_keys = parents.iter().map(|parent| points_to(parent)).collect();
        TableShape { foreign_keys, ..shape("t") }
    }

    #[test]
    fn n10_what_nobody_adds_is_told_with_its_statement() {
        let owed = Owed { foreign_keys: vec!["TO_p".to_owned()], ..Owed::default() };
        let lacking = candidate(with_keys(&["p"]), Some((shape("t"), true)));
        for (candidate, expected) in [
            (lacking.clone(), true),
            // It is added by this run.
            (Candidate { owed, ..lacking }, false),
            (candidate(with_keys(&["p"]), Some((shape("t"), false))), false),
            (candidate(with_keys(&["p"]), None), false),
            // There is nothing to point to.
            (candidate(with_keys(&["q"]), Some((shape("t"), true))), false),
            (candidate(with_keys(&["p"]), Some((with_keys(&["p"]), true))), false),
        ] {
            let decision = decide(&candidate, &spec(), &|_, _| Vec::new());
            let tables = [Table { name: "t".to_owned(), candidate: Some(candidate), decision }];
            let told = told(Engine::Mysql, &tables, &Parents::new(&["P".to_owned()], []));
            assert_eq!(told.is_some(), expected, "{told:?}");
            let Some(told) = told else { continue };
            assert!(told.contains("to_p of t (to p)") && told.contains("ALTER TABLE `t`"), "{told}");
        }
    }
}
