//! The programs as a person starts them by hand: help, version, and what is wrong with how they
//! were started. No server is needed.

use std::process::{Command, Output};

use longshore_tests::place;

const PROGRAMS: &[&str] = &["longshore-api", "longshore-worker", "longshore-scheduler"];

fn run(program: &str, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(place::program(program));
    command.args(arguments).current_dir(folder.path()).env_clear().envs(settings.iter().copied());
    command.output().unwrap()
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn help_and_version_are_told_and_nothing_is_started() {
    for program in PROGRAMS {
        let (code, out, err) = told(&run(program, &["--help"], &[]));
        assert_eq!((code, err.as_str()), (Some(0), ""), "{program}");
        assert!(out.contains(&format!("Usage: {program}")), "{out}");
        assert!(out.contains("docs/operations.md#settings"), "{out}");
        let (code, out, err) = told(&run(program, &["--version"], &[]));
        assert_eq!((code, err.as_str()), (Some(0), ""), "{program}");
        assert_eq!(out, format!("{program} {}\n", env!("CARGO_PKG_VERSION")));
    }
    let commands = [
        ("longshore-api", "migrate"),
        ("longshore-api", "admin-token"),
        ("longshore-worker", "keys"),
        ("longshore-worker", "rotate-keys"),
        ("longshore-worker", "reseal"),
        ("longshore-worker", "retire-keys"),
    ];
    for (program, command) in commands {
        let (_, out, _) = told(&run(program, &["--help"], &[]));
        assert!(out.contains(&format!("\n  {command} ")), "{program} {command}: {out}");
        assert_eq!(told(&run(program, &[command, "--help"], &[])).0, Some(0), "{program} {command}");
    }
}

#[test]
fn a_wrong_argument_is_told_and_ends_with_2() {
    for program in PROGRAMS {
        for arguments in [&["--nonsense"][..], &["nonsense"], &["keys", "--public"], &["admin-token"]] {
            let (code, out, err) = told(&run(program, arguments, &[]));
            assert_eq!((code, out.as_str()), (Some(2), ""), "{program} {arguments:?}");
            assert!(err.starts_with("error: ") && err.contains("--help"), "{program} {arguments:?}: {err}");
        }
    }
}

#[test]
fn wrong_settings_are_told_a_line_each_and_end_with_2() {
    let settings = [
        ("LONGSHORE_DATABASE_URL", "mysql://u:hunter2@h/d"),
        ("LONGSHORE_SYSTEM_DATABASE_URL", "postgres://u:hunter2@h/d"),
        ("LONGSHORE_AMQP_URL", "amqp://u:hunter2@h"),
        ("LONGSHORE_PUBLIC_KEYS", "/k"),
        ("LONGSHORE_PRIVATE_KEYS", "/k"),
        ("LONGSHORE_GRACE_SECONDS", "soon"),
        ("LONGSHORE_LOGG", "info"),
        ("RUST_BACKTRACE", "1"),
    ];
    for program in PROGRAMS {
        let (code, out, err) = told(&run(program, &[], &settings));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{program}");
        let lines: Vec<_> = err.lines().collect();
        let expected = [
            "error: LONGSHORE_DATABASE_URL is wrong",
            "error: LONGSHORE_GRACE_SECONDS is \"soon\"; expected seconds",
            "error: LONGSHORE_LOGG is not a setting of Longshore; did you mean LONGSHORE_LOG?",
        ];
        assert_eq!(lines.len(), expected.len(), "{program}: {err}");
        for (line, expected) in lines.iter().zip(expected) {
            assert!(line.starts_with(expected), "{program}: {line}");
        }
        assert!(!err.contains("hunter2"), "{program}: {err}");
    }
}

#[test]
fn what_fails_later_is_one_line_without_a_backtrace() {
    let settings = [
        ("LONGSHORE_DATABASE_URL", "postgres://u@127.0.0.1:1/d"),
        ("LONGSHORE_AMQP_URL", "amqp://u@127.0.0.1:1"),
        // Nobody's own address.
        ("LONGSHORE_OPS_LISTEN", "192.0.2.1:1"),
        ("LONGSHORE_LOG", "off"),
        ("RUST_BACKTRACE", "1"),
    ];
    let (code, _, err) = told(&run("longshore-scheduler", &[], &settings));
    assert_eq!(code, Some(1), "{err}");
    assert!(err.starts_with("error: LONGSHORE_OPS_LISTEN: cannot listen on 192.0.2.1:1"), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
}
