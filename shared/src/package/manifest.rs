//! What a package holds, and how to prove it: the last object that its writer makes.
//!
//! A vocabulary of its own, versioned; what it says of a table's structure is the worker's, opaque here.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::backup::Point;
use crate::domain::connection::Engine;
use crate::domain::id::{OrgId, PackageId};
use crate::domain::object::{DatabaseDefaults, DatabaseObject};

/// The version that is written.
pub const VERSION: u32 = 1;

/// What a package holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`VERSION`] of its writer.
    pub version: u32,
    /// Whose it is.
    pub org_id: OrgId,
    /// The package.
    pub package_id: PackageId,
    /// The engine of the source.
    pub engine: Engine,
    /// As the source's server says it.
    pub server_version: String,
    /// Who made the server: `mariadb`, `mysql`.
    pub flavour: String,
    /// The database's own defaults.
    pub database: DatabaseDefaults,
    /// The one point that all rows are of.
    pub point: Point,
    /// Tables with rows of their own, in order of name.
    pub tables: Vec<TableEntry>,
    /// Everything else, in an order in which it can be made.
    pub objects: Vec<DatabaseObject>,
    /// The parts, in the order of their numbers, which count from 0.
    pub parts: Vec<PartEntry>,
    /// What the source has and the package has not, and why; for a person.
    pub left_out: Vec<String>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableEntry {
    /// Its name.
    pub name: String,
    /// The statement that makes it, as its server gives it.
    pub definition: String,
    /// Its structure, as the worker reads and writes it.
    pub structure: Value,
    /// How many rows it has.
    pub rows: u64,
    /// Bytes of their text.
    pub bytes: u64,
    /// By what its sections' checksums are computed (the worker's word for it).
    pub hash: Value,
}

/// An object of the store that holds rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartEntry {
    /// Its key below the store's prefix.
    pub key: String,
    /// Bytes of the rows' text.
    pub raw_bytes: u64,
    /// BLAKE3 of the rows' text, in hex.
    pub raw_hash: String,
    /// Bytes of the object.
    pub stored_bytes: u64,
    /// BLAKE3 of the object, in hex.
    pub stored_hash: String,
    /// Whose rows these are, one section behind the other, without a gap.
    pub sections: Vec<Section>,
}

/// Rows of one table within a part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// The table's place in [`Manifest::tables`].
    pub table: u32,
    /// How many rows.
    pub rows: u64,
    /// Bytes of their text.
    pub bytes: u64,
    /// The range of the table that the rows are all of, or the piece of one (the worker's); null: a piece.
    pub range: Value,
    /// Rows and checksum of that range, as the source's server computed them; null in all pieces of a range
    /// but the last, and there of the whole range.
    pub digest: Value,
}
