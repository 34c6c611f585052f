//! Tables that point to others by foreign keys, seen from the tables that they point to.

use std::collections::HashMap;

use async_trait::async_trait;
use longshore_shared::domain::filter::Condition;
use serde::{Deserialize, Serialize};

use super::Result;
use super::shape::{ForeignKey, KeyTuple, Row, TableShape};

/// A foreign key that points into the database, of a table of any database of its server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Child {
    /// The table's database when it is another one.
    #[serde(default)]
    pub schema: Option<String>,
    /// The table.
    pub table: String,
    /// The foreign key; its parent is of the session's own database.
    pub key: ForeignKey,
}

impl Child {
    /// The table as a person names it.
    pub fn place(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.table),
            None => self.table.clone(),
        }
    }
}

/// Foreign keys that point into a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Children {
    /// Those that the account may look at.
    pub seen: Vec<Child>,
    /// Those that it knows of and may not look at; nothing but their columns is told.
    pub unseen: Vec<Child>,
    /// There may be others that it knows nothing of.
    pub is_blind: bool,
    /// The server does not tell names of tables apart by case.
    pub folds: bool,
}

/// Rows of a foreign key that point to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphans {
    /// The foreign key.
    pub key: ForeignKey,
    /// How many rows have no parent.
    pub rows: u64,
}

/// Rows of a table, as one of its foreign keys sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointing {
    /// The row's key; of a table without one what the rows point to.
    pub row: KeyTuple,
    /// What it points to.
    pub to: Row,
    /// How many such rows there are.
    pub rows: u64,
}

/// Looks how rows point to each other; of a table's condition nothing here takes notice but what says so.
#[async_trait]
pub trait Relations: Send {
    /// Counts, for each foreign key of the shape, the rows without a parent; returns
    /// those that have some.
    async fn orphans(&mut self, table: &TableShape) -> Result<Vec<Orphans>>;

    /// How many rows of the child have no parent.
    async fn orphans_of(&mut self, child: &Child) -> Result<u64>;

    /// What the child's rows without a parent point to, and how many rows do.
    async fn missing(&mut self, child: &Child) -> Result<HashMap<KeyTuple, u64>>;

    /// At most `limit` rows without a parent, in the order of the shape's key, after the key `after`.
    async fn orphaned(
        &mut self,
        table: &TableShape,
        key: &ForeignKey,
        after: Option<&KeyTuple>,
        limit: u32,
    ) -> Result<Vec<Pointing>>;

    /// Those of these rows that have no parent, aligned with them (`None`: it has one, or is not there).
    async fn orphaned_among(
        &mut self,
        table: &TableShape,
        key: &ForeignKey,
        rows: &[KeyTuple],
    ) -> Result<Vec<Option<Pointing>>>;

    /// How many rows of the child point to these rows of the parent, which has them; with a condition,
    /// how many of those that meet it.
    async fn pointing(
        &mut self,
        parent: &TableShape,
        keys: &[KeyTuple],
        child: &Child,
        within: Option<&Condition>,
    ) -> Result<u64>;

    /// At most `limit` rows of the child that point to the first of these rows of the parent, which has
    /// them, in the order of the child's key, after the key `after`; and how many first ones those are.
    async fn pointing_rows(
        &mut self,
        parent: (&TableShape, &[KeyTuple]),
        child: (&TableShape, &ForeignKey),
        after: Option<&KeyTuple>,
        limit: u32,
    ) -> Result<(Vec<Pointing>, usize)>;

    /// At most `limit` values by which rows of the table, of those within its condition, point to rows
    /// that are there and that the condition `within` on the parent leaves out (without one: all), each
    /// once, in their order, after the value `after`.
    async fn pointed_beyond(
        &mut self,
        table: &TableShape,
        key: &ForeignKey,
        within: Option<&Condition>,
        after: Option<&KeyTuple>,
        limit: u32,
    ) -> Result<Vec<KeyTuple>>;

    /// Which of these values, by which rows of the table point, some row of the parent has.
    async fn has_parents(
        &mut self,
        table: &TableShape,
        key: &ForeignKey,
        values: &[KeyTuple],
    ) -> Result<Vec<bool>>;

    /// At most `limit` rows of the table, of those within its condition, that point by the first of these
    /// values, in the order of the table's key, after the key `after`; and how many first ones those are.
    async fn pointing_by(
        &mut self,
        table: &TableShape,
        key: &ForeignKey,
        values: &[KeyTuple],
        after: Option<&KeyTuple>,
        limit: u32,
    ) -> Result<(Vec<Pointing>, usize)>;
}
