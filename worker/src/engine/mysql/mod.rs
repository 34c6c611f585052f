//! MySQL and MariaDB, over mysql_async's text protocol.
//!
//! One [`Session`] is one server session; it implements the engine's three traits by
//! handing each call to the file of its subject. The file names are the same as in the
//! other engine's folder.
//! Invariants: session settings are fixed right after login (`session`); the only
//! statement texts come from this folder, identifiers go through `quote`; a session that
//! reads serves no file, a session that writes serves only the stream that `load` opened.

mod ahead;
mod bounds;
mod children;
mod commit_blocker;
mod compare;
mod define;
mod digest;
mod errors;
mod examine;
mod hashes;
mod insertion;
mod inspect;
mod literal;
mod load;
mod outcome;
mod page;
mod pieces;
mod quote;
mod relations;
#[cfg(test)]
mod sample;
mod select;
mod sequences;
mod session;
mod split;
mod stream;
mod walk;
mod write;

use async_trait::async_trait;
use tokio::sync::mpsc;

pub(crate) use self::commit_blocker::MysqlCommitBlocker;
pub(super) use self::compare::differences;
pub(super) use self::define::alteration_of;
pub(super) use self::define::names::{drawn, members};
pub(super) use self::define::{is_of_settings, unsaid};
pub(super) use self::examine::examine;
pub(crate) use self::session::{Role, Session};
use super::access::{Lacks, Need};
use super::children::Children;
use super::sequence::Sequence;
use super::shape::{Digest, KeyTuple, Range, Row, ServerInfo, TableListing, TableShape};
use super::{
    Besides, Columns, Hash, Hidden, Inspector, Loaded, Reader, Result, RowBatch, RowHashes, Tried, Writer,
};

#[async_trait]
impl Inspector for Session {
    async fn server(&mut self) -> Result<ServerInfo> {
        Ok(self.info.clone())
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

    async fn hidden(&mut self) -> Result<Hidden> {
        examine::hidden(self).await
    }

    async fn lacks(&mut self, needs: &[Need]) -> Result<Lacks> {
        examine::lacks(self, needs).await
    }

    async fn children(&mut self) -> Result<Children> {
        children::children(self).await
    }

    async fn besides(&mut self) -> Result<Vec<Besides>> {
        inspect::besides(self).await
    }

    async fn raise_probe(&mut self, name: &str) -> Result<()> {
        session::raise_probe(self, name).await
    }

    async fn sees_probe(&mut self, name: &str) -> Result<bool> {
        session::sees_probe(self, name).await
    }

    async fn read_ahead(&mut self, table: &TableShape, bytes: u64) -> Result<()> {
        ahead::read_ahead(self, table, bytes).await
    }

    fn database(&self) -> &str {
        &self.database
    }

    fn number(&self) -> u64 {
        self.id
    }
}

#[async_trait]
impl Reader for Session {
    async fn begin_snapshot(&mut self) -> Result<()> {
        session::begin_snapshot(self).await
    }

    async fn release_locks(&mut self) -> Result<()> {
        session::release_locks(self).await
    }

    async fn end_snapshot(&mut self) -> Result<()> {
        session::end_snapshot(self).await
    }

    async fn split(&mut self, table: &TableShape, rows: u64) -> Result<(Vec<Range>, u64)> {
        split::split(self, table, rows).await
    }

    async fn key_after(&mut self, table: &TableShape, range: &Range, rows: u64) -> Result<Option<KeyTuple>> {
        split::key_after(self, table, range, rows).await
    }

    async fn stream(
        &mut self,
        table: &TableShape,
        range: &Range,
        out: mpsc::Sender<RowBatch>,
    ) -> Result<u64> {
        stream::stream(self, table, range, out).await
    }

    async fn page(
        &mut self,
        table: &TableShape,
        range: &Range,
        after: Option<&KeyTuple>,
        limit: u32,
        columns: Columns,
    ) -> Result<Vec<Row>> {
        page::page(self, table, range, after, limit, columns).await
    }

    async fn fetch(
        &mut self,
        table: &TableShape,
        keys: &[KeyTuple],
        columns: Columns,
    ) -> Result<Vec<Option<Row>>> {
        page::fetch(self, table, keys, columns).await
    }

    async fn digest(&mut self, table: &TableShape, range: &Range, hash: Hash) -> Result<Digest> {
        digest::digest(self, table, range, hash).await
    }

    async fn hashes(
        &mut self,
        table: &TableShape,
        range: &Range,
        limit: u32,
        hash: Hash,
    ) -> Result<RowHashes> {
        hashes::hashes(self, table, range, limit, hash).await
    }

    async fn sequences(&mut self, names: &[String]) -> Result<Vec<Sequence>> {
        sequences::read(self, names).await
    }

    async fn described(&mut self, names: &[String]) -> Result<Vec<TableShape>> {
        inspect::shapes(self, names).await
    }

    async fn held(&mut self, table: &TableShape, keys: &[KeyTuple]) -> Result<Vec<bool>> {
        page::held(self, table, keys).await
    }

    async fn answers(&mut self, word: &str) -> Result<bool> {
        session::answers(self, word).await
    }

    fn session_id(&self) -> u64 {
        self.id
    }

    fn identity(&self) -> &str {
        &self.info.identity
    }
}

#[async_trait]
impl Writer for Session {
    async fn hold(&mut self, name: &str) -> Result<()> {
        session::hold(self, name).await
    }

    async fn fence(&mut self, names: &[String]) -> Result<()> {
        session::fence(self, names).await
    }

    async fn begin(&mut self) -> Result<()> {
        session::begin(self).await
    }

    async fn commit(&mut self) -> Result<()> {
        session::commit(self).await
    }

    async fn rollback(&mut self) -> Result<()> {
        session::rollback(self).await
    }

    async fn try_tables(&mut self, tables: &[TableShape]) -> Result<Vec<Tried>> {
        define::try_tables(self, tables).await
    }

    async fn create_table(&mut self, table: &TableShape) -> Result<bool> {
        define::create_table(self, table).await
    }

    async fn remove_made(&mut self, table: &TableShape) -> Result<()> {
        define::remove_made(self, table).await
    }

    async fn load(&mut self, table: &TableShape, rows: mpsc::Receiver<RowBatch>) -> Result<Loaded> {
        load::load(self, table, rows).await
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
        define::build_indexes(self, table).await
    }

    async fn raise_next(&mut self, table: &TableShape) -> Result<()> {
        define::raise_soon(self, table).await
    }

    async fn add_foreign_keys(&mut self, table: &TableShape) -> Result<()> {
        define::add_foreign_keys(self, table).await
    }

    async fn advance_sequence(&mut self, of_source: &Sequence, make: bool) -> Result<()> {
        sequences::advance(self, of_source, make).await
    }

    async fn remove_sequence(&mut self, name: &str) -> Result<()> {
        sequences::remove(self, name).await
    }

    async fn analyse(&mut self, table: &TableShape) -> Result<()> {
        define::analyse(self, table).await
    }
}
