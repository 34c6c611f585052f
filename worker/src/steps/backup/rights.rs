//! Whether the account may read everything that the backup is to hold, asked before anything is read.

use std::collections::BTreeMap;

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::sync::Selection;

use crate::engine::Surveyor;
use crate::engine::access::{Act, Missing, Need};
use crate::engine::shape::TableListing;
use crate::steps::attempt::Side;
use crate::steps::error::StepError;

/// Tables that a message names for a right.
const NAMED: usize = 5;

/// Fails by name, with the `GRANT`; answers what is doubtful. `views`: those that the database has.
pub(super) async fn may_be_read(
    side: &Side,
    selection: &Selection,
    source: &mut dyn Surveyor,
    tables: &[TableListing],
    views: &[String],
) -> Result<Vec<String>, StepError> {
    let name = &side.connection.name;
    let hidden = source.hidden().await?;
    if selection.is_open() && hidden.tables {
        return Err(partial(name, source.database()).into());
    }
    let read = |table: &TableListing| Need { act: Act::Read, schema: None, table: Some(table.name.clone()) };
    let mut needs: Vec<Need> = tables.iter().map(read).collect();
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let views: Vec<&str> = views.iter().map(String::as_str).collect();
    needs.extend(match selection {
        Selection::Full => Need::of_objects(&names, &views),
        _ => Need::of_triggers(&names),
    });
    // Whoever may run or make routines sees that they are there; one whose text is not shown then fails by name.
    needs.retain(|need| need.act != Act::ShowRoutines || hidden.routines);
    let lacks = source.lacks(&needs).await?;
    let told = |missing: &Missing| {
        format!(
            "the account {} of connection {name} lacks {}",
            lacks.account,
            rights(&needs, missing, source.database())
        )
    };
    if !lacks.missing.rights.is_empty() {
        let failure = Failure::permanent(FailureCode::PrivilegeMissing, told(&lacks.missing));
        return Err(failure.with_hint(format!("run there: {}", lacks.missing.statements.join("; "))).into());
    }
    let doubtful = (!lacks.doubtful.rights.is_empty()).then(|| {
        format!(
            "perhaps {}, so that something is left out without a word ({})",
            told(&lacks.doubtful),
            lacks.doubt
        )
    });
    Ok(doubtful.into_iter().collect())
}

/// Each right, and on what.
fn rights(needs: &[Need], missing: &Missing, database: &str) -> String {
    let mut of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (at, right) in &missing.rights {
        let table = needs.get(*at).and_then(|need| need.table.as_deref());
        of.entry(right).or_default().push(table.unwrap_or(database));
    }
    let each = of.iter().map(|(right, on)| {
        let more = if on.len() > NAMED { format!(" and {} more", on.len() - NAMED) } else { String::new() };
        format!("{right} on {}{more}", on[..on.len().min(NAMED)].join(", "))
    });
    each.collect::<Vec<_>>().join("; ")
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
