//! Table `leaderships`: who does a time-driven duty, by a lease on the database's clock.

use super::{Conn, StoreError};

/// Takes or renews the leadership for `seconds`; answers the term while it is ours. A new
/// holder gets a higher term.
pub async fn hold(
    conn: &mut Conn,
    name: &str,
    holder: &str,
    seconds: f64,
) -> Result<Option<i64>, StoreError> {
    let row = sqlx::query!(
        "INSERT INTO leaderships AS l (name, holder, term, lease_until)
         VALUES ($1, $2, 1, now() + make_interval(secs => $3))
         ON CONFLICT (name) DO UPDATE
         SET term = CASE WHEN l.holder = $2 THEN l.term ELSE l.term + 1 END,
             holder = $2, lease_until = now() + make_interval(secs => $3)
         WHERE l.holder = $2 OR l.lease_until < now()
         RETURNING term",
        name,
        holder,
        seconds
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| r.term))
}

/// Whether this term is still the holder's, for the transaction that acts on it: what a
/// frozen holder began does not count any more once another one took over.
pub async fn is_held(conn: &mut Conn, name: &str, holder: &str, term: i64) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        r#"SELECT EXISTS (SELECT FROM leaderships WHERE name = $1 AND holder = $2 AND term = $3
               AND lease_until > clock_timestamp()) AS "held!""#,
        name,
        holder,
        term
    )
    .fetch_one(conn)
    .await?;
    Ok(row.held)
}

/// Gives the leadership back early.
pub async fn release(conn: &mut Conn, name: &str, holder: &str) -> Result<(), StoreError> {
    sqlx::query!("UPDATE leaderships SET lease_until = now() WHERE name = $1 AND holder = $2", name, holder)
        .execute(conn)
        .await?;
    Ok(())
}
