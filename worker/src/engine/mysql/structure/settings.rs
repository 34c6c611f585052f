//! Definitions that one server takes and another of the same release does not.
//!
//! A foreign key to columns that no unique key has (`restrict_fk_on_non_standard_key`), a parser of
//! full texts and a storage engine are matters of settings and plug-ins, and the first two come last
//! of all, after the rows.

use super::super::super::shape::{ForeignKey, TableShape};
use super::scan::tokens;

/// `parent` finds a table by its name.
pub(in super::super) fn is_of_settings<'a>(
    t: &TableShape,
    parent: &dyn Fn(&str) -> Option<&'a TableShape>,
) -> bool {
    let parses = t.indexes.iter().any(|index| {
        let clause = index.clause.as_str();
        tokens(clause).unwrap_or_default().iter().any(|token| token.is_word(clause, "PARSER"))
    });
    let is_usual = |key: &ForeignKey| {
        key.parent_schema.is_none()
            && parent(&key.parent).is_some_and(|parent| is_unique(parent, &key.parent_columns))
    };
    !t.storage.eq_ignore_ascii_case("InnoDB") || parses || !t.foreign_keys.iter().all(is_usual)
}

/// Whether these columns are a whole key that keeps rows apart.
fn is_unique(t: &TableShape, columns: &[String]) -> bool {
    let same = |names: Vec<&str>| {
        names.len() == columns.len()
            && columns.iter().all(|one| names.iter().any(|name| name.eq_ignore_ascii_case(one)))
    };
    let key = t.key.iter().map(|key| key.columns.iter().map(|&at| t.columns[at].name.as_str()).collect());
    let others = t.indexes.iter().filter(|index| index.unique);
    let others =
        others.map(|index| index.columns.iter().map(|part| part.trim_end_matches(" desc")).collect());
    key.chain(others).any(same)
}

#[cfg(test)]
mod tests {
    use super::super::super::super::shape::{Family, ForeignKey, Index, TableShape};
    use super::super::sample;
    use super::is_of_settings;

    fn index(columns: &[&str], unique: bool, clause: &str) -> Index {
        Index {
            name: "i".into(),
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
            unique,
            method: "BTREE".into(),
            clause: clause.into(),
        }
    }

    fn pointing(parent: &str, columns: &[&str]) -> TableShape {
        let mut table = sample::table(Vec::new(), &[]);
        table.foreign_keys = vec![ForeignKey {
            name: "k".into(),
            columns: Vec::new(),
            parent_schema: None,
            parent: parent.into(),
            parent_columns: columns.iter().map(|&name| name.to_owned()).collect(),
            on_update: String::new(),
            on_delete: String::new(),
            clause: String::new(),
        }];
        table
    }

    #[test]
    fn n12_what_hangs_on_settings_and_plug_ins() {
        let columns = ["a", "b", "c"].map(|name| sample::column(name, Family::Integer, "int"));
        let mut parent = sample::table(columns.to_vec(), &[0, 1]);
        parent.indexes =
            vec![index(&["c desc"], true, ""), index(&["b"], false, ""), index(&["a(9)"], true, "")];
        let check = |table: &TableShape, expected: bool, what: &str| {
            let found = is_of_settings(table, &|name| (name == "p").then_some(&parent));
            assert_eq!(found, expected, "{what}");
        };
        check(&pointing("p", &["B", "a"]), false, "the primary key");
        check(&pointing("p", &["c"]), false, "another unique key");
        check(&pointing("p", &["b"]), true, "a key that is not unique");
        check(&pointing("p", &["a"]), true, "a part of a unique key");
        check(&pointing("p", &["a", "b", "c"]), true, "more than a unique key");
        check(&pointing("q", &["a"]), true, "a table that nobody looked at");
        let plain = sample::table(Vec::new(), &[]);
        check(&plain, false, "a table of everyday");
        check(&TableShape { storage: "ARCHIVE".into(), ..plain.clone() }, true, "a storage engine");
        for (clause, expected) in [
            ("ADD FULLTEXT KEY `i` (`b`) /*!50100 WITH PARSER `ngram` */", true),
            ("ADD FULLTEXT KEY `PARSER` (`b`) COMMENT 'WITH PARSER'", false),
        ] {
            let indexes = vec![index(&["b"], false, clause)];
            check(&TableShape { indexes, ..plain.clone() }, expected, clause);
        }
    }
}
