#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;

use super::variables::{Fallback, User, VARIABLES, render_table};
use super::{
    ApiConfig, ConfigError, Environment, OwnerConfig, Problems, SchedulerConfig, TokenConfig, WorkerConfig,
};

const COMPLETE: &[(&str, &str)] = &[
    ("LONGSHORE_DATABASE_URL", "postgres://longshore_api:hunter2@127.0.0.1:5432/longshore"),
    ("LONGSHORE_SYSTEM_DATABASE_URL", "postgresql://longshore_system:hunter2@db/longshore?sslmode=require"),
    ("LONGSHORE_OWNER_DATABASE_URL", "postgres://longshore_owner:hunter2@db/longshore"),
    ("LONGSHORE_AMQP_URL", "amqp://longshore:hunter2@127.0.0.1:5672/longshore"),
    ("LONGSHORE_PUBLIC_KEYS", "/keys/public.json"),
    ("LONGSHORE_PRIVATE_KEYS", "/keys/private.json"),
];

fn with(more: &[(&str, &str)]) -> Environment {
    Environment::of(COMPLETE.iter().chain(more).copied())
}

fn problems(result: Result<impl std::fmt::Debug, Problems>) -> Vec<String> {
    result.unwrap_err().0.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_required_suffices() {
    let worker = WorkerConfig::from_env(&with(&[])).unwrap();
    assert_eq!(worker.worker.permits, 2);
    assert!(worker.worker.name.ends_with(&format!("-{}", std::process::id())));
    assert!(!worker.addresses.loopback_allowed && worker.addresses.own.is_empty());
    assert_eq!(ApiConfig::from_env(&with(&[])).unwrap().api.listen.port(), 8080);
    assert_eq!(SchedulerConfig::from_env(&with(&[])).unwrap().scheduler.lease.as_secs(), 30);
    OwnerConfig::from_env(&with(&[])).unwrap();
}

#[test]
fn every_problem_is_reported_at_once() {
    let wrong = Environment::of([
        ("LONGSHORE_DATABASE_URL", "mysql://a:hunter2@b/c"),
        ("LONGSHORE_AMQP_URL", "amqp://u:hun#ter2@h"),
        ("LONGSHORE_WORKER_PERMITS", "0"),
        ("LONGSHORE_PUBLIC_KEYS", "  "),
        ("LONGSHORE_PRIVATE_KEYS", "/k"),
        ("LONGSHORE_LOG", "inof"),
        ("LONGSHORE_LOG_FORMAT", "JSON"),
        ("LONGSHORE_WORKER_PERMIT", "3"),
        ("PATH", "/bin"),
    ]);
    let said = problems(WorkerConfig::from_env(&wrong));
    let expected = [
        "LONGSHORE_DATABASE_URL is wrong",
        "LONGSHORE_AMQP_URL is wrong",
        "LONGSHORE_LOG is \"inof\"; expected directives",
        "LONGSHORE_LOG_FORMAT is \"JSON\"; expected text or json",
        "LONGSHORE_WORKER_PERMITS is \"0\"; expected a number from 1 to 256",
        "LONGSHORE_PUBLIC_KEYS is not set; expected the path of a file",
        "LONGSHORE_WORKER_PERMIT is not a setting of Longshore; did you mean LONGSHORE_WORKER_PERMITS?",
    ];
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.starts_with(expected), "{said}\n{expected}");
        assert!(!said.contains("hun") && !said.contains("ter2"), "{said}");
    }
}

#[test]
fn a_wrong_name_is_told_with_its_neighbour_and_a_strange_one_without() {
    let check = |name: &str, expected: Option<&'static str>| {
        let Err(Problems(found)) = OwnerConfig::from_env(&with(&[(name, "x")])) else { panic!("{name}") };
        assert_eq!(found, [ConfigError::Unknown { variable: name.to_owned(), nearest: expected }]);
    };
    check("LONGSHORE_DATABSE_URL", Some("LONGSHORE_DATABASE_URL"));
    check("LONGSHORE_LISTEN", Some("LONGSHORE_OPS_LISTEN"));
    check("LONGSHORE_QUUX", None);
    check("LONGSHORE_", None);
    check("LONGSHORE_É", None);
}

#[test]
fn nothing_that_is_printed_shows_a_password() {
    let environment = with(&[]);
    let shown = format!(
        "{:?} {:?}",
        ApiConfig::from_env(&environment).unwrap(),
        OwnerConfig::from_env(&environment).unwrap()
    );
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("postgres://longshore_api:***@127.0.0.1:5432/longshore"), "{shown}");
}

#[test]
fn the_table_names_what_each_process_reads_and_nothing_else() {
    let check = |user: User, read: fn(&Environment)| {
        let environment = with(&[]);
        read(&environment);
        let asked = environment.asked.into_inner().unwrap();
        let listed: BTreeSet<_> =
            VARIABLES.iter().filter(|v| v.users.contains(&user)).map(|v| v.name).collect();
        assert_eq!(asked, listed, "{user:?}");
    };
    check(User::Api, |e| drop(ApiConfig::from_env(e)));
    check(User::Worker, |e| drop(WorkerConfig::from_env(e)));
    check(User::Scheduler, |e| drop(SchedulerConfig::from_env(e)));
    check(User::Owner, |e| drop(OwnerConfig::from_env(e)));
    check(User::Token, |e| drop(TokenConfig::from_env(e)));
    // No secret stands in for another one.
    let has_none = |default| is_required(default) || matches!(default, Fallback::Text("chain"));
    assert!(VARIABLES.iter().all(|v| !v.users.is_empty() && (!v.secret || has_none(v.default))));
    let rows = render_table().lines().count();
    assert_eq!(rows, VARIABLES.len() + 2);
}

fn is_required(default: Fallback) -> bool {
    matches!(default, Fallback::Required)
}
