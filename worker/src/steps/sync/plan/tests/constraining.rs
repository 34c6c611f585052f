use longshore_shared::domain::step::{TableMode, VerifyPolicy};

use super::super::constrain::{Parents, check};
use super::super::decide::{Candidate, Decision, Settled};
use super::super::fake::{points_to, shape};
use super::candidate;
use crate::engine::shape::{ForeignKey, TableShape};

fn made(name: &str, keys: Vec<ForeignKey>, exists: bool) -> (Candidate, Decision) {
    let source = TableShape { foreign_keys: keys.clone(), ..shape(name) };
    let settled = Settled {
        mode: TableMode::Create,
        verify: VerifyPolicy::Exact,
        prunes: false,
        new_indexes: Vec::new(),
        new_foreign_keys: keys,
    };
    (candidate(source, exists.then(|| (shape(name), false))), Decision::Settled(settled))
}

/// Which tables are refused, how many keys are added in all, how many warnings there are.
fn told(tables: Vec<(Candidate, Decision)>, target: &[&str]) -> (Vec<String>, usize, usize) {
    told_of(tables, target, &[])
}

fn told_of(
    mut tables: Vec<(Candidate, Decision)>,
    target: &[&str],
    lost: &[String],
) -> (Vec<String>, usize, usize) {
    let target: Vec<String> = target.iter().map(|&name| name.to_owned()).collect();
    let target = Parents::new(&target, [("Other".to_owned(), "Y".to_owned())]);
    let mut doable: Vec<_> = tables.iter_mut().map(|(candidate, decision)| (&*candidate, decision)).collect();
    let warnings = check(&mut doable, &target, lost).len();
    let mut refused = Vec::new();
    let mut keys = 0;
    for (candidate, decision) in &tables {
        match decision {
            Decision::Settled(settled) => keys += settled.new_foreign_keys.len(),
            Decision::ByContent(..) => {}
            Decision::Refused(failure) => {
                assert_eq!(failure.code.as_str(), "parent_missing");
                refused.push(candidate.source.name.clone());
            }
        }
    }
    (refused, keys, warnings)
}

#[test]
fn parents_must_be_there() {
    let child = |exists| made("child", vec![points_to("parent")], exists);
    let parent = || made("parent", Vec::new(), false);
    assert_eq!(told(vec![child(false), parent()], &[]), (vec![], 1, 0));
    assert_eq!(told(vec![child(false)], &["Parent"]), (vec![], 1, 0));
    assert_eq!(told(vec![child(false)], &[]), (vec!["child".to_owned()], 0, 0));
    // A table that is there goes without the key.
    assert_eq!(told(vec![child(true)], &["child"]), (vec![], 0, 1));
    // Of another database.
    let elsewhere = |parent: &str| {
        let key = ForeignKey { parent_schema: Some("other".to_owned()), ..points_to(parent) };
        vec![made("child", vec![key], false)]
    };
    assert_eq!(told(elsewhere("y"), &[]), (vec![], 1, 0));
    assert_eq!(told(elsewhere("z"), &["z"]), (vec!["child".to_owned()], 0, 0));
    // A table may be its own parent.
    assert_eq!(told(vec![made("tree", vec![points_to("tree")], false)], &[]), (vec![], 1, 0));
}

#[test]
fn a_refused_parent_takes_the_key_along_and_not_the_child() {
    let elsewhere = ForeignKey { parent_schema: Some("other".to_owned()), ..points_to("x") };
    let tables = vec![
        made("grandchild", vec![points_to("child")], false),
        made("child", vec![points_to("parent")], false),
        made("parent", vec![elsewhere], false),
        made("stranger", Vec::new(), false),
    ];
    // The cause is told, and no follow-up of it.
    assert_eq!(told(tables, &[]), (vec!["parent".to_owned()], 1, 1));
    let child = || vec![made("child", vec![points_to("parent")], false)];
    assert_eq!(told_of(child(), &[], &["parent".to_owned()]), (vec![], 0, 1));
    assert_eq!(told_of(child(), &[], &[]), (vec!["child".to_owned()], 0, 0));
}
