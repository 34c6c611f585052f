//! Table `dead_letters`: messages that were put aside. The platform's, of no organisation.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Conn, StoreError};
use crate::clock;
use crate::domain::dead_letter::{DeadClass, DeadLetter, DeadStep, Replay};
use crate::domain::id::{DeadLetterId, JobId, OrgId, StepId};

/// A message that was put aside, as it is kept.
#[derive(Clone, Debug)]
pub struct StoredLetter {
    /// Its row.
    pub id: DeadLetterId,
    /// Why, for counting.
    pub class: DeadClass,
    /// Why, for reading.
    pub reason: String,
    /// The queue that it came from.
    pub queue: String,
    /// The length of its body.
    pub bytes: i64,
    /// The beginning of a body that cannot be read.
    pub excerpt: Option<String>,
    /// What a body that can be read says.
    pub step: Option<DeadStep>,
    /// How often it was put aside.
    pub count: i64,
    /// When it was put aside first.
    pub first_at: DateTime<Utc>,
    /// And last.
    pub last_at: DateTime<Utc>,
    /// The last replay, and what came of it.
    pub replayed: Option<(DateTime<Utc>, Replay)>,
}

struct Row {
    id: Uuid,
    class: String,
    reason: String,
    queue: String,
    bytes: i64,
    excerpt: Option<String>,
    org_id: Option<Uuid>,
    job_id: Option<Uuid>,
    step_id: Option<Uuid>,
    kind: Option<String>,
    count: i64,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    replayed_at: Option<DateTime<Utc>>,
    replay: Option<String>,
}

impl TryFrom<Row> for StoredLetter {
    type Error = StoreError;

    fn try_from(r: Row) -> Result<Self, StoreError> {
        let step = match (r.org_id, r.job_id, r.step_id) {
            (Some(org), Some(job), Some(step)) => Some(DeadStep {
                org_id: OrgId(org),
                job_id: JobId(job),
                step_id: StepId(step),
                kind: r.kind.unwrap_or_default(),
            }),
            _ => None,
        };
        let replay = r.replay.map(|word| word.parse()).transpose()?;
        Ok(Self {
            id: DeadLetterId(r.id),
            class: r.class.parse()?,
            reason: r.reason,
            queue: r.queue,
            bytes: r.bytes,
            excerpt: r.excerpt,
            step,
            count: r.count,
            first_at: r.first_at,
            last_at: r.last_at,
            replayed: r.replayed_at.zip(replay),
        })
    }
}

/// Keeps a message; one that is kept already counts up, and is to be looked at again.
pub async fn keep(conn: &mut Conn, letter: &DeadLetter) -> Result<(), StoreError> {
    let step = letter.step.as_ref();
    sqlx::query!(
        "INSERT INTO dead_letters AS d (id, fingerprint, class, reason, queue, bytes, excerpt, org_id, job_id,
             step_id, kind)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (fingerprint) DO UPDATE
         SET count = d.count + 1, last_at = now(), replayed_at = NULL, replay = NULL",
        clock::fresh_id(),
        letter.fingerprint.as_slice(),
        letter.class.as_str(),
        letter.reason,
        letter.queue,
        i64::try_from(letter.bytes)?,
        letter.excerpt,
        step.map(|step| step.org_id.0),
        step.map(|step| step.job_id.0),
        step.map(|step| step.step_id.0),
        step.map(|step| step.kind.as_str())
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Those put aside, the newest first.
pub async fn list(
    conn: &mut Conn,
    class: Option<DeadClass>,
    before: Option<DeadLetterId>,
    limit: i64,
) -> Result<Vec<StoredLetter>, StoreError> {
    sqlx::query_as!(
        Row,
        "SELECT id, class, reason, queue, bytes, excerpt, org_id, job_id, step_id, kind, count, first_at, last_at,
                replayed_at, replay
         FROM dead_letters WHERE ($1::text IS NULL OR class = $1) AND ($2::uuid IS NULL OR id < $2)
         ORDER BY id DESC LIMIT $3",
        class.map(DeadClass::as_str),
        before.map(|id| id.0),
        limit
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(StoredLetter::try_from)
    .collect()
}

/// One of them.
pub async fn find(conn: &mut Conn, id: DeadLetterId) -> Result<Option<StoredLetter>, StoreError> {
    sqlx::query_as!(
        Row,
        "SELECT id, class, reason, queue, bytes, excerpt, org_id, job_id, step_id, kind, count, first_at, last_at,
                replayed_at, replay
         FROM dead_letters WHERE id = $1",
        id.0
    )
    .fetch_optional(conn)
    .await?
    .map(StoredLetter::try_from)
    .transpose()
}

/// Readable ones that were not replayed since they were put aside last, the oldest first.
pub async fn to_replay(conn: &mut Conn, limit: i64) -> Result<Vec<(DeadLetterId, DeadStep)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, org_id AS "org_id!", job_id AS "job_id!", step_id AS "step_id!", kind FROM dead_letters
           WHERE replayed_at IS NULL AND step_id IS NOT NULL ORDER BY id LIMIT $1"#,
        limit
    )
    .fetch_all(conn)
    .await?;
    let step = |org, job, step, kind: Option<String>| DeadStep {
        org_id: OrgId(org),
        job_id: JobId(job),
        step_id: StepId(step),
        kind: kind.unwrap_or_default(),
    };
    Ok(rows.into_iter().map(|r| (DeadLetterId(r.id), step(r.org_id, r.job_id, r.step_id, r.kind))).collect())
}

/// Notes what came of a replay.
pub async fn set_replay(conn: &mut Conn, id: DeadLetterId, replay: Replay) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE dead_letters SET replayed_at = now(), replay = $2 WHERE id = $1",
        id.0,
        replay.as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes those put aside longer than `age_seconds` ago, and the oldest beyond the newest
/// `most`; answers how many.
pub async fn prune(conn: &mut Conn, age_seconds: f64, most: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM dead_letters
         WHERE last_at < greatest(now() - make_interval(secs => $1),
                                  (SELECT last_at FROM dead_letters ORDER BY last_at DESC OFFSET $2 LIMIT 1))",
        age_seconds,
        most
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
