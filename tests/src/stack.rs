//! A whole Longshore of a test's own: metadata, vhost, keys, two customers' databases, and
//! as many processes as the test asks for.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use longshore_shared::package::keyring;

use crate::broker::Broker;
use crate::client::{Client, Job};
use crate::control_plane::ControlPlane;
use crate::fleet::{Process, Settings, Surroundings, command};
use crate::place;
use crate::proxy::Proxy;
use crate::schema::Schema;
use crate::servers::{Bucket, Held, MariaDb, Servers};
use crate::shelf::Shelf;
use crate::wait::seconds;

mod routes;

use routes::Routes;
pub use routes::Upstream;

/// The lease in tests: short, so that a worker's death is noticed soon.
pub const LEASE_SECONDS: u64 = 3;

/// A test's Longshore. Processes are ended and everything is removed when it is dropped.
pub struct Stack {
    /// The APIs, in the order of their start.
    pub apis: Vec<Process>,
    /// Where the APIs listen.
    pub api_ports: Vec<u16>,
    /// The workers, in the order of their start.
    pub workers: Vec<Process>,
    /// The schedulers, in the order of their start.
    pub schedulers: Vec<Process>,
    /// Its PostgreSQL database.
    pub control: ControlPlane,
    /// Its vhost.
    pub broker: Broker,
    /// A customer's database to read.
    pub source: Schema,
    /// A customer's database to write, on another server.
    pub target: Schema,
    /// A client of the first API with the admin's token.
    pub client: Client,
    /// The admin's token.
    pub token: String,
    /// Logs and keys.
    pub folder: TempDir,
    settings: Settings,
    around: Surroundings,
    routes: Routes,
    api_port: u16,
    kept: Vec<Held>,
}

impl Stack {
    /// Servers' side, keys, schema and token; no process runs yet.
    pub async fn prepared() -> Self {
        let servers = Servers::of_the_run();
        Self::on(servers, ControlPlane::make(servers).await, Broker::make(servers).await).await
    }

    /// As [`Stack::prepared`], with a broker of the test's own instead of a vhost.
    pub async fn prepared_with_broker(own: &Servers) -> Self {
        let servers = Servers::of_the_run();
        Self::on(servers, ControlPlane::make(servers).await, Broker::whole(own)).await
    }

    /// As [`Stack::prepared`], with a PostgreSQL of the test's own.
    pub async fn prepared_with_postgres(own: &Servers) -> Self {
        let servers = Servers::of_the_run();
        Self::on(servers, ControlPlane::make(own).await, Broker::make(servers).await).await
    }

    /// As [`Stack::prepared`], with all servers of the test's own.
    pub async fn prepared_alone(own: &Servers) -> Self {
        Self::on(own, ControlPlane::make(own).await, Broker::whole(own)).await
    }

    async fn on(servers: &Servers, control: ControlPlane, broker: Broker) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let source = Schema::make(&servers.mariadb[0], "source").await;
        let target = Schema::make(&servers.mariadb[1], "target").await;
        let token = bootstrap(&control, folder.path());
        let api_port = place::free_port();
        let client = Client::new(api_port, Some(&token));
        let settings = usual_settings(&broker, folder.path());
        let (apis, workers, schedulers) = Default::default();
        Self {
            apis,
            api_ports: Vec::new(),
            workers,
            schedulers,
            control,
            broker,
            source,
            target,
            client,
            token,
            folder,
            settings,
            around: Surroundings::default(),
            routes: Routes::default(),
            api_port,
            kept: Vec::new(),
        }
    }

    /// One API, one scheduler, two workers, all ready.
    pub async fn running() -> Self {
        Self::running_with(&[]).await
    }

    /// As [`Stack::running`] with settings over the usual ones.
    pub async fn running_with(settings: &[(&'static str, &str)]) -> Self {
        let mut stack = Self::prepared().await;
        stack.set(settings);
        stack.start_all().await;
        stack
    }

    /// One API, one scheduler and so many workers, with settings over the usual ones, all ready.
    pub async fn with_workers(workers: usize, settings: &[(&'static str, &str)]) -> Self {
        let mut stack = Self::prepared().await;
        stack.set(settings);
        stack.start_api();
        stack.start_scheduler();
        for _ in 0..workers {
            stack.start_worker();
        }
        stack.ready().await;
        stack
    }

    /// Has its source, its target or both on other servers; whoever calls removes these schemas.
    pub async fn move_to(&mut self, source: Option<&MariaDb>, target: Option<&MariaDb>) {
        for (place, name, server) in
            [(&mut self.source, "source", source), (&mut self.target, "target", target)]
        {
            let Some(server) = server else { continue };
            std::mem::replace(place, Schema::make(server, name).await).remove().await;
        }
    }

    /// Lets servers live until the stack has cleared up behind itself on them.
    pub fn keep(&mut self, servers: impl IntoIterator<Item = Held>) {
        self.kept.extend(servers);
    }

    /// Settings for the processes that are started from now on.
    pub fn set(&mut self, settings: &[(&'static str, &str)]) {
        self.settings.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
    }

    /// Gives the processes that are started from now on a place of their own in the bucket, behind `port`, and keys
    /// to seal with; answers how the place is reached.
    pub fn keep_packages(&mut self, bucket: &Bucket, port: u16) -> Shelf {
        let keys = self.folder.path().join("packages.json");
        keyring::make(&keys, "k1").expect("a keyring is made");
        let shelf = Shelf::new(bucket, port, &keys);
        self.settings.extend(shelf.settings());
        shelf
    }

    /// Surroundings of the processes that are started from now on.
    pub fn surround(&mut self, around: Surroundings) {
        self.around = around;
    }

    /// Puts a proxy in front of a server, for processes that are started and connections
    /// that are registered from now on.
    pub fn proxy(&mut self, upstream: Upstream) -> Proxy {
        let proxy = Proxy::before(self.port_of(upstream));
        self.route(upstream, Some(proxy.port));
        proxy
    }

    /// Starts one API, one scheduler and two workers, and waits until they are ready.
    pub async fn start_all(&mut self) {
        self.start_api();
        self.start_scheduler();
        self.start_worker();
        self.start_worker();
        self.ready().await;
    }

    /// Starts an API; the first one listens where the client looks.
    pub fn start_api(&mut self) -> &mut Process {
        let mut settings = self.of(&[
            "LOG",
            "GRACE_SECONDS",
            "DATABASE_CONNECTIONS",
            "AMQP_URL",
            "PUBLIC_KEYS",
            "FULL_SYNC_MIN_SECONDS",
            "TESTS_PER_MINUTE",
            "LOOPBACK_ALLOWED",
            "ADDRESSES_ALLOWED",
            "ADDRESSES_DENIED",
            "OWN_SERVICES",
            "WEBHOOK_PRIVATE_ALLOWED",
            "WEBHOOK_HTTP_ALLOWED",
            "OTLP_ENDPOINT",
            "PACKAGE_KEYS",
            "S3_ENDPOINT",
            "S3_BUCKET",
            "S3_PREFIX",
            "S3_ACCESS_KEY_ID",
            "S3_SECRET_ACCESS_KEY",
        ]);
        let port = if self.apis.is_empty() { self.api_port } else { place::free_port() };
        self.api_ports.push(port);
        settings.insert("API_LISTEN", format!("127.0.0.1:{port}"));
        settings.insert("DATABASE_URL", self.routes.database(&self.control.api_url));
        settings.insert("SYSTEM_DATABASE_URL", self.routes.database(&self.control.system_url));
        let name = format!("api-{}", self.apis.len() + 1);
        self.apis.push(self.process("longshore-api", &name, settings));
        self.apis.last_mut().expect("it was just added")
    }

    /// What a worker's commands are told.
    pub fn worker_settings(&self) -> Settings {
        let mut settings = self.settings.clone();
        settings.insert("DATABASE_URL", self.control.system_url.clone());
        for other in [
            "STORE_GRACE_SECONDS",
            "SWEEP_SECONDS",
            "REANNOUNCE_SECONDS",
            "RECHECK_SECONDS",
            "TESTS_PER_MINUTE",
        ] {
            settings.remove(other);
        }
        settings
    }

    /// Starts a worker, named `worker-1` and so on.
    pub fn start_worker(&mut self) -> &mut Process {
        let mut settings = self.worker_settings();
        let name = format!("worker-{}", self.workers.len() + 1);
        settings.insert("DATABASE_URL", self.routes.database(&self.control.system_url));
        settings.insert("WORKER_NAME", name.clone());
        self.workers.push(self.process("longshore-worker", &name, settings));
        self.workers.last_mut().expect("it was just added")
    }

    /// Starts a scheduler, named `scheduler-1` and so on.
    pub fn start_scheduler(&mut self) -> &mut Process {
        let mut settings = self.of(&[
            "LOG",
            "GRACE_SECONDS",
            "DATABASE_CONNECTIONS",
            "AMQP_URL",
            "OTLP_ENDPOINT",
            "PACKAGE_KEYS",
            "S3_ENDPOINT",
            "S3_BUCKET",
            "S3_PREFIX",
            "S3_ACCESS_KEY_ID",
            "S3_SECRET_ACCESS_KEY",
            "LEASE_SECONDS",
            "SWEEP_SECONDS",
            "REANNOUNCE_SECONDS",
            "RECHECK_SECONDS",
            "JOB_SECONDS",
            "STORE_GRACE_SECONDS",
        ]);
        let name = format!("scheduler-{}", self.schedulers.len() + 1);
        settings.insert("DATABASE_URL", self.routes.database(&self.control.system_url));
        settings.insert("SCHEDULER_NAME", name.clone());
        self.schedulers.push(self.process("longshore-scheduler", &name, settings));
        self.schedulers.last_mut().expect("it was just added")
    }

    fn process(&self, program: &'static str, name: &str, mut settings: Settings) -> Process {
        if let Some(url) = settings.get_mut("AMQP_URL") {
            *url = self.routes.broker(url);
        }
        Process::start(program, name, &settings, &self.around, self.folder.path())
    }

    /// Waits until every process that was started and has not ended is ready.
    pub async fn ready(&mut self) {
        for process in self.apis.iter_mut().chain(&mut self.schedulers).chain(&mut self.workers) {
            process.ready().await;
        }
    }

    /// Registers both schemas and makes a sync task; answers its id.
    pub async fn task(&self, options: &Value) -> String {
        let source = self.client.connection(&self.source).await;
        let target = self.client.connection(&self.target).await;
        self.client.task(&source, &target, options).await
    }

    /// Makes a task, runs it, and waits for the job's end, whatever it is.
    pub async fn sync(&self, options: &Value) -> Job {
        let task = self.task(options).await;
        self.run(&task).await
    }

    /// Runs a task and waits for the job's end, whatever it is.
    pub async fn run(&self, task_id: &str) -> Job {
        let job = self.client.submit(task_id).await;
        self.client.ended(&job, seconds(60)).await
    }

    /// Runs a task and panics unless the job is completed.
    pub async fn run_completed(&self, task_id: &str) -> Job {
        let job = self.client.submit(task_id).await;
        self.client.completed(&job, seconds(60)).await
    }

    /// What all processes have logged so far.
    pub fn logs(&self) -> String {
        let all = self.apis.iter().chain(&self.workers).chain(&self.schedulers);
        all.map(Process::log).collect()
    }

    fn of(&self, names: &[&'static str]) -> Settings {
        let known = names.iter().filter_map(|name| Some((*name, self.settings.get(name)?.clone())));
        known.collect()
    }
}

fn usual_settings(broker: &Broker, folder: &Path) -> Settings {
    Settings::from([
        ("AMQP_URL", broker.amqp_url.clone()),
        ("PUBLIC_KEYS", public_keys(folder)),
        ("PRIVATE_KEYS", private_keys(folder)),
        ("LEASE_SECONDS", LEASE_SECONDS.to_string()),
        ("LOOPBACK_ALLOWED", "true".to_owned()),
        ("OWN_SERVICES", broker.management()),
        ("WEBHOOK_PRIVATE_ALLOWED", "true".to_owned()),
        ("WEBHOOK_HTTP_ALLOWED", "true".to_owned()),
        ("SWEEP_SECONDS", "1".to_owned()),
        ("REANNOUNCE_SECONDS", "5".to_owned()),
        ("DATABASE_CONNECTIONS", "8".to_owned()),
        (
            "LOG",
            "info,longshore_worker=debug,longshore_scheduler=debug,longshore_api::observe=warn".to_owned(),
        ),
    ])
}

fn public_keys(folder: &Path) -> String {
    folder.join("public.json").display().to_string()
}

fn private_keys(folder: &Path) -> String {
    folder.join("private.json").display().to_string()
}

/// Keys, migrations, the admin's token: as an operator makes them.
fn bootstrap(control: &ControlPlane, folder: &Path) -> String {
    let (public, private) = (public_keys(folder), private_keys(folder));
    let nothing = Settings::new();
    command("longshore-worker", &["keys", "--public", &public, "--private", &private], &nothing, folder);
    let owner = Settings::from([
        ("OWNER_DATABASE_URL", control.owner_url.clone()),
        ("SYSTEM_DATABASE_URL", control.system_url.clone()),
    ]);
    command("longshore-api", &["migrate"], &owner, folder);
    let file = folder.join("admin-token");
    command("longshore-api", &["admin-token", "--file", &file.display().to_string()], &owner, folder);
    let token = std::fs::read_to_string(file).expect("admin-token writes the file");
    token.trim().to_owned()
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.apis.clear();
        self.workers.clear();
        self.schedulers.clear();
        // A drop cannot await; a thread of its own can. A test that fails leaves its
        // databases for a look.
        if std::thread::panicking() {
            return;
        }
        let (source, target, broker) = (&self.source, &self.target, &self.broker);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime").block_on(async {
                    futures::join!(source.remove(), target.remove(), broker.remove());
                });
            });
        });
    }
}
