//! `longshore-api migrate`: the schema, and the first organisation.

use anyhow::Context as _;
use longshore_shared::clock;
use longshore_shared::config::OwnerConfig;
use longshore_shared::domain::id::OrgId;
use longshore_shared::store::{Database, SCHEMA_VERSION, migrate as apply, organisations};

use super::DEFAULT_ORGANISATION;

/// Brings the schema up to date as its owner, and makes sure of the first organisation as
/// the system role: the owner is forced under row-level security and sees no row.
pub async fn migrate(config: &OwnerConfig) -> anyhow::Result<()> {
    let owner = Database::new(config.database.url.reveal(), 1, "longshore-migrate")?;
    apply(&owner).await.context("LONGSHORE_OWNER_DATABASE_URL: cannot bring the schema up to date")?;
    owner.close().await;
    let system = Database::new(config.system_database.url.reveal(), 1, "longshore-migrate")?;
    let mut tx = system.system().await.context("LONGSHORE_SYSTEM_DATABASE_URL: cannot connect")?;
    organisations::ensure(tx.conn(), OrgId(clock::fresh_id()), DEFAULT_ORGANISATION).await?;
    tx.commit().await?;
    system.close().await;
    tracing::info!(schema.version = SCHEMA_VERSION, "the schema is up to date");
    Ok(())
}
