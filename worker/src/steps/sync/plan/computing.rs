//! Stored generated columns: the target computes them anew, and may come to other values than those
//! that the source has stored.

use super::decide::Candidate;
use crate::engine::shape::{Column, Family, Server, TableShape};

/// Warns of columns that depend on more than their row, and leaves those uncompared that no two
/// flavours write alike.
pub(super) fn look(candidates: &mut [Candidate], source: &Server, target: &Server) -> Vec<String> {
    let mut warnings = Vec::new();
    let zoned = named(candidates, depends_on_zone);
    if !zoned.is_empty() {
        warnings.push(format!(
            "the target computes these stored generated columns in UTC; where the source has computed them in another \
             time zone the job fails and names the row: {zoned}"
        ));
    }
    let is_json = |_: &TableShape, column: &Column| column.family == Family::Json;
    if source.flavour != target.flavour {
        let left = named(candidates, is_json);
        if !left.is_empty() {
            warnings.push(format!(
                "the values of these stored generated columns are not compared, since MySQL and MariaDB write the JSON \
                 that they compute with other spaces: {left}"
            ));
        }
        for candidate in candidates {
            let columns = candidate.source.columns.iter_mut();
            columns.filter(|column| column.family == Family::Json).for_each(|c| c.persistent = false);
        }
    }
    warnings
}

fn named(candidates: &[Candidate], is_meant: impl Fn(&TableShape, &Column) -> bool) -> String {
    let shapes = candidates.iter().map(|candidate| &candidate.source);
    let columns = shapes.flat_map(|shape| {
        let meant = shape.computed().filter(|column| is_meant(shape, column));
        meant.map(|column| format!("{}.{}", shape.name, column.name)).collect::<Vec<_>>()
    });
    columns.collect::<Vec<_>>().join(", ")
}

/// Whether a column is made of a TIMESTAMP, or of a function that goes by the session's time zone.
fn depends_on_zone(shape: &TableShape, column: &Column) -> bool {
    let expression = column.expression.as_deref().unwrap_or_default();
    let holds = |name: &str| expression.contains(&format!("`{}`", name.replace('`', "``")));
    let stamps = shape.columns.iter().filter(|one| one.full_type.starts_with("timestamp"));
    let words = expression.to_ascii_lowercase();
    ["from_unixtime", "unix_timestamp"].iter().any(|name| words.contains(name))
        || stamps.into_iter().any(|one| holds(&one.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::sync::plan::fake;

    #[test]
    fn which_columns_depend_on_the_zone() {
        let mut shape = fake::shape("t");
        shape.columns[1].full_type = "timestamp".to_owned();
        for (expression, expected) in [
            ("cast(`code` as date)", true),
            ("`id` + 1", false),
            ("from_unixtime(`id`)", true),
            ("concat('code',`id`)", false),
        ] {
            let column = Column { expression: Some(expression.to_owned()), ..fake::column("g") };
            assert_eq!(depends_on_zone(&shape, &column), expected, "{expression}");
        }
    }
}
