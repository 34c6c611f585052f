//! Seals anew what an older key has sealed.
//!
//! A few rows a transaction, each locked while it is in hand. Idempotent: what is sealed
//! anew does not show up again, so a pass that was cut off is taken up by the next one; two
//! passes at once take different rows. Invariants: a value is written only after it was
//! opened again by this worker's own keys; one that does not open is left as it is.

use std::sync::Arc;
use std::time::Duration;

use longshore_shared::config;
use longshore_shared::store::secrets::{self, SealedSecret};
use longshore_shared::store::{Database, StoreError};
use longshore_shared::vault::{KeyringError, Opener, Sealed, Sealer};
use tokio_util::sync::CancellationToken;

/// Rows a transaction.
const BATCH: i64 = 20;
/// Before looking again; a rotation is rare, and its command does not wait for this.
const PAUSE: Duration = Duration::from_secs(300);

/// What a pass has done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Report {
    /// Values that the current key seals now.
    pub(crate) resealed: u64,
    /// Values that do not open here.
    pub(crate) stuck: u64,
}

/// Seals anew.
pub(crate) struct Resealer {
    database: Database,
    opener: Arc<Opener>,
    sealer: Sealer,
}

impl Resealer {
    /// With a sealer and an opener of its own.
    pub(crate) fn read(database: &Database, settings: &config::Worker) -> Result<Self, KeyringError> {
        Self::new(database.clone(), Arc::new(Opener::read(&settings.private_keys)?), settings)
    }

    /// With the worker's opener.
    pub(crate) fn new(
        database: Database,
        opener: Arc<Opener>,
        settings: &config::Worker,
    ) -> Result<Self, KeyringError> {
        Ok(Self { database, opener, sealer: Sealer::read(&settings.public_keys)? })
    }

    /// Passes again and again until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            match self.pass(&shutdown).await {
                Ok(Report { resealed: 0, stuck: 0 }) => {}
                Ok(Report { resealed, stuck }) => {
                    tracing::info!(
                        secrets.resealed = resealed,
                        secrets.stuck = stuck,
                        "secrets were sealed anew"
                    );
                }
                Err(error) => tracing::debug!(%error, "secrets are sealed anew later"),
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// One walk through all of them.
    pub(crate) async fn pass(&self, shutdown: &CancellationToken) -> Result<Report, StoreError> {
        let mut report = Report::default();
        let mut seen = None;
        while !shutdown.is_cancelled() {
            let mut tx = self.database.system().await?;
            let current = self.sealer.key_id();
            let batch = secrets::lock_outdated(tx.conn(), &current, seen.as_ref(), BATCH).await?;
            let Some(last) = batch.last() else { break };
            seen = Some(last.place);
            for stored in &batch {
                match self.anew(stored) {
                    Some(sealed) => {
                        secrets::replace(tx.conn(), &stored.place, &sealed).await?;
                        report.resealed += 1;
                    }
                    None => report.stuck += 1,
                }
            }
            tx.commit().await?;
        }
        Ok(report)
    }

    /// The value as the current key seals it; none if the worker cannot open the one or the other.
    fn anew(&self, stored: &SealedSecret) -> Option<Sealed> {
        let place = &stored.place;
        let secret = self.opener.open(&stored.sealed, place).ok()?;
        let sealed = self.sealer.seal(&secret, place).ok()?;
        self.opener.open(&sealed, place).ok()?;
        Some(sealed)
    }
}
