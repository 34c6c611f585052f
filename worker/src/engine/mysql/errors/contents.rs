//! Server error codes that have to do with tables and values.

use longshore_shared::domain::failure::FailureCode;
use mysql_async::ServerError;

use super::codes::{Verdict, Words, again, never};

pub(super) fn space(error: &ServerError) -> Option<Verdict> {
    // A storage engine resources on the system's number: 28 no space, 122 quota, 139 row too big.
    let native = |number: &str| numbers(&error.message).any(|told| told == number);
    Some(match error.code {
        1021 | 1114 => never(FailureCode::DiskFull, Words::Values),
        3 | 1026 | 1030 if native("28") || native("122") => never(FailureCode::DiskFull, Words::Values),
        1030 if native("139") => never(FailureCode::RowTooLarge, Words::Values)
            .with_hint("the row does not fit the table's row format"),
        1197 => never(FailureCode::BinlogCacheFull, Words::Names),
        1206 => again(FailureCode::LockTableFull),
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
    Some(match code {
        1051 | 1054 | 1072 | 1091 | 1109 | 1136 | 1146 | 1176 | 1412 | 1932 | 3579 => {
            never(FailureCode::StructureChanged, Words::Names)
        }
        1016 | 1017 | 1034 | 1035 | 1194 | 1195 | 1877 => never(FailureCode::TableDamaged, Words::Names),
        // Of all that is sent only a person's condition asks for such things.
        1139 | 1267 | 1270 | 1271 | 1525 | 3685..=3699 | 3995 => {
            never(FailureCode::InvalidCondition, Words::Values)
                .with_hint("correct the condition in the task's `where`: its pattern, collation or literal")
        }
        1347 => never(FailureCode::NotATable, Words::Names),
        _ => return None,
    })
}

/// What a server says of a definition that it does not take.
pub(super) fn definition(code: u16) -> Option<Verdict> {
    Some(match code {
        1050 => never(FailureCode::TableExists, Words::Names),
        1273 | 1115 | 1253 => never(FailureCode::CollationUnknown, Words::Names),
        1286 | 1178 => never(FailureCode::StorageEngineUnknown, Words::Names),
        1005 | 1215 | 1822 | 1824..=1826 | 1833..=1835 | 3734 | 3780 => {
            never(FailureCode::ForeignKeyRefused, Words::Names)
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
        | 4161 => never(FailureCode::DefinitionRefused, Words::Names),
        1064 => never(FailureCode::StatementRefused, Words::Values),
        _ => return None,
    })
}

pub(super) fn data(code: u16) -> Option<Verdict> {
    Some(match code {
        1022 | 1062 | 1169 | 1557 | 1586 | 1761 | 1762 | 1859 => {
            never(FailureCode::DuplicateKey, Words::Values)
        }
        1153 | 1301 | 1162 => never(FailureCode::RowTooLarge, Words::Names)
            .with_hint("raise max_allowed_packet on the server that the message speaks of"),
        1216 | 1217 | 1451 | 1452 => never(FailureCode::ForeignKeyViolation, Words::Values),
        3819 | 4025 => never(FailureCode::CheckViolation, Words::Names),
        // The server quotes the value, and bare.
        1526 | 1748 => {
            never(FailureCode::NoPartition, Words::Own("the target's table has no partition for a row"))
        }
        1643..=1646 => never(FailureCode::RefusedByTrigger, Words::Foreign),
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
        | 4038 => never(FailureCode::ValueRefused, Words::Values),
        _ => return None,
    })
}
