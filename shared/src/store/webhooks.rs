//! Table `webhooks`.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Conn, StoreError, secrets};
use crate::domain::id::{OrgId, WebhookId};
use crate::domain::webhook::{DisabledReason, Webhook, WebhookEvent};

struct Row {
    org_id: Uuid,
    id: Uuid,
    url: String,
    events: Vec<String>,
    enabled: bool,
    disabled_reason: Option<String>,
    failing_since: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl TryFrom<Row> for Webhook {
    type Error = StoreError;

    fn try_from(r: Row) -> Result<Self, StoreError> {
        Ok(Self {
            org_id: OrgId(r.org_id),
            id: WebhookId(r.id),
            url: r.url,
            events: r.events.iter().map(|event| event.parse()).collect::<Result<_, _>>()?,
            enabled: r.enabled,
            disabled_reason: r.disabled_reason.map(|reason| reason.parse()).transpose()?,
            failing_since: r.failing_since,
            created_at: r.created_at,
        })
    }
}

fn words(events: &[WebhookEvent]) -> Vec<String> {
    events.iter().map(ToString::to_string).collect()
}

/// Stores a new webhook.
pub async fn insert(conn: &mut Conn, w: &Webhook) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO webhooks (org_id, id, url, events, enabled, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)",
        w.org_id.0,
        w.id.0,
        w.url,
        &words(&w.events),
        w.enabled,
        w.created_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many webhooks the organisation has.
pub async fn count(conn: &mut Conn, org_id: OrgId) -> Result<i64, StoreError> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "count!" FROM webhooks WHERE org_id = $1 AND deleted_at IS NULL"#,
        org_id.0
    )
    .fetch_one(conn)
    .await?;
    Ok(row.count)
}

/// The webhook, unless it was deleted; nobody changes it before the transaction ends.
pub async fn find(conn: &mut Conn, org_id: OrgId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
    sqlx::query_as!(
        Row,
        "SELECT org_id, id, url, events, enabled, disabled_reason, failing_since, created_at
         FROM webhooks WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE",
        org_id.0,
        id.0
    )
    .fetch_optional(conn)
    .await?
    .map(Webhook::try_from)
    .transpose()
}

/// The organisation's webhooks, newest first, at most `limit` older than `before`.
pub async fn list(
    conn: &mut Conn,
    org_id: OrgId,
    before: Option<WebhookId>,
    limit: i64,
) -> Result<Vec<Webhook>, StoreError> {
    sqlx::query_as!(
        Row,
        "SELECT org_id, id, url, events, enabled, disabled_reason, failing_since, created_at
         FROM webhooks WHERE org_id = $1 AND deleted_at IS NULL AND ($2::uuid IS NULL OR id < $2)
         ORDER BY id DESC LIMIT $3",
        org_id.0,
        before.map(|b| b.0),
        limit
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(Webhook::try_from)
    .collect()
}

/// Stores what a person changed; what Longshore noted of its failures is forgotten.
pub async fn update(conn: &mut Conn, w: &Webhook) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE webhooks SET url = $3, events = $4, enabled = $5, disabled_reason = NULL, failing_since = NULL,
             updated_at = now()
         WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL",
        w.org_id.0,
        w.id.0,
        w.url,
        &words(&w.events),
        w.enabled
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Marks the webhook as deleted and drops its secret; answers whether there was one.
pub async fn delete(conn: &mut Conn, org_id: OrgId, id: WebhookId) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE webhooks SET deleted_at = now(), enabled = false, disabled_reason = NULL
         WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL",
        org_id.0,
        id.0
    )
    .execute(&mut *conn)
    .await?;
    secrets::delete(conn, org_id, id).await?;
    Ok(done.rows_affected() == 1)
}

/// Something was taken: it fails no more.
pub async fn note_success(conn: &mut Conn, org_id: OrgId, id: WebhookId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE webhooks SET failing_since = NULL
         WHERE org_id = $1 AND id = $2 AND failing_since IS NOT NULL",
        org_id.0,
        id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Something was not taken: it fails since now, or since earlier.
pub async fn note_failure(conn: &mut Conn, org_id: OrgId, id: WebhookId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE webhooks SET failing_since = now() WHERE org_id = $1 AND id = $2 AND failing_since IS NULL",
        org_id.0,
        id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Switches the webhook off, unless something was taken within the last `failing_seconds`;
/// answers whether it is off now by this.
pub async fn disable(
    conn: &mut Conn,
    org_id: OrgId,
    id: WebhookId,
    reason: DisabledReason,
    failing_seconds: f64,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE webhooks SET enabled = false, disabled_reason = $3, updated_at = now()
         WHERE org_id = $1 AND id = $2 AND enabled
           AND ($4::float8 = 0 OR failing_since <= now() - make_interval(secs => $4))",
        org_id.0,
        id.0,
        reason.as_str(),
        failing_seconds
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
