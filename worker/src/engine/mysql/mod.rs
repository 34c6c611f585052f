//! MySQL and MariaDB, over mysql_async's text protocol.
//!
//! One [`Session`] is one server session; it implements the traits of sessions by
//! handing each call to the file of its subject. The file names are the same as in the
//! other engine's folder.
//! Invariants: session settings are fixed right after login (`connect`); the only
//! statement texts come from this folder, identifiers go through `quote`; a session that
//! reads serves no file, a session that writes serves only the stream that `load` opened.

mod compare;
mod connect;
mod digest;
mod errors;
mod examine;
mod inspect;
mod load;
mod lock;
mod quote;
mod read;
mod snapshot;
mod split;
mod structure;
mod write;

use async_trait::async_trait;
use longshore_shared::domain::connection::Engine;
use longshore_shared::domain::object::{DatabaseObject, ObjectKind};
use tokio::sync::mpsc;

use self::connect::{Role, Session};
use super::access::{Lacks, Need};
use super::children::Children;
use super::sequence::{Named, Sequence};
use super::shape::{Digest, KeyTuple, Range, Row, Server, TableListing, TableShape};
use super::{
    Besides, Columns, Definers, Difference, Driver, Halt, Hash, Hidden, Inspector, Loaded, Login, Look,
    Objects, ReadAhead, Reader, Result, RowBatch, RowHashes, RowSink, RowSource, SnapshotLeader,
    SnapshotReader, SnapshotToken, Surveyor, Tried, Writer,
};

/// The driver of both.
pub(super) struct Mysql;

#[async_trait]
impl Driver for Mysql {
    async fn examine(&self, engine: Engine, login: &Login) -> std::result::Result<Look, Halt> {
        examine::examine(engine, login).await
    }

    async fn inspector(&self, login: &Login) -> Result<Box<dyn Inspector>> {
        Ok(Box::new(Session::open(login, Role::Look).await?))
    }

    async fn surveyor(&self, login: &Login) -> Result<Box<dyn Surveyor>> {
        Ok(Box::new(Session::open(login, Role::Look).await?))
    }

    async fn reader(&self, login: &Login) -> Result<Box<dyn Reader>> {
        Ok(Box::new(Session::open(login, Role::Read).await?))
    }

    async fn writer(&self, login: &Login) -> Result<Box<dyn Writer>> {
        Ok(Box::new(Session::open(login, Role::Write).await?))
    }

    async fn leader(&self, login: &Login) -> Result<Box<dyn SnapshotLeader>> {
        Ok(Box::new(snapshot::Leader::open(login).await?))
    }

    async fn read_ahead(&self, login: &Login) -> Result<Option<Box<dyn ReadAhead>>> {
        Ok(Some(Box::new(Session::open(login, Role::Look).await?)))
    }

    async fn end_sessions(&self, login: &Login, session_ids: &[u64]) -> Result<()> {
        let counted = login.seat.is_some();
        Session::open(login, Role::Look).await?.end_others(session_ids, counted).await
    }

    async fn busy_sessions(&self, login: &Login, session_ids: &[u64]) -> Result<usize> {
        Session::open(login, Role::Look).await?.busy_among(session_ids).await
    }

    fn compare(&self, source: &TableShape, target: &TableShape) -> Vec<Difference> {
        compare::compare(source, target)
    }

    fn alteration(&self, table: &str, clause: &str) -> String {
        structure::alteration_of(table, clause)
    }

    fn drawn(&self, table: &TableShape) -> Vec<Named> {
        structure::names::drawn(&table.definition)
    }

    fn members(&self, table: &TableShape) -> Vec<Named> {
        structure::names::members(&table.definition)
    }

    fn unsaid(&self, target: &Server, table: &TableShape) -> Result<Vec<String>> {
        structure::unsaid(target, table)
    }

    fn is_of_settings<'a>(
        &self,
        table: &TableShape,
        parent: &dyn Fn(&str) -> Option<&'a TableShape>,
    ) -> bool {
        structure::is_of_settings(table, parent)
    }
}

#[async_trait]
impl Inspector for Session {
    async fn server(&mut self) -> Result<Server> {
        Ok(self.info.server.clone())
    }

    async fn tables(&mut self) -> Result<Vec<TableListing>> {
        inspect::tables(self).await
    }

    async fn shapes(&mut self, names: &[String]) -> Result<Vec<TableShape>> {
        inspect::shapes(self, names).await
    }

    async fn redefined(&mut self, tables: &[TableShape]) -> Result<Vec<bool>> {
        inspect::redefined(self, tables).await
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
impl Surveyor for Session {
    async fn hidden(&mut self) -> Result<Hidden> {
        examine::hidden(self).await
    }

    async fn lacks(&mut self, needs: &[Need]) -> Result<Lacks> {
        examine::lacks(self, needs).await
    }

    async fn children(&mut self) -> Result<Children> {
        inspect::children(self).await
    }

    async fn has_tables(&mut self, others: &[(String, String)]) -> Result<Vec<bool>> {
        inspect::has_tables(self, others).await
    }

    async fn besides(&mut self) -> Result<Vec<Besides>> {
        inspect::besides(self).await
    }

    async fn objects(&mut self) -> Result<Objects> {
        inspect::objects(self).await
    }

    async fn raise_probe(&mut self, name: &str) -> Result<()> {
        lock::raise_probe(self, name).await
    }

    async fn sees_probe(&mut self, name: &str) -> Result<bool> {
        lock::sees_probe(self, name).await
    }
}

#[async_trait]
impl ReadAhead for Session {
    async fn read_ahead(&mut self, table: &TableShape, bytes: u64) -> Result<()> {
        structure::read_ahead(self, table, bytes).await
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
impl RowSink for Session {
    async fn load(&mut self, table: &TableShape, rows: mpsc::Receiver<RowBatch>) -> Result<Loaded> {
        load::load(self, table, rows).await
    }
}

#[async_trait]
impl SnapshotReader for Session {
    /// No server of these groups knows a token.
    async fn begin_snapshot(&mut self, _: Option<&SnapshotToken>) -> Result<()> {
        snapshot::begin_snapshot(self).await
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
        &self.info.server.identity
    }
}

#[async_trait]
impl Reader for Session {
    async fn split(&mut self, table: &TableShape, rows: u64) -> Result<(Vec<Range>, u64)> {
        split::split(self, table, rows).await
    }

    async fn key_after(&mut self, table: &TableShape, range: &Range, rows: u64) -> Result<Option<KeyTuple>> {
        split::key_after(self, table, range, rows).await
    }

    async fn page(
        &mut self,
        table: &TableShape,
        range: &Range,
        after: Option<&KeyTuple>,
        limit: u32,
        columns: Columns,
    ) -> Result<Vec<Row>> {
        read::page::page(self, table, range, after, limit, columns).await
    }

    async fn fetch(
        &mut self,
        table: &TableShape,
        keys: &[KeyTuple],
        columns: Columns,
    ) -> Result<Vec<Option<Row>>> {
        read::page::fetch(self, table, keys, columns).await
    }

    async fn digest(&mut self, table: &TableShape, range: &Range, hash: Hash) -> Result<Digest> {
        digest::digest(self, table, range, hash).await
    }

    async fn digests(&mut self, tables: &[&TableShape], hash: Hash) -> Result<Vec<Digest>> {
        digest::digests(self, tables, hash).await
    }

    async fn counts(&mut self, tables: &[&TableShape], most: u64) -> Result<Vec<u64>> {
        split::counts(self, tables, most).await
    }

    async fn hashes(
        &mut self,
        table: &TableShape,
        range: &Range,
        limit: u32,
        hash: Hash,
    ) -> Result<RowHashes> {
        digest::hashes(self, table, range, limit, hash).await
    }

    async fn sequences(&mut self, names: &[String]) -> Result<Vec<Sequence>> {
        structure::sequences::read(self, names).await
    }

    async fn described(&mut self, names: &[String]) -> Result<Vec<TableShape>> {
        inspect::shapes(self, names).await
    }

    async fn described_otherwise(&mut self, tables: &[TableShape]) -> Result<Vec<bool>> {
        inspect::redefined(self, tables).await
    }

    async fn held(&mut self, table: &TableShape, keys: &[KeyTuple]) -> Result<Vec<bool>> {
        read::page::held(self, table, keys).await
    }

    async fn answers(&mut self, word: &str) -> Result<bool> {
        lock::answers(self, word).await
    }
}

#[async_trait]
impl Writer for Session {
    async fn hold(&mut self, name: &str) -> Result<()> {
        lock::hold(self, name).await
    }

    async fn fence(&mut self, names: &[String]) -> Result<()> {
        lock::fence(self, names).await
    }

    async fn begin(&mut self) -> Result<()> {
        connect::begin(self).await
    }

    async fn commit(&mut self) -> Result<()> {
        connect::commit(self).await
    }

    async fn rollback(&mut self) -> Result<()> {
        connect::rollback(self).await
    }

    async fn try_tables(&mut self, tables: &[TableShape]) -> Result<Vec<Tried>> {
        structure::try_tables(self, tables).await
    }

    async fn create_table(&mut self, table: &TableShape, whole: bool) -> Result<bool> {
        structure::create_table(self, table, whole).await
    }

    async fn remove_made(&mut self, table: &TableShape) -> Result<()> {
        structure::remove_made(self, table).await
    }

    async fn insert(&mut self, table: &TableShape, rows: &[Row]) -> Result<Vec<usize>> {
        write::insert(self, table, rows).await
    }

    async fn update(&mut self, table: &TableShape, rows: &[Row]) -> Result<Vec<usize>> {
        write::update(self, table, rows).await
    }

    async fn delete(&mut self, table: &TableShape, keys: &[KeyTuple]) -> Result<u64> {
        write::delete(self, table, keys).await
    }

    async fn delete_all(&mut self, table: &TableShape) -> Result<u64> {
        write::delete_all(self, table).await
    }

    async fn empty(&mut self, table: &TableShape) -> Result<()> {
        write::empty(self, table).await
    }

    async fn build_indexes(&mut self, table: &TableShape) -> Result<()> {
        structure::build_indexes(self, table).await
    }

    async fn raise_next(&mut self, table: &TableShape) -> Result<()> {
        structure::raise_soon(self, table).await
    }

    async fn add_foreign_keys(&mut self, table: &TableShape) -> Result<()> {
        structure::add_foreign_keys(self, table).await
    }

    async fn advance_sequence(&mut self, of_source: &Sequence, make: bool) -> Result<()> {
        structure::sequences::advance(self, of_source, make).await
    }

    async fn remove_sequence(&mut self, name: &str) -> Result<()> {
        structure::sequences::remove(self, name).await
    }

    async fn make_object(&mut self, object: &DatabaseObject, definers: &Definers) -> Result<Option<String>> {
        structure::objects::make(self, object, definers).await
    }

    async fn drop_object(&mut self, kind: ObjectKind, name: &str) -> Result<()> {
        structure::objects::remove(self, kind, name).await
    }

    async fn analyse(&mut self, tables: &[&TableShape]) -> Result<()> {
        structure::analyse(self, tables).await
    }
}
