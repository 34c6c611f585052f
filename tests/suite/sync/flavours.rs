//! The same promises between all servers that can be had: MariaDB 10.11 and 11.8, MySQL 5.7 and 9, as
//! source and as target, with values that tools have damaged, every kind of key, every policy.
//! Between two schemas of one kind: `faults::mysql`, `values::large` and `snapshot`.

use longshore_tests::kinds::Kind;
use longshore_tests::stack::Stack;

use super::truth_table::POLICIES;
use super::{chunks, keyless, truth_table};
use crate::values;

/// A server of a kind; none if somebody chose to do without it. Beside a server of `peer`, whose collations it is to have.
fn server(kind: &str, at: usize, peer: &str) -> Option<Kind> {
    // MySQL knows none of the collations that 11.8 gives a character set by itself.
    let known = kind == "mariadb11" && peer.starts_with("mysql");
    if known {
        Kind::own_with(kind, &["mariadb11=character-set-collations="])
    } else {
        Kind::shared(kind, at)
    }
}

/// Between which all policies are tried; what they do is much the same between the others.
const WITH_POLICIES: [(&str, &str); 3] =
    [("mysql57", "mysql9"), ("mysql9", "mariadb"), ("mariadb", "mysql57")];

/// Holds every promise from one server to the other, each part in schemas of its own.
async fn holds(source: &str, target: &str) {
    let with_policies = WITH_POLICIES.contains(&(source, target));
    let servers = (server(source, 0, target), server(target, 1, source));
    let (Some(source), Some(target)) = servers else { return };
    let mut stack = Stack::prepared().await;
    stack.set(&[("CHUNK_ROWS", "7"), ("WORKER_PERMITS", "4")]);
    stack.start_all().await;
    for part in 0..4 {
        stack.move_to(Some(&source), Some(&target)).await;
        match part {
            0 => values::arrive_and_stay(&stack).await,
            1 => chunks::hold_each_row_once(&stack, 100).await,
            2 if !with_policies => {}
            2 => truth_table::policies_are_kept(&stack, &POLICIES[1..3]).await,
            _ => keyless::bags_are_compared(&stack).await,
        }
    }
    for schema in [&stack.source, &stack.target] {
        schema.remove().await;
    }
}

macro_rules! between {
    ($($name:ident: $source:literal to $target:literal,)*) => {$(
        #[tokio::test]
        async fn $name() {
            holds($source, $target).await;
        }
    )*};
}

between! {
    mysql_5_7_into_mysql_9: "mysql57" to "mysql9",
    mysql_5_7_into_mariadb: "mysql57" to "mariadb",
    mysql_9_into_mariadb: "mysql9" to "mariadb",
    mariadb_into_mysql_5_7: "mariadb" to "mysql57",
    mariadb_into_mysql_9: "mariadb" to "mysql9",
    mariadb_11_into_mariadb: "mariadb11" to "mariadb",
    mariadb_into_mariadb_11: "mariadb" to "mariadb11",
    mariadb_11_into_mysql_9: "mariadb11" to "mysql9",
    mysql_9_into_mariadb_11: "mysql9" to "mariadb11",
}
