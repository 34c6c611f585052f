//! PostgreSQL, over tokio-postgres on a stream of our own.
//!
//! Invariants: TCP and TLS are ours (`connect`), so the address that was checked is the one
//! that is dialled and a certificate is judged as for every engine; every byte that the server
//! sends goes through `guard`, which bounds it and lets no server ask for the password in clear;
//! identifiers go through `quote`.
//! Deliberately not here yet: moving rows.

mod connect;
mod errors;
mod examine;
mod quote;

use async_trait::async_trait;
use longshore_shared::domain::connection::Engine;
use longshore_shared::domain::failure::{Failure, FailureClass};

use super::shape::TableShape;
use super::{
    Difference, Driver, Halt, Inspector, Login, Look, Reader, Result, SnapshotLeader, Surveyor, Writer,
};

/// The driver.
pub(super) struct Postgres;

#[async_trait]
impl Driver for Postgres {
    async fn examine(&self, _: Engine, login: &Login) -> std::result::Result<Look, Halt> {
        examine::examine(login).await
    }

    async fn inspector(&self, _: &Login) -> Result<Box<dyn Inspector>> {
        Err(not_yet())
    }

    async fn surveyor(&self, _: &Login) -> Result<Box<dyn Surveyor>> {
        Err(not_yet())
    }

    async fn reader(&self, _: &Login) -> Result<Box<dyn Reader>> {
        Err(not_yet())
    }

    async fn writer(&self, _: &Login) -> Result<Box<dyn Writer>> {
        Err(not_yet())
    }

    async fn leader(&self, _: &Login) -> Result<Box<dyn SnapshotLeader>> {
        Err(not_yet())
    }

    async fn end_sessions(&self, _: &Login, _: &[u64]) -> Result<()> {
        Err(not_yet())
    }

    async fn busy_sessions(&self, _: &Login, _: &[u64]) -> Result<usize> {
        Err(not_yet())
    }

    fn compare(&self, _: &TableShape, _: &TableShape) -> Vec<Difference> {
        Vec::new()
    }

    fn alteration(&self, table: &str, clause: &str) -> String {
        format!("ALTER TABLE {} {clause}", quote::ident(table))
    }
}

fn not_yet() -> Failure {
    Failure::permanent(
        FailureClass::Internal,
        "engine_not_supported",
        "this release cannot move postgresql databases",
        "use a newer release for this engine",
    )
}
