//! The table of server error codes.

use FailureClass::{
    ConnectionFailure, DataError, InsufficientSpace, Internal, PermissionError, SchemaMismatch,
};
use longshore_shared::domain::failure::{Failure, FailureClass, Permanence};
use mysql_async::ServerError;

use super::LOST_HINT;
use super::redact::redact;

/// Whether the server's words hold names only, or may quote a cell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    Names,
    Values,
    /// Nothing of it is ours to repeat.
    Foreign,
}

struct Verdict {
    class: FailureClass,
    permanence: Permanence,
    code: &'static str,
    words: Words,
    hint: &'static str,
}

const fn never(class: FailureClass, code: &'static str, words: Words, hint: &'static str) -> Verdict {
    Verdict { class, permanence: Permanence::Permanent, code, words, hint }
}

const fn again(class: FailureClass, code: &'static str, hint: &'static str) -> Verdict {
    Verdict { class, permanence: Permanence::Transient, code, words: Words::Names, hint }
}

/// An error that the server answered.
pub(super) fn server(error: &ServerError, doing: &str) -> Failure {
    let verdict = judge(error);
    let words = match verdict.words {
        Words::Names => error.message.clone(),
        Words::Values => redact(&error.message),
        Words::Foreign => "refused by the server".to_owned(),
    };
    let message = format!("{doing}: {words} (error {})", error.code);
    match verdict.permanence {
        Permanence::Permanent => Failure::permanent(verdict.class, verdict.code, message, verdict.hint),
        Permanence::Transient => Failure::transient(verdict.class, verdict.code, message, verdict.hint),
    }
}

fn judge(error: &ServerError) -> Verdict {
    login(error.code)
        .or_else(|| passing(error.code))
        .or_else(|| right(error))
        .or_else(|| space(error))
        .or_else(|| structure(error.code))
        .or_else(|| definition(error.code))
        .or_else(|| data(error.code))
        .unwrap_or_else(|| by_state(&error.state))
}

fn login(code: u16) -> Option<Verdict> {
    const LOGIN: &str =
        "check user name and password, and that the account may log in from this worker's address";
    Some(match code {
        1045 | 1130 | 1698 => never(ConnectionFailure, "login_refused", Words::Names, LOGIN),
        1251 | 1275 | 1524 | 2059 => never(
            ConnectionFailure,
            "login_refused",
            Words::Names,
            "the server cannot check this account's password the way the account asks for: change its plugin",
        ),
        1820 | 1862 => never(
            ConnectionFailure,
            "login_refused",
            Words::Names,
            "the account's password has expired: set a new one",
        ),
        3118 | 4151 => {
            never(ConnectionFailure, "login_refused", Words::Names, "the account is locked: unlock it")
        }
        1129 => never(ConnectionFailure, "host_blocked", Words::Names, "run FLUSH HOSTS on the server"),
        3159 => never(
            ConnectionFailure,
            "tls_required",
            Words::Names,
            "the server wants TLS: set the connection's TLS mode to require or stricter",
        ),
        1046 | 1049 => never(
            ConnectionFailure,
            "unknown_database",
            Words::Names,
            "check the connection's database name, or create the database",
        ),
        _ => return None,
    })
}

/// What may pass by itself.
fn passing(code: u16) -> Option<Verdict> {
    const BUSY: &str = "another session holds locks on these rows; it is tried again by itself";
    Some(match code {
        1040 | 1203 | 1226 => again(
            ConnectionFailure,
            "too_many_connections",
            "raise max_connections or the account's limit, or run fewer workers against this server",
        ),
        1053
        | 1077..=1080
        | 1152
        | 1154..=1161
        | 1180
        | 1184
        | 1189
        | 1190
        | 1317
        | 1927
        | 2006
        | 2013
        | 2055
        | 3169
        | 4031 => again(ConnectionFailure, "connection_lost", LOST_HINT),
        1969 | 3024 => again(
            ConnectionFailure,
            "statement_timeout",
            "the server ended the statement after its own time limit: raise it for this account",
        ),
        1205 | 3572 => again(DataError, "lock_wait", BUSY),
        1020 | 1213 | 1613 | 1614 | 1637 => again(DataError, "deadlock", BUSY),
        1037 | 1038 | 1041 => again(
            InsufficientSpace,
            "memory_full",
            "the server is short of memory; it is tried again by itself",
        ),
        _ => return None,
    })
}

fn right(error: &ServerError) -> Option<Verdict> {
    const GRANT: &str = "grant the account the right that the message names";
    Some(match error.code {
        1044 | 1095 | 1142 | 1143 | 1211 | 1227 | 1370 | 1410 | 1419 | 1694 => {
            never(PermissionError, "privilege_missing", Words::Names, GRANT)
        }
        1290 if !error.message.contains("read") => never(
            PermissionError,
            "server_option",
            Words::Names,
            "an option of the server forbids this: the message names it",
        ),
        1036 | 1290 | 1792 | 1836 | 1874 => never(
            PermissionError,
            "read_only",
            Words::Names,
            "the server is read only: use its primary, or switch read_only off",
        ),
        1148 | 2068 | 3948 | 3950 | 4166 => never(
            PermissionError,
            "local_infile_disabled",
            Words::Names,
            "switch local_infile on at the server; rows are sent by INSERT meanwhile",
        ),
        1592 | 1661..=1668 => never(
            PermissionError,
            "binlog_format",
            Words::Names,
            "set the server's binlog_format to ROW or MIXED",
        ),
        _ => return None,
    })
}

fn space(error: &ServerError) -> Option<Verdict> {
    const DISK: &str = "make room on the server's disk or raise the account's quota";
    // A storage engine hands on the system's number: 28 no space, 122 quota, 139 row too big.
    let native = |number: &str| error.message.contains(&format!("rror {number} "));
    let errno = |number: &str| error.message.contains(&format!("rrno: {number}"));
    Some(match error.code {
        1021 | 1114 => never(InsufficientSpace, "disk_full", Words::Values, DISK),
        3 | 1026 | 1030 if native("28") || native("122") || errno("28") || errno("122") => {
            never(InsufficientSpace, "disk_full", Words::Values, DISK)
        }
        1030 if native("139") => {
            never(DataError, "row_too_large", Words::Values, "the row does not fit the table's row format")
        }
        1197 => never(
            InsufficientSpace,
            "binlog_cache_full",
            Words::Names,
            "raise max_binlog_cache_size on the server",
        ),
        1206 => again(InsufficientSpace, "lock_table_full", "raise innodb_buffer_pool_size on the server"),
        _ => return None,
    })
}

fn structure(code: u16) -> Option<Verdict> {
    const CHANGED: &str = "the table was changed meanwhile: run it again";
    Some(match code {
        1051 | 1054 | 1072 | 1091 | 1109 | 1136 | 1146 | 1176 | 1412 | 1932 | 3579 => {
            never(SchemaMismatch, "structure_changed", Words::Names, CHANGED)
        }
        1016 | 1017 | 1034 | 1035 | 1194 | 1195 | 1877 => {
            never(DataError, "table_damaged", Words::Names, "check and repair the table on its server")
        }
        1347 => never(
            SchemaMismatch,
            "not_a_table",
            Words::Names,
            "a view or another object has the table's name",
        ),
        _ => return None,
    })
}

/// What a server says of a definition that it does not take.
fn definition(code: u16) -> Option<Verdict> {
    let refused = |code, hint| never(SchemaMismatch, code, Words::Names, hint);
    Some(match code {
        1050 => refused("table_exists", "rename or drop the table that is in the way"),
        1273 | 1115 | 1253 => refused(
            "collation_unknown",
            "the target does not know this collation or character set: change it in the source or create the table by hand",
        ),
        1286 | 1178 => refused(
            "storage_engine_unknown",
            "the target lacks this storage engine: create the table by hand",
        ),
        1005 | 1215 | 1822 | 1824..=1826 | 1833..=1835 | 3734 | 3780 => {
            refused("foreign_key_refused", "see that the parent table has a fitting key and column types")
        }
        1007
        | 1059
        | 1061
        | 1067
        | 1069..=1071
        | 1073..=1075
        | 1101
        | 1117
        | 1118
        | 1139
        | 1163
        | 1166
        | 1170
        | 1235
        | 1293
        | 1294
        | 1478
        | 1901..=1911
        | 3105..=3109
        | 3152
        | 3753..=3773
        | 3813..=3818
        | 4161 => refused(
            "definition_refused",
            "the target does not take the source's definition: create the table by hand",
        ),
        1064 => never(Internal, "statement_refused", Words::Values, "report this as a fault of Longshore"),
        _ => return None,
    })
}

fn data(code: u16) -> Option<Verdict> {
    Some(match code {
        1022 | 1062 | 1169 | 1291 | 1557 | 1586 | 1761 | 1762 | 1859 => never(
            DataError,
            "duplicate_key",
            Words::Values,
            "another row of the target has the same value in a unique key: remove or change one of the two",
        ),
        1153 | 1301 | 1162 => never(
            DataError,
            "row_too_large",
            Words::Names,
            "raise max_allowed_packet on the server that the message speaks of",
        ),
        1216 | 1217 | 1451 | 1452 => never(
            DataError,
            "foreign_key_violation",
            Words::Values,
            "a row points to a parent that is not there: copy the parent table too, or mend the row",
        ),
        3819 | 4025 => {
            never(DataError, "check_violation", Words::Names, "a row breaks a CHECK constraint of the target")
        }
        1643..=1646 => never(
            DataError,
            "refused_by_trigger",
            Words::Foreign,
            "a trigger of the target refuses the row: drop it for the time of the sync, or mend the row",
        ),
        1048
        | 1171
        | 1263..=1265
        | 1292
        | 1300
        | 1364
        | 1366
        | 1367
        | 1406
        | 1411
        | 1416
        | 1425..=1427
        | 1441
        | 1526
        | 1690
        | 1748
        | 3140..=3158
        | 3037
        | 3516
        | 3617
        | 3643
        | 3671
        | 3672
        | 3732
        | 4038 => never(
            DataError,
            "value_refused",
            Words::Values,
            "the target cannot store a value as it is: see that both columns have the same type and settings",
        ),
        _ => return None,
    })
}

/// For codes that no table lists: the standard's two-letter classes.
fn by_state(state: &str) -> Verdict {
    match state.get(..2) {
        Some("08") => again(ConnectionFailure, "connection_lost", LOST_HINT),
        Some("28") => never(ConnectionFailure, "login_refused", Words::Values, "check the account"),
        Some("40") => again(DataError, "deadlock", "it is tried again by itself"),
        Some("22" | "23") => {
            never(DataError, "value_refused", Words::Values, "the target cannot store a value as it is")
        }
        _ => never(
            Internal,
            "server_error",
            Words::Values,
            "look the error's number up in the server's manual",
        ),
    }
}
