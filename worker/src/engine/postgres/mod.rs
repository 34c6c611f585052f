//! PostgreSQL, over tokio-postgres on a stream of our own.
//!
//! Invariants: TCP and TLS are ours (`connect`), so the address that was checked is the one
//! that is dialled and a certificate is judged as for every engine; every byte that the server
//! sends goes through `guard`, which bounds it and lets no server ask for the password in clear;
//! identifiers go through `quote`.
//! Deliberately not here yet: what a sync asks beside structure, and writing. A table can be read: its
//! structure, and its rows at one point.

mod compare;
mod connect;
mod errors;
mod examine;
mod inspect;
mod lock;
mod quote;
mod read;
mod snapshot;

use async_trait::async_trait;
use longshore_shared::domain::connection::Engine;
use longshore_shared::domain::failure::{Failure, FailureCode};
use tokio::sync::mpsc;

use self::connect::Session;
use super::shape::{Range, Server, TableListing, TableShape};
use super::{
    Difference, Driver, Halt, Inspector, Login, Look, Reader, Result, RowBatch, RowSource, SnapshotLeader,
    SnapshotReader, SnapshotToken, Surveyor, Writer,
};

/// The driver.
pub(super) struct Postgres;

#[async_trait]
impl Driver for Postgres {
    async fn examine(&self, _: Engine, login: &Login) -> std::result::Result<Look, Halt> {
        examine::examine(login).await
    }

    async fn inspector(&self, login: &Login) -> Result<Box<dyn Inspector>> {
        Ok(Box::new(Session::open(login).await?))
    }

    async fn surveyor(&self, _: &Login) -> Result<Box<dyn Surveyor>> {
        Err(not_yet())
    }

    async fn snapshot_reader(&self, login: &Login) -> Result<Box<dyn SnapshotReader>> {
        Ok(Box::new(Session::open(login).await?))
    }

    async fn reader(&self, _: &Login) -> Result<Box<dyn Reader>> {
        Err(not_yet())
    }

    async fn writer(&self, _: &Login) -> Result<Box<dyn Writer>> {
        Err(not_yet())
    }

    async fn leader(&self, login: &Login) -> Result<Box<dyn SnapshotLeader>> {
        Ok(Box::new(snapshot::Leader::open(login).await?))
    }

    async fn end_sessions(&self, login: &Login, session_ids: &[u64]) -> Result<()> {
        let counted = login.seat.is_some();
        lock::end_others(&mut Session::open(login).await?, session_ids, counted).await
    }

    async fn busy_sessions(&self, login: &Login, session_ids: &[u64]) -> Result<usize> {
        lock::busy_among(&mut Session::open(login).await?, session_ids).await
    }

    fn compare(&self, source: &TableShape, target: &TableShape) -> Vec<Difference> {
        compare::compare(source, target)
    }

    fn alteration(&self, table: &str, clause: &str) -> String {
        format!("ALTER TABLE {} {clause}", quote::ident(table))
    }
}

#[async_trait]
impl Inspector for Session {
    async fn server(&mut self) -> Result<Server> {
        inspect::server(self).await
    }

    async fn tables(&mut self) -> Result<Vec<TableListing>> {
        inspect::tables(self).await
    }

    async fn shapes(&mut self, names: &[String]) -> Result<Vec<TableShape>> {
        inspect::shapes(self, names).await
    }

    async fn holds_rows(&mut self, names: &[String]) -> Result<Vec<bool>> {
        inspect::holds_rows(self, names).await
    }

    fn database(&self) -> &str {
        &self.database
    }

    fn session_id(&self) -> u64 {
        self.id
    }
}

#[async_trait]
impl RowSource for Session {
    async fn stream(
        &mut self,
        table: &TableShape,
        range: &Range,
        out: mpsc::Sender<RowBatch>,
    ) -> Result<u64> {
        read::stream(self, table, range, out).await
    }
}

#[async_trait]
impl SnapshotReader for Session {
    async fn begin_snapshot(&mut self, token: Option<&SnapshotToken>) -> Result<()> {
        snapshot::begin_snapshot(self, token).await
    }

    async fn release_locks(&mut self) -> Result<()> {
        snapshot::release_locks(self).await
    }

    async fn end_snapshot(&mut self) -> Result<()> {
        snapshot::end_snapshot(self).await
    }

    fn session_id(&self) -> u64 {
        self.id
    }

    fn identity(&self) -> &str {
        &self.identity
    }
}

fn not_yet() -> Failure {
    Failure::permanent(FailureCode::EngineNotSupported, "this release cannot move postgresql databases")
}
