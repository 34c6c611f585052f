//! Longshore's real processes, as a supervisor would run them: with nothing but settings in
//! their environment, logs in files, ended by signals.
//!
//! Invariants: a process dies with its test, even when the test is killed (the kernel sends
//! SIGKILL at the death of the thread that started it, so processes are started from a
//! test's own thread only); its log is shown when the test fails.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use longshore_shared::failpoint::Failpoint;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::place;
use crate::wait::{seconds, until};

/// How long a process may take until it is ready.
const READY: Duration = seconds(30);
/// How much of a log is shown when a test fails.
const LINES_SHOWN: usize = 120;

/// Settings of a process: variables without the prefix `LONGSHORE_`.
pub type Settings = BTreeMap<&'static str, String>;

/// What surrounds a process beyond its settings: what a test does to it.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    variables: BTreeMap<&'static str, String>,
    memory: Option<u64>,
}

impl Surroundings {
    /// Tells places what to do, in the words of [`longshore_shared::failpoint`].
    pub fn failpoints<'a>(mut self, told: impl IntoIterator<Item = (Failpoint, &'a str)>) -> Self {
        let told: Vec<_> =
            told.into_iter().map(|(place, word)| format!("{}={word}", place.as_str())).collect();
        self.variables.insert("FAILPOINTS", told.join(";"));
        self
    }

    /// Shifts the process's wall clock, in faketime's words: `+5h`, `-90m`. Its monotonic
    /// clock stays right, as on a machine whose clock is wrong.
    pub fn clock(mut self, shift: &str) -> Self {
        self.variables.insert("LD_PRELOAD", place::faketime().display().to_string());
        self.variables.insert("FAKETIME", shift.to_owned());
        self.variables.insert("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned());
        self
    }

    /// Bounds the memory that the process may write to, in bytes.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }
}

/// A running (or ended) process of Longshore.
pub struct Process {
    /// What people call it: the worker's or scheduler's name.
    pub name: String,
    /// Where it serves health and metrics.
    pub ops_port: u16,
    program: &'static str,
    settings: Settings,
    around: Surroundings,
    folder: PathBuf,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts a program; `folder` takes its log. It is not ready yet.
    pub fn start(
        program: &'static str,
        name: &str,
        settings: &Settings,
        around: &Surroundings,
        folder: &Path,
    ) -> Self {
        let (mut settings, around) = (settings.clone(), around.clone());
        let ops_port = place::free_port();
        settings.insert("OPS_LISTEN", format!("127.0.0.1:{ops_port}"));
        let log = folder.join(format!("{name}.log"));
        let child = launch(program, &[], &settings, &around, folder, &log);
        let (name, folder) = (name.to_owned(), folder.to_owned());
        Self { name, ops_port, program, settings, around, folder, log, child }
    }

    /// Starts it once more with the same settings and surroundings, after it has ended.
    pub fn start_again(&mut self) {
        assert!(self.ended().is_some(), "{} still runs", self.name);
        let Self { program, settings, around, folder, log, .. } = self;
        self.child = launch(program, &[], settings, around, folder, log);
    }

    /// Starts it once more with other surroundings, after it has ended.
    pub fn start_again_in(&mut self, around: Surroundings) {
        self.around = around;
        self.start_again();
    }

    /// Changes a setting for its next start.
    pub fn set(&mut self, name: &'static str, value: &str) {
        self.settings.insert(name, value.to_owned());
    }

    /// Waits until it says that it is ready.
    pub async fn ready(&mut self) {
        let url = format!("http://127.0.0.1:{}/readyz", self.ops_port);
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        until(&format!("{} is ready", self.name), READY, async || {
            assert!(self.ended().is_none(), "{} ended while starting", self.name);
            let answer = http.get(&url).timeout(seconds(2)).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// The text of its metrics.
    pub async fn metrics(&self) -> String {
        let url = format!("http://127.0.0.1:{}/metrics", self.ops_port);
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        let answer = http.get(url).send().await.expect("metrics are served");
        answer.text().await.expect("metrics are text")
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"))
    }

    /// A line of what the kernel says of its memory, in bytes: `VmHWM` (the most that it had),
    /// `VmData` (what it may write to).
    pub fn memory(&self, line: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
        let kibibytes = found.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kibibytes.expect("the kernel tells it") * 1024
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap_or_else(|why| panic!("{signal} to {}: {why}", self.name));
    }

    /// `kill -9`; returns when it is gone.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        let status = self.child.wait().expect("a child can be awaited");
        assert_eq!(status.signal(), Some(9), "{} was gone already: {status}", self.name);
    }

    /// SIGTERM, then waits for its end.
    pub async fn terminate(&mut self, patience: Duration) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.end(patience).await
    }

    /// Waits for its end.
    pub async fn end(&mut self, patience: Duration) -> ExitStatus {
        let what = format!("{} ends", self.name);
        until(&what, patience, async || self.ended()).await
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked")
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        read(&self.log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            show(&self.name, &self.log);
        }
    }
}

/// Runs a program's subcommand to its end; panics with what it said if it fails.
pub fn command(program: &str, arguments: &[&str], settings: &Settings, folder: &Path) {
    let done = try_command(program, arguments, settings, folder);
    assert!(done, "{program} {arguments:?}: {}", read(&log_of(program, arguments, folder)));
}

/// As [`command`]; answers whether it went well.
pub fn try_command(program: &str, arguments: &[&str], settings: &Settings, folder: &Path) -> bool {
    let (log, around) = (log_of(program, arguments, folder), Surroundings::default());
    let status = launch(program, arguments, settings, &around, folder, &log).wait();
    status.expect("a child can be awaited").success()
}

fn log_of(program: &str, arguments: &[&str], folder: &Path) -> PathBuf {
    folder.join(format!("{program}-{}.log", arguments.first().unwrap_or(&"")))
}

fn launch(
    program: &str,
    arguments: &[&str],
    settings: &Settings,
    around: &Surroundings,
    folder: &Path,
    log: &Path,
) -> Child {
    let out = File::options().create(true).append(true).open(log).expect("a log can be opened");
    let err = out.try_clone().expect("a handle can be doubled");
    let variables = settings.iter().map(|(name, value)| (format!("LONGSHORE_{name}"), value));
    let bound = around.memory.map(|bytes| format!("--data={bytes}"));
    let bounded = bound.iter().flat_map(|bound| ["prlimit", bound, "--"]);
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--"])
        .args(bounded)
        .arg(place::program(program))
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .envs(variables)
        .envs(&around.variables)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .expect("setpriv (util-linux) runs")
}

fn read(log: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned()
}

fn show(name: &str, log: &Path) {
    let text = read(log);
    let lines: Vec<_> = text.lines().collect();
    eprintln!("--- the end of {name}'s log");
    for line in &lines[lines.len().saturating_sub(LINES_SHOWN)..] {
        eprintln!("{line}");
    }
}
