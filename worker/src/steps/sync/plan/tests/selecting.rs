use longshore_shared::domain::sync::Selection;

use super::super::select::select;
use super::listing;
use crate::engine::shape::TableKind;

fn some(tables: &[&str], exclude: &[&str]) -> Selection {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Selection::Selective { tables: owned(tables), exclude: owned(exclude) }
}

/// What a selection comes to in a line: tables, `!` refused with codes, `?` what is left out.
fn told(selection: &Selection, folds: bool) -> String {
    let listings = vec![
        listing("Orders", TableKind::Base),
        listing("history", TableKind::SystemVersioned),
        listing("items", TableKind::Base),
        listing("numbers", TableKind::Sequence),
        listing("orders", TableKind::Base),
        listing("report", TableKind::View),
        listing("shown", TableKind::Elsewhere),
        listing("union", TableKind::Union),
        listing("void", TableKind::Unreadable),
    ];
    match select(selection, listings, folds) {
        Err(failure) => failure.code.to_string(),
        Ok(selected) => {
            let mut words: Vec<String> = selected.tables.into_iter().map(|table| table.name).collect();
            words.extend(selected.refused.into_iter().map(|(name, why)| format!("!{name}:{}", why.code)));
            let is_left = selected.beside.iter().any(|one| one.kind == TableKind::View);
            words.extend(is_left.then(|| "?".to_owned()));
            words.extend(selected.warnings.iter().map(|_| "?".to_owned()));
            words.join(" ")
        }
    }
}

#[test]
fn selections() {
    let check = |selection: &Selection, expected: &str| assert_eq!(told(selection, false), expected);
    check(&Selection::Full, "Orders history items orders !void:table_unreadable ? ?");
    check(&some(&["orders", "it*"], &[]), "items orders");
    check(&some(&["*"], &["h*", "o*", "O*", "v*"]), "items ? ?");
    check(&some(&["orders", "gone"], &[]), "unknown_table");
    check(&some(&["x*"], &[]), "no_tables");
    check(&some(&["rep*"], &[]), "no_tables");
    check(&some(&["report", "items"], &[]), "items !report:not_a_table");
    check(&some(&["shown", "items"], &[]), "items !shown:rows_elsewhere");
    check(&some(&["sh*", "un*", "items", "numbers"], &[]), "items ?");
    check(&some(&["void"], &[]), "!void:table_unreadable");
    check(&some(&["history"], &[]), "history");
}

#[test]
fn names_that_a_target_takes_for_one() {
    let folding = |selection: &Selection| told(selection, true);
    assert_eq!(folding(&some(&["o*", "O*"], &[])), "!Orders:name_collision !orders:name_collision");
    assert_eq!(folding(&some(&["orders"], &[])), "orders");
}
