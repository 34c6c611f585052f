//! Which server error code means what: logins, rights, what passes by itself. What has
//! to do with tables and values is in `contents`.

use longshore_shared::domain::failure::{Failure, FailureCode, Permanence};
use mysql_async::ServerError;

use super::contents;
use super::redact::redact;

/// Whether the server's words hold names only, or may quote a cell.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    Names,
    Values,
    /// Nothing of it is ours to repeat.
    Foreign,
    /// These say it, without a value.
    Own(&'static str),
}

/// What a code means.
pub(super) struct Verdict {
    permanence: Permanence,
    code: FailureCode,
    words: Words,
    hint: &'static str,
}

/// Trying again gives the same.
pub(super) const fn never(code: FailureCode, words: Words) -> Verdict {
    Verdict { permanence: Permanence::Permanent, code, words, hint: code.remedy() }
}

/// Trying again may help.
pub(super) const fn again(code: FailureCode) -> Verdict {
    Verdict { permanence: Permanence::Transient, code, words: Words::Names, hint: code.remedy() }
}

impl Verdict {
    /// The number says better than the code what to do.
    pub(super) const fn with_hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }
}

/// An error that the server answered.
pub(super) fn server(error: &ServerError, doing: &str) -> Failure {
    let verdict = judge(error);
    let words = match verdict.words {
        Words::Names => error.message.clone(),
        Words::Values => redact(&error.message),
        Words::Foreign => "refused by the server".to_owned(),
        Words::Own(words) => words.to_owned(),
    };
    let message = format!("{doing}: {words} (error {})", error.code);
    match verdict.permanence {
        Permanence::Permanent => Failure::permanent(verdict.code, message).with_hint(verdict.hint),
        Permanence::Transient => Failure::transient(verdict.code, message).with_hint(verdict.hint),
    }
}

fn judge(error: &ServerError) -> Verdict {
    login(error.code)
        .or_else(|| limit(error))
        .or_else(|| passing(error.code))
        .or_else(|| right(error))
        .or_else(|| contents::space(error))
        .or_else(|| contents::structure(error.code))
        .or_else(|| contents::definition(error.code))
        .or_else(|| contents::data(error.code))
        .unwrap_or_else(|| by_state(&error.state))
}

fn login(code: u16) -> Option<Verdict> {
    Some(match code {
        1045 | 1130 | 1698 => never(FailureCode::LoginRefused, Words::Names),
        1251 | 1275 | 1524 | 2059 => never(FailureCode::LoginRefused, Words::Names).with_hint(
            "the server cannot check this account's password the way the account asks for: change its plugin",
        ),
        1820 | 1862 => never(FailureCode::LoginRefused, Words::Names)
            .with_hint("the account's password has expired: set a new one"),
        3118 | 4151 => {
            never(FailureCode::LoginRefused, Words::Names).with_hint("the account is locked: unlock it")
        }
        1129 => never(FailureCode::HostBlocked, Words::Names),
        3159 => never(FailureCode::TlsRequired, Words::Names),
        1046 | 1049 => never(FailureCode::UnknownDatabase, Words::Names),
        _ => return None,
    })
}

/// What a server allows an account, or one statement. The name of a resource is the same in every
/// language of the server's words. An hour is longer than a job tries again for.
fn limit(error: &ServerError) -> Option<Verdict> {
    const ACCOUNT: &str = "give the connection a max_sessions no greater than what the server allows the account, or \
         raise that: ALTER USER … WITH MAX_USER_CONNECTIONS n, or the server's max_user_connections";
    let names = |words: &[&str]| words.iter().any(|word| error.message.contains(word));
    Some(match error.code {
        // MySQL and MariaDB have names of their own for two of them.
        1226 if names(&["'max_queries_per_hour'", "'max_questions'"]) => {
            never(FailureCode::MaxQueriesPerHour, Words::Names)
        }
        1226 if names(&["'max_updates_per_hour'", "'max_updates'"]) => {
            never(FailureCode::MaxUpdatesPerHour, Words::Names)
        }
        1226 if names(&["'max_connections_per_hour'"]) => {
            never(FailureCode::MaxConnectionsPerHour, Words::Names)
        }
        1203 | 1226 => again(FailureCode::TooManyConnections).with_hint(ACCOUNT),
        1104 => never(FailureCode::MaxJoinSize, Words::Names),
        _ => return None,
    })
}

/// What may pass by itself.
fn passing(code: u16) -> Option<Verdict> {
    Some(match code {
        1040 => again(FailureCode::TooManyConnections),
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
        | 4031 => again(FailureCode::ConnectionLost),
        1969 | 3024 => again(FailureCode::StatementTimeout),
        1205 | 3572 => again(FailureCode::LockWait),
        1020 | 1213 | 1613 | 1614 | 1637 => again(FailureCode::Deadlock),
        1037 | 1038 | 1041 => again(FailureCode::MemoryFull),
        _ => return None,
    })
}

fn right(error: &ServerError) -> Option<Verdict> {
    Some(match error.code {
        1044 | 1095 | 1142 | 1143 | 1211 | 1227 | 1370 | 1410 | 1419 | 1694 => {
            never(FailureCode::PrivilegeMissing, Words::Names)
        }
        1290 if !error.message.contains("read") => never(FailureCode::ServerOption, Words::Names),
        1036 | 1290 | 1792 | 1836 | 1874 | 3989 => never(FailureCode::ReadOnly, Words::Names),
        1148 | 2068 | 3948 | 3950 | 4166 => never(FailureCode::LocalInfileDisabled, Words::Names),
        1592 | 1661..=1668 => never(FailureCode::BinlogFormat, Words::Names),
        _ => return None,
    })
}

/// For codes that no table lists: the standard's two-letter classes.
fn by_state(state: &str) -> Verdict {
    match state.get(..2) {
        Some("08") => again(FailureCode::ConnectionLost),
        Some("28") => never(FailureCode::LoginRefused, Words::Values),
        Some("40") => again(FailureCode::Deadlock),
        Some("22" | "23") => never(FailureCode::ValueRefused, Words::Values),
        _ => never(FailureCode::ServerError, Words::Values),
    }
}
