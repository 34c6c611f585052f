//! Tables `connection_tests` (written by `workflow` only) and `connection_test_counts`.

use super::{Conn, StoreError};
use crate::domain::connection_test::Examined;
use crate::domain::examination::Examination;
use crate::domain::id::{JobId, OrgId};

/// Stores what a test's job found.
pub async fn insert(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    examined: &Examined,
) -> Result<(), StoreError> {
    let (connection, version) = examined.connection.unzip();
    sqlx::query!(
        "INSERT INTO connection_tests (org_id, job_id, connection_id, version, examination)
         VALUES ($1, $2, $3, $4, $5)",
        org_id.0,
        job_id.0,
        connection.map(|id| id.0),
        version,
        serde_json::to_value(&examined.examination)?
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What a test's job found, once it has.
pub async fn find(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<Option<Examination>, StoreError> {
    let row = sqlx::query!(
        "SELECT examination FROM connection_tests WHERE org_id = $1 AND job_id = $2",
        org_id.0,
        job_id.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| serde_json::from_value(r.examination)).transpose()?)
}

/// How far an organisation is in its minute.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    /// Tests that were asked for in it, this one included.
    pub tests: i32,
    /// Seconds until the next minute begins.
    pub seconds_left: i32,
}

/// Counts one more test that somebody asks for; on the database's clock, and one after the
/// other, since each takes the row's lock. Taken back with the transaction.
pub async fn count(conn: &mut Conn, org_id: OrgId) -> Result<Count, StoreError> {
    let row = sqlx::query!(
        r#"INSERT INTO connection_test_counts AS c (org_id, begun_at, tests) VALUES ($1, clock_timestamp(), 1)
           ON CONFLICT (org_id) DO UPDATE SET
               tests = CASE WHEN c.begun_at > clock_timestamp() - interval '1 minute' THEN c.tests + 1 ELSE 1 END,
               begun_at = CASE WHEN c.begun_at > clock_timestamp() - interval '1 minute' THEN c.begun_at
                               ELSE clock_timestamp() END
           RETURNING tests, greatest(1, ceil(extract(epoch FROM begun_at + interval '1 minute' - clock_timestamp())))::integer
               AS "left!""#,
        org_id.0
    )
    .fetch_one(conn)
    .await?;
    Ok(Count { tests: row.tests, seconds_left: row.left })
}
