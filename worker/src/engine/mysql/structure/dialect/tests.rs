use longshore_shared::domain::failure::Failure;

use super::super::super::super::shape::{Column, Family};
use super::super::sample;
use super::{Dialect, Said};

pub(in super::super) const MARIADB: Dialect = Dialect { mariadb: true, number: 101_119 };
const MYSQL_9: Dialect = Dialect { mariadb: false, number: 90_704 };
const MYSQL_57: Dialect = Dialect { mariadb: false, number: 50_744 };

fn told(said: Result<Said, Failure>) -> String {
    match said {
        Ok(Said { text: Some(text), loses: None }) => text,
        Ok(Said { text: Some(text), loses: Some(loses) }) => format!("{text} LOSES {loses}"),
        Ok(Said { text: None, .. }) => "LEFT OUT".to_owned(),
        Err(failure) => format!("{}: {}", failure.code, failure.message),
    }
}

fn refused(what: &str, words: &str) -> String {
    format!(
        "words_of_one_flavour: table `t`, {what}: the target does not know {words}, and would make the table \
         without it and not say so"
    )
}

#[test]
fn n07_words_of_one_flavour_at_columns() {
    let check = |dialect: Dialect, column: &Column, text: &str, expected: &str| {
        assert_eq!(told(dialect.column("t", "v", text, Some(column))), expected, "{dialect:?}: {text}");
    };
    let number = sample::column("v", Family::Integer, "int");
    let hidden = "`v` int DEFAULT NULL /*!80023 INVISIBLE */";
    let hidden_there = "`v` int(11) DEFAULT 5 INVISIBLE COMMENT 'INVISIBLE'";
    check(MYSQL_9, &number, hidden, hidden);
    check(MARIADB, &number, hidden, "`v` int DEFAULT NULL INVISIBLE");
    check(MYSQL_57, &number, hidden, &refused("column `v`", "INVISIBLE"));
    check(MYSQL_9, &number, hidden_there, hidden_there);
    check(MYSQL_57, &number, hidden_there, &refused("column `v`", "INVISIBLE"));

    let point = sample::column("v", Family::Geometry, "point");
    let on_earth = "`v` point NOT NULL /*!80003 SRID 4326 */ COMMENT 'c'";
    check(MYSQL_9, &point, on_earth, on_earth);
    let loses = "LOSES column `v`: the target does not hold its values to their SRID";
    let noted = format!("`v` point REF_SYSTEM_ID=4326 NOT NULL COMMENT 'c' {loses}");
    check(MARIADB, &point, on_earth, &noted);
    check(MYSQL_57, &point, on_earth, &format!("`v` point NOT NULL COMMENT 'c' {loses}"));

    let text = sample::column("v", Family::LongText, "text");
    for packed in
        ["`v` text /*M!100301 COMPRESSED*/ DEFAULT NULL", "`v` text /*!100301 COMPRESSED*/ DEFAULT NULL"]
    {
        check(MARIADB, &text, packed, packed);
        check(MYSQL_9, &text, packed, "`v` text DEFAULT NULL");
    }
    let stored = "`v` int /*!50606 STORAGE DISK */ /*!50606 COLUMN_FORMAT FIXED */ DEFAULT NULL";
    check(MYSQL_57, &number, stored, stored);
    check(MARIADB, &number, stored, "`v` int DEFAULT NULL");
    check(MYSQL_9, &number, "`v` int /*!99999 WONDER 3 */", &refused("column `v`", "WONDER 3"));
    check(MYSQL_9, &number, "`v` int /*M!110400 NEW*/", &refused("column `v`", "NEW"));
    check(
        MYSQL_9,
        &number,
        "`v` int /*T![auto_rand] AUTO_RANDOM(5) */",
        &refused("column `v`", "[auto_rand] AUTO_RANDOM(5)"),
    );
    check(
        MARIADB,
        &number,
        "`v` int COMMENT '/*!80023 INVISIBLE */'",
        "`v` int COMMENT '/*!80023 INVISIBLE */'",
    );
}

#[test]
fn n07_a_columns_check_is_no_less_lost_than_a_tables() {
    let old = Dialect { mariadb: false, number: 80_015 };
    for (text, is_lost) in [
        ("`v` int(11) NOT NULL CHECK (`v` < 9)", true),
        // MariaDB's JSON arrives as the text that it is.
        ("`v` longtext DEFAULT NULL CHECK (json_valid(`v`))", true),
        ("`v` int(11) DEFAULT 5 COMMENT 'CHECK (1)'", false),
        ("`v` int(11) GENERATED ALWAYS AS (`CHECK` + 1) VIRTUAL", false),
        ("`CHECK` json DEFAULT NULL", false),
    ] {
        let loses = " LOSES column `v`: the target does not know CHECK, and takes any value";
        for (dialect, loses) in [(MYSQL_57, loses), (old, loses), (MYSQL_9, ""), (MARIADB, "")] {
            let expected = format!("{text}{}", if is_lost { loses } else { "" });
            assert_eq!(told(dialect.column("t", "v", text, None)), expected, "{dialect:?}");
        }
    }
}

#[test]
fn n07_defaults_in_the_words_of_mysql() {
    let check = |family, full_type: &str, text: &str, expected: &str| {
        let column = sample::column("v", family, full_type);
        assert_eq!(told(MYSQL_9.column("t", "v", text, Some(&column))), expected);
        assert_eq!(told(MARIADB.column("t", "v", text, Some(&column))), text);
    };
    for plain in ["NULL", "'a\\'b' COMMENT 'hey'", "-5", "1000", "b'101'", "x'ff'", "0xFF80"] {
        let text = format!("`v` varchar(9) NOT NULL DEFAULT {plain}");
        check(Family::Text, "varchar(9)", &text, &text);
    }
    let moment = "`v` timestamp NULL DEFAULT current_timestamp(3) ON UPDATE current_timestamp(3)";
    check(Family::Temporal, "timestamp(3)", moment, moment);
    for (family, full_type, text, expected) in [
        (Family::Text, "varchar(36)", "`v` varchar(36) DEFAULT uuid()", "`v` varchar(36) DEFAULT (uuid())"),
        (
            Family::Text,
            "char(15)",
            "`v` char(15) NOT NULL DEFAULT concat('a','ON') COMMENT 'DEFAULT x'",
            "`v` char(15) NOT NULL DEFAULT (concat('a','ON')) COMMENT 'DEFAULT x'",
        ),
        (
            Family::Temporal,
            "date",
            "`v` date DEFAULT (curdate() + interval 1 day)",
            "`v` date DEFAULT (curdate() + interval 1 day)",
        ),
        (
            Family::Temporal,
            "date",
            "`v` date DEFAULT current_timestamp()",
            "`v` date DEFAULT (current_timestamp())",
        ),
        (
            Family::LongText,
            "longtext",
            "`v` longtext DEFAULT '{}' CHECK (json_valid(`v`))",
            "`v` longtext DEFAULT ('{}') CHECK (json_valid(`v`))",
        ),
        (Family::Blob, "blob", "`v` blob DEFAULT 0xff", "`v` blob DEFAULT (0xff)"),
        (Family::LongText, "text", "`v` text DEFAULT NULL", "`v` text DEFAULT NULL"),
    ] {
        check(family, full_type, text, expected);
    }
    let option = "`v` int(11) DEFAULT NULL `foo`='3'";
    let column = sample::column("v", Family::Integer, "int(11)");
    assert_eq!(told(MYSQL_9.column("t", "v", option, Some(&column))).trim_end(), "`v` int(11) DEFAULT NULL");
}

#[test]
fn n07_words_of_one_flavour_at_keys_and_checks() {
    for (dialect, text, expected) in [
        (MYSQL_9, "ADD KEY `k` (`v`) IGNORED", "ADD KEY `k` (`v`) INVISIBLE"),
        (MYSQL_57, "KEY `k` (`v`) COMMENT 'IGNORED' IGNORED", "KEY `k` (`v`) COMMENT 'IGNORED' "),
        (MARIADB, "KEY `k` (`v`) IGNORED", "KEY `k` (`v`) IGNORED"),
        (MARIADB, "KEY `k` (`v`) /*!80000 INVISIBLE */", "KEY `k` (`v`) IGNORED"),
        (MYSQL_57, "KEY `k` (`v`) /*!80000 INVISIBLE */", "KEY `k` (`v`)"),
        (MYSQL_9, "KEY `k` (`v`) /*!80000 INVISIBLE */", "KEY `k` (`v`) /*!80000 INVISIBLE */"),
        (MYSQL_9, "KEY `k` (`v`) `bar`='1'", "KEY `k` (`v`) "),
        (
            MARIADB,
            "FULLTEXT KEY `k` (`v`) /*!50100 WITH PARSER `ngram` */ ",
            "FULLTEXT KEY `k` (`v`) /*!50100 WITH PARSER `ngram` */ ",
        ),
        (MARIADB, "KEY `k` (`v`) /*!80099 ODD */", &refused("index `k`", "ODD")),
    ] {
        assert_eq!(told(dialect.key("t", "k", text)), expected);
    }
    let lax = "CONSTRAINT `c` CHECK ((`v` > 0)) /*!80016 NOT ENFORCED */";
    let strict = "CONSTRAINT `c` CHECK ((`v` > 0))";
    for (dialect, text, expected) in [
        (MYSQL_9, lax, lax.to_owned()),
        (MARIADB, lax, "LEFT OUT".to_owned()),
        (MYSQL_57, lax, "LEFT OUT".to_owned()),
        (MARIADB, strict, strict.to_owned()),
        (MYSQL_9, "CONSTRAINT `CONSTRAINT_1` CHECK (`v` > 0)", "CHECK (`v` > 0)".to_owned()),
        (
            MARIADB,
            "CONSTRAINT `CONSTRAINT_1` CHECK (`v` > 0)",
            "CONSTRAINT `CONSTRAINT_1` CHECK (`v` > 0)".to_owned(),
        ),
        (
            MYSQL_57,
            strict,
            format!("{strict} LOSES constraint `c`: the target does not know CHECK, and takes any value"),
        ),
    ] {
        assert_eq!(told(dialect.other("t", text)), expected);
    }
}

#[test]
fn n07_options_of_one_flavour() {
    for (dialect, text, expected) in [
        (MARIADB, "/*!80023 AUTOEXTEND_SIZE=4194304 */ ENGINE=InnoDB COMPRESSION='zlib'", " ENGINE=InnoDB "),
        (
            MARIADB,
            "ENGINE=InnoDB ENCRYPTION='Y' COMMENT='ENCRYPTION=1'",
            "ENGINE=InnoDB `ENCRYPTED`=YES COMMENT='ENCRYPTION=1'",
        ),
        (MARIADB, "ENGINE=InnoDB /*!80016 ENCRYPTION='Y' */", "ENGINE=InnoDB `ENCRYPTED`=YES"),
        (MARIADB, "ENGINE=InnoDB ENCRYPTION='N' SECONDARY_ENGINE=rapid", "ENGINE=InnoDB  "),
        (MYSQL_9, "ENGINE=InnoDB `page_compressed`='1' `encrypted`='yes'", "ENGINE=InnoDB  ENCRYPTION='Y'"),
        (
            MYSQL_9,
            "ENGINE=InnoDB PAGE_CHECKSUM=1 TRANSACTIONAL=1 ROW_FORMAT=DYNAMIC",
            "ENGINE=InnoDB   ROW_FORMAT=DYNAMIC",
        ),
        (MARIADB, "ENGINE=InnoDB `page_compressed`='1'", "ENGINE=InnoDB `page_compressed`='1'"),
    ] {
        assert_eq!(dialect.options("t", text, &[]).unwrap_or_else(|f| f.message), expected);
    }
    let sealed = MYSQL_57.options("t", "ENGINE=InnoDB /*!80016 ENCRYPTION='Y' */", &[]);
    assert_eq!(sealed.map_err(|failure| failure.code.to_string()), Err("words_of_one_flavour".to_owned()));
}

#[test]
fn n09_names_of_a_partitioning_are_quoted() {
    let columns = ["rank", "dd", "groups"].map(|name| sample::column(name, Family::Integer, "int"));
    let text = "ENGINE=InnoDB\n/*!50100 PARTITION BY RANGE (year(dd) + rank)\nSUBPARTITION BY HASH (rank)\n\
        (PARTITION rank VALUES LESS THAN (3)\n (SUBPARTITION groups ENGINE = InnoDB),\n PARTITION `p` VALUES LESS \
        THAN MAXVALUE\n (SUBPARTITION z COMMENT = 'rank' ENGINE = InnoDB)) */";
    assert_eq!(
        MYSQL_9.options("t", text, &columns).unwrap_or_else(|f| f.message),
        "ENGINE=InnoDB\n/*!50100 PARTITION BY RANGE (year(`dd`) + `rank`)\nSUBPARTITION BY HASH (`rank`)\n\
         (PARTITION `rank` VALUES LESS THAN (3)\n (SUBPARTITION `groups` ENGINE = InnoDB),\n PARTITION `p` VALUES \
         LESS THAN MAXVALUE\n (SUBPARTITION `z` COMMENT = 'rank' ENGINE = InnoDB)) */"
    );
    let listed =
        "/*!50500 PARTITION BY LIST  COLUMNS(rank)\n(PARTITION system VALUES IN (3) ENGINE = InnoDB) */";
    assert_eq!(
        MYSQL_9.options("t", listed, &columns).unwrap_or_else(|f| f.message),
        "/*!50500 PARTITION BY LIST  COLUMNS(`rank`)\n(PARTITION `system` VALUES IN (3) ENGINE = InnoDB) */"
    );
}

#[test]
fn n07_mariadb_gets_texts_without_their_character_set() {
    let text = sample::column("v", Family::Text, "varchar(9)");
    let check = |dialect: Dialect, item: &str, expected: &str| {
        assert_eq!(told(dialect.column("t", "v", item, Some(&text))), expected, "{dialect:?}: {item}");
    };
    let item = r"`v` varchar(9) GENERATED ALWAYS AS (concat(`a`,_utf8mb4'it\'s',_utf8mb3'ä\\')) STORED";
    check(MYSQL_9, item, item);
    check(MARIADB, item, r"`v` varchar(9) GENERATED ALWAYS AS (concat(`a`,'it\'s','ä\\')) STORED");
    for kept in
        ["`v` int COMMENT '_utf8mb4\\'a\\''", "`v` int DEFAULT _latin1'a'", "`v` int DEFAULT (_binary'\\0')"]
    {
        check(MARIADB, kept, kept);
    }
    let words = "_latin1 before a text that is not plain";
    check(MARIADB, "`v` int DEFAULT _latin1'ä'", &refused("column `v`", words));
    let held = "CONSTRAINT `c` CHECK ((`d` <> _utf8mb4'a\\\\b'))";
    assert_eq!(told(MARIADB.other("t", held)), "CONSTRAINT `c` CHECK ((`d` <> 'a\\\\b'))");
    assert_eq!(told(MYSQL_9.other("t", held)), held);
}
