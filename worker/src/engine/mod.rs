//! One folder an engine group, all behind the traits of `contract`, whose docs every engine keeps; [`of`]
//! tells which one it is.
//!
//! Invariants: every value passes byte-exact and as text (no date, decimal or JSON
//! library touches it); identifiers are quoted by the engine's one quoting function; a
//! session's settings (time zone, character set, SQL mode) are fixed right after login;
//! native error codes are turned into a [`Failure`] here and nowhere else.
//! Deliberately not here: how a server is reached (`tunnel` resources over a [`Login`]), and
//! in which order things are done (`steps`).

pub mod access;
pub mod children;
mod contract;
mod difference;
mod look;
mod mysql;
pub mod named;
mod network;
mod objects;
mod open;
mod postgres;
mod row_batch;
mod row_hashes;
mod seat;
pub mod sequence;
pub mod shape;
mod snapshot;
mod tried;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use longshore_shared::domain::connection::Tls;
use longshore_shared::domain::failure::Failure;
use longshore_shared::vault::Secret;

pub use self::access::{Besides, Hidden};
pub use self::children::{Orphans, Relations};
pub use self::contract::{
    Driver, Inspector, ReadAhead, Reader, RowSink, RowSource, SnapshotLeader, SnapshotReader, Surveyor,
    Writer,
};
pub use self::difference::{Change, Difference};
pub use self::look::{Halt, Look};
pub use self::objects::{Definers, Objects};
pub use self::open::of;
pub use self::row_batch::{Room, Rooms, RowBatch};
pub use self::row_hashes::{Hash, Hashed, RowHashes};
pub use self::seat::Seat;
pub use self::snapshot::{LogPosition, Offer, Proof, SnapshotToken};
pub use self::tried::Tried;

/// What every engine call answers: a failure is already classified.
pub type Result<T> = std::result::Result<T, Failure>;

/// Where to connect and as whom; made by `tunnel::dial` after the address policy.
#[derive(Clone)]
pub struct Login {
    /// The address that was resolved and checked; no other one is dialled.
    pub address: SocketAddr,
    /// The name that a certificate must bear.
    pub server_name: String,
    /// TLS settings.
    pub tls: Tls,
    /// The database (MySQL: schema) to work in.
    pub database: String,
    /// The account.
    pub username: String,
    /// Its password.
    pub password: Secret,
    /// The private key of the client certificate of `tls`, in PEM.
    pub client_key: Option<Secret>,
    /// Whether the password may go, without TLS, under a key that the server itself sends.
    pub trust_server_key: bool,
    /// Bound of TCP, TLS and login together.
    pub timeout: Duration,
    /// Shown to the server's administrator: `longshore job <id>`.
    pub tag: String,
    /// The right to a session of a side whose sessions are counted.
    pub seat: Option<Arc<Seat>>,
}

/// What came of a load.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Rows that the server was sent.
    pub rows: u64,
    /// What it said beyond that they are stored: some are perhaps not there, or not as they were sent.
    /// Who loads looks, or fails with this.
    pub doubt: Option<Failure>,
}

/// What of a row is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// What proves a row equal: the columns that are written, in the shape's order, then those whose
    /// computed values are stored.
    Stored,
    /// The key's columns, in the key's order.
    Key,
}
