//! Everything that a soak runs on: servers of its own, a proxy on every way between a process
//! and a server, the processes, the customers.
//!
//! Invariants: whoever mistreats a process or a server, or needs it whole, holds its lock,
//! so no two faults meet on one thing, and what was broken is mended before the lock goes.

use std::time::Duration;

use longshore_tests::client::Client;
use longshore_tests::fleet::Process;
use longshore_tests::place;
use longshore_tests::proxy::Proxy;
use longshore_tests::servers::Held;
use longshore_tests::stack::Stack;
use tokio::sync::{Mutex, MutexGuard};
use url::Url;

use crate::book::Book;
use crate::chronicle::Chronicle;
use crate::options::Options;

/// The lease: long enough that a loaded machine alone does not let it lapse.
pub(crate) const LEASE: Duration = Duration::from_secs(5);
/// What a soft stop may take.
pub(crate) const GRACE: Duration = Duration::from_secs(6);

/// Servers whose processes are killed lose nothing that they told their clients: what they
/// have written outlives them in the system's memory, though not the machine's death.
const DURABLE: &[&str] = &[
    "postgres=synchronous_commit=on",
    "mariadb-1=innodb-flush-log-at-trx-commit=2",
    "mariadb-1=innodb-doublewrite=1",
    "mariadb-2=innodb-flush-log-at-trx-commit=2",
    "mariadb-2=innodb-doublewrite=1",
];

const APIS: usize = 2;
const WORKERS: usize = 3;
const SCHEDULERS: usize = 2;

/// A process of Longshore and its ways to the servers.
pub(crate) struct Node {
    /// Its name: `worker-2`.
    pub(crate) name: String,
    /// The process; locked while it is mistreated.
    pub(crate) process: Mutex<Process>,
    /// Its way to PostgreSQL.
    pub(crate) to_postgres: Proxy,
    /// Its way to RabbitMQ.
    pub(crate) to_broker: Proxy,
    /// Locked while one of its ways is mistreated.
    pub(crate) ways: Mutex<()>,
}

/// Everything that a soak runs on. What is dropped first stands first.
pub(crate) struct World<'c> {
    /// The record.
    pub(crate) chronicle: &'c Chronicle,
    /// When no more faults are made.
    pub(crate) over: Duration,
    /// What the load asked for.
    pub(crate) book: Book,
    /// The processes.
    pub(crate) nodes: Vec<Node>,
    /// A client of each API.
    pub(crate) apis: Vec<Client>,
    /// A token for each organisation.
    pub(crate) tokens: Vec<String>,
    /// Locked while PostgreSQL is mistreated.
    pub(crate) postgres: Mutex<()>,
    /// Locked while RabbitMQ is mistreated.
    pub(crate) broker: Mutex<()>,
    /// Locked while a customer's server is mistreated, or is needed whole.
    pub(crate) customers: [Mutex<()>; 2],
    /// All workers' ways to the customers' servers.
    pub(crate) to_customers: [Proxy; 2],
    /// The metadata, the vhost, the keys.
    pub(crate) stack: Stack,
    /// The servers.
    pub(crate) servers: Held,
}

impl<'c> World<'c> {
    /// Starts everything and waits until it is ready.
    pub(crate) async fn make(chronicle: &'c Chronicle, options: Options) -> Self {
        let servers = Held::start_with("postgres,rabbitmq,mariadb:2", DURABLE);
        chronicle.say(&format!("the servers run, in {}", servers.state.display()));
        let mut stack = Stack::prepared_alone(&servers).await;
        let lease = LEASE.as_secs().to_string();
        let grace = GRACE.as_secs().to_string();
        stack.set(&[
            ("LEASE_SECONDS", &lease),
            ("GRACE_SECONDS", &grace),
            ("REANNOUNCE_SECONDS", "10"),
            ("CHUNK_ROWS", "3000"),
            ("TESTS_PER_MINUTE", "10000"),
            ("WORKER_PERMITS", "2"),
        ]);
        let tokens = vec![
            stack.token.clone(),
            stack.control.organisation("second", "platform_admin").await,
            stack.control.organisation("third", "platform_admin").await,
        ];
        let nodes = nodes(&mut stack, &servers);
        for node in &nodes {
            node.process.lock().await.ready().await;
        }
        chronicle.say("the fleet is ready");
        let apis = stack.api_ports.iter().map(|port| Client::new(*port, None)).collect();
        let to_customers = [0, 1].map(|at: usize| Proxy::before(servers.mariadb[at].port));
        let over = chronicle.now() + options.time;
        Self {
            chronicle,
            over,
            book: Book::default(),
            nodes,
            apis,
            tokens,
            postgres: Mutex::default(),
            broker: Mutex::default(),
            customers: Default::default(),
            to_customers,
            stack,
            servers,
        }
    }

    /// Whether no more faults are made and nothing more is asked for.
    pub(crate) fn is_over(&self) -> bool {
        self.chronicle.now() >= self.over
    }

    /// The nodes whose names begin so: `worker`, or all with nothing.
    pub(crate) fn nodes_of(&self, role: &str) -> Vec<&Node> {
        self.nodes.iter().filter(|node| node.name.starts_with(role)).collect()
    }

    /// What a query counts; `None` when PostgreSQL does not answer.
    pub(crate) async fn count(&self, sql: &str) -> Option<i64> {
        let found =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned())).fetch_one(&self.stack.control.admin);
        tokio::time::timeout(Duration::from_secs(5), found).await.ok()?.ok()
    }

    /// Both customers' servers, whole for as long as the guards live.
    pub(crate) async fn whole_customers(&self) -> (MutexGuard<'_, ()>, MutexGuard<'_, ()>) {
        let first = self.customers[0].lock().await;
        (first, self.customers[1].lock().await)
    }

    /// Keeps servers' logs and processes' logs for a look, and says where.
    pub(crate) fn keep_logs(&mut self) {
        self.stack.folder.disable_cleanup(true);
        let folder = self.stack.folder.path();
        for (name, server) in &self.servers.servers {
            let _ = std::fs::copy(&server.log, folder.join(format!("server-{name}.log")));
        }
        self.chronicle.say(&format!("all logs are kept in {}", folder.display()));
    }
}

/// Starts all processes, with a proxy on each of their ways.
fn nodes(stack: &mut Stack, servers: &Held) -> Vec<Node> {
    let mut ways = Vec::new();
    let mut next = |stack: &mut Stack| {
        let to_postgres = Proxy::before(servers.servers["postgres"].port);
        let to_broker = Proxy::before(servers.servers["rabbitmq"].port);
        for url in [&mut stack.control.api_url, &mut stack.control.system_url] {
            *url = through(url, &to_postgres);
        }
        let amqp_url = through(&stack.broker.amqp_url, &to_broker);
        stack.set(&[("AMQP_URL", &amqp_url)]);
        ways.push((to_postgres, to_broker));
    };
    for _ in 0..APIS {
        next(stack);
        stack.start_api();
    }
    for _ in 0..SCHEDULERS {
        next(stack);
        stack.start_scheduler();
    }
    for _ in 0..WORKERS {
        next(stack);
        stack.start_worker();
    }
    let all = [&mut stack.apis, &mut stack.schedulers, &mut stack.workers];
    let processes = all.into_iter().flat_map(std::mem::take);
    let node = |(process, (to_postgres, to_broker)): (Process, (Proxy, Proxy))| Node {
        name: process.name.clone(),
        process: Mutex::new(process),
        to_postgres,
        to_broker,
        ways: Mutex::default(),
    };
    processes.zip(ways).map(node).collect()
}

/// A server's URL by way of a proxy.
fn through(url: &str, proxy: &Proxy) -> String {
    let mut url = Url::parse(url).unwrap();
    url.set_port(Some(proxy.port)).unwrap();
    url.into()
}

/// Sends a signal to a server's process and all its children: PostgreSQL's have sessions of
/// their own.
pub(crate) fn signal_server(world: &World<'_>, name: &str, signal: nix::sys::signal::Signal) {
    let file = world.servers.state.join(name).join("pid.json");
    let text = std::fs::read_to_string(file).unwrap();
    let known: serde_json::Value = serde_json::from_str(&text).unwrap();
    let pid = i32::try_from(known["pid"].as_i64().unwrap()).unwrap();
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
    for child in children(pid) {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(child), signal);
    }
}

fn children(parent: i32) -> Vec<i32> {
    let of = format!("/proc/{parent}/task/{parent}/children");
    let text = std::fs::read_to_string(of).unwrap_or_default();
    text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// The repository's name for what the soak keeps in a customer's schema.
pub(crate) fn fresh(what: &str) -> String {
    format!("{what} {}", place::fresh_name())
}
