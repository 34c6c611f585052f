use longshore_shared::domain::connection::Engine;
use longshore_shared::domain::step::{TableMode, VerifyPolicy};

use super::super::Table;
use super::super::beside::{Beside, in_the_way};
use super::super::decide::{Decision, Settled};
use super::super::fake::shape;
use super::super::refuse::undecided;
use super::{candidate, listing};
use crate::engine::shape::{Flavour, TableKind, TableListing, TableShape};

/// What comes of a table with this definition, and of sequences and unions, in a line.
fn told(definition: &str, target: Option<&str>, theirs: &[TableListing], flavour: Flavour) -> String {
    let defined = |definition: &str| TableShape { definition: definition.to_owned(), ..shape("t") };
    let ours = [listing("s", TableKind::Sequence), listing("z", TableKind::Sequence)];
    let union = TableShape { definition: "(`a` int) UNION=(`t`,`m`)".to_owned(), ..shape("u") };
    let beside = Beside {
        covered: vec!["z".to_owned()],
        unions: vec![union],
        neighbour: Some("src".to_owned()),
        ..Beside::of(Engine::Mysql, &ours, theirs, flavour, false)
    };
    let candidate = candidate(defined(definition), target.map(|text| (defined(text), true)));
    // Any decision that is no refusal.
    let decision = Decision::ByContent(settled(), undecided());
    let mut tables = [Table { name: "t".to_owned(), candidate: Some(candidate), decision }];
    let extra = beside.settle(&mut tables);
    let refused = match &tables[0].decision {
        Decision::Refused(failure) => format!(" !{}", failure.code),
        _ => String::new(),
    };
    let unions = extra.unions.len();
    format!("made {} raised {} unions {unions}{refused}", extra.made.join(","), extra.raised.join(","))
}

fn settled() -> Settled {
    Settled {
        mode: TableMode::Create,
        verify: VerifyPolicy::Exact,
        prunes: false,
        new_indexes: Vec::new(),
        new_foreign_keys: Vec::new(),
    }
}

#[test]
fn n04_sequences_come_along_or_their_tables_are_refused() {
    let (own, foreign) = ("`id` int DEFAULT nextval(`s`)", "`id` int DEFAULT nextval(`x`.`s`)");
    let there = |name: &str, kind| vec![listing(name, kind)];
    let maria =
        |definition, target, theirs: &[TableListing]| told(definition, target, theirs, Flavour::Mariadb);
    assert_eq!(maria(own, None, &[]), "made s,z raised s,z unions 0");
    assert_eq!(maria(own, None, &there("s", TableKind::Sequence)), "made z raised s,z unions 0");
    assert_eq!(maria(own, None, &there("s", TableKind::View)), "made z raised z unions 0 !sequence_missing");
    assert_eq!(maria(foreign, None, &[]), "made z raised z unions 0 !sequence_missing");
    assert_eq!(maria("DEFAULT lastval(`gone`)", None, &[]), "made z raised z unions 0 !sequence_missing");
    assert_eq!(told(own, None, &[], Flavour::Mysql), "made  raised  unions 0 !sequence_missing");
    // A target's table that stands has its own defaults, but none of the source's.
    assert_eq!(told(own, Some("`id` int"), &[], Flavour::Mysql), "made  raised  unions 0");
    assert_eq!(maria(own, Some(own), &there("s", TableKind::Sequence)), "made z raised s,z unions 0");
    let back = "`id` int DEFAULT nextval(`src`.`s`)";
    assert_eq!(maria(own, Some(back), &[]), "made s,z raised s,z unions 0 !default_points_back");
    assert_eq!(maria(own, Some(foreign), &[]), "made s,z raised s,z unions 0");
}

#[test]
fn n03_unions_are_made_where_all_their_tables_are() {
    let plain = |theirs: &[TableListing]| told("`id` int", None, theirs, Flavour::Mysql);
    assert_eq!(plain(&[]), "made  raised  unions 0");
    assert_eq!(plain(&[listing("m", TableKind::Base)]), "made  raised  unions 1");
    assert_eq!(plain(&[listing("m", TableKind::View)]), "made  raised  unions 0");
    assert_eq!(
        plain(&[listing("m", TableKind::Base), listing("u", TableKind::Base)]),
        "made  raised  unions 0"
    );
}

#[test]
fn n03_what_is_in_the_way_is_named() {
    let shown = TableListing { about: "BLACKHOLE".to_owned(), ..listing("t", TableKind::Elsewhere) };
    assert!(in_the_way(&shown).contains("engine BLACKHOLE"));
    assert_eq!(in_the_way(&listing("t", TableKind::View)), "a view");
}
