//! A session of a snapshot in a step's resources.
//!
//! To the step it is a reader like any other, whose view is open already. It goes back when it is
//! dropped: at once if the step ended its reading ([`SnapshotReader::end_snapshot`]), else only if the server
//! still answers it in order. What a step that was stopped left unread is not taken for an answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_shared::clock;
use longshore_shared::domain::filter::Condition;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::held::Snapshot;
use crate::engine::children::{Child, Pointing};
use crate::engine::sequence::Sequence;
use crate::engine::shape::{Digest, ForeignKey, KeyTuple, Range, Row, TableShape};
use crate::engine::{
    Columns, Hash, Orphans, Reader, Relations, Result, RowBatch, RowHashes, RowSource, SnapshotReader,
    SnapshotToken,
};

/// How long a session may take to come to itself; it reads to the end what it had begun.
const RECOVERY: Duration = Duration::from_secs(3);

/// A borrowed session.
pub(in crate::steps) struct SharedReader {
    home: Arc<Snapshot>,
    session: Option<Box<dyn Reader>>,
    /// Nothing is locked or unread.
    is_clean: bool,
}

impl SharedReader {
    pub(super) fn new(home: Arc<Snapshot>, session: Box<dyn Reader>) -> Self {
        Self { home, session: Some(session), is_clean: true }
    }

    /// Whether its server answers in time: one that was idle may have died without a word.
    pub(super) async fn is_alive(&mut self, patience: Duration) -> bool {
        let word = clock::fresh_id().to_string();
        let answers = tokio::time::timeout(patience, self.session().answers(&word)).await;
        self.is_clean = matches!(answers, Ok(Ok(true)));
        self.is_clean
    }

    /// It is of no use.
    pub(super) async fn discard(mut self) {
        if let Some(session) = self.session.take() {
            self.home.discard(session).await;
        }
    }

    fn session(&mut self) -> &mut dyn Reader {
        self.is_clean = false;
        self.session.as_deref_mut().expect("the session is there until it is given back")
    }

    fn shown(&self) -> &dyn Reader {
        self.session.as_deref().expect("the session is there until it is given back")
    }
}

impl Drop for SharedReader {
    fn drop(&mut self) {
        let (Some(mut session), home) = (self.session.take(), Arc::clone(&self.home)) else { return };
        if self.is_clean && !home.is_closed() {
            return home.take_back(session);
        }
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            let word = clock::fresh_id().to_string();
            let recovered = async {
                session.release_locks().await?;
                session.answers(&word).await
            };
            match tokio::time::timeout(RECOVERY, recovered).await {
                Ok(Ok(true)) if !home.is_closed() => home.take_back(session),
                _ => home.discard(session).await,
            }
        });
    }
}

#[async_trait]
impl RowSource for SharedReader {
    async fn stream(
        &mut self,
        table: &TableShape,
        range: &Range,
        out: mpsc::Sender<RowBatch>,
    ) -> Result<u64> {
        self.session().stream(table, range, out).await
    }
}

#[async_trait]
impl SnapshotReader for SharedReader {
    /// The view is open.
    async fn begin_snapshot(&mut self, _: Option<&SnapshotToken>) -> Result<()> {
        Ok(())
    }

    async fn release_locks(&mut self) -> Result<()> {
        self.session().release_locks().await?;
        self.is_clean = true;
        Ok(())
    }

    /// The view stays open for the next step.
    async fn end_snapshot(&mut self) -> Result<()> {
        self.release_locks().await
    }

    fn session_id(&self) -> u64 {
        self.shown().session_id()
    }

    fn identity(&self) -> &str {
        self.shown().identity()
    }
}

#[async_trait]
impl Reader for SharedReader {
    async fn described(&mut self, names: &[String]) -> Result<Vec<TableShape>> {
        self.session().described(names).await
    }

    async fn described_otherwise(&mut self, tables: &[TableShape]) -> Result<Vec<bool>> {
        self.session().described_otherwise(tables).await
    }

    async fn answers(&mut self, word: &str) -> Result<bool> {
        self.session().answers(word).await
    }

    async fn split(&mut self, table: &TableShape, rows: u64) -> Result<(Vec<Range>, u64)> {
        self.session().split(table, rows).await
    }

    async fn key_after(&mut self, table: &TableShape, range: &Range, rows: u64) -> Result<Option<KeyTuple>> {
        self.session().key_after(table, range, rows).await
    }

    async fn page(
        &mut self,
        table: &TableShape,
        range: &Range,
        after: Option<&KeyTuple>,
        limit: u32,
        columns: Columns,
    ) -> Result<Vec<Row>> {
        self.session().page(table, range, after, limit, columns).await
    }

    async fn fetch(
        &mut self,
        table: &TableShape,
        keys: &[KeyTuple],
        columns: Columns,
    ) -> Result<Vec<Option<Row>>> {
        self.session().fetch(table, keys, columns).await
    }

    async fn digest(&mut self, table: &TableShape, range: &Range, hash: Hash) -> Result<Digest> {
        self.session().digest(table, range, hash).await
    }

    async fn digests(&mut self, tables: &[&TableShape], hash: Hash) -> Result<Vec<Digest>> {
        self.session().digests(tables, hash).await
    }

    async fn counts(&mut self, tables: &[&TableShape], most: u64) -> Result<Vec<u64>> {
        self.session().counts(tables, most).await
    }

    async fn hashes(
        &mut self,
        table: &TableShape,
        range: &Range,
        limit: u32,
        hash: Hash,
    ) -> Result<RowHashes> {
        self.session().hashes(table, range, limit, hash).await
    }

    async fn sequences(&mut self, names: &[String]) -> Result<Vec<Sequence>> {
        self.session().sequences(names).await
    }

    async fn held(&mut self, table: &TableShape, keys: &[KeyTuple]) -> Result<Vec<bool>> {
        self.session().held(table, keys).await
    }
}

#[async_trait]
impl Relations for SharedReader {
    async fn orphans(&mut self, table: &TableShape) -> Result<Vec<Orphans>> {
        self.session().orphans(table).await
    }

    async fn orphans_of(&mut self, child: &Child) -> Result<u64> {
        self.session().orphans_of(child).await
    }

    async fn missing(&mut self, child: &Child) -> Result<HashMap<KeyTuple, u64>> {
        self.session().missing(child).await
    }

    async fn orphaned(
        &mut self,
        table: &TableShape,
        key: &ForeignKey,
        after: Option<&KeyTuple>,
        limit: u32,
    ) -> Result<Vec<Pointing>> {
        self.session().orphaned(table, key, after, limit).await
    }

    async fn orphaned_among(
        &mut self,
        table: &TableShape,
        key: &ForeignKey,
        rows: &[KeyTuple],
    ) -> Result<Vec<Option<Pointing>>> {
        self.session().orphaned_among(table, key, rows).await
    }

    async fn pointing(
        &mut self,
        parent: &TableShape,
        keys: &[KeyTuple],
        child: &Child,
        within: Option<&Condition>,
    ) -> Result<u64> {
        self.session().pointing(parent, keys, child, within).await
    }

    async fn pointing_rows(
        &mut self,
        parent: (&TableShape, &[KeyTuple]),
        child: (&TableShape, &ForeignKey),
        after: Option<&KeyTuple>,
        limit: u32,
    ) -> Result<(Vec<Pointing>, usize)> {
        self.session().pointing_rows(parent, child, after, limit).await
    }

    async fn pointed_beyond(
        &mut self,
        table: &TableShape,
        key: &ForeignKey,
        within: Option<&Condition>,
        after: Option<&KeyTuple>,
        limit: u32,
    ) -> Result<Vec<KeyTuple>> {
        self.session().pointed_beyond(table, key, within, after, limit).await
    }

    async fn has_parents(
        &mut self,
        table: &TableShape,
        key: &ForeignKey,
        values: &[KeyTuple],
    ) -> Result<Vec<bool>> {
        self.session().has_parents(table, key, values).await
    }

    async fn pointing_by(
        &mut self,
        table: &TableShape,
        key: &ForeignKey,
        values: &[KeyTuple],
        after: Option<&KeyTuple>,
        limit: u32,
    ) -> Result<(Vec<Pointing>, usize)> {
        self.session().pointing_by(table, key, values, after, limit).await
    }
}
