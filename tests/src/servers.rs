//! The servers of a run, as `deploy/local/stack.py` starts and describes them.
//!
//! `make test` starts them once and names the file that describes them in
//! [`place::SERVERS`]. Without it (one test run by hand) the process starts its own, which
//! end with it: their keeper waits on a pipe that only this process holds.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde::Deserialize;

use crate::place;

/// What is known about running servers.
#[derive(Clone, Debug, Deserialize)]
pub struct Servers {
    /// Their state folder, by which one is stopped and started.
    pub state: PathBuf,
    /// Each by its name.
    pub servers: BTreeMap<String, Server>,
    /// The customers' servers, of MySQL too.
    #[serde(default)]
    pub mariadb: Vec<MariaDb>,
    #[serde(default)]
    postgres_owner_url: Option<String>,
    #[serde(default)]
    postgres_api_url: Option<String>,
    #[serde(default)]
    postgres_system_url: Option<String>,
    #[serde(default)]
    postgres_admin_url: Option<String>,
    #[serde(default)]
    amqp_url: Option<String>,
    #[serde(default)]
    amqp_admin_url: Option<String>,
    #[serde(default)]
    s3_endpoint: Option<String>,
    #[serde(default)]
    s3_bucket: Option<String>,
    #[serde(default)]
    s3_access_key: Option<String>,
    #[serde(default)]
    s3_secret_key: Option<String>,
}

/// One server.
#[derive(Clone, Debug, Deserialize)]
pub struct Server {
    /// Its process.
    pub pid: Option<i32>,
    /// Its port.
    pub port: u16,
    /// Its log.
    pub log: PathBuf,
}

/// A MariaDB server and its administrator.
#[derive(Clone, Debug, Deserialize)]
pub struct MariaDb {
    /// Its name among the servers.
    pub name: String,
    /// Its port.
    pub port: u16,
    /// The administrator over TCP.
    pub admin_username: String,
    /// And the password.
    pub admin_password: String,
}

impl MariaDb {
    /// Its kind: `mariadb`, `mariadb11`, `mysql57`, `mysql9`.
    pub fn kind(&self) -> &str {
        self.name.split('-').next().unwrap_or_default()
    }

    /// Whether it is one of MySQL.
    pub fn is_mysql(&self) -> bool {
        self.kind().starts_with("mysql")
    }
}

/// PostgreSQL's URLs, one for each role; the database is the run's, not a test's.
#[derive(Clone, Debug)]
pub struct PostgresUrls {
    /// The superuser.
    pub admin: String,
    /// `longshore_owner`.
    pub owner: String,
    /// `longshore_api`.
    pub api: String,
    /// `longshore_system`.
    pub system: String,
}

/// RabbitMQ's URLs.
#[derive(Clone, Debug)]
pub struct BrokerUrls {
    /// AMQP with the run's own vhost.
    pub amqp: String,
    /// The management plugin's HTTP.
    pub admin: String,
}

/// The S3 server's bucket, and who may use it.
pub struct Bucket {
    /// The server's port.
    pub port: u16,
    /// The bucket's name.
    pub name: String,
    /// The access key's id.
    pub key: String,
    /// Its secret.
    pub secret: String,
}

impl Bucket {
    /// The run's, or that of a server of this process's own.
    pub fn of_the_run() -> Self {
        static OWN: OnceLock<Held> = OnceLock::new();
        let shared = Servers::of_the_run().bucket();
        shared.unwrap_or_else(|| OWN.get_or_init(|| Held::start("s3")).bucket().expect("an S3 server"))
    }
}

/// Servers that this process started; they end when this is dropped.
pub struct Held {
    facts: Servers,
    keeper: Child,
}

impl Servers {
    /// The servers that all tests of the run share.
    pub fn of_the_run() -> &'static Self {
        static RUN: OnceLock<(Servers, Option<Held>)> = OnceLock::new();
        let (servers, _) = RUN.get_or_init(|| match place::variable(place::SERVERS) {
            Some(path) => {
                let text = std::fs::read_to_string(&path)
                    .unwrap_or_else(|why| panic!("{} names {path}: {why}", place::SERVERS));
                (parsed(&text), None)
            }
            None => {
                let held = Held::start("postgres,rabbitmq,mariadb:2");
                (held.facts.clone(), Some(held))
            }
        });
        servers
    }

    /// Whether to test with a kind of server that only tests need: `mariadb11`, `mysql57`, `mysql9`. Only who
    /// chose to do without it is spared.
    ///
    /// # Panics
    /// If it was not fetched and nobody chose so.
    pub fn is_wanted(kind: &str) -> bool {
        let left_out = place::variable(place::WITHOUT).unwrap_or_default();
        if left_out.split([',', ' ']).any(|left_out| left_out == kind) {
            eprintln!("skipped: {} leaves {kind} out", place::WITHOUT);
            return false;
        }
        let asked = Command::new("python3").arg(launcher()).args(["has", kind]).status();
        assert!(
            asked.expect("python3 runs").success(),
            "{kind} is not there: `deploy/local/stack install --tests` fetches it; {}={kind} leaves it out",
            place::WITHOUT
        );
        true
    }

    /// PostgreSQL's URLs.
    pub fn postgres(&self) -> PostgresUrls {
        let url = |url: &Option<String>| url.clone().expect("a throwaway PostgreSQL is among the servers");
        PostgresUrls {
            admin: url(&self.postgres_admin_url),
            owner: url(&self.postgres_owner_url),
            api: url(&self.postgres_api_url),
            system: url(&self.postgres_system_url),
        }
    }

    /// RabbitMQ's URLs.
    pub fn broker(&self) -> BrokerUrls {
        let url = |url: &Option<String>| url.clone().expect("a throwaway RabbitMQ is among the servers");
        BrokerUrls { amqp: url(&self.amqp_url), admin: url(&self.amqp_admin_url) }
    }

    /// The S3 server's bucket; its own server where the run has none.
    pub fn bucket(&self) -> Option<Bucket> {
        let endpoint = self.s3_endpoint.as_deref()?;
        Some(Bucket {
            port: endpoint.rsplit_once(':')?.1.trim_end_matches('/').parse().ok()?,
            name: self.s3_bucket.clone()?,
            key: self.s3_access_key.clone()?,
            secret: self.s3_secret_key.clone()?,
        })
    }

    /// `start`, `stop`, `kill` or `wipe` of one server, `alarm` or `calm` of RabbitMQ; comes back when it is done.
    pub async fn order(&self, action: &str, name: &str) {
        let done = tokio::process::Command::new("python3")
            .arg(launcher())
            .args(["server", action, name, "--state"])
            .arg(&self.state)
            .stdin(Stdio::null())
            .output()
            .await
            .expect("python3 runs");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{action} of {name}: {said}");
    }
}

impl Servers {
    /// Takes from a broker that does not run what makes jobs' own queues work: it still knows
    /// their names when it comes back.
    pub fn lame_job_queues(&self) {
        let folders = |folder: PathBuf| {
            let found = std::fs::read_dir(folder).into_iter().flatten().flatten();
            found.map(|entry| entry.path()).filter(|path| path.is_dir()).collect::<Vec<_>>()
        };
        let nodes = folders(self.state.join("rabbitmq/data")).into_iter();
        let queues = nodes.flat_map(|node| folders(node.join("quorum"))).flat_map(folders);
        let is_own = |queue: &PathBuf| {
            let config = std::fs::read(queue.join("config")).unwrap_or_default();
            String::from_utf8_lossy(&config).contains("_longshore.job.")
        };
        let queues: Vec<_> = queues.filter(is_own).collect();
        assert!(!queues.is_empty(), "the broker has made queues");
        for queue in queues {
            std::fs::remove_dir_all(queue).expect("the queue's folder can be removed");
        }
    }

    /// Runs `rabbitmqctl` against the broker among them, in its own surroundings.
    pub async fn rabbitmqctl(&self, arguments: &[&str]) {
        let pid = self.servers["rabbitmq"].pid.expect("the broker runs");
        let environment = std::fs::read(format!("/proc/{pid}/environ")).expect("the broker's environment");
        let environment = String::from_utf8(environment).expect("the launcher's variables are text");
        let variables = environment.split('\0').filter_map(|variable| variable.split_once('='));
        let done = tokio::process::Command::new("/usr/lib/rabbitmq/bin/rabbitmqctl")
            .args(arguments)
            .env_clear()
            .envs(variables)
            // The cookie lies beside the configuration.
            .env("HOME", self.state.join("rabbitmq/conf"))
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "")
            .stdin(Stdio::null())
            .output()
            .await
            .expect("rabbitmqctl runs");
        let said = [done.stdout, done.stderr].concat();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said));
    }
}

impl Held {
    /// Starts servers for one test alone: `rabbitmq`, say, to be stopped and wiped.
    pub fn start(wanted: &str) -> Self {
        Self::start_with(wanted, &[])
    }

    /// As [`Held::start`], with options of single servers: `mariadb-1=local-infile=0`.
    pub fn start_with(wanted: &str, options: &[&str]) -> Self {
        let mut keeper = Command::new("python3")
            .arg(launcher())
            .args(["servers", "--throwaway", "--hold", "--json", "--only", wanted])
            .args(options.iter().flat_map(|option| ["--option", option]))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let mut line = String::new();
        let output = keeper.stdout.take().expect("its output is a pipe");
        BufReader::new(output).read_line(&mut line).expect("its output is text");
        assert!(!line.is_empty(), "the servers {wanted} did not start; what they said stands above");
        Self { facts: parsed(&line), keeper }
    }
}

impl std::ops::Deref for Held {
    type Target = Servers;

    fn deref(&self) -> &Servers {
        &self.facts
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // It has ended its servers when it ends.
        let _ = self.keeper.wait();
    }
}

fn parsed(text: &str) -> Servers {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("the launcher's answer: {why}"))
}

fn launcher() -> PathBuf {
    place::repository().join("deploy/local/stack.py")
}
