//! Which server error code means what: logins, rights, what passes by itself. What has
//! to do with tables and values is in `contents`.

use FailureClass::{ConnectionFailure, DataError, InsufficientSpace, Internal, PermissionError};
use longshore_shared::domain::failure::{Failure, FailureClass, Permanence};
use mysql_async::ServerError;

use super::LOST_HINT;
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
    class: FailureClass,
    permanence: Permanence,
    code: &'static str,
    words: Words,
    hint: &'static str,
}

/// Trying again gives the same.
pub(super) const fn never(
    class: FailureClass,
    code: &'static str,
    words: Words,
    hint: &'static str,
) -> Verdict {
    Verdict { class, permanence: Permanence::Permanent, code, words, hint }
}

/// Trying again may help.
pub(super) const fn again(class: FailureClass, code: &'static str, hint: &'static str) -> Verdict {
    Verdict { class, permanence: Permanence::Transient, code, words: Words::Names, hint }
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
        Permanence::Permanent => Failure::permanent(verdict.class, verdict.code, message, verdict.hint),
        Permanence::Transient => Failure::transient(verdict.class, verdict.code, message, verdict.hint),
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
            never(ConnectionFailure, "login_refused", Words::Names, "the account is locked: release_locks it")
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

/// What a server allows an account, or one statement. The name of a resource is the same in every
/// language of the server's words. An hour is longer than a job tries again for.
fn limit(error: &ServerError) -> Option<Verdict> {
    const ACCOUNT: &str = "give the connection a max_sessions no greater than what the server allows the account, or \
         raise that: ALTER USER … WITH MAX_USER_CONNECTIONS n, or the server's max_user_connections";
    const HOURLY: &str = "raise the limit that the message names (ALTER USER … WITH MAX_QUERIES_PER_HOUR 0, or \
         MAX_UPDATES_PER_HOUR, or MAX_CONNECTIONS_PER_HOUR; 0 is none, and FLUSH USER_RESOURCES begins the hour \
         anew), or run it again in an hour: what was done stays";
    let hourly = |code| never(ConnectionFailure, code, Words::Names, HOURLY);
    let names = |words: &[&str]| words.iter().any(|word| error.message.contains(word));
    Some(match error.code {
        // MySQL and MariaDB have names of their own for two of them.
        1226 if names(&["'max_queries_per_hour'", "'max_questions'"]) => hourly("max_queries_per_hour"),
        1226 if names(&["'max_updates_per_hour'", "'max_updates'"]) => hourly("max_updates_per_hour"),
        1226 if names(&["'max_connections_per_hour'"]) => hourly("max_connections_per_hour"),
        1203 | 1226 => again(ConnectionFailure, "too_many_connections", ACCOUNT),
        1104 => never(
            DataError,
            "max_join_size",
            Words::Names,
            "the server's max_join_size is too small, and sql_big_selects could not be switched on for this \
             session: raise max_join_size at the server, or look for a proxy that keeps settings from it",
        ),
        _ => return None,
    })
}

/// What may pass by itself.
fn passing(code: u16) -> Option<Verdict> {
    const BUSY: &str = "another session holds locks on these rows; it is tried again by itself";
    Some(match code {
        1040 => again(
            ConnectionFailure,
            "too_many_connections",
            "raise the server's max_connections, or give the connection a max_sessions",
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
