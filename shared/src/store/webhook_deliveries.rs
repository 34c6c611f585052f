//! Table `webhook_deliveries`: what is owed to webhooks. A job's end writes its rows
//! ([`super::jobs::finish`]); workers take those that are due.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::secrets::{self, SealedSecret};
use super::{Conn, StoreError};
use crate::domain::id::{DeliveryId, JobId, OrgId, WebhookId};
use crate::domain::secret::{OwnerKind, SecretName};
use crate::domain::webhook::{Delivery, DeliveryError, PING};

struct Row {
    id: Uuid,
    event: String,
    job_id: Option<Uuid>,
    state: String,
    attempts: i32,
    next_at: Option<DateTime<Utc>>,
    last_status: Option<i32>,
    last_error: Option<String>,
    created_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Delivery {
    type Error = StoreError;

    fn try_from(r: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: DeliveryId(r.id),
            event: r.event,
            job_id: r.job_id.map(JobId),
            state: r.state.parse()?,
            attempts: r.attempts,
            next_at: r.next_at,
            last_status: r.last_status,
            last_error: r.last_error.map(|error| error.parse()).transpose()?,
            created_at: r.created_at,
            ended_at: r.ended_at,
        })
    }
}

/// Owes the webhook a ping.
pub async fn insert_ping(
    conn: &mut Conn,
    org_id: OrgId,
    webhook_id: WebhookId,
) -> Result<Delivery, StoreError> {
    sqlx::query_as!(
        Row,
        "INSERT INTO webhook_deliveries (org_id, id, webhook_id, event) VALUES ($1, time_ordered_id(), $2, $3)
         RETURNING id, event, job_id, state, attempts, next_at, last_status, last_error, created_at, ended_at",
        org_id.0,
        webhook_id.0,
        PING
    )
    .fetch_one(conn)
    .await?
    .try_into()
}

/// A webhook's deliveries, newest first, at most `limit` older than `before`.
pub async fn list(
    conn: &mut Conn,
    org_id: OrgId,
    webhook_id: WebhookId,
    before: Option<DeliveryId>,
    limit: i64,
) -> Result<Vec<Delivery>, StoreError> {
    sqlx::query_as!(
        Row,
        "SELECT id, event, job_id, state, attempts, next_at, last_status, last_error, created_at, ended_at
         FROM webhook_deliveries
         WHERE org_id = $1 AND webhook_id = $2 AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4",
        org_id.0,
        webhook_id.0,
        before.map(|b| b.0),
        limit
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(Delivery::try_from)
    .collect()
}

/// A webhook's delivery.
pub async fn find(
    conn: &mut Conn,
    org_id: OrgId,
    webhook_id: WebhookId,
    id: DeliveryId,
) -> Result<Option<Delivery>, StoreError> {
    let after = DeliveryId(Uuid::from_u128(id.0.as_u128().saturating_add(1)));
    let newest = list(conn, org_id, webhook_id, Some(after), 1).await?;
    Ok(newest.into_iter().find(|delivery| delivery.id == id))
}

/// A delivery in a worker's hands.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The organisation.
    pub org_id: OrgId,
    /// The delivery.
    pub id: DeliveryId,
    /// The webhook.
    pub webhook_id: WebhookId,
    /// Where it goes.
    pub url: String,
    /// The event, or `ping`.
    pub event: String,
    /// The job that it is about.
    pub job_id: Option<JobId>,
    /// Since when it is owed.
    pub created_at: DateTime<Utc>,
    /// Which try this is, from 1; a write that names an older one changes nothing.
    pub attempt: i32,
    /// What it is signed with.
    pub secret: SealedSecret,
}

/// Takes at most `limit` due deliveries, one for each webhook that nobody is trying just
/// now, so that a receiver that hangs holds up its own deliveries only. They are the caller's for
/// `seconds`; after that they are due again.
pub async fn take_due(conn: &mut Conn, limit: i64, seconds: f64) -> Result<Vec<Taken>, StoreError> {
    let rows = sqlx::query!(
        r#"UPDATE webhook_deliveries d
           SET attempts = d.attempts + 1, next_at = now() + make_interval(secs => $2), trying = true
           FROM webhooks w, secrets s
           WHERE (d.org_id, d.id) IN (
               SELECT o.org_id, o.id FROM webhook_deliveries o
               WHERE (o.org_id, o.id) IN (
                   SELECT DISTINCT ON (c.org_id, c.webhook_id) c.org_id, c.id
                   FROM webhook_deliveries c
                   JOIN webhooks v ON v.org_id = c.org_id AND v.id = c.webhook_id AND v.enabled
                   WHERE c.state = 'pending' AND c.next_at <= now()
                     AND NOT EXISTS (SELECT FROM webhook_deliveries t
                                     WHERE t.org_id = c.org_id AND t.webhook_id = c.webhook_id AND t.trying
                                       AND t.next_at > now())
                   ORDER BY c.org_id, c.webhook_id, c.next_at)
               ORDER BY o.next_at LIMIT $1 FOR UPDATE SKIP LOCKED)
             AND d.state = 'pending' AND d.next_at <= now()
             AND w.org_id = d.org_id AND w.id = d.webhook_id
             AND s.org_id = d.org_id AND s.owner_kind = $3 AND s.owner_id = d.webhook_id AND s.name = $4
           RETURNING d.org_id, d.id, d.webhook_id, w.url, d.event, d.job_id, d.created_at, d.attempts,
               s.owner_kind, s.owner_id, s.name, s.version, s.key_id, s.sealed"#,
        limit,
        seconds,
        OwnerKind::Webhook.as_str(),
        SecretName::SigningKey.to_string()
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|r| {
            let secret = secrets::Row {
                org_id: r.org_id,
                owner_kind: r.owner_kind,
                owner_id: r.owner_id,
                name: r.name,
                version: r.version,
                key_id: r.key_id,
                sealed: r.sealed,
            };
            Ok(Taken {
                org_id: OrgId(r.org_id),
                id: DeliveryId(r.id),
                webhook_id: WebhookId(r.webhook_id),
                url: r.url,
                event: r.event,
                job_id: r.job_id.map(JobId),
                created_at: r.created_at,
                attempt: r.attempts,
                secret: secret.try_into()?,
            })
        })
        .collect()
}

/// What came of a try.
#[derive(Clone, Copy, Debug)]
pub struct Tried {
    /// The answer's status, if there was an answer.
    pub status: Option<u16>,
    /// Why it was in vain; `None`: it was taken.
    pub error: Option<DeliveryError>,
}

/// Writes what came of a try: taken, tried again after `pause_seconds`, or given up (in
/// vain and without a pause). Answers whether the try was still this caller's.
pub async fn settle(
    conn: &mut Conn,
    taken: &Taken,
    tried: Tried,
    pause_seconds: Option<f64>,
) -> Result<bool, StoreError> {
    let state = match (tried.error, pause_seconds) {
        (None, _) => "delivered",
        (Some(_), Some(_)) => "pending",
        (Some(_), None) => "failed",
    };
    let done = sqlx::query!(
        "UPDATE webhook_deliveries SET state = $4, trying = false, last_status = $5, last_error = $6,
             next_at = CASE WHEN $4 = 'pending' THEN now() + make_interval(secs => $7) END,
             ended_at = CASE WHEN $4 <> 'pending' THEN now() END
         WHERE org_id = $1 AND id = $2 AND attempts = $3 AND state = 'pending'",
        taken.org_id.0,
        taken.id.0,
        taken.attempt,
        state,
        tried.status.map(i32::from),
        tried.error.map(DeliveryError::as_str),
        pause_seconds.unwrap_or(0.0)
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives up what a webhook is still owed: it was switched off or deleted.
pub async fn drop_pending(conn: &mut Conn, org_id: OrgId, webhook_id: WebhookId) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "UPDATE webhook_deliveries SET state = 'failed', trying = false, next_at = NULL, ended_at = now(),
             last_error = $3
         WHERE org_id = $1 AND webhook_id = $2 AND state = 'pending'",
        org_id.0,
        webhook_id.0,
        DeliveryError::Disabled.as_str()
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// How many deliveries are due and not taken.
pub async fn backlog(conn: &mut Conn) -> Result<i64, StoreError> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "due!" FROM webhook_deliveries WHERE state = 'pending' AND next_at <= now()"#
    )
    .fetch_one(conn)
    .await?;
    Ok(row.due)
}

/// Deletes deliveries that were owed `age_seconds` ago, at most `limit`; answers how many.
pub async fn prune(conn: &mut Conn, age_seconds: f64, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM webhook_deliveries WHERE (org_id, id) IN (
             SELECT org_id, id FROM webhook_deliveries
             WHERE created_at < now() - make_interval(secs => $1) LIMIT $2)",
        age_seconds,
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
