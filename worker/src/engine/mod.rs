//! One folder an engine group, all behind the traits of this file; their docs are the
//! contract that every engine keeps.
//!
//! Invariants: every value passes byte-exact and as text (no date, decimal or JSON
//! library touches it); identifiers are quoted by the engine's one quoting function; a
//! session's settings (time zone, character set, SQL mode) are fixed right after login;
//! native error codes are turned into a [`Failure`] here and nowhere else.
//! Deliberately not here: how a server is reached (`tunnel` resources over a [`Login`]), and
//! in which order things are done (`steps`).

pub mod access;
pub mod children;
pub mod commit_blocker;
mod look;
pub mod mysql;
pub mod named;
mod network;
mod postgres;
mod row_batch;
mod row_hashes;
mod seat;
pub mod sequence;
pub mod shape;
mod tried;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_shared::domain::connection::{Engine, EngineGroup, Tls};
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::vault::Secret;
use tokio::sync::mpsc;

pub use self::access::{Besides, Hidden};
use self::access::{Lacks, Need};
use self::children::Children;
pub use self::children::{Orphans, Relations};
pub use self::look::{Halt, Look};
pub use self::row_batch::{Room, Rooms, RowBatch};
pub use self::row_hashes::{Hash, Hashed, RowHashes};
pub use self::seat::Seat;
use self::sequence::Sequence;
use self::shape::{Digest, KeyTuple, Range, Row, ServerInfo, TableListing, TableShape};
pub use self::tried::{Tried, is_of_settings, unsaid};

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

/// Looks at a server and a database; changes nothing.
#[async_trait]
pub trait Inspector: Send {
    /// Flavour, version and the features that decide how rows can be moved.
    async fn server(&mut self) -> Result<ServerInfo>;

    /// Everything in the database that looks like a table, in order of name.
    async fn tables(&mut self) -> Result<Vec<TableListing>>;

    /// Structure, keys and definition of each named base table, in one round of queries
    /// whatever their number; same order. A name that is not there is an error.
    async fn shapes(&mut self, names: &[String]) -> Result<Vec<TableShape>>;

    /// Which of the named tables hold at least one row.
    async fn holds_rows(&mut self, names: &[String]) -> Result<Vec<bool>>;

    /// What of the database the account surely does not see, as far as the server tells of rights.
    async fn hidden(&mut self) -> Result<Hidden>;

    /// What of these needs the account lacks; nothing, where the server tells nothing of rights.
    async fn lacks(&mut self, needs: &[Need]) -> Result<Lacks>;

    /// The foreign keys that point into the database, of whatever database of the server.
    async fn children(&mut self) -> Result<Children>;

    /// Routines and events of the database, as far as the account sees them, by kind and name.
    async fn besides(&mut self) -> Result<Vec<Besides>>;

    /// Takes a server-wide advisory lock of this name for the life of the session.
    async fn raise_probe(&mut self, name: &str) -> Result<()>;

    /// Whether any session of this server holds the advisory lock: two addresses that
    /// see each other's probe are one server.
    async fn sees_probe(&mut self, name: &str) -> Result<bool>;

    /// Reads the table's keys a little before a statement of another session that walks the whole
    /// table of about `bytes`, where its server would wait for every page; ends with the table, or
    /// is dropped.
    async fn read_ahead(&mut self, table: &TableShape, bytes: u64) -> Result<()>;

    /// The database, as the server spells it.
    fn database(&self) -> &str;

    /// The server's number of this session.
    fn number(&self) -> u64;
}

/// Reads rows. All reads between [`Reader::begin_snapshot`] and [`Reader::end_snapshot`] see one
/// consistent state.
#[async_trait]
pub trait Reader: Relations {
    /// Opens a consistent, read-only view of the database.
    async fn begin_snapshot(&mut self) -> Result<()>;

    /// Gives back what the reads since [`Reader::begin_snapshot`] have locked; the view stays. A change
    /// of a table's structure that waited for its reader goes on then. An error says that the
    /// view may be lost.
    async fn release_locks(&mut self) -> Result<()>;

    /// Ends the view and gives back every lock it held.
    async fn end_snapshot(&mut self) -> Result<()>;

    /// Lays out ranges of at most `rows` rows that together cover every row of the table
    /// exactly once: half open, the first and the last without an outer end. A table
    /// whose key cannot be walked in order gets one range, without ends.
    /// The second value is the number of rows seen while walking.
    async fn split(&mut self, table: &TableShape, rows: u64) -> Result<(Vec<Range>, u64)>;

    /// The key that the first `rows` rows of the range come before, in its order; `None`: there
    /// are no more.
    async fn key_after(&mut self, table: &TableShape, range: &Range, rows: u64) -> Result<Option<KeyTuple>>;

    /// Streams the rows of a range in bulk-load text, in batches of about 256 KiB, and
    /// returns their number. A closed receiver ends the read with code `stopped`.
    async fn stream(&mut self, table: &TableShape, range: &Range, out: mpsc::Sender<RowBatch>)
    -> Result<u64>;

    /// At most `limit` rows of the range (fewer when they are large: at most about 8 MiB,
    /// at least one), in key order, after the key `after`. `Columns::Key` leaves the other values out (the
    /// returned [`Row`] then holds the key's values in the key's order). Fewer rows than asked for do not mean
    /// the end: an empty answer does.
    async fn page(
        &mut self,
        table: &TableShape,
        range: &Range,
        after: Option<&KeyTuple>,
        limit: u32,
        columns: Columns,
    ) -> Result<Vec<Row>>;

    /// The rows with these keys, aligned with them (`None`: there is none). Equality is
    /// the server's (collation, trailing spaces), not that of bytes.
    async fn fetch(
        &mut self,
        table: &TableShape,
        keys: &[KeyTuple],
        columns: Columns,
    ) -> Result<Vec<Option<Row>>>;

    /// Number of rows and order-independent checksum over every stored column of the
    /// range, computed by the server; equal content gives equal digests on every server
    /// of the engine group by the same hash. The hash is sensitive to swapped values between rows
    /// and to duplicates of rows.
    async fn digest(&mut self, table: &TableShape, range: &Range, hash: Hash) -> Result<Digest>;

    /// Keys and hashes of at most `limit` rows of the range, in key order; fewer than asked for are
    /// the last ones. Rows of equal content have equal hashes on every
    /// server of the engine group.
    async fn hashes(
        &mut self,
        table: &TableShape,
        range: &Range,
        limit: u32,
        hash: Hash,
    ) -> Result<RowHashes>;

    /// Each named sequence and where it stands now, whatever the view shows.
    async fn sequences(&mut self, names: &[String]) -> Result<Vec<Sequence>>;

    /// As [`Inspector::shapes`], by a session that reads.
    async fn described(&mut self, names: &[String]) -> Result<Vec<TableShape>>;

    /// Which of these values of the shape's key some row has; here they need not be unique.
    async fn held(&mut self, table: &TableShape, keys: &[KeyTuple]) -> Result<Vec<bool>>;

    /// Whether the session answers with this word: nothing that was asked before is unanswered.
    async fn answers(&mut self, word: &str) -> Result<bool>;

    /// The server's number of this session, for [`end_sessions`].
    fn session_id(&self) -> u64;

    /// The server's identity ([`ServerInfo::identity`]).
    fn identity(&self) -> &str;
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

/// Writes rows and structure; its reads see its own writes. Referential checks are off
/// in its session: foreign keys are proven at the end instead.
#[async_trait]
pub trait Writer: Reader {
    /// Makes this session the only one that works for `name` (a step or a table of a
    /// job): a session of a former attempt that still holds the name is killed and its
    /// transaction's end awaited.
    async fn hold(&mut self, name: &str) -> Result<()>;

    /// As [`Writer::hold`] for each name that a session holds just now, and lets go of it
    /// at once: afterwards none of those sessions lives.
    async fn fence(&mut self, names: &[String]) -> Result<()>;

    /// Opens a READ COMMITTED transaction.
    async fn begin(&mut self) -> Result<()>;

    /// Commits what was written since [`Writer::begin`].
    async fn commit(&mut self) -> Result<()>;

    /// Takes back what was written since [`Writer::begin`].
    async fn rollback(&mut self) -> Result<()>;

    /// Whether the target would take these tables, none of which it has, with all their indexes
    /// and foreign keys (parents are of the same list, or there already); same order. It makes
    /// them empty under other names, which no listing shows, and drops them again.
    async fn try_tables(&mut self, tables: &[TableShape]) -> Result<Vec<Tried>>;

    /// Creates a table as `definition` says, without secondary indexes and foreign keys;
    /// one that exists and holds no row is left as it is. Answers whether it made it.
    async fn create_table(&mut self, table: &TableShape) -> Result<bool>;

    /// Removes a table that [`Writer::create_table`] made, unless it holds rows.
    async fn remove_made(&mut self, table: &TableShape) -> Result<()>;

    /// Loads the stream inside the open transaction. Every row arrives unchanged, or the call fails
    /// or doubts it: a skipped row, a cut or replaced value, a warning (D49).
    async fn load(&mut self, table: &TableShape, rows: mpsc::Receiver<RowBatch>) -> Result<Loaded>;

    /// Inserts rows and returns the positions of those that clash with another row by a
    /// unique key; those are not inserted, all others are, unchanged, or the call fails by the first.
    async fn insert(&mut self, table: &TableShape, rows: &[Row]) -> Result<Vec<usize>>;

    /// Overwrites, each by its key, existing rows with these, and returns the positions of
    /// those that clash with another row by a secondary unique key (not written).
    async fn update(&mut self, table: &TableShape, rows: &[Row]) -> Result<Vec<usize>>;

    /// Deletes the rows with these keys and returns how many there were.
    async fn delete(&mut self, table: &TableShape, keys: &[KeyTuple]) -> Result<u64>;

    /// Deletes every row inside the open transaction.
    async fn delete_all(&mut self, table: &TableShape) -> Result<u64>;

    /// Empties the table at once, without firing its triggers; no transaction can take it back.
    async fn empty(&mut self, table: &TableShape) -> Result<()>;

    /// Builds those of the shape's secondary indexes that the table lacks, and advances
    /// its auto-increment to the shape's; can be repeated.
    async fn build_indexes(&mut self, table: &TableShape) -> Result<()>;

    /// Advances the table's auto-increment to the shape's; never back. It does not wait for long
    /// for others that use the table.
    async fn raise_next(&mut self, table: &TableShape) -> Result<()>;

    /// Adds those of the shape's foreign keys that the table lacks; can be repeated.
    async fn add_foreign_keys(&mut self, table: &TableShape) -> Result<()>;

    /// Raises the sequence to where the source's stands, after making it if told so (then it is not
    /// there if this fails); never lowers it.
    async fn advance_sequence(&mut self, of_source: &Sequence, make: bool) -> Result<()>;

    /// Removes a sequence that [`Writer::advance_sequence`] made.
    async fn remove_sequence(&mut self, name: &str) -> Result<()>;

    /// Refreshes the optimiser's statistics of the table.
    async fn analyse(&mut self, table: &TableShape) -> Result<()>;
}

/// Opens a session that looks.
pub async fn inspector(engine: Engine, login: &Login) -> Result<Box<dyn Inspector>> {
    match engine.group() {
        EngineGroup::Mysql => Ok(Box::new(mysql::Session::open(login, mysql::Role::Look).await?)),
        EngineGroup::Postgresql => Err(not_yet(engine)),
    }
}

/// Opens a session that reads; it can be asked for no file.
pub async fn reader(engine: Engine, login: &Login) -> Result<Box<dyn Reader>> {
    match engine.group() {
        EngineGroup::Mysql => Ok(Box::new(mysql::Session::open(login, mysql::Role::Read).await?)),
        EngineGroup::Postgresql => Err(not_yet(engine)),
    }
}

/// Opens a session that writes.
pub async fn writer(engine: Engine, login: &Login) -> Result<Box<dyn Writer>> {
    match engine.group() {
        EngineGroup::Mysql => Ok(Box::new(mysql::Session::open(login, mysql::Role::Write).await?)),
        EngineGroup::Postgresql => Err(not_yet(engine)),
    }
}

/// Logs in, looks at what the server is and which rights the account has, and leaves; the
/// login's time-out bounds the login, and once more what follows.
pub async fn examine(engine: Engine, login: &Login) -> std::result::Result<Look, Halt> {
    match engine.group() {
        EngineGroup::Mysql => mysql::examine(engine, login).await,
        EngineGroup::Postgresql => postgres::examine(login).await,
    }
}

/// Ends sessions of the same account from outside: their statements stop, their
/// transactions are undone, their locks are freed. One that is gone already is fine. Where
/// sessions are counted (`login.seat`), their ends are awaited, within bounds. A
/// session whose owner only drops it may go on for long: servers notice a closed socket late.
pub async fn end_sessions(engine: Engine, login: &Login, session_ids: &[u64]) -> Result<()> {
    match engine.group() {
        EngineGroup::Mysql => {
            let counted = login.seat.is_some();
            mysql::Session::open(login, mysql::Role::Look).await?.end_others(session_ids, counted).await
        }
        EngineGroup::Postgresql => Err(not_yet(engine)),
    }
}

/// How many of these sessions of the same account the server works for at the moment; the
/// others are gone, or wait for their client.
pub async fn busy_sessions(engine: Engine, login: &Login, session_ids: &[u64]) -> Result<usize> {
    match engine.group() {
        EngineGroup::Mysql => {
            mysql::Session::open(login, mysql::Role::Look).await?.busy_among(session_ids).await
        }
        EngineGroup::Postgresql => Err(not_yet(engine)),
    }
}

/// Why a definition does not fit another, in a person's words; empty when they agree.
pub fn differences(group: EngineGroup, source: &TableShape, target: &TableShape) -> Vec<String> {
    match group {
        EngineGroup::Mysql => mysql::differences(source, target),
        EngineGroup::Postgresql => Vec::new(),
    }
}

/// The statement by which a person changes the table so; `clause`: an index's or a foreign key's.
pub fn alteration(group: EngineGroup, table: &str, clause: &str) -> String {
    match group {
        EngineGroup::Mysql => mysql::alteration_of(table, clause),
        EngineGroup::Postgresql => String::new(),
    }
}

fn not_yet(engine: Engine) -> Failure {
    Failure::permanent(
        FailureCode::EngineNotSupported,
        format!("this release cannot move {engine} databases"),
    )
}
