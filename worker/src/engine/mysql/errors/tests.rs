use longshore_shared::domain::failure::Permanence;
use mysql_async::{DriverError, Error, ServerError};

use super::super::connect::TooLarge;
use super::classify;

fn check(code: u16, state: &str, said: &str, expected: &str) {
    let error = Error::Server(ServerError { code, state: state.into(), message: said.into() });
    let failure = classify(&error, "load table `t`");
    let again = if failure.permanence == Permanence::Transient { "again" } else { "never" };
    let answer = format!("{}/{} {again}: {}", failure.class, failure.code, failure.message);
    assert_eq!(answer, expected);
    assert!(!failure.hint.is_empty());
}

#[test]
fn classes() {
    for (code, state, expected) in [
        (1045, "28000", "connection_failure/login_refused never"),
        (1698, "28000", "connection_failure/login_refused never"),
        (1524, "HY000", "connection_failure/login_refused never"),
        (1049, "42000", "connection_failure/unknown_database never"),
        (1040, "08004", "connection_failure/too_many_connections again"),
        (1317, "70100", "connection_failure/connection_lost again"),
        (1927, "70100", "connection_failure/connection_lost again"),
        (1142, "42000", "permission_error/privilege_missing never"),
        (1227, "42000", "permission_error/privilege_missing never"),
        (1290, "HY000", "permission_error/server_option never"),
        (1836, "HY000", "permission_error/read_only never"),
        (3989, "HY000", "permission_error/read_only never"),
        (3948, "42000", "permission_error/local_infile_disabled never"),
        (4166, "HY000", "permission_error/local_infile_disabled never"),
        (1665, "HY000", "permission_error/binlog_format never"),
        (1205, "HY000", "data_error/lock_wait again"),
        (1213, "40001", "data_error/deadlock again"),
        (1114, "HY000", "insufficient_space/disk_full never"),
        (1146, "42S02", "schema_mismatch/structure_changed never"),
        (1412, "HY000", "schema_mismatch/structure_changed never"),
        (1273, "HY000", "schema_mismatch/collation_unknown never"),
        (1064, "42000", "internal/statement_refused never"),
        (1153, "08S01", "data_error/row_too_large never"),
        (1452, "23000", "data_error/foreign_key_violation never"),
        (65000, "08S01", "connection_failure/connection_lost again"),
        (65000, "40001", "data_error/deadlock again"),
        (65000, "22001", "data_error/value_refused never"),
        (65000, "HY000", "internal/server_error never"),
    ] {
        check(code, state, "x", &format!("{expected}: load table `t`: x (error {code})"));
    }
}

#[test]
fn n17_each_limit_of_an_account_is_told_as_itself() {
    for (resource, expected) in [
        ("max_questions", "max_queries_per_hour never"),
        ("max_queries_per_hour", "max_queries_per_hour never"),
        ("max_updates", "max_updates_per_hour never"),
        ("max_updates_per_hour", "max_updates_per_hour never"),
        ("max_connections_per_hour", "max_connections_per_hour never"),
        ("max_user_connections", "too_many_connections again"),
        ("max_statements_of_a_later_release", "too_many_connections again"),
    ] {
        // In two languages of the server.
        for said in [
            format!("User 'u' has exceeded the '{resource}' resource (current value: 2)"),
            format!(
                "Benutzer 'u' hat die Ressourcenbeschränkung '{resource}' überschritten (aktueller Wert: 2)"
            ),
        ] {
            let told = format!("connection_failure/{expected}: load table `t`: {said} (error 1226)");
            check(1226, "42000", &said, &told);
        }
    }
    check(
        1203,
        "42000",
        "x",
        "connection_failure/too_many_connections again: load table `t`: x (error 1203)",
    );
    check(1104, "42000", "x", "data_error/max_join_size never: load table `t`: x (error 1104)");
}

#[test]
fn messages_keep_names_and_lose_values() {
    for (code, said, expected) in [
        (
            1062,
            "Duplicate entry 'secret@x' for key 'people.email'",
            "data_error/duplicate_key never: load table `t`: Duplicate entry … for key 'people.email' (error 1062)",
        ),
        (
            1062,
            "Duplicate entry 'it' for key 'x secret' for key 'PRIMARY'",
            "data_error/duplicate_key never: load table `t`: Duplicate entry … for key 'PRIMARY' (error 1062)",
        ),
        (
            1366,
            "Incorrect integer value: 'secret' for column `d`.`t`.`c` at row 1",
            "data_error/value_refused never: load table `t`: Incorrect integer value: … for column `d`.`t`.`c` at row 1 (error 1366)",
        ),
        (
            1292,
            "Truncated incorrect DOUBLE value: 'a for column secret'",
            "data_error/value_refused never: load table `t`: Truncated incorrect DOUBLE value: … (error 1292)",
        ),
        (
            1526,
            "Table has no partition for value 53271",
            "data_error/no_partition never: load table `t`: the target's table has no partition for a row (error 1526)",
        ),
        (
            4025,
            "CONSTRAINT `c1` failed for `d`.`t`",
            "data_error/check_violation never: load table `t`: CONSTRAINT `c1` failed for `d`.`t` (error 4025)",
        ),
        (
            1644,
            "no entry for Ms Secret",
            "data_error/refused_by_trigger never: load table `t`: refused by the server (error 1644)",
        ),
        (
            1290,
            "The MariaDB server is running with the --read-only option so it cannot execute this statement",
            "permission_error/read_only never: load table `t`: The MariaDB server is running with the --read-only \
             option so it cannot execute this statement (error 1290)",
        ),
        (
            1030,
            "Got error 28 \"No space left on device\" from storage engine InnoDB",
            "insufficient_space/disk_full never: load table `t`: Got error 28 … (error 1030)",
        ),
        (
            1030,
            "Fehler 28 \"No space left on device\" von Speicher-Engine InnoDB",
            "insufficient_space/disk_full never: load table `t`: Fehler 28 … (error 1030)",
        ),
        (
            3,
            "写文件'/tmp/28/x'错误（错误号码：122 \"Disk quota exceeded\"）",
            "insufficient_space/disk_full never: load table `t`: 写文件… (error 3)",
        ),
        (
            1366,
            "Неверное значение «secret» в «c»",
            "data_error/value_refused never: load table `t`: Неверное значение … (error 1366)",
        ),
        (
            1142,
            "SELECT command denied to user 'u'@'h' for table 't'",
            "permission_error/privilege_missing never: load table `t`: SELECT command denied to user 'u'@'h' for \
             table 't' (error 1142)",
        ),
    ] {
        check(code, "HY000", said, expected);
    }
}

#[test]
fn n12_a_definition_is_never_a_fault_of_longshore() {
    for (code, state, said, is_empty, expected) in [
        (1128, "HY000", "Function 'ngram' is not defined", true, "Function 'ngram' is not defined"),
        (
            6125,
            "HY000",
            "Missing unique key for constraint 'f'",
            true,
            "Missing unique key for constraint 'f'",
        ),
        (
            1252,
            "42000",
            "All parts of a SPATIAL index must be NOT NULL",
            false,
            "All parts of a SPATIAL index must be NOT NULL",
        ),
        (1709, "HY000", "Index column size too large", false, "Index column size too large"),
        (65000, "HY000", "odd 'secret'", false, "odd …"),
        (3146, "22032", "Invalid data type for JSON data", true, "Invalid data type for JSON data"),
    ] {
        let error = Error::Server(ServerError { code, state: state.into(), message: said.into() });
        let failure = super::of_definition(&error, "table `t`", is_empty);
        assert_eq!(
            (failure.class.to_string().as_str(), failure.code.as_str()),
            ("schema_mismatch", "definition_refused")
        );
        assert_eq!(failure.message, format!("table `t`: {expected} (error {code})"));
        assert!(!failure.hint.contains("report"), "{}", failure.hint);
    }
    let lost = Error::from(DriverError::ConnectionClosed);
    assert_eq!(super::of_definition(&lost, "x", true).code.as_str(), "connection_lost");
}

#[test]
fn network_and_driver() {
    use std::io::{Error as Io, ErrorKind};
    for (error, code, transient) in [
        (Error::from(Io::from(ErrorKind::ConnectionRefused)), "connection_refused", true),
        (Error::from(Io::from(ErrorKind::HostUnreachable)), "unreachable", true),
        (Error::from(Io::from(ErrorKind::UnexpectedEof)), "connection_lost", true),
        (Error::from(Io::new(ErrorKind::InvalidData, rustls::Error::DecryptError)), "tls_failed", false),
        (Error::from(Io::new(ErrorKind::InvalidData, "a header of 0")), "not_this_engine", false),
        (Error::from(Io::other("Packets out of sync")), "not_this_engine", false),
        (Error::from(Io::other("bytes remaining on stream")), "connection_lost", true),
        (Error::from(Io::new(ErrorKind::UnexpectedEof, "can't parse: too short")), "not_this_engine", false),
        (Error::from(Io::new(ErrorKind::UnexpectedEof, "connection closed")), "connection_lost", true),
        (Error::from(cut_short()), "not_this_engine", false),
        (Error::from(Io::new(ErrorKind::TimedOut, "the answer comes in crumbs")), "answer_too_slow", true),
        (Error::from(Io::from(ErrorKind::TimedOut)), "connection_lost", true),
        (Error::from(DriverError::PacketOutOfOrder), "not_this_engine", false),
        (Error::Other(Box::new(TooLarge)), "answer_too_large", false),
        (Error::from(DriverError::NoClientSslFlagFromServer), "tls_not_offered", false),
        (Error::from(DriverError::UnknownAuthPlugin { name: "x".into() }), "login_refused", false),
        (Error::from(DriverError::ConnectionClosed), "connection_lost", true),
    ] {
        let failure = classify(&error, "log in");
        assert_eq!((failure.code.as_str(), failure.is_transient()), (code, transient));
    }
}

/// What the driver's readers say of a packet that is too short.
fn cut_short() -> std::io::Error {
    std::io::Read::read_exact(&mut [0_u8; 1].as_slice(), &mut [0; 2]).expect_err("there is one byte")
}
