//! What stands beside tables of rows, and what of it comes along; pure.
//!
//! A sequence is made where the target lacks it, and raised in each run. A union (`MERGE`) is made
//! where all its tables will be, and never written: its rows are theirs. Whatever else shows rows that
//! are kept elsewhere is left out.

use std::collections::BTreeSet;

use longshore_shared::domain::connection::Engine;
use longshore_shared::domain::failure::{Failure, FailureCode};

use super::Table;
use super::decide::{Candidate, Decision};
use super::refuse::mismatch;
use super::select::Selected;
use crate::engine;
use crate::engine::shape::{Flavour, TableKind, TableListing, TableShape};
use crate::steps::sync::area::folded;

/// What both sides have beside tables of rows.
pub(super) struct Beside {
    /// Whose words definitions are in.
    pub(super) engine: Engine,
    /// Sequences of the source that the selection covers.
    pub(super) covered: Vec<String>,
    /// All sequences of the source.
    pub(super) sequences: BTreeSet<String>,
    /// Unions of the source, as far as their definitions can be read.
    pub(super) unions: Vec<TableShape>,
    /// What the target has.
    pub(super) theirs: Vec<TableListing>,
    /// Who made the target's server.
    pub(super) target: Flavour,
    /// The target does not tell names apart by case.
    pub(super) folds: bool,
    /// The source's database, where both are on one server.
    pub(super) neighbour: Option<String>,
    /// What is worth telling already.
    pub(super) warnings: Vec<String>,
}

/// What is done beside the tables.
#[derive(Debug, Default)]
pub(super) struct Extra {
    /// Sequences that the target has or gets.
    pub(super) raised: Vec<String>,
    /// Those of them that it lacks.
    pub(super) made: Vec<String>,
    /// Unions to make.
    pub(super) unions: Vec<TableShape>,
    /// What is worth telling.
    pub(super) warnings: Vec<String>,
}

impl Beside {
    /// Of both sides' lists.
    pub(super) fn of(
        engine: Engine,
        ours: &[TableListing],
        theirs: &[TableListing],
        target: Flavour,
        folds: bool,
    ) -> Self {
        let sequences = ours.iter().filter(|one| one.kind == TableKind::Sequence);
        Self {
            engine,
            covered: Vec::new(),
            sequences: sequences.map(|one| one.name.clone()).collect(),
            unions: Vec::new(),
            theirs: theirs.to_vec(),
            target,
            folds,
            neighbour: None,
            warnings: Vec::new(),
        }
    }

    /// What the target has by this name.
    fn there(&self, name: &str) -> Option<&TableListing> {
        self.theirs.iter().find(|other| folded(&other.name, self.folds) == folded(name, self.folds))
    }

    /// Why the target has no such sequence in the end, if it has none.
    fn lack(&self, sequence: &str) -> Option<String> {
        if self.target != Flavour::Mariadb {
            return Some("the target's server has no sequences".to_owned());
        }
        match self.there(sequence) {
            Some(other) if other.kind != TableKind::Sequence => {
                Some("on the target something else bears its name".to_owned())
            }
            Some(_) => None,
            None if self.sequences.contains(sequence) => None,
            None => Some("the source has no such sequence".to_owned()),
        }
    }

    /// Refuses tables whose defaults would draw from a sequence that is not there, or that is the
    /// source's; answers what is done with sequences and unions.
    pub(super) fn settle(self, tables: &mut [Table]) -> Extra {
        let mut wanted: BTreeSet<String> = self.covered.iter().cloned().collect();
        for table in tables.iter_mut() {
            let Some(candidate) = &table.candidate else { continue };
            let own = engine::of(self.engine)
                .drawn(&candidate.source)
                .into_iter()
                .filter(|one| one.schema.is_none());
            wanted.extend(own.map(|one| one.name).filter(|name| self.sequences.contains(name)));
            if let Some(failure) = self.refusal(candidate)
                && !matches!(table.decision, Decision::Refused(_))
            {
                table.decision = Decision::Refused(failure);
            }
        }
        let mut extra = Extra { warnings: self.warnings.clone(), ..Extra::default() };
        let (raised, left): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|name| self.lack(name).is_none());
        extra.made = raised.iter().filter(|name| self.there(name).is_none()).cloned().collect();
        extra.raised = raised;
        if !left.is_empty() {
            let why = if self.target == Flavour::Mariadb {
                "because on the target something else bears their names"
            } else {
                "because the target's server has none"
            };
            extra.warnings.push(format!("sequences are left out, {why}: {}", left.join(", ")));
        }
        self.unite(tables, &mut extra);
        extra
    }

    fn refusal(&self, candidate: &Candidate) -> Option<Failure> {
        let name = &candidate.source.name;
        if let Some(target) = &candidate.target {
            let back = engine::of(self.engine).drawn(&target.shape);
            let back = back.iter().find(|one| one.schema.is_some() && one.schema == self.neighbour)?;
            return Some(mismatch(
                FailureCode::DefaultPointsBack,
                format!(
                    "table {name}: a default of the target's table draws from the sequence {} of the source's database",
                    back.name
                ),
            ));
        }
        engine::of(self.engine).drawn(&candidate.source).into_iter().find_map(|one| {
            let (sequence, why) = match one.schema {
                Some(schema) => (format!("{schema}.{}", one.name), "it lies in another database".to_owned()),
                None => (one.name.clone(), self.lack(&one.name)?),
            };
            Some(mismatch(FailureCode::SequenceMissing, format!(
                    "table {name}: a default draws from the sequence {sequence}, which the target will not have: {why}"
                )))
        })
    }

    /// Unions whose tables will all be there are made.
    fn unite(&self, tables: &[Table], extra: &mut Extra) {
        let comes = |name: &str| {
            let same = |other: &str| folded(other, self.folds) == folded(name, self.folds);
            self.there(name).is_some_and(|other| other.kind.holds_rows())
                || tables.iter().any(|t| !matches!(t.decision, Decision::Refused(_)) && same(&t.name))
        };
        let (mut kept, mut left) = (Vec::new(), Vec::new());
        for union in &self.unions {
            let parts = engine::of(self.engine).members(union);
            if self.there(&union.name).is_some() {
                kept.push(union.name.as_str());
            } else if parts.iter().all(|part| part.schema.is_none() && comes(&part.name)) {
                extra.unions.push(union.clone());
            } else {
                left.push(union.name.as_str());
            }
        }
        extra.warnings.extend(of_unions(&kept, "are on the target already, and are never written"));
        extra.warnings.extend(of_unions(&left, UNIONS_LEFT));
    }
}

/// What becomes of unions.
pub(super) const UNIONS_MADE: &str = "are made, and never loaded";
pub(super) const UNIONS_LEFT: &str = "are left out, because the target lacks some of their tables";

/// Tells what becomes of unions; nothing where there are none.
pub(super) fn of_unions(names: &[&str], what: &str) -> Option<String> {
    let names = (!names.is_empty()).then(|| names.join(", "))?;
    Some(format!("tables that show the rows of others (MERGE) {what}: {names}"))
}

/// Tells of tables whose rows are kept elsewhere.
pub(super) fn left_out(listings: &[TableListing]) -> Vec<String> {
    let of = |kind: TableKind| listings.iter().filter(move |one| one.kind == kind);
    let others: Vec<_> =
        of(TableKind::Elsewhere).map(|one| format!("{} ({})", one.name, one.about)).collect();
    let mut said = Vec::new();
    if !others.is_empty() {
        said.push(format!(
            "tables that hold no rows of their own, but show some that are kept elsewhere, are left out: {}",
            others.join(", ")
        ));
    }
    said
}

/// Sorts what is no table of rows; it `is_named` in the task by its very name.
pub(super) fn sort(listing: TableListing, is_named: bool, selected: &mut Selected) {
    let refused = |code, what: String| Some(mismatch(code, what));
    let name = &listing.name;
    let failure = match listing.kind {
        TableKind::View if is_named => {
            refused(FailureCode::NotATable, format!("{name}: it is a view, not a table"))
        }
        TableKind::Elsewhere if is_named => refused(
            FailureCode::RowsElsewhere,
            format!(
                "table {name}: its engine {} shows rows that are kept elsewhere, it has none of its own",
                listing.about
            ),
        ),
        TableKind::Unreadable => refused(
            FailureCode::TableUnreadable,
            format!("table {name}: the source's server cannot open it: {}", listing.about),
        ),
        _ => None,
    };
    match failure {
        Some(failure) => selected.refused.push((listing.name, failure)),
        None => selected.beside.push(listing),
    }
}

/// What bears a table's name on the target without being a table of rows.
pub(super) fn in_the_way(other: &TableListing) -> String {
    match other.kind {
        TableKind::View => "a view".to_owned(),
        TableKind::Sequence => "a sequence".to_owned(),
        TableKind::Unreadable => "a table that its server cannot open".to_owned(),
        _ => format!("a table of the engine {}, which holds no rows of its own,", other.about),
    }
}
