//! Conditions on the rows of tables: a field of a sync task.

use std::collections::BTreeMap;

use longshore_shared::domain::filter::Filter;
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::domain::sync::{Filters, Selection};
use longshore_shared::domain::zone::Zone;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::extract::field::{Field, FieldErrors};
use crate::extract::nul::shown;

/// Longest name of a table.
pub(super) const LONGEST: usize = 64;
/// More of them than this are better said by views on the source.
const MOST: usize = 500;

/// Conditions by the names of their tables, each name once.
pub(crate) struct Conditions(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Conditions {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = BTreeMap<String, String>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = BTreeMap::new();
                while let Some((table, condition)) = map.next_entry::<String, String>()? {
                    if found.contains_key(&table) {
                        return Err(A::Error::custom(format_args!("duplicate field `{table}`")));
                    }
                    found.insert(table, condition);
                }
                Ok(found)
            }
        }

        from.deserialize_map(Each).map(Self)
    }
}

/// The conditions that were given.
pub(super) fn filters(found: &mut FieldErrors, given: Field<Conditions>) -> Option<Filters> {
    let given = found.optional("where", given, "an object of a condition for each table's name")?;
    if given.0.len() > MOST {
        found.add(
            "where",
            ProblemCode::TooMany,
            format!("at most {MOST} tables can have a condition; make several tasks of this one"),
        );
        return None;
    }
    found.within("where", |found| {
        let before = found.count();
        let read = given.0.into_iter().filter_map(|(table, condition)| {
            let shown = shown(&table);
            if let Err((code, detail)) = table_name(&table) {
                found.add(&shown, code, detail);
                return None;
            }
            let filter = Filter::parse(&condition).map_err(|why| (ProblemCode::InvalidCondition, why));
            found.checked(&shown, Some(filter), |filter| filter).map(|filter| (table, filter))
        });
        let read: Filters = read.collect();
        (found.count() == before).then_some(read)
    })
}

/// The zone that was given for them.
pub(super) fn zone(found: &mut FieldErrors, given: Field<String>) -> Option<Zone> {
    let read = found.optional("where_time_zone", given, "the name of a time zone or an offset");
    found.checked("where_time_zone", read, |text| {
        Zone::parse(&text).map_err(|why| (ProblemCode::InvalidValue, why))
    })
}

/// What a table can be called.
pub(super) fn table_name(name: &str) -> Result<(), (ProblemCode, String)> {
    let length = name.chars().count();
    match length == 0 || length > LONGEST || name.contains('\0') {
        true => Err((
            ProblemCode::InvalidValue,
            format!("a table's name of 1 to {LONGEST} characters without NUL (U+0000) is expected"),
        )),
        false => Ok(()),
    }
}

/// A condition on a table that the task leaves out is most likely a slip.
pub(super) fn covered(found: &mut FieldErrors, filters: &Filters, selection: &Selection) {
    for table in filters.keys().filter(|table| !selection.covers(table)) {
        found.within("where", |found| {
            found.add(
                table,
                ProblemCode::NotSelected,
                "the task does not cover this table; a name is expected, no pattern",
            );
        });
    }
}
