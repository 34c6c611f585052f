//! Where the rows of a step go: parts of the package, one behind the other.
//!
//! Invariants: a part holds whole rows; a range of more than a part's bytes goes on in the next one; memory is
//! one part that fills and one that is on its way.

use async_trait::async_trait;
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::package::manifest::{PartEntry, Section};
use longshore_shared::package::part::PartWriter;
use longshore_shared::package::writer::PackageWriter;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::table::Piece;
use crate::engine::shape::{Digest, TableShape};
use crate::engine::{Loaded, Result, RowBatch, RowSink};
use crate::steps::attempt::written;

/// Bytes of text after which a part is full.
const PART_BYTES: u64 = 16 << 20;
/// What zstd does in its own default: the level of the peers, too.
const LEVEL: i32 = 3;

/// Parts that fill.
pub(super) struct Packing {
    writer: PackageWriter,
    filling: PartWriter,
    sections: Vec<Section>,
    /// The table whose rows come now.
    table: u32,
    number: u32,
    /// At most one; what is on its way when the step is stopped ends with it, and no manifest names it.
    flying: JoinSet<Result<PartEntry>>,
    landed: Vec<PartEntry>,
}

impl Packing {
    /// Of an attempt's parts.
    pub(super) fn new(writer: PackageWriter) -> Result<Self> {
        let (sections, landed, filling) = (Vec::new(), Vec::new(), fresh()?);
        Ok(Self { writer, filling, sections, table: 0, number: 0, flying: JoinSet::new(), landed })
    }

    /// The rows that come now are this table's.
    pub(super) fn begin(&mut self, piece: &Piece) {
        self.table = u32::try_from(piece.table).unwrap_or(u32::MAX);
        self.open();
    }

    /// All rows of the piece have come, and are these at the source.
    pub(super) fn end(&mut self, piece: &Piece, digest: &Digest) -> Result<()> {
        let (range, digest) = (written(&piece.range)?, written(digest)?);
        if let Some(section) = self.sections.last_mut() {
            section.range = range;
            section.digest = digest;
        }
        Ok(())
    }

    fn open(&mut self) {
        let (range, digest) = (Value::Null, Value::Null);
        self.sections.push(Section { table: self.table, rows: 0, bytes: 0, range, digest });
    }

    async fn add(&mut self, batch: &RowBatch) -> Result<()> {
        if self.filling.raw_bytes() >= PART_BYTES {
            self.send().await?;
            self.open();
        }
        self.filling.write(&batch.bytes).map_err(|error| not_packed(&error))?;
        if let Some(section) = self.sections.last_mut() {
            section.rows += u64::from(batch.rows);
            section.bytes += batch.bytes.len() as u64;
        }
        Ok(())
    }

    /// Sends what has filled.
    async fn send(&mut self) -> Result<()> {
        self.land().await?;
        let filled = std::mem::replace(&mut self.filling, fresh()?);
        let packed = filled.finish().map_err(|error| not_packed(&error))?;
        let (writer, number) = (self.writer.clone(), self.number);
        let sections = std::mem::take(&mut self.sections);
        self.number += 1;
        self.flying.spawn(async move { writer.part(number, packed, sections).await.map_err(Failure::from) });
        Ok(())
    }

    async fn land(&mut self) -> Result<()> {
        while let Some(landed) = self.flying.join_next().await {
            let ended = |_| Failure::transient(FailureCode::Stopped, "the writing of a part was ended");
            self.landed.push(landed.map_err(ended)??);
        }
        Ok(())
    }

    /// Everything is in the store.
    pub(super) async fn finish(mut self) -> Result<Vec<PartEntry>> {
        if !self.sections.is_empty() {
            self.send().await?;
        }
        self.land().await?;
        Ok(self.landed)
    }
}

#[async_trait]
impl RowSink for Packing {
    async fn load(&mut self, _: &TableShape, mut rows: mpsc::Receiver<RowBatch>) -> Result<Loaded> {
        let mut taken = 0;
        while let Some(batch) = rows.recv().await {
            self.add(&batch).await?;
            taken += u64::from(batch.rows);
        }
        Ok(Loaded { rows: taken, doubt: None })
    }
}

fn fresh() -> Result<PartWriter> {
    PartWriter::new(LEVEL).map_err(|error| not_packed(&error))
}

fn not_packed(error: &std::io::Error) -> Failure {
    Failure::permanent(FailureCode::PackageNotWritten, format!("rows could not be compressed: {error}"))
}
