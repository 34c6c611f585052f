//! Tells webhooks of the ends of jobs: signed, bounded, again until it is taken or given up.
//!
//! The rows of `webhook_deliveries` are the truth; a job's end has written them in its own
//! transaction. Invariants: nothing here shares a permit, a connection of the pool or a lock
//! with steps, so a receiver that hangs holds up its own deliveries and nothing else; a
//! worker that dies in a try leaves its row to be due again, with the same id (at least
//! once); each try is signed anew. Deliberately not here: which job's end is told
//! (`shared::store::jobs::finish`), and how an address is checked (`tunnel`).

mod message;
mod sender;
mod signature;

use std::sync::Arc;
use std::time::Duration;

use longshore_shared::clock;
use longshore_shared::config;
use longshore_shared::domain::webhook::{DeliveryError, DisabledReason, pause_after};
use longshore_shared::store::webhook_deliveries::{self, Taken, Tried};
use longshore_shared::store::{Conn, Database, RowError, StoreError, jobs, step_reports, webhooks};
use longshore_shared::telemetry::{Metric, Told};
use longshore_shared::vault::{Opener, Secret};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::sender::{Sender, WebhookRequest};

/// Connections to the control plane that deliveries use: their own, never a step's.
pub(crate) const CONNECTIONS: u32 = 2;
/// Tries at once.
const MOST: usize = 16;
/// Before looking again when nothing was due.
const PAUSE: Duration = Duration::from_secs(1);
/// And after so many looks that found nothing.
const LONG_PAUSE: Duration = Duration::from_secs(2);
const IN_VAIN: u32 = 30;
/// Much longer than a try lasts; a delivery whose worker died is due again after it.
const HELD_SECONDS: f64 = 60.0;
/// A webhook that takes nothing for so long is switched off when a delivery is given up.
const FAILING_SECONDS: f64 = 86_400.0;
/// The receiver says: never again.
const GONE: u16 = 410;

/// Delivers what is owed to webhooks.
pub(crate) struct WebhookDispatcher {
    database: Database,
    opener: Arc<Opener>,
    sender: Sender,
}

impl WebhookDispatcher {
    /// `database` is a pool of its own.
    pub(crate) fn new(database: Database, opener: Arc<Opener>, settings: config::Webhooks) -> Self {
        Self { database, opener, sender: Sender::new(settings) }
    }

    /// Delivers until `shutdown`, and then ends the tries in hand.
    pub(crate) async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let mut tries = JoinSet::new();
        let (mut away, mut in_vain) = (false, 0_u32);
        while !shutdown.is_cancelled() {
            match self.take(MOST - tries.len()).await {
                Ok(taken) => {
                    away = false;
                    in_vain = if taken.is_empty() { in_vain.saturating_add(1) } else { 0 };
                    for taken in taken {
                        let dispatcher = Arc::clone(&self);
                        tries.spawn(async move { dispatcher.deliver(&taken).await });
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut away, true) {
                        tracing::warn!(%error, "webhooks wait for the control plane");
                    }
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(if in_vain < IN_VAIN { PAUSE } else { LONG_PAUSE }) => {}
                // Its webhook may have more to be told.
                Some(_) = tries.join_next() => {}
            }
        }
        while tries.join_next().await.is_some() {}
    }

    async fn take(&self, room: usize) -> Result<Vec<Taken>, StoreError> {
        if room == 0 {
            return Ok(Vec::new());
        }
        let mut single = self.database.single().await?;
        let limit = i64::try_from(room).unwrap_or(1);
        webhook_deliveries::take_due(single.conn(), limit, HELD_SECONDS).await
    }

    async fn deliver(&self, taken: &Taken) {
        let timer = Metric::WebhookTry.timer();
        let settled = async {
            let tried = match self.open(taken) {
                Some(secret) => self.attempt(taken, &secret).await?,
                None => Tried { status: None, error: Some(DeliveryError::KeyUnavailable) },
            };
            timer.stop(&[]);
            self.settle(taken, tried).await
        };
        if let Err(error) = settled.await {
            tracing::warn!(delivery.id = %taken.id, %error, "a delivery is tried again: it could not be noted");
        }
    }

    fn open(&self, taken: &Taken) -> Option<Secret> {
        self.opener.open(&taken.secret.sealed, &taken.secret.place).ok()
    }

    async fn attempt(&self, taken: &Taken, secret: &Secret) -> Result<Tried, StoreError> {
        let body = self.body(taken).await?;
        let (id, timestamp) = (taken.id.to_string(), clock::now().timestamp());
        let Some(signature) = signature::sign(secret, &id, timestamp, &body) else {
            return Ok(Tried { status: None, error: Some(DeliveryError::KeyUnavailable) });
        };
        Ok(self.sender.send(&WebhookRequest { url: &taken.url, id, timestamp, signature, body }).await)
    }

    async fn body(&self, taken: &Taken) -> Result<String, StoreError> {
        let Some(job_id) = taken.job_id else { return Ok(message::of_ping(taken)) };
        let mut tx = self.database.system().await?;
        let job = jobs::find(tx.conn(), taken.org_id, job_id).await?;
        let totals = step_reports::totals(tx.conn(), taken.org_id, &[job_id]).await?;
        tx.commit().await?;
        let job = job.ok_or_else(|| StoreError::Row(RowError::Absent("a delivery's job")))?;
        let counts = totals.first().map(|(_, counts)| *counts).unwrap_or_default();
        Ok(message::of_job(&taken.event, &job, counts))
    }

    async fn settle(&self, taken: &Taken, tried: Tried) -> Result<(), StoreError> {
        let gone = tried.status == Some(GONE);
        let pause = match (tried.error, gone) {
            (Some(_), false) => pause_after(taken.attempt, rand::random()),
            _ => None,
        };
        let mut tx = self.database.system().await?;
        let pause_seconds = pause.map(|pause| pause.as_secs_f64());
        if !webhook_deliveries::settle(tx.conn(), taken, tried, pause_seconds).await? {
            return Ok(());
        }
        let disabled = note(tx.conn(), taken, tried, gone, pause.is_none()).await?;
        tx.commit().await?;
        let result = match (tried.error, pause) {
            (None, _) => Told::Delivered,
            (Some(_), Some(_)) => Told::Retried,
            (Some(_), None) => Told::GivenUp,
        };
        Metric::WebhookDeliveries.increment(&[("result", result.as_str())]);
        tracing::debug!(
            delivery.id = %taken.id, webhook.id = %taken.webhook_id, attempt = taken.attempt, %result,
            status = tried.status, error = tried.error.map(DeliveryError::as_str), "a webhook was tried"
        );
        if let Some(reason) = disabled {
            tracing::warn!(webhook.id = %taken.webhook_id, %reason, "a webhook was switched off");
        }
        Ok(())
    }
}

/// What the try says about its webhook; answers why it was switched off, if it was.
async fn note(
    conn: &mut Conn,
    taken: &Taken,
    tried: Tried,
    gone: bool,
    given_up: bool,
) -> Result<Option<DisabledReason>, StoreError> {
    let (org_id, id) = (taken.org_id, taken.webhook_id);
    if tried.error.is_none() {
        webhooks::note_success(conn, org_id, id).await?;
        return Ok(None);
    }
    webhooks::note_failure(conn, org_id, id).await?;
    let (reason, seconds) = match (gone, given_up) {
        (true, _) => (DisabledReason::Gone, 0.0),
        (false, true) => (DisabledReason::Failing, FAILING_SECONDS),
        (false, false) => return Ok(None),
    };
    if !webhooks::disable(conn, org_id, id, reason, seconds).await? {
        return Ok(None);
    }
    webhook_deliveries::drop_pending(conn, org_id, id).await?;
    Ok(Some(reason))
}
