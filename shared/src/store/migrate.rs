//! The schema's version: applied by the owner, awaited by everybody else.

use std::time::Duration;

use sqlx::migrate::Migrator;

use super::{Database, StoreError, within};

/// How long the question for the version may take.
const PATIENCE: Duration = Duration::from_secs(5);

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// The version of the newest migration that this release knows.
pub const SCHEMA_VERSION: i64 = 19;

/// Applies what is missing; an advisory lock makes two callers take turns.
pub async fn migrate(owner: &Database) -> Result<(), StoreError> {
    MIGRATOR.run(owner.pool()).await?;
    // The other roles look up the version while they wait for it.
    sqlx::query("GRANT SELECT ON _sqlx_migrations TO longshore_api, longshore_system")
        .execute(owner.pool())
        .await?;
    Ok(())
}

/// Waits until the schema is at least as new as this release needs.
pub async fn await_schema(database: &Database) {
    let mut told = false;
    loop {
        match version(database).await {
            Ok(found) if found >= SCHEMA_VERSION => return,
            state => {
                if !told {
                    tracing::info!(
                        needed = SCHEMA_VERSION,
                        ?state,
                        "waiting for the database and its schema"
                    );
                    told = true;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

async fn version(database: &Database) -> Result<i64, StoreError> {
    within(PATIENCE, async {
        let row: (Option<i64>,) = sqlx::query_as("SELECT max(version) FROM _sqlx_migrations WHERE success")
            .fetch_one(database.pool())
            .await?;
        Ok(row.0.unwrap_or(0))
    })
    .await
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_is_the_newest_migration() {
        assert_eq!(super::MIGRATOR.iter().map(|m| m.version).max(), Some(super::SCHEMA_VERSION));
    }
}
