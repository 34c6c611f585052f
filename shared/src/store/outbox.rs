//! Table `outbox`: messages that are owed to the bus.

use uuid::Uuid;

use super::{Conn, StoreError};
use crate::domain::id::{JobId, OrgId, StepId};
use crate::domain::step::Queue;

/// A message that is owed.
#[derive(Clone, Debug)]
pub struct Owed {
    /// Its row.
    pub id: i64,
    /// The organisation.
    pub org_id: OrgId,
    /// The job.
    pub job_id: JobId,
    /// The step it announces.
    pub step_id: StepId,
    /// The queue it goes to.
    pub queue: Queue,
    /// What it says.
    pub body: serde_json::Value,
}

#[derive(serde::Deserialize)]
struct Row {
    id: i64,
    org_id: Uuid,
    job_id: Uuid,
    step_id: Uuid,
    queue: String,
    body: serde_json::Value,
}

impl TryFrom<Row> for Owed {
    type Error = StoreError;

    fn try_from(r: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: r.id,
            org_id: OrgId(r.org_id),
            job_id: JobId(r.job_id),
            step_id: StepId(r.step_id),
            queue: r.queue.parse()?,
            body: r.body,
        })
    }
}

/// Rows from a JSON array of them.
pub(super) fn read(rows: serde_json::Value) -> Result<Vec<Owed>, StoreError> {
    let rows: Vec<Row> = serde_json::from_value(rows)?;
    rows.into_iter().map(Owed::try_from).collect()
}

/// A step's announcement, to be owed.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// The step.
    pub step_id: StepId,
    /// Where it goes.
    pub queue: Queue,
    /// The message.
    pub body: serde_json::Value,
}

/// Owes the announcements of a job's steps, `pause_seconds` from now.
pub async fn insert(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    announcements: &[Announcement],
    pause_seconds: f64,
) -> Result<Vec<Owed>, StoreError> {
    let steps: Vec<_> = announcements.iter().map(|a| a.step_id.0).collect();
    let queues: Vec<_> = announcements.iter().map(|a| a.queue.as_str().to_owned()).collect();
    let bodies: Vec<_> = announcements.iter().map(|a| a.body.clone()).collect();
    let rows = sqlx::query_as!(
        Row,
        "INSERT INTO outbox (org_id, job_id, step_id, queue, body, not_before, delayed)
         SELECT $1, $2, a.step_id, a.queue, a.body, now() + make_interval(secs => $6), $6 > 0
         FROM unnest($3::uuid[], $4::text[], $5::jsonb[]) WITH ORDINALITY AS a (step_id, queue, body, place)
         ORDER BY a.place
         RETURNING id, org_id, job_id, step_id, queue, body",
        org_id.0,
        job_id.0,
        &steps,
        &queues,
        &bodies,
        pause_seconds
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Owed::try_from).collect()
}

/// Rows that have been due for at least `age_seconds`, oldest first, locked against a
/// second sweep; rows of a retry's pause (which nobody else publishes) as soon as due.
pub async fn lock_overdue(conn: &mut Conn, age_seconds: f64, limit: i64) -> Result<Vec<Owed>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, org_id, job_id, step_id, queue, body FROM outbox
         WHERE published_at IS NULL AND not_before <= now()
           AND (delayed OR not_before <= now() - make_interval(secs => $1))
         ORDER BY not_before LIMIT $2 FOR UPDATE SKIP LOCKED",
        age_seconds,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Owed::try_from).collect()
}

/// The pauses of the job's messages end now.
pub async fn end_pause(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE outbox SET not_before = now()
         WHERE org_id = $1 AND job_id = $2 AND published_at IS NULL AND not_before > now()",
        org_id.0,
        job_id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Marks rows as confirmed by the broker.
pub async fn mark_published(conn: &mut Conn, ids: &[i64]) -> Result<(), StoreError> {
    sqlx::query!("UPDATE outbox SET published_at = now() WHERE id = ANY ($1)", ids).execute(conn).await?;
    Ok(())
}

/// How many messages are owed and due, and for how many seconds the oldest.
pub async fn backlog(conn: &mut Conn) -> Result<(i64, f64), StoreError> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "owed!",
               coalesce(extract(epoch FROM now() - min(not_before)), 0)::float8 AS "oldest!"
           FROM outbox WHERE published_at IS NULL AND not_before <= now()"#
    )
    .fetch_one(conn)
    .await?;
    Ok((row.owed, row.oldest))
}

/// Deletes at most `limit` of the first rows, if they were published at least `age_seconds`
/// ago; answers how many. Looks at the first rows only, in the order of their making: what is
/// old is there, and no index on the time has to be kept up for each message.
pub async fn prune(conn: &mut Conn, age_seconds: f64, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM outbox WHERE id = ANY (ARRAY(
             SELECT h.id FROM (SELECT id, published_at FROM outbox ORDER BY id LIMIT $2) h
             WHERE h.published_at < now() - make_interval(secs => $1)))",
        age_seconds,
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
