//! Whether the accounts may do what the job will do, asked before anything is written.
//!
//! Exactly what the decisions need: a table that is made needs other rights than one that is
//! compared. What the job may need as well (to raise an AUTO_INCREMENT, say) is a warning, and so is
//! what lacks only by what the server shows.

use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::step::TableMode;
use longshore_shared::domain::sync::{ConflictPolicy, Keyless, OnMismatch, SyncSpec};

use super::Table;
use super::beside::Extra;
use super::decide::{Candidate, Decision, Settled};
use super::refuse::bounded;
use crate::engine::Surveyor;
use crate::engine::access::{Act, Lacks, Missing, Need};
use crate::engine::children::Children;
use crate::engine::shape::{ForeignKey, TableListing};
use crate::steps::error::StepError;
use crate::steps::sync::area::folded;
use crate::steps::sync::context::Context;

/// Tables that a message names for each right.
const NAMED: usize = 5;

/// Needs, each with the job's table that it is for.
#[derive(Default)]
struct Needs {
    of: Vec<String>,
    needs: Vec<Need>,
}

impl Needs {
    fn add(&mut self, of: &str, act: Act, table: &str) {
        self.of.push(of.to_owned());
        self.needs.push(Need { act, schema: None, table: Some(table.to_owned()) });
    }

    fn add_parent(&mut self, of: &str, act: Act, key: &ForeignKey) {
        self.of.push(of.to_owned());
        self.needs.push(Need { act, schema: key.parent_schema.clone(), table: Some(key.parent.clone()) });
    }
}

/// Looks whether both sides may be read at all, before they are: a table that may not is refused
/// (`on_mismatch: continue`), or fails the job. `pairs`: the source's tables and the target's.
pub(super) async fn may_be_read(
    context: &Context,
    source: &mut dyn Surveyor,
    target: &mut dyn Surveyor,
    pairs: &mut (Vec<TableListing>, Vec<Option<String>>),
    refused: &mut Vec<(String, Failure)>,
) -> Result<(), StepError> {
    let (tables, existing) = (&pairs.0, &pairs.1);
    let (mut ours, mut theirs) = (Needs::default(), Needs::default());
    for table in tables {
        ours.add(&table.name, Act::Read, &table.name);
    }
    for (table, name) in tables.iter().zip(existing) {
        if let Some(name) = name {
            theirs.add(&table.name, Act::Read, name);
        }
    }
    let (left, right) = futures::try_join!(source.lacks(&ours.needs), target.lacks(&theirs.needs))?;
    if left.missing.rights.is_empty() && right.missing.rights.is_empty() {
        return Ok(());
    }
    let right = match right.missing.rights.is_empty() {
        true => right,
        // Everything at once, as far as it can be told without a look at the rows.
        false => {
            theirs = guessed(tables, existing, context.spec());
            target.lacks(&theirs.needs).await?
        }
    };
    let sides = [(context.source(), &left, &ours), (context.target(), &right, &theirs)];
    let failure = lacking(&sides);
    if context.spec().on_mismatch == OnMismatch::Fail {
        return Err(failure.into());
    }
    let unfit = |name: &str| {
        [(&left, &ours), (&right, &theirs)].iter().any(|(lacks, needs)| concerns(lacks, needs, name))
    };
    let kept: Vec<bool> = pairs.0.iter().map(|table| !unfit(&table.name)).collect();
    refused.extend(
        pairs
            .0
            .iter()
            .zip(&kept)
            .filter(|(_, kept)| !**kept)
            .map(|(table, _)| (table.name.clone(), failure.clone())),
    );
    let mut keep = kept.iter().copied();
    pairs.0.retain(|_| keep.next().unwrap_or(true));
    let mut keep = kept.iter().copied();
    pairs.1.retain(|_| keep.next().unwrap_or(true));
    Ok(())
}

/// Looks whether the target may be written as was decided; answers warnings.
pub(super) async fn may_be_written(
    context: &Context,
    target: &mut dyn Surveyor,
    tables: &mut [Table],
    children: &Children,
    beside: &Extra,
) -> Result<Vec<String>, StepError> {
    let spec = context.spec();
    let (mut sure, mut perhaps) = (Needs::default(), Needs::default());
    for table in tables.iter() {
        if let (Some(candidate), Decision::Settled(settled) | Decision::ByContent(settled, _)) =
            (&table.candidate, &table.decision)
        {
            surely(candidate, settled, spec, &mut sure);
            maybe(candidate, settled, spec, &mut perhaps);
        }
    }
    if spec.delete_extra || spec.keyless == Keyless::Replace {
        let same = |a: &str, b: &str| folded(a, children.folds) == folded(b, children.folds);
        let covers = |name: &str| tables.iter().any(|table| same(&table.name, name));
        let own = children.seen.iter().filter(|child| child.schema.is_none());
        for child in own.filter(|child| covers(&child.key.parent) && !covers(&child.table)) {
            sure.add(&child.table, Act::Read, &child.table);
        }
    }
    for name in beside.made.iter().chain(beside.unions.iter().map(|union| &union.name)) {
        sure.add(name, Act::Create, name);
    }
    let lacks = target.lacks(&sure.needs).await?;
    if !lacks.missing.rights.is_empty() {
        let failure = lacking(&[(context.target(), &lacks, &sure)]);
        if spec.on_mismatch == OnMismatch::Fail {
            return Err(failure.into());
        }
        for table in tables.iter_mut().filter(|table| concerns(&lacks, &sure, &table.name)) {
            table.decision = Decision::Refused(failure.clone());
        }
    }
    let others = target.lacks(&perhaps.needs).await?;
    Ok(doubts(context.target(), &lacks, &sure, &others, &perhaps))
}

/// What the job does to the target for this table, whatever the rows are.
fn surely(candidate: &Candidate, settled: &Settled, spec: &SyncSpec, needs: &mut Needs) {
    let name = &candidate.source.name;
    let there = candidate.target.as_ref().map_or(name, |target| &target.shape.name);
    let mut add = |act, table: &str| needs.add(name, act, table);
    if settled.mode == TableMode::Refused {
        return;
    }
    add(Act::Read, there);
    let is_written = settled.mode != TableMode::Equal;
    if is_written {
        add(Act::Insert, there);
    }
    if candidate.target.is_none() {
        add(Act::Create, there);
    }
    if settled.mode == TableMode::Diff && spec.policy == ConflictPolicy::SourceFirst {
        add(Act::Update, there);
    }
    if settled.prunes || settled.mode == TableMode::Replace {
        add(Act::Delete, there);
    }
    if alters(candidate, settled) {
        add(Act::Alter, there);
    }
    let old = candidate.target.iter().filter(|_| is_written).flat_map(|target| &target.shape.foreign_keys);
    for key in old.chain(&settled.new_foreign_keys) {
        needs.add_parent(name, Act::Read, key);
    }
    for key in &settled.new_foreign_keys {
        needs.add_parent(name, Act::Refer, key);
    }
}

/// Whether indexes or foreign keys are added. A table that is made has the index of its
/// AUTO_INCREMENT from the beginning.
fn alters(candidate: &Candidate, settled: &Settled) -> bool {
    let counter = candidate.source.columns.iter().find(|column| column.auto_increment);
    let is_counters = |columns: &[String]| counter.is_some_and(|counter| columns.contains(&counter.name));
    let made = candidate.target.is_none();
    let later = settled.new_indexes.iter().filter(|index| !(made && is_counters(&index.columns))).count();
    later > 0 || !settled.new_foreign_keys.is_empty()
}

/// What it may do besides, depending on the rows.
fn maybe(candidate: &Candidate, settled: &Settled, spec: &SyncSpec, needs: &mut Needs) {
    let (name, source) = (&candidate.source.name, &candidate.source);
    let there = candidate.target.as_ref().map_or(name, |target| &target.shape.name);
    let loaded = matches!(settled.mode, TableMode::Create | TableMode::Fill);
    if loaded && !alters(candidate, settled) && source.auto_increment.is_some_and(|next| next > 1) {
        needs.add(name, Act::Alter, there);
    }
    let is_first = spec.policy == ConflictPolicy::SourceFirst;
    if settled.mode == TableMode::Diff && is_first && !settled.prunes && source.has_secondary_unique() {
        needs.add(name, Act::Delete, there);
    }
}

/// What the target will have to let us do to tables that nobody could look into yet.
fn guessed(tables: &[TableListing], existing: &[Option<String>], spec: &SyncSpec) -> Needs {
    let mut needs = Needs::default();
    for (table, name) in tables.iter().zip(existing) {
        let there = name.as_ref().unwrap_or(&table.name);
        let mut add = |act| needs.add(&table.name, act, there);
        add(Act::Read);
        add(Act::Insert);
        match name {
            None => add(Act::Create),
            Some(_) if spec.policy == ConflictPolicy::SourceFirst => add(Act::Update),
            Some(_) => {}
        }
        if name.is_some() && spec.delete_extra {
            add(Act::Delete);
        }
    }
    needs
}

/// Whether something lacks for the job's table.
fn concerns(lacks: &Lacks, needs: &Needs, name: &str) -> bool {
    lacks.missing.rights.iter().any(|(at, _)| needs.of.get(*at).is_some_and(|of| of == name))
}

/// One failure for all that lacks on the sides.
fn lacking(sides: &[(&Connection, &Lacks, &Needs)]) -> Failure {
    let short = sides.iter().filter(|(_, lacks, _)| !lacks.missing.rights.is_empty());
    let (mut told, mut hints) = (Vec::new(), Vec::new());
    for (connection, lacks, needs) in short {
        let what = listed(&lacks.missing, needs);
        told.push(format!("the account {} of connection {} lacks {what}", lacks.account, connection.name));
        let statements = lacks.missing.statements.join("; ");
        hints.push(format!(
            "run as an administrator of the server of connection {}: {statements}",
            connection.name
        ));
    }
    let message = format!("{}: this job would need it; no row was written", told.join(", and "));
    let (message, hint) = (bounded(message), bounded(hints.join(" — and ")));
    Failure::permanent(FailureCode::PrivilegeMissing, message).with_hint(hint)
}

/// `ALTER on a, b; INSERT on c`.
fn listed(missing: &Missing, needs: &Needs) -> String {
    let mut by_right: Vec<(&str, Vec<String>)> = Vec::new();
    for (at, right) in &missing.rights {
        let table = needs.needs.get(*at).map_or_else(whole_database, place);
        match by_right.iter_mut().find(|(known, _)| known == right) {
            Some((_, tables)) if tables.contains(&table) => {}
            Some((_, tables)) => tables.push(table),
            None => by_right.push((right.as_str(), vec![table])),
        }
    }
    let one = |(right, tables): &(&str, Vec<String>)| match tables.len().checked_sub(NAMED) {
        None | Some(0) => format!("{right} on {}", tables.join(", ")),
        Some(more) => format!("{right} on {} and {more} more tables", tables[..NAMED].join(", ")),
    };
    by_right.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn whole_database() -> String {
    "the whole database".to_owned()
}

/// What of a server a need is about.
fn place(need: &Need) -> String {
    match (&need.schema, &need.table) {
        (Some(schema), Some(table)) => format!("{schema}.{table}"),
        (None, Some(table)) => table.clone(),
        (_, None) => whole_database(),
    }
}

fn doubts(target: &Connection, lacks: &Lacks, sure: &Needs, others: &Lacks, perhaps: &Needs) -> Vec<String> {
    let mut warnings = Vec::new();
    if !lacks.doubtful.rights.is_empty() {
        warnings.push(bounded(format!(
            "the account {} of connection {} seems to lack {}, but {}; should the job fail for it, run there: {}",
            lacks.account,
            target.name,
            listed(&lacks.doubtful, sure),
            lacks.doubt,
            lacks.doubtful.statements.join("; ")
        )));
    }
    if !others.missing.rights.is_empty() {
        warnings.push(bounded(format!(
            "the account {} of connection {} lacks {}, which this job needs where a table's next AUTO_INCREMENT has to \
             be raised (ALTER) or rows exchange values of a unique key (DELETE); to be sure, run there: {}",
            others.account,
            target.name,
            listed(&others.missing, perhaps),
            others.missing.statements.join("; ")
        )));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::super::fake::{column, index, points_to, shape, spec};
    use super::super::tests::candidate;
    use super::*;
    use crate::engine::shape::TableShape;
    use longshore_shared::domain::step::VerifyPolicy;

    fn settled(mode: TableMode) -> Settled {
        Settled {
            mode,
            verify: VerifyPolicy::Exact,
            prunes: false,
            new_indexes: Vec::new(),
            new_foreign_keys: Vec::new(),
        }
    }

    fn check(candidate: &Candidate, settled: &Settled, spec: &SyncSpec, expected: &str, besides: &str) {
        let told = |needs: Needs| {
            let one = |need: &Need| format!("{:?} {}", need.act, place(need));
            needs.needs.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        let (mut sure, mut perhaps) = (Needs::default(), Needs::default());
        surely(candidate, settled, spec, &mut sure);
        maybe(candidate, settled, spec, &mut perhaps);
        assert_eq!((told(sure).as_str(), told(perhaps).as_str()), (expected, besides));
    }

    #[test]
    fn n15_needs_are_those_of_what_was_decided() {
        let source_first = spec();
        let target_first = SyncSpec { policy: ConflictPolicy::TargetFirst, ..spec() };
        let made = || candidate(shape("t"), None);
        let there = |target: &str| candidate(shape("t"), Some((shape(target), true)));
        check(&made(), &settled(TableMode::Create), &source_first, "Read t, Insert t, Create t", "");
        let indexed = Settled { new_indexes: vec![index("i", false)], ..settled(TableMode::Create) };
        check(&made(), &indexed, &source_first, "Read t, Insert t, Create t, Alter t", "");
        let tied = Settled { new_foreign_keys: vec![points_to("p")], ..settled(TableMode::Create) };
        let expected = "Read t, Insert t, Create t, Alter t, Read p, Refer p";
        check(&made(), &tied, &source_first, expected, "");
        let mut elsewhere = tied;
        elsewhere.new_foreign_keys[0].parent_schema = Some("o".to_owned());
        let expected = "Read t, Insert t, Create t, Alter t, Read o.p, Refer o.p";
        check(&made(), &elsewhere, &source_first, expected, "");
        let target = TableShape { foreign_keys: elsewhere.new_foreign_keys, ..shape("t") };
        let pointing = candidate(shape("t"), Some((target, true)));
        let expected = "Read t, Insert t, Update t, Read o.p";
        check(&pointing, &settled(TableMode::Diff), &source_first, expected, "");
        // The target's spelling.
        check(&there("T"), &settled(TableMode::Diff), &source_first, "Read T, Insert T, Update T", "");
        check(&there("t"), &settled(TableMode::Diff), &target_first, "Read t, Insert t", "");
        let prunes = Settled { prunes: true, ..settled(TableMode::Diff) };
        check(&there("t"), &prunes, &target_first, "Read t, Insert t, Delete t", "");
        check(&there("t"), &settled(TableMode::Fill), &source_first, "Read t, Insert t", "");
        check(&there("t"), &settled(TableMode::Replace), &source_first, "Read t, Insert t, Delete t", "");
        check(&there("t"), &settled(TableMode::Equal), &source_first, "Read t", "");
        let owed = Settled { new_foreign_keys: vec![points_to("p")], ..settled(TableMode::Equal) };
        check(&there("t"), &owed, &source_first, "Read t, Alter t, Read p, Refer p", "");
    }

    #[test]
    fn n15_what_may_be_needed_besides() {
        let mut counting = candidate(shape("t"), None);
        counting.source.auto_increment = Some(7);
        counting.source.columns = vec![column("id"), column("code")];
        counting.source.columns[1].auto_increment = true;
        let create = settled(TableMode::Create);
        check(&counting, &create, &spec(), "Read t, Insert t, Create t", "Alter t");
        // The index of the counter is made with the table.
        let indexed = Settled { new_indexes: vec![index("i", false)], ..settled(TableMode::Create) };
        check(&counting, &indexed, &spec(), "Read t, Insert t, Create t", "Alter t");
        let mut unique = candidate(shape("t"), Some((shape("t"), true)));
        unique.source.indexes = vec![index("u", true)];
        check(&unique, &settled(TableMode::Diff), &spec(), "Read t, Insert t, Update t", "Delete t");
    }
}
