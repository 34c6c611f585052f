//! Whether anything stirs: asked twice a second by every scheduler, so it is one statement that looks
//! into small indexes only.

use super::{Database, StoreError};

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stir {
    /// A job is open or ended in the last half minute, or a message is not confirmed.
    pub work: bool,
    /// A schedule's time has come.
    pub due: bool,
}

/// Looks.
pub async fn feel(database: &Database) -> Result<Stir, StoreError> {
    let mut single = database.single().await?;
    let row = sqlx::query!(
        r#"SELECT EXISTS (SELECT FROM jobs WHERE state IN ('pending', 'running'))
               OR EXISTS (SELECT FROM outbox WHERE published_at IS NULL)
               OR EXISTS (SELECT FROM jobs WHERE pruned_at IS NULL AND ended_at IS NOT NULL
                          AND ended_at > now() - interval '30 s') AS "work!",
               EXISTS (SELECT FROM schedules WHERE next_run_at <= now()) AS "due!""#
    )
    .fetch_one(single.conn())
    .await?;
    Ok(Stir { work: row.work, due: row.due })
}
