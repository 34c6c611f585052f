//! Whether the account may read everything that the backup is to hold, asked before anything is read.

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::sync::Selection;

use crate::engine::Surveyor;
use crate::engine::access::{Act, Need};
use crate::engine::shape::TableListing;
use crate::steps::attempt::Side;
use crate::steps::error::StepError;

/// Tables that a message names for a right.
const NAMED: usize = 5;

/// Fails by name, with the `GRANT`; answers what is doubtful.
pub(super) async fn may_be_read(
    side: &Side,
    selection: &Selection,
    source: &mut dyn Surveyor,
    tables: &[TableListing],
) -> Result<Vec<String>, StepError> {
    let name = &side.connection.name;
    let hidden = source.hidden().await?;
    if hidden.tables && selection.is_open() {
        return Err(partial(name, source.database()).into());
    }
    let need = |table: &TableListing| Need { act: Act::Read, schema: None, table: Some(table.name.clone()) };
    let needs: Vec<Need> = tables.iter().map(need).collect();
    let lacks = source.lacks(&needs).await?;
    if let Some((_, right)) = lacks.missing.rights.first() {
        let of = lacks
            .missing
            .rights
            .iter()
            .filter_map(|(at, _)| tables.get(*at))
            .map(|table| table.name.as_str());
        let names: Vec<&str> = of.take(NAMED).collect();
        let failure = Failure::permanent(
            FailureCode::PrivilegeMissing,
            format!(
                "the account {} of connection {name} lacks {right} on {}",
                lacks.account,
                names.join(", ")
            ),
        );
        return Err(failure.with_hint(format!("run there: {}", lacks.missing.statements.join("; "))).into());
    }
    let mut unseen = Vec::new();
    for (is_unseen, what) in
        [(hidden.read_triggers, "triggers"), (hidden.routines, "routines"), (hidden.events, "events")]
    {
        if is_unseen {
            unseen.push(what);
        }
    }
    if unseen.is_empty() || *selection != Selection::Full {
        return Ok(Vec::new());
    }
    Err(Failure::permanent(
        FailureCode::PrivilegeMissing,
        format!(
            "the account of connection {name} does not see {}: a backup would leave them out without a word",
            unseen.join(" and ")
        ),
    )
    .with_hint("the connection's test names the statements, under the feature `backup`")
    .into())
}

fn partial(connection: &str, database: &str) -> Failure {
    Failure::permanent(
        FailureCode::PrivilegeMissing,
        format!(
            "the account of connection {connection} has rights to single tables of {database} only: a backup would \
             leave out what it does not see"
        ),
    )
    .with_hint("grant it SELECT on the whole database, or name the tables")
}
