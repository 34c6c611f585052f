//! What a server calls itself, whatever address, name, account or tunnel leads to it.
//!
//! MySQL has `server_uuid`. MariaDB has nothing of the kind: host name, port, data folder
//! and number together (with `server_uid`, where it is) are the same in every session and
//! differ between servers. Where several servers take writes to the same rows (Galera,
//! group replication), the group is what counts.
//! An identity that differs between two sessions of one job (a proxy in front of several
//! servers, a failover) fails the job: see `Context::target_writer`.

use std::collections::BTreeMap;

use mysql_async::Conn;

use super::{answer, text_at};

/// Variables that it is made of.
pub(super) const VARIABLES: [&str; 8] = [
    "server_uuid",
    "hostname",
    "port",
    "datadir",
    "server_id",
    "server_uid",
    "group_replication_group_name",
    "wsrep_on",
];

/// Asks for the cluster's number.
const CLUSTER: &[u8] = b"SHOW GLOBAL STATUS LIKE 'wsrep_cluster_state_uuid'";

/// Bytes of a value that count: a server may say what it likes.
const LONGEST: usize = 160;

/// The identity from what the session showed of [`VARIABLES`].
pub(super) async fn identity(
    conn: &mut Conn,
    variables: &BTreeMap<String, String>,
) -> mysql_async::Result<String> {
    let cluster = match variables.get("wsrep_on").map(String::as_str) {
        Some("ON" | "1") => {
            let rows = answer::rows(conn, CLUSTER, answer::LOGIN_BYTES).await?;
            rows.first().map(|row| text_at(row, 1)).unwrap_or_default()
        }
        _ => String::new(),
    };
    Ok(name(variables, &cluster))
}

fn name(variables: &BTreeMap<String, String>, cluster: &str) -> String {
    let value = |name: &str| {
        let value = variables.get(name).map_or("", String::as_str);
        let end = (0..=LONGEST.min(value.len())).rev().find(|&at| value.is_char_boundary(at)).unwrap_or(0);
        &value[..end]
    };
    if !cluster.is_empty() && cluster.chars().any(|c| !matches!(c, '0' | '-')) {
        return format!("galera {}", &cluster[..cluster.floor_char_boundary(LONGEST)]);
    }
    for (kind, variable) in [("group", "group_replication_group_name"), ("mysql", "server_uuid")] {
        if !value(variable).is_empty() {
            return format!("{kind} {}", value(variable));
        }
    }
    let parts = ["hostname", "port", "datadir", "server_id", "server_uid"].map(value);
    format!("mariadb {}", parts.join(" "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::name;

    #[test]
    fn names_of_servers() {
        let check = |given: &[(&str, &str)], cluster: &str, expected: &str| {
            let variables: BTreeMap<_, _> =
                given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            assert_eq!(name(&variables, cluster), expected);
        };
        let maria = [("hostname", "db"), ("port", "3306"), ("datadir", "/d/"), ("server_id", "1")];
        check(&maria, "", "mariadb db 3306 /d/ 1 ");
        check(&[("server_uuid", "3e11"), ("hostname", "db")], "", "mysql 3e11");
        check(&[("server_uuid", "3e11"), ("group_replication_group_name", "g1")], "", "group g1");
        check(&maria, "9f2c-11", "galera 9f2c-11");
        check(&maria, "00000000-0000", "mariadb db 3306 /d/ 1 ");
        let long = "x".repeat(5_000);
        check(&[("server_uuid", &long)], "", &format!("mysql {}", &long[..160]));
    }
}
