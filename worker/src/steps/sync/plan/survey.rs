//! Both sides as they are: opened, told apart, listed, described.

use std::collections::{BTreeSet, HashMap};

use longshore_shared::domain::failure::{Failure, FailureCode};

use super::beside::{self, Beside};
use super::computing;
use super::constrain::Parents;
use super::decide::{Candidate, Existing};
use super::refuse::mismatch;
use super::rights;
use super::select::{Selected, select};
use super::{covering, hidden, history, leaves};
use crate::engine::children::Children;
use crate::engine::shape::{Server, TableKind, TableListing};
use crate::engine::{Hidden, Surveyor};
use crate::steps::error::StepError;
use crate::steps::sync::area::{appeared, folded};
use crate::steps::sync::context::Context;

/// What a survey found.
pub(super) struct Survey {
    /// Tables to decide about, by name.
    pub(super) candidates: Vec<Candidate>,
    /// Tables that are refused already.
    pub(super) refused: Vec<(String, Failure)>,
    /// Tables of the target's server that foreign keys may point to.
    pub(super) parents: Parents,
    /// Foreign keys that point into the target's database.
    pub(super) children: Children,
    /// What both sides have beside tables of rows.
    pub(super) beside: Beside,
    /// What is worth telling.
    pub(super) warnings: Vec<String>,
    /// The session that looked at the target.
    pub(super) target: Box<dyn Surveyor>,
    /// The source's server and the target's.
    pub(super) servers: (Server, Server),
}

pub(super) async fn survey(context: &Context) -> Result<Survey, StepError> {
    refuse_engines(context)?;
    let (mut source, mut target) = futures::try_join!(context.source_surveyor(), context.target_surveyor())?;
    let neighbour = refuse_same(context, &mut *source, &mut *target).await?;
    let (here, there) = futures::try_join!(source.server(), target.server())?;
    refuse_read_only(context, &there)?;
    let (ours, theirs) = futures::try_join!(source.tables(), target.tables())?;
    let folds = there.folds_names;
    let engine = context.source().engine;
    let others = Beside { neighbour, ..Beside::of(engine, &ours, &theirs, there.flavour, folds) };
    let selected = select(&context.spec().selection, ours, folds)?;
    let others = describe_beside(&mut *source, others, &selected.beside).await?;
    let Selected { tables, mut refused, beside, mut warnings } = selected;
    let area = context.area()?;
    if let Some(table) = tables.iter().find(|table| !area.holds(&folded(&table.name, folds))) {
        return Err(appeared(&table.name).into());
    }
    let mut pairs = pair(tables, &theirs, folds, &there, &mut refused);
    rights::may_be_read(context, &mut *source, &mut *target, &mut pairs, &mut refused).await?;
    let (tables, existing) = pairs;
    warnings.extend(history::stays(&tables));
    let candidates = describe(context, &mut *source, &mut *target, tables, existing).await?;
    let mut candidates = covering::cover(context, (&here, &there), candidates, &mut refused).await?;
    let elsewhere = elsewhere(&mut *target, &candidates).await?;
    let holding = theirs.iter().filter(|t| t.kind.holds_rows()).map(|t| &t.name);
    let parents = Parents::new(holding, elsewhere);
    let children = target.children().await?;
    let unseen = source.hidden().await?;
    warnings.extend(hidden::check(context, unseen, &mut *source, &mut *target, &candidates).await?);
    warnings.extend(computing::look(&mut candidates, &here, &there));
    warnings.extend(leaves(context, unseen, &mut *source, &beside, &candidates).await?);
    warnings.extend(flavours(&here, &there));
    Ok(Survey {
        candidates,
        refused,
        parents,
        children,
        beside: others,
        warnings,
        target,
        servers: (here, there),
    })
}

/// Tables of other databases that the source's foreign keys point to, as far as the target has them.
async fn elsewhere(
    target: &mut dyn Surveyor,
    candidates: &[Candidate],
) -> Result<Vec<(String, String)>, Failure> {
    let keys = candidates.iter().flat_map(|candidate| &candidate.source.foreign_keys);
    let others = keys.filter_map(|key| Some((key.parent_schema.clone()?, key.parent.clone())));
    let others: Vec<_> = others.collect::<BTreeSet<_>>().into_iter().collect();
    let there = target.has_tables(&others).await?;
    Ok(others.into_iter().zip(there).filter(|(_, there)| *there).map(|(other, _)| other).collect())
}

/// Tells of what the source keeps for itself.
async fn leaves(
    context: &Context,
    unseen: Hidden,
    source: &mut dyn Surveyor,
    beside: &[TableListing],
    candidates: &[Candidate],
) -> Result<Option<String>, Failure> {
    let besides = source.besides().await?;
    let shapes = candidates.iter().map(|candidate| &candidate.source);
    Ok(leaves::told(context, unseen, beside, shapes, &besides))
}

/// Adds what the selection covers of it.
async fn describe_beside(
    source: &mut dyn Surveyor,
    mut beside: Beside,
    covered: &[TableListing],
) -> Result<Beside, Failure> {
    let of = |kind: TableKind| covered.iter().filter(move |one| one.kind == kind).map(|one| one.name.clone());
    beside.covered = of(TableKind::Sequence).collect();
    let unions: Vec<String> = of(TableKind::Union).collect();
    for name in unions {
        match source.shapes(std::slice::from_ref(&name)).await {
            Ok(shapes) => beside.unions.extend(shapes),
            Err(failure) if failure.is_transient() => return Err(failure),
            Err(failure) => beside.warnings.push(format!("table {name} is left out: {}", failure.message)),
        }
    }
    Ok(beside)
}

/// Reads the structures of both sides, each in one round, at the same time.
async fn describe(
    context: &Context,
    source: &mut dyn Surveyor,
    target: &mut dyn Surveyor,
    tables: Vec<TableListing>,
    existing: Vec<Option<String>>,
) -> Result<Vec<Candidate>, StepError> {
    let names: Vec<String> = tables.iter().map(|table| table.name.clone()).collect();
    let spelt: Vec<String> = existing.iter().flatten().cloned().collect();
    let (shapes, (others, hold)) = futures::try_join!(source.shapes(&names), async {
        let others = target.shapes(&spelt).await?;
        Ok((others, target.holds_rows(&spelt).await?))
    })?;
    let mut owed = context.owed().await?;
    let mut found = others.into_iter().zip(hold).map(|(shape, holds_rows)| Existing { shape, holds_rows });
    Ok(tables
        .into_iter()
        .zip(shapes)
        .zip(existing)
        .map(|((listing, source), name)| Candidate {
            owed: owed.remove(&source.name).unwrap_or_default(),
            target: name.and_then(|_| found.next()),
            listing,
            source,
        })
        .collect())
}

fn refuse_engines(context: &Context) -> Result<(), Failure> {
    let (source, target) = (context.source().engine, context.target().engine);
    if source.group() == target.group() {
        return Ok(());
    }
    Err(mismatch(
        FailureCode::EngineMismatch,
        format!("a {source} database cannot be synchronised into a {target} database"),
    ))
}

/// One server under two addresses gives itself away by a lock that both see, members of
/// one cluster by their identity. Answers the source's database where it is one server.
async fn refuse_same(
    context: &Context,
    source: &mut dyn Surveyor,
    target: &mut dyn Surveyor,
) -> Result<Option<String>, StepError> {
    let lease = &context.step().lease;
    let probe = format!("longshore-probe:{}:{}", lease.step_id, lease.token);
    source.raise_probe(&probe).await?;
    let (ours, theirs) = (source.server().await?, target.server().await?);
    if !target.sees_probe(&probe).await? && ours.identity != theirs.identity {
        return Ok(None);
    }
    let folds = ours.folds_names;
    let (here, there) = (source.database().to_owned(), target.database());
    if folded(&here, folds) == folded(there, folds) {
        return Err(mismatch(
            FailureCode::SameDatabase,
            format!(
                "connections {} and {} are the same database {here} of the same server",
                context.source().name,
                context.target().name
            ),
        )
        .into());
    }
    Ok(Some(here))
}

fn refuse_read_only(context: &Context, target: &Server) -> Result<(), Failure> {
    if !target.read_only {
        return Ok(());
    }
    Err(Failure::permanent(
        FailureCode::TargetReadOnly,
        format!(
            "the server of connection {} is read only for its account, or its database is",
            context.target().name
        ),
    ))
}

/// Finds each table's counterpart on the target, as the target spells it. What bears the
/// name without being a table is in the way.
fn pair(
    tables: Vec<TableListing>,
    theirs: &[TableListing],
    folds: bool,
    target: &Server,
    refused: &mut Vec<(String, Failure)>,
) -> (Vec<TableListing>, Vec<Option<String>>) {
    let mut kept = Vec::with_capacity(tables.len());
    let mut existing = Vec::with_capacity(tables.len());
    let by_name: HashMap<String, &TableListing> =
        theirs.iter().rev().map(|other| (folded(&other.name, folds), other)).collect();
    for table in tables {
        match (by_name.get(&folded(&table.name, folds)).copied(), history::unmakeable(&table, target.flavour))
        {
            (Some(other), _) if !other.kind.holds_rows() => {
                let failure = mismatch(
                    FailureCode::NameTaken,
                    format!(
                        "table {}: on the target {} bears its name",
                        table.name,
                        beside::in_the_way(other)
                    ),
                );
                refused.push((table.name, failure));
            }
            (None, Some(failure)) => refused.push((table.name, failure)),
            (other, _) => {
                existing.push(other.map(|other| other.name.clone()));
                kept.push(table);
            }
        }
    }
    (kept, existing)
}

fn flavours(source: &Server, target: &Server) -> Option<String> {
    (source.flavour != target.flavour).then(|| {
        format!("source and target are of different flavours ({} and {})", source.version, target.version)
    })
}
