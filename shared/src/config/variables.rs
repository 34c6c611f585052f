//! The one table of variables: name, default, who reads it, what it is for; and the
//! few ways in which their texts are read.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

/// A variable of the environment.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What stands in for it when it is not set.
    pub default: Fallback,
    /// Who reads it.
    pub users: &'static [User],
    /// Whether its value must never be shown.
    pub secret: bool,
    /// What should stand there.
    pub expected: &'static str,
    /// What it is for.
    pub help: &'static str,
}

/// What stands in for a variable that is not set.
#[derive(Debug, Clone, Copy)]
pub enum Fallback {
    /// Nothing: it must be set.
    Required,
    /// A text.
    Text(&'static str),
    /// A text that differs from process to process.
    Made {
        /// What it looks like.
        shown: &'static str,
        /// Makes it.
        make: fn() -> String,
    },
}

/// Who reads a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// `longshore-api`.
    Api,
    /// `longshore-worker`.
    Worker,
    /// `longshore-scheduler`.
    Scheduler,
    /// `longshore-api migrate`.
    Owner,
    /// `longshore-api admin-token`.
    Token,
}

use Fallback::{Made, Required, Text};
use User::{Api, Owner, Scheduler, Token, Worker};

const PROCESSES: &[User] = &[Api, Worker, Scheduler];
const EVERYBODY: &[User] = &[Api, Worker, Scheduler, Owner, Token];
const NAMED: Fallback = Made { shown: "host-process", make: host_and_process };
const POSTGRES: &str = "postgres://user:password@host:port/database";

macro_rules! variables {
    ($($name:ident = $variable:literal, $default:expr, $users:expr, $expected:expr, $help:literal;)+) => {
        $(pub(super) const $name: Variable = Variable {
            name: $variable,
            default: $default,
            users: $users,
            secret: is_secret($variable),
            expected: $expected,
            help: $help,
        };)+

        /// Every variable, in the order of the documents' table.
        pub const VARIABLES: &[&Variable] = &[$(&$name),+];
    };
}

variables! {
    DATABASE_URL = "LONGSHORE_DATABASE_URL", Required, PROCESSES, POSTGRES,
        "Longshore's own PostgreSQL; the API as `longshore_api`, worker and scheduler as `longshore_system`";
    SYSTEM_DATABASE_URL = "LONGSHORE_SYSTEM_DATABASE_URL", Required, &[Api, Owner, Token], POSTGRES,
        "The same database as `longshore_system`; the API uses it for sign-in only";
    OWNER_DATABASE_URL = "LONGSHORE_OWNER_DATABASE_URL", Required, &[Owner], POSTGRES,
        "The same database as the schema's owner, for migrations";
    DATABASE_CONNECTIONS = "LONGSHORE_DATABASE_CONNECTIONS", Text("10"), PROCESSES, "a number from 1 to 1000",
        "Connections to it at most, per process";
    AMQP_URL = "LONGSHORE_AMQP_URL", Required, PROCESSES, "amqp://user:password@host:port/vhost (or amqps)",
        "RabbitMQ";
    S3_BUCKET = "LONGSHORE_S3_BUCKET", Text("none"), PROCESSES, "none, or a bucket's name",
        "The bucket that holds packages and backups; none: what needs it is refused";
    S3_ENDPOINT = "LONGSHORE_S3_ENDPOINT", Text("aws"), PROCESSES, "aws, or the URL http(s)://host:port of an S3 server",
        "The S3 server; AWS finds its own by the region";
    S3_REGION = "LONGSHORE_S3_REGION", Text("us-east-1"), PROCESSES, "a region's name",
        "The region that requests are signed for";
    S3_PREFIX = "LONGSHORE_S3_PREFIX", Text(""), PROCESSES, "letters, digits and `/-_.`",
        "What the key of each object begins with, where the bucket is shared";
    S3_ACCESS_KEY = "LONGSHORE_S3_ACCESS_KEY_ID", Text("chain"), PROCESSES, "chain, or an access key's id",
        "The access key; chain: what the AWS SDK finds (`AWS_*` variables, its files, the machine's role)";
    S3_SECRET_KEY = "LONGSHORE_S3_SECRET_ACCESS_KEY", Text("chain"), PROCESSES, "chain, or the access key's secret",
        "The access key's secret";
    S3_SECRET_FILE = "LONGSHORE_S3_SECRET_ACCESS_KEY_FILE", Text("none"), PROCESSES, "none, or the path of a file",
        "A file that holds the access key's secret instead";
    S3_PATH_STYLE = "LONGSHORE_S3_PATH_STYLE", Text("true"), PROCESSES, "true or false",
        "Whether the bucket's name stands in the URL's path; AWS takes both, most others need it";
    S3_CHECKSUMS = "LONGSHORE_S3_CHECKSUMS", Text("when_required"), PROCESSES, "when_required or when_supported",
        "Whether each request carries a checksum of S3's own; several servers refuse those, and each part has one of Longshore's";
    PACKAGE_KEYS = "LONGSHORE_PACKAGE_KEYS", Text("none"), PROCESSES, "the path of a file, or none",
        "The keyring that packages and backups are sealed with, the same for all processes; none: they lie in the bucket as they are";
    API_LISTEN = "LONGSHORE_API_LISTEN", Text("127.0.0.1:8080"), &[Api], "an address and port",
        "Where the API listens";
    FULL_SYNC_MIN_SECONDS = "LONGSHORE_FULL_SYNC_MIN_SECONDS", Text("0"), &[Api], "seconds, from 0 to 31536000",
        "How long the scheduled runs of a full sync must be apart, looked at when the task is written; 0: no bound";
    TESTS_PER_MINUTE = "LONGSHORE_TESTS_PER_MINUTE", Text("60"), &[Api], "a number from 1 to 100000",
        "Tests of connections that an organisation may ask for in a minute";
    OPS_LISTEN = "LONGSHORE_OPS_LISTEN", Text("127.0.0.1:0"), PROCESSES, "an address and port",
        "Where `/healthz`, `/readyz` and `/metrics` are served; with port 0 the log names the port";
    PUBLIC_KEYS = "LONGSHORE_PUBLIC_KEYS", Required, &[Api, Worker], "the path of a file",
        "The keyring of public keys, which seals customers' passwords";
    PRIVATE_KEYS = "LONGSHORE_PRIVATE_KEYS", Required, &[Worker], "the path of a file",
        "The keyring of private keys, which opens them; mode 0600";
    WORKER_NAME = "LONGSHORE_WORKER_NAME", NAMED, &[Worker], "a name of 1 to 200 visible characters",
        "The worker's name, as people see it";
    WORKER_PERMITS = "LONGSHORE_WORKER_PERMITS", Text("2"), &[Worker], "a number from 1 to 256",
        "Bulk steps at once; one slot each for `interactive` and `first` steps comes on top";
    LOOPBACK_ALLOWED = "LONGSHORE_LOOPBACK_ALLOWED", Text("false"), &[Api, Worker], "true or false",
        "Whether customers' databases may be on the worker's own machine";
    ADDRESSES_ALLOWED = "LONGSHORE_ADDRESSES_ALLOWED", Text("all"), &[Api, Worker], "all, or ranges such as `10.0.0.0/8 fd00::/8`",
        "Where connections (their first hop, if they have one) may lead; metadata and link-local addresses and Longshore's own services never";
    ADDRESSES_DENIED = "LONGSHORE_ADDRESSES_DENIED", Text("none"), &[Api, Worker], "none, or ranges such as `10.9.0.0/16`",
        "Where they may not lead, though it is allowed";
    OWN_SERVICES = "LONGSHORE_OWN_SERVICES", Text("none"), &[Api, Worker], "none, or hosts with ports such as `s3.internal:9000 10.0.0.9:15672`",
        "Longshore's own services beside its PostgreSQL and RabbitMQ, to which no connection may lead: S3, RabbitMQ's management";
    WEBHOOK_PRIVATE_ALLOWED = "LONGSHORE_WEBHOOK_PRIVATE_ALLOWED", Text("false"), &[Api, Worker], "true or false",
        "Whether webhooks may go to private addresses and to the worker's own machine";
    WEBHOOK_HTTP_ALLOWED = "LONGSHORE_WEBHOOK_HTTP_ALLOWED", Text("false"), &[Api, Worker], "true or false",
        "Whether webhooks may go over http, without TLS";
    TRUST_SERVER_KEYS = "LONGSHORE_TRUST_SERVER_KEYS", Text("true"), &[Worker], "true or false",
        "Whether a MySQL account's password may go, without TLS, under a key that the server itself sends: who stands in between could send its own and read it; false refuses such logins but for a database on its last SSH host";
    CHUNK_ROWS = "LONGSHORE_CHUNK_ROWS", Text("50000"), &[Worker], "a number from 1 to 100000000",
        "Rows a chunk at most";
    CHUNK_BYTES = "LONGSHORE_CHUNK_BYTES", Text("33554432"), &[Worker], "a number from 1024 to 1073741824",
        "Bytes a chunk is aimed at";
    CHUNK_SECONDS = "LONGSHORE_CHUNK_SECONDS", Text("10"), &[Worker], "seconds, from 1 to 3600",
        "How long a chunk may take: where a table's took longer, the task's next run halves them until they fit";
    SSH_IDLE_SECONDS = "LONGSHORE_SSH_IDLE_SECONDS", Text("60"), &[Worker], "seconds, from 1 to 3600",
        "How long SSH sessions that nobody uses are kept for a connection's next small database session";
    LEASE_SECONDS = "LONGSHORE_LEASE_SECONDS", Text("30"), &[Worker, Scheduler], "seconds, from 1 to 3600",
        "How long a claimed step stays its worker's without renewal";
    SCHEDULER_NAME = "LONGSHORE_SCHEDULER_NAME", NAMED, &[Scheduler], "a name of 1 to 200 visible characters",
        "The scheduler's name, as people see it";
    SWEEP_SECONDS = "LONGSHORE_SWEEP_SECONDS", Text("2"), &[Scheduler], "seconds, from 1 to 3600",
        "Age at which an unconfirmed message is published again";
    REANNOUNCE_SECONDS = "LONGSHORE_REANNOUNCE_SECONDS", Text("300"), &[Scheduler], "seconds, from 1 to 86400",
        "Age at which an announced, unclaimed step is announced again, whatever its queue holds";
    HISTORY_DAYS = "LONGSHORE_HISTORY_DAYS", Text("30"), &[Scheduler], "days, from 1 to 36500",
        "How long after its end a job's steps and log lines are kept; its result, tables and counts stay";
    STORE_GRACE_SECONDS = "LONGSHORE_STORE_GRACE_SECONDS", Text("86400"), &[Scheduler], "seconds, from 0 to 31536000",
        "How old objects of the bucket that no row names, and uploads that nobody completed, must be to be removed; looked at once an hour";
    JOB_SECONDS = "LONGSHORE_JOB_SECONDS", Text("604800"), &[Scheduler], "seconds, from 0 to 31536000",
        "How long a job may last from its first step, whatever its servers send; a longer one ends as failed; 0: no bound";
    RECHECK_SECONDS = "LONGSHORE_RECHECK_SECONDS", Text("21600"), &[Scheduler], "seconds, from 0 to 31536000",
        "How long a saved connection is left alone before it is tested again by itself, a quarter more or less; 0: never";
    GRACE_SECONDS = "LONGSHORE_GRACE_SECONDS", Text("20"), PROCESSES, "seconds, from 0 to 3600",
        "How long a soft stop (SIGTERM, SIGINT) may take";
    OTLP_ENDPOINT = "LONGSHORE_OTLP_ENDPOINT", Text("off"), PROCESSES, "off, or the URL http(s)://host:port of a collector",
        "The OpenTelemetry collector that spans are sent to, by OTLP over HTTP";
    LOG = "LONGSHORE_LOG", Text("info"), EVERYBODY, "directives such as `info` or `info,longshore_worker=debug`",
        "What is logged";
    LOG_FORMAT = "LONGSHORE_LOG_FORMAT", Text("text"), EVERYBODY, "text or json",
        "The form of a log line";
}

/// URLs hold passwords.
const fn is_secret(name: &str) -> bool {
    matches!(name.as_bytes(), [.., b'_', b'U', b'R', b'L'] | [.., b'_', b'K', b'E', b'Y'])
}

/// The table of all variables, as `docs/operations.md` shows it.
pub fn render_table() -> String {
    let mut table = "| variable | read by | default | what it is for |\n|---|---|---|---|\n".to_owned();
    for variable in VARIABLES {
        let users: Vec<_> = variable.users.iter().map(|user| user.shown()).collect();
        let default = match variable.default {
            Required => "(required)".to_owned(),
            Text(text) => format!("`{text}`"),
            Made { shown, .. } => shown.to_owned(),
        };
        // Writing to a text cannot fail.
        let _ = writeln!(
            table,
            "| `{}` | {} | {default} | {}: {} |",
            variable.name,
            users.join(", "),
            variable.help,
            variable.expected
        );
    }
    table
}

impl User {
    const fn shown(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Scheduler => "scheduler",
            Self::Owner => "migrate",
            Self::Token => "admin-token",
        }
    }
}

fn host_and_process() -> String {
    let host = whoami::hostname().unwrap_or_else(|_| "host".to_owned());
    format!("{host}-{}", std::process::id())
}

pub(super) fn whole(range: RangeInclusive<u32>) -> impl Fn(&str) -> Result<u32, String> {
    move |text| {
        let number = text.parse().map_err(|error| format!("{error}"))?;
        if range.contains(&number) { Ok(number) } else { Err("out of range".to_owned()) }
    }
}

pub(super) fn seconds(range: RangeInclusive<u32>) -> impl Fn(&str) -> Result<Duration, String> {
    let whole = whole(range);
    move |text| whole(text).map(|seconds| Duration::from_secs(seconds.into()))
}

pub(super) fn days(range: RangeInclusive<u32>) -> impl Fn(&str) -> Result<Duration, String> {
    let whole = whole(range);
    move |text| whole(text).map(|days| Duration::from_secs(u64::from(days) * 86_400))
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|error| format!("{error}"))
}

/// Ranges with spaces or commas between; `every` and nothing else: none at all.
pub(super) fn ranges(every: &'static str) -> impl Fn(&str) -> Result<Vec<IpNet>, String> {
    move |text| {
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        let words: Vec<&str> = if text == every { Vec::new() } else { words.collect() };
        words.into_iter().map(|word| word.parse().map_err(|_| format!("`{word}` is no range"))).collect()
    }
}

/// Hosts, each with a port, with spaces or commas between; `none`: none at all.
pub(super) fn endpoints(text: &str) -> Result<Vec<(String, u16)>, String> {
    let words = text.split([' ', ',']).filter(|word| !word.is_empty() && *word != "none");
    let read = |word: &str| {
        let (host, port) = word.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = port.parse().ok().filter(|port| *port > 0)?;
        (!host.is_empty()).then(|| (host.to_ascii_lowercase(), port))
    };
    words.map(|word| read(word).ok_or_else(|| format!("`{word}` is no host with a port"))).collect()
}

/// `word`: nothing; else what `parse` makes of it.
pub(super) fn unless<T>(
    word: &'static str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> impl Fn(&str) -> Result<Option<T>, String> {
    move |text| if text == word { Ok(None) } else { parse(text).map(Some) }
}

pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    Ok(PathBuf::from(text))
}

pub(super) fn flag(text: &str) -> Result<bool, String> {
    text.parse().map_err(|error| format!("{error}"))
}

/// `off`, or a URL without a user, since it is not kept as a secret.
pub(super) fn collector(text: &str) -> Result<Option<String>, String> {
    if text == "off" {
        return Ok(None);
    }
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    let fits = ["http", "https"].contains(&url.scheme())
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if fits { Ok(Some(url.into())) } else { Err("no bare http(s) URL".to_owned()) }
}

pub(super) fn name(text: &str) -> Result<String, String> {
    let fits = text.chars().count() <= 200 && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err("too long or not visible".to_owned()) }
}
