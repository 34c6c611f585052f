//! The process `longshore-api`: serves, or does one of its commands.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use longshore_api::command;
use longshore_shared::config::{ApiConfig, OwnerConfig, TokenConfig};
use longshore_shared::{process, shutdown};

/// Serves Longshore's API, or does one of its commands.
#[derive(Parser)]
#[command(version, after_help = process::SETTINGS_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Bring the schema up to date.
    Migrate,
    /// Write a platform administrator's token into a file, unless the one there is still valid.
    AdminToken {
        /// The file; it gets mode 0600.
        #[arg(long, value_name = "PATH")]
        file: PathBuf,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    process::exit_code(match Arguments::parse().command {
        None => serve().await,
        Some(Command::Migrate) => migrate().await,
        Some(Command::AdminToken { file }) => admin_token(&file).await,
    })
}

async fn serve() -> anyhow::Result<()> {
    let config = process::settings(ApiConfig::load());
    process::start_logs(&config.process.log)?;
    longshore_api::run(config, shutdown::on_signal()?).await
}

async fn migrate() -> anyhow::Result<()> {
    let config = process::settings(OwnerConfig::load());
    process::start_logs(&config.log)?;
    command::migrate(&config).await
}

async fn admin_token(path: &Path) -> anyhow::Result<()> {
    let config = process::settings(TokenConfig::load());
    process::start_logs(&config.log)?;
    command::admin_token(&config, path).await
}
