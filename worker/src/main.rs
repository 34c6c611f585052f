//! The process `longshore-worker`: works until it is told to stop, or sees to the keys.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use longshore_shared::config::{WorkerConfig, return_large_buffers};
use longshore_shared::package::keyring;
use longshore_shared::telemetry::start_logs;
use longshore_shared::{process, shutdown};
use longshore_worker::keys;
use tokio::runtime::{Builder, Runtime};

/// Executes steps until SIGTERM or SIGINT, or does one of its commands.
#[derive(Parser)]
#[command(version, after_help = process::SETTINGS_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Make a pair of key files unless they are there.
    Keys(Files),
    /// Add a fresh key to both files; it seals from then on.
    RotateKeys(Files),
    /// Make a keyring for packages and backups, unless it is there.
    PackageKeys {
        /// The keyring, the same for all processes.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Seal the stored secrets anew with the newest key, now.
    Reseal,
    /// Take out the keys that nothing needs any more.
    RetireKeys,
}

#[derive(Args)]
struct Files {
    /// The keyring of public keys.
    #[arg(long, value_name = "FILE")]
    public: PathBuf,
    /// The keyring of private keys.
    #[arg(long, value_name = "FILE")]
    private: PathBuf,
}

/// Threads beyond one for each step in hand: for leases, the bus, health. One slot each for
/// `interactive` and `first` comes on top of the permits.
const SPARE_THREADS: u32 = 4;

fn main() -> ExitCode {
    process::exit_code(run(Arguments::parse().command))
}

fn run(command: Option<Command>) -> anyhow::Result<()> {
    match command {
        None => {
            return_large_buffers();
            let config = process::settings(WorkerConfig::load());
            process::start_logs(&config.process.log)?;
            let work = async { longshore_worker::run(config.clone(), shutdown::on_signal()?).await };
            runtime(config.worker.permits)?.block_on(work)
        }
        Some(Command::Keys(files)) => keys::make(&files.public, &files.private),
        Some(Command::RotateKeys(files)) => {
            start_logs("info", false)?;
            keys::rotate(&files.public, &files.private)
        }
        Some(Command::PackageKeys { file }) => Ok(keyring::make(&file, "k1").map(drop)?),
        Some(Command::Reseal) => with_settings(async |config| keys::reseal(&config).await),
        Some(Command::RetireKeys) => with_settings(async |config| keys::retire(&config).await),
    }
}

/// A command that needs a worker's settings.
fn with_settings(command: impl AsyncFnOnce(WorkerConfig) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let config = process::settings(WorkerConfig::load());
    process::start_logs(&config.process.log)?;
    runtime(1)?.block_on(command(config))
}

/// More threads than steps: writing down one row of many megabytes keeps its thread for a
/// while, and a lease must be renewed meanwhile, however few cores there are.
fn runtime(permits: u32) -> anyhow::Result<Runtime> {
    let threads = usize::try_from(permits + SPARE_THREADS)?;
    Ok(Builder::new_multi_thread().worker_threads(threads).enable_all().build()?)
}
