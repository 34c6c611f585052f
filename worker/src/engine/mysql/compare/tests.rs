use super::super::super::shape::{Column, Family, Index, Key, TableShape};
use super::compare;

fn column(name: &str, family: Family, full_type: &str) -> Column {
    Column {
        name: name.into(),
        family,
        full_type: full_type.into(),
        nullable: false,
        charset: None,
        collation: None,
        generated: false,
        persistent: false,
        expression: None,
        auto_increment: false,
    }
}

fn index(columns: &[&str], unique: bool) -> Index {
    Index {
        name: "i".into(),
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        unique,
        method: "BTREE".into(),
        clause: String::new(),
    }
}

fn table() -> TableShape {
    let mut word = column("word", Family::Text, "varchar(10)");
    word.charset = Some("utf8mb3".into());
    word.collation = Some("utf8mb3_bin".into());
    let mut sum = column("sum", Family::Integer, "int(11)");
    sum.generated = true;
    sum.expression = Some("`id` + octet_length('x')".into());
    TableShape {
        name: "t".into(),
        columns: vec![column("id", Family::Integer, "int(11) unsigned"), word, sum],
        key: Some(Key {
            name: "PRIMARY".into(),
            columns: vec![0],
            walkable: true,
            same_order: true,
            prefixed: false,
        }),
        indexes: vec![index(&["word"], true), index(&["word(3)"], false)],
        foreign_keys: Vec::new(),
        triggers: Vec::new(),
        definition: String::new(),
        storage: "InnoDB".into(),
        keeps_versions: true,
        collation: "utf8mb4_bin".into(),
        auto_increment: None,
        row_bytes: 0,
        computed_under: std::collections::BTreeMap::new(),
        filter: None,
    }
}

fn check(change: impl FnOnce(&mut TableShape), expected: &[&str]) {
    let mut target = table();
    change(&mut target);
    let found: Vec<String> = compare(&table(), &target).iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

#[test]
fn spellings_and_what_does_not_matter() {
    check(|_| {}, &[]);
    check(|t| t.columns[0].full_type = "int unsigned".into(), &[]);
    check(
        |t| {
            t.columns[1].charset = Some("utf8".into());
            t.columns[1].collation = Some("utf8_bin".into());
        },
        &[],
    );
    check(|t| t.columns[2].expression = Some("(`id` + length(_utf8mb4'x'))".into()), &[]);
    let modulo = |text: &str| Column { expression: Some(text.to_owned()), ..table().columns[2].clone() };
    assert_eq!(super::essence(&modulo("(`a` % 1000)")), super::essence(&modulo("`a` MOD 1000")));
    assert_ne!(super::essence(&modulo("(`a` % 1000)")), super::essence(&modulo("`a` DIV 1000")));
    check(|t| t.columns.swap(1, 2), &[]);
    check(|t| drop(t.indexes.pop()), &[]);
    check(|t| t.storage = "MyISAM".into(), &[]);
}

#[test]
fn columns() {
    check(
        |t| t.columns[0].full_type = "bigint(20) unsigned".into(),
        &[
            "table `t`, column `id`: the type is int(11) unsigned on the source, bigint(20) unsigned on the target",
        ],
    );
    check(
        |t| t.columns[0].full_type = "int(11) unsigned zerofill".into(),
        &[
            "table `t`, column `id`: the type is int(11) unsigned on the source, int(11) unsigned zerofill on the target",
        ],
    );
    check(
        |t| t.columns[1].nullable = true,
        &["table `t`, column `word`: the column is NOT NULL on the source, nullable on the target"],
    );
    check(
        |t| t.columns[1].collation = Some("utf8mb3_general_ci".into()),
        &[
            "table `t`, column `word`: the collation is utf8mb3_bin on the source, utf8mb3_general_ci on the target",
        ],
    );
    check(
        |t| t.columns[2].generated = false,
        &["table `t`, column `sum`: the column is generated on the source, not generated on the target"],
    );
    check(
        |t| t.columns[2].expression = Some("`id` - 1".into()),
        &[
            "table `t`, column `sum`: the expression is `id` + octet_length('x') on the source, `id` - 1 on the target",
        ],
    );
    check(|t| drop(t.columns.pop()), &["table `t`: the target lacks column `sum` (int(11))"]);
    check(
        |t| t.columns.push(column("more", Family::Integer, "int(11)")),
        &["table `t`: the target has a column `more` (int(11)) that the source lacks"],
    );
}

#[test]
fn keys() {
    check(
        |t| t.key = None,
        &["table `t`: the key (id) of the source is not unique on the target, whose key is none"],
    );
    check(|t| drop(t.indexes.remove(0)), &["table `t`: the target lacks the unique key (word)"]);
    check(
        |t| t.indexes.push(index(&["word(2)"], true)),
        &["table `t`: the target has a unique key (word(2)) that the source lacks"],
    );
    // The same keys under other names and in other roles.
    check(
        |t| {
            t.key = Some(Key {
                name: "w".into(),
                columns: vec![1],
                walkable: true,
                same_order: true,
                prefixed: false,
            });
            t.indexes[0] = index(&["id"], true);
        },
        &[],
    );
}
