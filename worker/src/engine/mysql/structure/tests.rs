use longshore_shared::domain::failure::FailureCode;

use super::super::super::shape::{Column, Family, Key, TableShape};
use super::super::inspect::tests::shape_of;
use super::super::read::relations::anti_join;
use super::dialect::tests::MARIADB;
use super::{base, understand};

const NASTY: &str = "CREATE TABLE `o``dd\n` (\n  `id` int(11) NOT NULL AUTO_INCREMENT COMMENT 'a`),\\n KEY `x` (it''s \\' (',\n  \
    `a,b` enum('x,y','(','it''s','`') CHARACTER SET latin1 DEFAULT '(',\n  \
    `c` varchar(10) NOT NULL DEFAULT concat('a,',\"b\"),\n  \
    `g` int(11) GENERATED ALWAYS AS (`id` + octet_length(',)')) STORED,\n  \
    PRIMARY KEY (`c`,`id` DESC),\n  UNIQUE KEY `u,` (`a,b`(3)) USING HASH COMMENT 'KEY (',\n  \
    KEY `own` (`id`),\n  KEY `f` ((lower(`c`)),(`id` + 1) DESC),\n  \
    FULLTEXT KEY `ft` (`c`) /*!50100 WITH PARSER `ngram` */ ,\n  \
    CONSTRAINT `fk``1` FOREIGN KEY (`c`, `id`) REFERENCES `other`.`p,` (`x`, `y`) ON DELETE SET NULL ON UPDATE CASCADE,\n  \
    CONSTRAINT `fk2` FOREIGN KEY (`id`) REFERENCES `o``dd\n` (`id`),\n  \
    CONSTRAINT `ch` CHECK (`c` <> 'KEY')\n\
    ) ENGINE=InnoDB AUTO_INCREMENT=42 DEFAULT CHARSET=utf8mb4 DATA DIRECTORY='/tmp/x' COMMENT='CHARSET=x'\n\
    /*!50100 PARTITION BY RANGE (`id`)\n(PARTITION p0 VALUES LESS THAN (10) DATA DIRECTORY = '/y' ENGINE = InnoDB) */";

fn column(name: &str, family: Family, collation: Option<&str>) -> Column {
    Column {
        name: name.into(),
        family,
        full_type: "x".into(),
        nullable: false,
        charset: None,
        collation: collation.map(Into::into),
        persistent: false,
        generated: name == "g",
        expression: None,
        auto_increment: name == "id",
    }
}

fn nasty() -> TableShape {
    let columns = vec![
        column("id", Family::Integer, None),
        column("a,b", Family::Enum, Some("latin1_german1_ci")),
        column("c", Family::Text, Some("utf8mb4_bin")),
        column("g", Family::Integer, None),
    ];
    shape_of("o`dd\n", columns, NASTY, "utf8mb4_general_ci")
}

#[test]
fn keys_are_read() {
    let shape = nasty();
    assert_eq!(
        shape.key,
        Some(Key {
            name: "PRIMARY".into(),
            columns: vec![2, 0],
            walkable: true,
            same_order: true,
            prefixed: false
        })
    );
    assert_eq!(shape.auto_increment, Some(42));
    let expressions = shape.columns.iter().map(|c| c.expression.as_deref());
    assert_eq!(expressions.collect::<Vec<_>>(), [None, None, None, Some("`id` + octet_length(',)')")]);
    let read =
        shape.indexes.iter().map(|i| (i.columns.join("; "), i.unique, i.method.as_str(), i.clause.as_str()));
    let expected = [
        ("a,b(3)".to_owned(), true, "HASH", "ADD UNIQUE KEY `u,` (`a,b`(3)) USING HASH COMMENT 'KEY ('"),
        ("id".to_owned(), false, "BTREE", "ADD KEY `own` (`id`)"),
        (
            "(lower(`c`)); (`id` + 1) DESC".to_owned(),
            false,
            "BTREE",
            "ADD KEY `f` ((lower(`c`)),(`id` + 1) DESC)",
        ),
        ("c".to_owned(), false, "FULLTEXT", "ADD FULLTEXT KEY `ft` (`c`) /*!50100 WITH PARSER `ngram` */"),
    ];
    assert_eq!(read.collect::<Vec<_>>(), expected);
}

#[test]
fn foreign_keys_are_read() {
    let shape = nasty();
    let [one, two] = &shape.foreign_keys[..] else { panic!("{:?}", shape.foreign_keys) };
    assert_eq!((one.name.as_str(), one.parent.as_str()), ("fk`1", "p,"));
    assert_eq!(one.parent_schema.as_deref(), Some("other"));
    assert_eq!((one.on_delete.as_str(), one.on_update.as_str()), ("SET NULL", "CASCADE"));
    assert_eq!((two.parent.as_str(), two.on_delete.as_str()), ("o`dd\n", "RESTRICT"));
    assert!(two.clause.starts_with("ADD CONSTRAINT `fk2` FOREIGN KEY"));
    assert_eq!(
        anti_join("COUNT(*)", &super::super::quote::ident(&shape.name), one),
        "SELECT COUNT(*) FROM `o``dd\n` c LEFT JOIN `other`.`p,` p ON p.`x` = c.`c` AND p.`y` = c.`id` \
         WHERE c.`c` IS NOT NULL AND c.`id` IS NOT NULL AND p.`x` IS NULL"
    );
}

#[test]
fn the_base_holds_what_rows_need() {
    let shape = nasty();
    let definition = understand(&shape.name, NASTY).unwrap_or_default();
    let parts = base::Parts::of(&shape, &definition, MARIADB).ok().flatten();
    let statement = parts.map(|parts| parts.statement(&shape.name, base::Extent::Rows));
    assert_eq!(
        statement.as_deref(),
        Some(
            "CREATE TABLE `o``dd\n` (\n  `id` int(11) NOT NULL AUTO_INCREMENT COMMENT 'a`),\\n KEY `x` (it''s \\' (',\n  \
             `a,b` enum('x,y','(','it''s','`') CHARACTER SET latin1 COLLATE `latin1_german1_ci` DEFAULT '(',\n  \
             `c` varchar(10) NOT NULL DEFAULT concat('a,',\"b\"),\n  \
             `g` int(11) GENERATED ALWAYS AS (`id` + octet_length(',)')) STORED,\n  \
             PRIMARY KEY (`c`,`id` DESC),\n  KEY `own` (`id`),\n  CONSTRAINT `ch` CHECK (`c` <> 'KEY')\n\
             ) ENGINE=InnoDB AUTO_INCREMENT=42 DEFAULT CHARSET=utf8mb4 COLLATE=`utf8mb4_general_ci`  COMMENT='CHARSET=x'\n\
             /*!50100 PARTITION BY RANGE (`id`)\n(PARTITION `p0` VALUES LESS THAN (10)  ENGINE = InnoDB) */"
        )
    );
}

#[test]
fn a_unique_key_stands_in_for_a_primary_one() {
    for (keys, addressing, kept) in [
        ("UNIQUE KEY `n` (`c`),\n UNIQUE KEY `w` (`id`)", Some("n"), vec!["n", "w"]),
        ("UNIQUE KEY `n` (`a,b`(2)),\n UNIQUE KEY `w` (`id`)", Some("w"), vec!["w"]),
        (
            "UNIQUE KEY `n` (`g`),\n KEY `two` (`c`,`id`),\n KEY `one` (`id`),\n KEY `z` (`c`)",
            None,
            vec!["two", "one"],
        ),
        ("KEY `two` (`c`,`id`)", None, vec!["two"]),
        ("UNIQUE KEY `w` (`id`,`p` WITHOUT OVERLAPS)", None, vec!["w"]),
    ] {
        let definition = format!(
            "CREATE TABLE `t` (\n  `id` int,\n  `a,b` enum('a'),\n  `c` text,\n  `g` int,\n {keys}\n) ENGINE=InnoDB"
        );
        let mut shape = nasty();
        shape = shape_of("t", std::mem::take(&mut shape.columns), &definition, "utf8mb4_bin");
        assert_eq!(shape.key.as_ref().map(|k| k.name.as_str()), addressing, "{keys}");
        let parts = understand("t", &definition).ok();
        let names = parts.iter().flat_map(|p| base::kept_keys(&shape, p)).map(|k| k.name.as_str());
        assert_eq!(names.collect::<Vec<_>>(), kept, "{keys}");
    }
}

#[test]
fn older_names_of_collations() {
    for (statement, expected) in [
        (
            "a COLLATE utf8mb3_bin, b DEFAULT 'utf8mb3_bin'",
            Some("a COLLATE utf8_bin, b DEFAULT 'utf8mb3_bin'"),
        ),
        ("`utf8mb3_x` COLLATE=utf8mb4_bin", None),
        (
            "`utf8mb3_a` COLLATE `utf8mb3_bin`) COLLATE=`utf8mb3_bin`",
            Some("`utf8mb3_a` COLLATE `utf8_bin`) COLLATE=`utf8_bin`"),
        ),
        ("`geomcollection` geomcollection NOT NULL", Some("`geomcollection` geometrycollection NOT NULL")),
    ] {
        assert_eq!(base::with_older_names(statement).as_deref(), expected);
    }
}

#[test]
fn unknown_forms_are_refused() {
    for definition in
        ["", "CREATE TABLE `t` (`a` int", "CREATE TABLE `t` (`a` int COMMENT 'x)", "CREATE TABLE `t`"]
    {
        assert!(understand("t", definition).is_err(), "{definition}");
    }
}

/// What a server that is not honest could have run on another one.
#[test]
fn n04_a_definition_is_one_statement() {
    let item = |item: &str| format!("CREATE TABLE `t` (\n  `a` int,\n  {item}\n) ENGINE=InnoDB");
    let options = |options: &str| format!("CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB {options}");
    for fine in [
        options("COMMENT='; # -- */'"),
        options("COMMENT='\\'; DO 1'"),
        options("/* ; ' */"),
        options("/*!50100 PARTITION BY HASH (`a`) (PARTITION `p;` COMMENT = ';' ENGINE = InnoDB) */"),
        item("`b;` varchar(9) DEFAULT '#' COMMENT '-- x'"),
        item("`b` int DEFAULT (5 - -1)"),
        item("`b` int GENERATED ALWAYS AS (--`a`) VIRTUAL /*!80023 INVISIBLE */"),
        item("FULLTEXT KEY `f` (`b`) /*!50100 WITH PARSER `ngram` */ "),
    ] {
        assert!(understand("t", &fine).is_ok(), "{fine}");
    }
    for (made, what) in [
        (options("; DO 1"), "two statements"),
        (options(";"), "an end"),
        (item("`b` int; DO 1"), "an end among the columns"),
        (item("CONSTRAINT `c` FOREIGN KEY (`a`) REFERENCES `p` (`a`) ; DO 1"), "an end at a foreign key"),
        (options("/*!50100 ; DO 1 */"), "an end in what is executed"),
        // To the server no quote begins in a comment.
        (options("#'\n; DO 1; #'"), "a comment"),
        (options("-- '\n; DO 1; -- '"), "a comment of dashes"),
        (options("--\n"), "dashes at a line's end"),
        (options("/*!99999 ' */; DO 1; -- '"), "a quote in what is passed over"),
        (options("/*!99999 `*/; DO 1; -- ` */"), "a name in what is passed over"),
        (options("/*M!100000 \"*/; DO 1\" */"), "a text of the other flavour"),
        (options("/*!50100 /* ' */ ; DO 1 ' */ */"), "a comment in a comment"),
        (options("/*!50100 /*!99999 */ */"), "two comments in each other"),
        (options("/*!50100 PARTITION BY HASH (`a`)"), "a comment without an end"),
        (options("*/"), "an end without a comment"),
        (item("`b` int /*!99999 ,\n  `c` int COMMENT ' ' */"), "a comment over two columns"),
    ] {
        let failure = understand("t", &made).err().unwrap_or_else(|| panic!("{what}: {made}"));
        assert!(
            failure.code == FailureCode::DefinitionUnreadable && failure.message.contains("`t`"),
            "{failure:?}"
        );
    }
}
