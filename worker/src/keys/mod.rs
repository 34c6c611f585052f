//! The keys of customers' secrets, and their rotation.
//!
//! A rotation has three steps, each of which can be made again: a fresh pair joins the key
//! files ([`rotate`]) and seals from then on; what older keys have sealed is sealed anew
//! ([`reseal`], by every worker by itself, or at once by command); keys that nothing needs
//! any more leave the files ([`retire`]). Deliberately not here: who carries the files to
//! other machines, the private one first.

mod reseal;

pub(crate) use reseal::Resealer;

use std::path::Path;

use anyhow::{Context as _, bail};
use longshore_shared::config::WorkerConfig;
use longshore_shared::store::{Database, secrets};
use longshore_shared::vault;
use tokio_util::sync::CancellationToken;

/// Makes a pair of key files unless they are there.
pub fn make(public: &Path, private: &Path) -> anyhow::Result<()> {
    vault::make_keys(public, private, "k1")?;
    Ok(())
}

/// Adds a fresh key to both files, and says what comes next.
pub fn rotate(public: &Path, private: &Path) -> anyhow::Result<()> {
    let id = vault::rotate_keys(public, private)?;
    tracing::info!(
        key.id = id,
        "a fresh key seals from now on; workers on other machines need the private file before the APIs there get \
         the public one. Workers seal the stored secrets anew by themselves, or at once: longshore-worker reseal"
    );
    Ok(())
}

/// Seals everything anew that an older key has sealed.
pub async fn reseal(config: &WorkerConfig) -> anyhow::Result<()> {
    let database = database(config)?;
    let resealer = Resealer::read(&database, &config.worker)?;
    let report = resealer.pass(&CancellationToken::new()).await?;
    database.close().await;
    tracing::info!(secrets.resealed = report.resealed, secrets.stuck = report.stuck, "sealed anew");
    match report.stuck {
        0 => Ok(()),
        stuck => bail!(
            "{stuck} secrets do not open: their key is not in LONGSHORE_PRIVATE_KEYS; they stay as they are"
        ),
    }
}

/// Takes the keys out of both files that nothing needs any more; an error if others are needed.
pub async fn retire(config: &WorkerConfig) -> anyhow::Result<()> {
    let database = database(config)?;
    let mut tx = database.system().await.context("LONGSHORE_DATABASE_URL")?;
    let mut needed = secrets::keys(tx.conn()).await?;
    tx.commit().await?;
    database.close().await;
    let (public, private) = (&config.worker.public_keys, &config.worker.private_keys);
    let gone = vault::retire_keys(public, private, &needed.keys().cloned().collect())?;
    tracing::info!(keys.retired = gone.join(", "), "keys that seal nothing any more were taken out");
    needed.remove(&vault::Sealer::read(public)?.key_id());
    if needed.is_empty() {
        return Ok(());
    }
    let kept: Vec<_> = needed.iter().map(|(id, count)| format!("{id} ({count} secrets)")).collect();
    bail!("still needed: {}; seal these anew first: longshore-worker reseal", kept.join(", "))
}

fn database(config: &WorkerConfig) -> anyhow::Result<Database> {
    Ok(Database::new(config.process.database.url.reveal(), 1, "longshore-keys")?)
}
