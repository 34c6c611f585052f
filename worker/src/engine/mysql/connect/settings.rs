//! What every session is set to, and what the server says it is.
//!
//! Decided by what the server has (its variables), never by its version number: a
//! variable that is not there is not set.
//! - Statements are `utf8mb4`; results are not converted, they are the column's bytes.
//! - `sql_mode` keeps zero and impossible dates, key 0, and fails where a value would
//!   have to be changed.
//! - Time-outs suit a stream that waits for its other end.

use std::collections::{BTreeMap, HashMap};

use mysql_async::Conn;

use super::super::super::Result;
use super::super::super::shape::{Flavour, Server};
use super::super::errors;
use super::super::quote::text;
use super::line::Line;
use super::{Facts, Role, Session, answer, identity, number_at, optional_at, text_at};

type Variables = BTreeMap<String, String>;

const SQL_MODE: &str = "NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION";
/// The same without what refuses values that a session without strict mode has stored.
const LAX_MODE: &str = "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION";

/// What a server computes by, besides the time zone, in which values travel as well.
const COMPUTING: [&str; 3] = ["div_precision_increment", "lc_time_names", "default_week_format"];

/// Read to describe the server.
const DESCRIBING: [&str; 12] = [
    "version",
    "version_comment",
    "local_infile",
    "max_allowed_packet",
    "innodb_autoinc_lock_mode",
    "lower_case_table_names",
    "read_only",
    "super_read_only",
    "innodb_read_only",
    "max_statement_time",
    "max_execution_time",
    "max_error_count",
];

/// Set where the server has them; a release may reserve one for administrators.
const HELPFUL: [(&str, &str); 21] = [
    // A commit neither begins another transaction nor ends the session, and a session writes.
    ("completion_type", "0"),
    ("transaction_read_only", "0"),
    ("tx_read_only", "0"),
    // What it says is repeated to people, and what quotes a value cut out of it (`redact`).
    ("lc_messages", "'en_US'"),
    ("sql_quote_show_create", "1"),
    ("sql_auto_is_null", "0"),
    ("group_concat_max_len", "1048576"),
    ("net_read_timeout", "600"),
    ("net_write_timeout", "600"),
    ("wait_timeout", "28800"),
    ("idle_transaction_timeout", "0"),
    ("idle_readonly_transaction_timeout", "0"),
    ("idle_write_transaction_timeout", "0"),
    ("lock_wait_timeout", "60"),
    ("innodb_lock_wait_timeout", "50"),
    ("max_statement_time", "0"),
    ("max_execution_time", "0"),
    ("information_schema_stats_expiry", "0"),
    // Of tables with history the rows of today are read, whatever the server's own setting shows.
    ("system_versioning_asof", "DEFAULT"),
    // A condition's patterns and quotients mean the same on both sides.
    ("default_regex_flags", "''"),
    ("div_precision_increment", "4"),
];

/// Set by a writer where the server has them and lets the account.
const RESTRICTED: [(&str, &str); 6] = [
    // A definition that the source took is not refused for the size its rows could have.
    ("innodb_strict_mode", "0"),
    // A TIMESTAMP column gets no default that its definition does not name.
    ("explicit_defaults_for_timestamp", "1"),
    // A table without a key stays one.
    ("sql_generate_invisible_primary_key", "0"),
    ("sql_require_primary_key", "0"),
    ("show_gipk_in_create_table_and_information_schema", "1"),
    // An index that a table with history lacks is built.
    ("system_versioning_alter_history", "KEEP"),
];

/// Fixes the session's settings and learns what the server is.
pub(super) async fn fix(mut conn: Line, role: Role, doing: &str) -> Result<Session> {
    let failed = |e: mysql_async::Error| errors::classify(&e, doing);
    // Before anything is asked: max_join_size may be too small even for a look at the settings.
    conn.run(needed(role)).await.map_err(failed)?;
    let variables = variables(&mut conn).await.map_err(failed)?;
    let helpful = helpful(&variables);
    if !attempt(&mut conn, &helpful.join(", ")).await.map_err(failed)? {
        for one in &helpful {
            attempt(&mut conn, one).await.map_err(failed)?;
        }
    }
    if role == Role::Write {
        for (name, value) in RESTRICTED.iter().filter(|(name, _)| variables.contains_key(*name)) {
            attempt(&mut conn, &format!("SESSION {name} = {value}")).await.map_err(failed)?;
        }
    }
    let about = answer::rows(&mut conn, ABOUT.as_bytes(), answer::LOGIN_BYTES).await.map_err(failed)?;
    let about = about.into_iter().next().unwrap_or_default();
    let database = text_at(&about, 0);
    let may_override = number_at(&about, 1) > 0;
    let identity = identity::identity(&mut conn, &variables).await.map_err(failed)?;
    let mut info = describe(&variables, optional_at(&about, 2).unwrap_or_default(), may_override, identity);
    info.server.read_only |= number_at(&about, 4) > 0;
    conn.bound(info.max_allowed_packet);
    let mut computing = info.computing.clone();
    computing.extend(
        HELPFUL
            .iter()
            .filter(|(name, _)| COMPUTING.contains(name))
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    let (id, opened_computing) = (number_at(&about, 3), computing.clone());
    Ok(Session {
        conn,
        id,
        info,
        database,
        computing,
        opened_computing,
        hints: HashMap::new(),
        listed: HashMap::new(),
    })
}

/// The schema as the server spells it; whether the account is above `read_only`; version;
/// the session's number (the handshake's is a proxy's, where there is one); whether the schema is read
/// only to everybody (MySQL 8.0.22 on).
const ABOUT: &str = "SELECT DATABASE(), (SELECT COUNT(*) FROM information_schema.USER_PRIVILEGES \
    WHERE GRANTEE = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''') \
    AND PRIVILEGE_TYPE IN ('SUPER', 'READ_ONLY ADMIN', 'READ ONLY ADMIN', 'CONNECTION_ADMIN')), VERSION(), CONNECTION_ID() \
    /*!80022 , (SELECT COUNT(*) FROM information_schema.SCHEMATA_EXTENSIONS \
    WHERE SCHEMA_NAME = DATABASE() AND OPTIONS LIKE '%READ ONLY=1%') */";

async fn variables(conn: &mut Conn) -> mysql_async::Result<Variables> {
    let names = DESCRIBING
        .iter()
        .copied()
        .chain(identity::VARIABLES)
        .chain(COMPUTING)
        .chain(HELPFUL.iter().chain(&RESTRICTED).map(|(name, _)| *name))
        .map(text)
        .collect::<Vec<_>>();
    let query = format!("SHOW SESSION VARIABLES WHERE Variable_name IN ({})", names.join(", "));
    let rows = answer::rows(conn, query.as_bytes(), answer::LOGIN_BYTES).await?;
    Ok(rows.iter().map(|row| (text_at(row, 0).to_ascii_lowercase(), text_at(row, 1))).collect())
}

/// Without these no value could be trusted: an account that may not set them fails. What follows
/// takes longer than some servers let a statement take.
pub(super) fn needed(role: Role) -> String {
    // unique_checks stays on: switching it off was measured to be slower.
    let checks = if role == Role::Write { ", SESSION foreign_key_checks = 0" } else { "" };
    format!(
        "SET NAMES utf8mb4, character_set_results = NULL, SESSION sql_mode = '{SQL_MODE}', \
         SESSION time_zone = '+00:00', SESSION autocommit = 1, SESSION sql_safe_updates = 0, SESSION sql_big_selects = 1, \
         SESSION sql_select_limit = 18446744073709551615{checks} \
         /*M!100101 , SESSION max_statement_time = 0 */ /*!50708 , SESSION max_execution_time = 0 */"
    )
}

fn helpful(variables: &Variables) -> Vec<String> {
    let mut assignments = HELPFUL
        .iter()
        .filter(|(name, _)| variables.contains_key(*name))
        .map(|(name, value)| format!("SESSION {name} = {value}"))
        .collect::<Vec<_>>();
    // A server that keeps no warnings would hide changed values (D42).
    if variables.get("max_error_count").is_some_and(|kept| kept == "0") {
        assignments.push("SESSION max_error_count = 64".to_owned());
    }
    assignments
}

/// The statement that makes the session strict, or not.
pub(super) fn mode(strict: bool) -> String {
    format!("SET SESSION sql_mode = '{}'", if strict { SQL_MODE } else { LAX_MODE })
}

/// Sets what another server computes by.
pub(super) async fn compute_under(
    conn: &mut Line,
    computing: &BTreeMap<String, String>,
) -> mysql_async::Result<()> {
    for name in COMPUTING {
        let Some(value) = computing.get(name) else { continue };
        let value = if value.parse::<u64>().is_ok() { value.clone() } else { text(value) };
        attempt(conn, &format!("SESSION {name} = {value}")).await?;
    }
    Ok(())
}

/// Whether the server set it; a refusal is no failure.
async fn attempt(conn: &mut Line, assignments: &str) -> mysql_async::Result<bool> {
    match conn.run(format!("SET {assignments}")).await {
        Ok(()) => Ok(true),
        Err(mysql_async::Error::Server(_)) => Ok(false),
        Err(lost) => Err(lost),
    }
}

fn describe(variables: &Variables, version: String, may_override: bool, identity: String) -> Facts {
    let value = |name: &str| variables.get(name).map_or("", String::as_str);
    let is_on = |name: &str| !matches!(value(name), "" | "0" | "OFF");
    let comment = value("version_comment").to_ascii_lowercase();
    let mariadb = version.to_ascii_lowercase().contains("mariadb")
        || comment.contains("mariadb")
        || variables.contains_key("max_statement_time") && !variables.contains_key("max_execution_time");
    let server = Server {
        identity,
        version,
        flavour: if mariadb { Flavour::Mariadb } else { Flavour::Mysql },
        read_only: is_on("innodb_read_only")
            || is_on("super_read_only")
            || is_on("read_only") && !may_override,
        folds_names: !matches!(value("lower_case_table_names"), "" | "0"),
    };
    Facts {
        server,
        local_infile: is_on("local_infile"),
        max_allowed_packet: value("max_allowed_packet").parse().unwrap_or(4 << 20),
        autoinc_lock_mode: value("innodb_autoinc_lock_mode").parse().unwrap_or(1),
        computing: COMPUTING
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), variables.get(*name)?.clone())))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Flavour, Role, Variables, describe, helpful, needed};

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn flavours() {
        for (version, given, expected) in [
            ("10.11.19-MariaDB-0+deb12u1", &[("max_statement_time", "0")][..], Flavour::Mariadb),
            ("10.6.1-log", &[("max_statement_time", "0")][..], Flavour::Mariadb),
            ("5.7.29", &[("max_execution_time", "0")][..], Flavour::Mysql),
            ("9.7.4", &[("version_comment", "MySQL Community Server - GPL")][..], Flavour::Mysql),
        ] {
            assert_eq!(
                describe(&variables(given), version.to_owned(), false, String::new()).server.flavour,
                expected
            );
        }
    }

    #[test]
    fn read_only_unless_the_account_is_above_it() {
        for (given, may_override, expected) in [
            (&[("read_only", "OFF")][..], false, false),
            (&[("read_only", "ON")][..], false, true),
            (&[("read_only", "ON")][..], true, false),
            (&[("read_only", "ON"), ("super_read_only", "ON")][..], true, true),
            (&[("innodb_read_only", "ON")][..], true, true),
        ] {
            let info = describe(&variables(given), "8.4.1".to_owned(), may_override, String::new());
            assert_eq!(info.server.read_only, expected, "{given:?}");
        }
    }

    #[test]
    fn only_what_the_server_has_is_set() {
        for (given, expected) in [
            (
                &[("max_execution_time", "5"), ("max_error_count", "1024")][..],
                "SESSION max_execution_time = 0",
            ),
            (&[("max_statement_time", "5")][..], "SESSION max_statement_time = 0"),
            (&[("max_error_count", "0")][..], "SESSION max_error_count = 64"),
        ] {
            assert_eq!(helpful(&variables(given)), [expected]);
        }
        assert!(needed(Role::Write).contains("foreign_key_checks = 0"));
        assert!(!needed(Role::Read).contains("foreign_key_checks"));
    }
}
