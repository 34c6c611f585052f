//! What a table looks like and how its rows are addressed: plain values that steps keep
//! in the control plane between plan and work, so they serialise.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use longshore_shared::domain::filter::Condition;
use serde::{Deserialize, Serialize};

/// A server, as far as moving rows depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// What tells it from every other server, whatever address leads to it; members of a
    /// cluster that all take writes to the same rows have one identity. Two servers that were
    /// copied with it are taken for one, which costs their jobs a wait and no row.
    pub identity: String,
    /// As the server says it: `10.11.19-MariaDB-…`.
    pub version: String,
    /// Who made it.
    pub flavour: Flavour,
    /// The server is read only for this account.
    pub read_only: bool,
    /// It does not tell names of tables apart by case.
    pub folds_names: bool,
}

impl Server {
    /// Flavour and release series: `10.11`.
    pub fn release(&self) -> (Flavour, &str) {
        let series = self
            .version
            .match_indices('.')
            .nth(1)
            .map_or(self.version.as_str(), |(at, _)| &self.version[..at]);
        (self.flavour, series)
    }
}

/// Who made the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Oracle's or a derivative of it.
    Mysql,
    /// MariaDB.
    Mariadb,
    /// PostgreSQL.
    Postgresql,
}

/// A line of a database's table list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableListing {
    /// Its name.
    pub name: String,
    /// Table, view, or another thing in the tables' name space.
    pub kind: TableKind,
    /// Its storage engine; of an unreadable table, why its server cannot open it.
    pub about: String,
    /// The server's estimate.
    pub rows: u64,
    /// The server's estimate of data bytes (without indexes).
    pub bytes: u64,
}

/// What stands behind a name in a table list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// A base table.
    Base,
    /// A view.
    View,
    /// A sequence object (MariaDB).
    Sequence,
    /// A table with row history (MariaDB `WITH SYSTEM VERSIONING`).
    SystemVersioned,
    /// A table that shows the rows of other tables of its server (`MERGE`).
    Union,
    /// A table that shows rows of another server or of files, or none at all.
    Elsewhere,
    /// A table that its server cannot open.
    Unreadable,
}

impl TableKind {
    /// Whether it is a table with rows of its own.
    pub fn holds_rows(self) -> bool {
        matches!(self, Self::Base | Self::SystemVersioned)
    }
}

/// A base table's structure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableShape {
    /// Its name.
    pub name: String,
    /// All columns in the server's order.
    pub columns: Vec<Column>,
    /// The primary key, or else the first non-null unique key; none: a table without a key.
    pub key: Option<Key>,
    /// Every index but the key.
    pub indexes: Vec<Index>,
    /// Foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// Names of its triggers.
    pub triggers: Vec<String>,
    /// The statement that makes it, as the server gives it (`SHOW CREATE TABLE`).
    pub definition: String,
    /// Storage engine, as the server names it.
    pub storage: String,
    /// Its storage keeps versions of rows, so that a snapshot shows them as they were.
    pub keeps_versions: bool,
    /// Default collation of the table.
    pub collation: String,
    /// The next auto-increment value, if a column has it.
    pub auto_increment: Option<u64>,
    /// The server's estimate of the mean row length in bytes.
    pub row_bytes: u64,
    /// Settings of its server that the stored values of generated columns may depend on; none where it
    /// has no such column.
    #[serde(default)]
    pub computed_under: BTreeMap<String, String>,
    /// Of the rows only those that meet it are read, compared and deleted; none: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Condition>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// How its values travel.
    pub family: Family,
    /// The full type as the server writes it: `int(10) unsigned`.
    pub full_type: String,
    /// NULL is allowed.
    pub nullable: bool,
    /// Character set of text columns.
    pub charset: Option<String>,
    /// Collation of text columns.
    pub collation: Option<String>,
    /// Computed by the server from other columns; never written.
    pub generated: bool,
    /// What was computed is stored with the row, so that it is proven like what was written.
    #[serde(default)]
    pub persistent: bool,
    /// The expression of a generated column.
    pub expression: Option<String>,
    /// AUTO_INCREMENT.
    pub auto_increment: bool,
}

/// How the values of a type travel and compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// TINYINT to BIGINT, YEAR.
    Integer,
    /// DECIMAL.
    Decimal,
    /// FLOAT, read so that no bit is lost.
    Float,
    /// DOUBLE.
    Double,
    /// CHAR, VARCHAR.
    Text,
    /// TINYTEXT to LONGTEXT.
    LongText,
    /// BINARY, VARBINARY.
    Binary,
    /// TINYBLOB to LONGBLOB.
    Blob,
    /// DATE, TIME, DATETIME, TIMESTAMP.
    Temporal,
    /// BIT, read as a number.
    Bit,
    /// ENUM, read as the member's number.
    Enum,
    /// SET, read as a number.
    Set,
    /// MySQL's JSON (MariaDB's is LONGTEXT).
    Json,
    /// Spatial types, in the server's own binary form (SRID and WKB).
    Geometry,
    /// MariaDB's UUID, INET4, INET6.
    Address,
    /// Anything else; refused by name in the plan.
    Unknown,
}

/// The key that rows are addressed by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The index's name; `PRIMARY` for the primary key.
    pub name: String,
    /// Positions in `columns`, in key order.
    pub columns: Vec<usize>,
    /// The source can walk the key in order and cut it into ranges.
    pub walkable: bool,
    /// Both servers are sure to order the key's values alike (integers, binary, temporal,
    /// decimal, `_bin` of one character set), so a range means the same rows on both.
    pub same_order: bool,
    /// The index holds only beginnings of values: it is unique in those, so that two rows of different
    /// values may clash by it.
    #[serde(default)]
    pub prefixed: bool,
}

impl Key {
    /// A key that rows are looked up by, and no more is known of.
    pub fn looked_up(name: &str, columns: Vec<usize>) -> Self {
        Self { name: name.to_owned(), columns, walkable: false, same_order: false, prefixed: false }
    }
}

/// A secondary index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its columns with prefix length and direction, normalised: `a(10) desc`.
    pub columns: Vec<String>,
    /// It allows no two equal entries.
    pub unique: bool,
    /// `BTREE`, `FULLTEXT`, `SPATIAL`, `HASH`.
    pub method: String,
    /// The clause that adds it: ``ADD UNIQUE KEY `a` (`a`)``, as the definition has it.
    pub clause: String,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// The constraint's name.
    pub name: String,
    /// The columns of this table.
    pub columns: Vec<String>,
    /// The schema of the parent when it is another one.
    pub parent_schema: Option<String>,
    /// The parent table.
    pub parent: String,
    /// The parent's columns.
    pub parent_columns: Vec<String>,
    /// `ON UPDATE` rule.
    pub on_update: String,
    /// `ON DELETE` rule.
    pub on_delete: String,
    /// The clause that adds it: `ADD CONSTRAINT … FOREIGN KEY …`, as the definition has it.
    pub clause: String,
}

impl TableShape {
    /// The table with all its rows.
    pub fn unfiltered(&self) -> Cow<'_, Self> {
        match self.filter {
            None => Cow::Borrowed(self),
            Some(_) => Cow::Owned(Self { filter: None, ..self.clone() }),
        }
    }

    /// The columns that are stored and written, in order.
    pub fn stored(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|c| !c.generated)
    }

    /// The columns whose computed values are stored.
    pub fn computed(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|c| c.generated && c.persistent)
    }

    /// The columns that prove a row equal, in the order of a [`Row`]: those that are written, then the
    /// computed ones.
    pub fn proven(&self) -> impl Iterator<Item = &Column> {
        self.stored().chain(self.computed())
    }

    /// Whether two rows could clash by another key than the one rows are addressed by.
    pub fn has_secondary_unique(&self) -> bool {
        self.indexes.iter().any(|i| i.unique)
    }

    /// The key's values out of a row of stored columns. A key never holds a generated
    /// column, nor a NULL.
    pub fn key_of(&self, row: &Row) -> Option<KeyTuple> {
        let key = self.key.as_ref()?;
        key.columns
            .iter()
            .map(|&at| {
                let stored_at = self.columns[..at].iter().filter(|c| !c.generated).count();
                row.0.get(stored_at)?.clone()
            })
            .collect::<Option<Vec<_>>>()
            .map(KeyTuple)
    }
}

/// A row's values in text form, `None` for NULL; which columns, the call says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub Vec<Option<Bytes>>);

/// A key's values in text form, in the key's column order. Serialises as hex.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyTuple(pub Vec<Bytes>);

impl Serialize for KeyTuple {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.iter().map(hex::encode).collect::<Vec<_>>().serialize(to)
    }
}

impl<'de> Deserialize<'de> for KeyTuple {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Vec::<String>::deserialize(from)?
            .into_iter()
            .map(|text| hex::decode(text).map(Bytes::from))
            .map(|bytes| bytes.map_err(|_| serde::de::Error::custom("a key value is not hex")))
            .collect::<Result<Vec<_>, _>>()
            .map(KeyTuple)
    }
}

/// Rows with `from <= key < to`; an end that is `None` is open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The first key.
    pub from: Option<KeyTuple>,
    /// The first key past the range.
    pub to: Option<KeyTuple>,
}

impl Range {
    /// Every row.
    pub const ALL: Self = Self { from: None, to: None };

    /// Whether these ranges, in this order, hold every key once: each begins where the one before
    /// ends, and the outer ends are open.
    pub fn are_all(ranges: &[Self]) -> bool {
        let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else { return false };
        first.from.is_none()
            && last.to.is_none()
            && ranges.windows(2).all(|pair| pair[0].to.is_some() && pair[0].to == pair[1].from)
    }
}

/// Number of rows and checksum of a range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Rows.
    pub rows: u64,
    /// The server's checksum, opaque; equal content, equal text.
    pub hash: String,
}

#[cfg(test)]
mod tests {
    use super::{Bytes, KeyTuple, Range};

    #[test]
    fn ranges_that_cover_everything() {
        let key = |text: &'static str| Some(KeyTuple(vec![Bytes::from_static(text.as_bytes())]));
        let range = |from, to| Range { from, to };
        for (ranges, expected) in [
            (vec![Range::ALL], true),
            (vec![range(None, key("5")), range(key("5"), None)], true),
            (vec![range(None, key("5")), range(key("6"), None)], false),
            (vec![range(None, key("5"))], false),
            (vec![range(key("5"), None)], false),
            (vec![Range::ALL, Range::ALL], false),
            (Vec::new(), false),
        ] {
            assert_eq!(Range::are_all(&ranges), expected, "{ranges:?}");
        }
    }
}
