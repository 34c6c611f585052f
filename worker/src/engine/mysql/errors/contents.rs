//! Server error codes that have to do with tables and values.

use FailureClass::{DataError, InsufficientSpace, Internal, SchemaMismatch};
use longshore_shared::domain::failure::FailureClass;
use mysql_async::ServerError;

use super::codes::{Verdict, Words, again, never};

/// What to do about a row that a CHECK constraint refuses.
pub(in super::super) const CHECK_HINT: &str = "a row breaks a CHECK constraint of the target: mend the row in the source, or drop \
    the constraint on the target";
/// What to do about a row that no partition takes.
pub(in super::super) const PARTITION_HINT: &str = "give the target's table the partitions that the source's has (ALTER TABLE … ADD PARTITION, or REORGANIZE \
    PARTITION where the last one takes all that is larger)";

pub(super) fn space(error: &ServerError) -> Option<Verdict> {
    const DISK: &str = "make room on the server's disk or raise the account's quota";
    // A storage engine resources on the system's number: 28 no space, 122 quota, 139 row too big.
    let native = |number: &str| numbers(&error.message).any(|told| told == number);
    Some(match error.code {
        1021 | 1114 => never(InsufficientSpace, "disk_full", Words::Values, DISK),
        3 | 1026 | 1030 if native("28") || native("122") => {
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

/// The numbers that stand alone in a message, in whatever language: not those within a file's name.
fn numbers(message: &str) -> impl Iterator<Item = &str> {
    let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || "/\\_-.#@".contains(c);
    let words = message.split(move |c| !is_of_a_name(c));
    words.filter(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()))
}

pub(super) fn structure(code: u16) -> Option<Verdict> {
    const CHANGED: &str = "the table was changed meanwhile: run it again";
    Some(match code {
        1051 | 1054 | 1072 | 1091 | 1109 | 1136 | 1146 | 1176 | 1412 | 1932 | 3579 => {
            never(SchemaMismatch, "structure_changed", Words::Names, CHANGED)
        }
        1016 | 1017 | 1034 | 1035 | 1194 | 1195 | 1877 => {
            never(DataError, "table_damaged", Words::Names, "check and repair the table on its server")
        }
        // Of all that is sent only a person's condition asks for such things.
        1139 | 1267 | 1270 | 1271 | 1525 | 3685..=3699 | 3995 => never(
            SchemaMismatch,
            "invalid_condition",
            Words::Values,
            "correct the condition in the task's `where`: its pattern, collation or literal",
        ),
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
pub(super) fn definition(code: u16) -> Option<Verdict> {
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
        | 1291
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

pub(super) fn data(code: u16) -> Option<Verdict> {
    Some(match code {
        1022 | 1062 | 1169 | 1557 | 1586 | 1761 | 1762 | 1859 => never(
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
        3819 | 4025 => never(DataError, "check_violation", Words::Names, CHECK_HINT),
        // The server quotes the value, and bare.
        1526 | 1748 => never(
            DataError,
            "no_partition",
            Words::Own("the target's table has no partition for a row"),
            PARTITION_HINT,
        ),
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
        | 1690
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
