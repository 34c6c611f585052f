//! The process `longshore-api`: serves, or does one of its commands.

use std::path::Path;
use std::process::ExitCode;

use longshore_api::command;
use longshore_shared::config::{ApiConfig, Log, LogFormat, OwnerConfig, TokenConfig};
use longshore_shared::shutdown;
use longshore_shared::telemetry::{start_logs, start_metrics};

const USAGE: &str = "usage: longshore-api                            serve
       longshore-api migrate                    bring the schema up to date
       longshore-api admin-token --file PATH    write an administrator's token to PATH";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        [] => serve().await,
        ["migrate"] => migrate().await,
        ["admin-token", "--file", path] => admin_token(Path::new(path)).await,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The log may not be there yet, and the reader is a person.
            eprintln!("longshore-api: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> anyhow::Result<()> {
    let config = ApiConfig::load()?;
    logs(&config.log)?;
    start_metrics()?;
    longshore_api::run(config, shutdown::on_signal()?).await
}

async fn migrate() -> anyhow::Result<()> {
    let config = OwnerConfig::load()?;
    logs(&config.log)?;
    command::migrate(&config).await
}

async fn admin_token(path: &Path) -> anyhow::Result<()> {
    let config = TokenConfig::load()?;
    logs(&config.log)?;
    command::admin_token(&config, path).await
}

fn logs(log: &Log) -> anyhow::Result<()> {
    Ok(start_logs(&log.filter, log.format == LogFormat::Json)?)
}
