//! The process `longshore-worker`: works until it is told to stop, or makes key files.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use longshore_shared::config::WorkerConfig;
use longshore_shared::shutdown;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => {
            let config = WorkerConfig::load().context("settings")?;
            longshore_worker::run(config, shutdown::on_signal()?).await
        }
        ["keys", "--public", public, "--private", private] => {
            longshore_worker::keys(&PathBuf::from(public), &PathBuf::from(private))
        }
        _ => bail!("usage: longshore-worker [keys --public FILE --private FILE]"),
    }
}
