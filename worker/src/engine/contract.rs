//! What every engine group does for the steps: traits only, whose docs are what each implementation keeps.
//!
//! Deliberately not here: which engine it is ([`super::of`]), and what one engine alone has, such as the
//! locks by which it stops commits: that lies in its folder.

use async_trait::async_trait;
use longshore_shared::domain::connection::Engine;
use longshore_shared::domain::object::{DatabaseObject, ObjectKind};
use tokio::sync::mpsc;

use super::access::{Besides, Hidden, Lacks, Need};
use super::children::{Children, Relations};
use super::difference::Difference;
use super::look::{Halt, Look};
use super::objects::{Definers, Objects};
use super::row_batch::RowBatch;
use super::row_hashes::{Hash, RowHashes};
use super::sequence::{Named, Sequence};
use super::shape::{Digest, KeyTuple, Range, Row, Server, TableListing, TableShape};
use super::snapshot::{LogPosition, Offer, SnapshotToken};
use super::tried::Tried;
use super::{Columns, Loaded, Login, Result};

/// An engine group: opens its sessions, and judges structures without a server. What has a body here is what
/// an engine may have nothing of.
#[async_trait]
pub trait Driver: Send + Sync {
    /// Logs in, looks at what the server is and which rights the account has, and leaves; the
    /// login's time-out bounds the login, and once more what follows.
    async fn examine(&self, engine: Engine, login: &Login) -> std::result::Result<Look, Halt>;

    /// Opens a session that looks.
    async fn inspector(&self, login: &Login) -> Result<Box<dyn Inspector>>;

    /// Opens a session that looks at all that a sync's plan asks for.
    async fn surveyor(&self, login: &Login) -> Result<Box<dyn Surveyor>>;

    /// Opens a session that streams rows of a snapshot; it can be asked for no file.
    async fn snapshot_reader(&self, login: &Login) -> Result<Box<dyn SnapshotReader>> {
        Ok(self.reader(login).await?)
    }

    /// Opens a session that reads; it can be asked for no file.
    async fn reader(&self, login: &Login) -> Result<Box<dyn Reader>>;

    /// Opens a session that writes.
    async fn writer(&self, login: &Login) -> Result<Box<dyn Writer>>;

    /// Opens a session that fixes the point of a snapshot.
    async fn leader(&self, login: &Login) -> Result<Box<dyn SnapshotLeader>>;

    /// Opens a session that reads ahead of another one; `None`: the engine's servers do so themselves.
    async fn read_ahead(&self, _: &Login) -> Result<Option<Box<dyn ReadAhead>>> {
        Ok(None)
    }

    /// Ends sessions of the same account from outside: their statements stop, their
    /// transactions are undone, their locks are freed. One that is gone already is fine. Where
    /// sessions are counted (`login.seat`), their ends are awaited, within bounds. A
    /// session whose owner only drops it may go on for long: servers notice a closed socket late.
    async fn end_sessions(&self, login: &Login, session_ids: &[u64]) -> Result<()>;

    /// How many of these sessions of the same account the server works for, or did so within the last
    /// seconds; the others are gone, or wait for their client.
    async fn busy_sessions(&self, login: &Login, session_ids: &[u64]) -> Result<usize>;

    /// What keeps the source's rows from being stored in the target's table unchanged and from being found
    /// there by the same key; empty when nothing does.
    fn compare(&self, source: &TableShape, target: &TableShape) -> Vec<Difference>;

    /// The statement by which a person changes the table so; `clause`: an index's or a foreign key's.
    fn alteration(&self, table: &str, clause: &str) -> String;

    /// The sequences that the table's columns draw from.
    fn drawn(&self, _: &TableShape) -> Vec<Named> {
        Vec::new()
    }

    /// The tables whose rows a table that has none of its own shows.
    fn members(&self, _: &TableShape) -> Vec<Named> {
        Vec::new()
    }

    /// What a server of this kind does not hold the table's rows to, though the source does, and would
    /// not say so; an error: it would make another table. No server is asked.
    fn unsaid(&self, _target: &Server, _table: &TableShape) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Whether one server may take the table and another of the same release not, by a plug-in or a
    /// setting; `parent` finds a table that a foreign key points to by its name.
    fn is_of_settings<'a>(
        &self,
        _table: &TableShape,
        _parent: &dyn Fn(&str) -> Option<&'a TableShape>,
    ) -> bool {
        false
    }
}

/// Looks at a server and a database; changes nothing.
#[async_trait]
pub trait Inspector: Send {
    /// What the server is.
    async fn server(&mut self) -> Result<Server>;

    /// Everything in the database that looks like a table, in order of name.
    async fn tables(&mut self) -> Result<Vec<TableListing>>;

    /// Structure, keys and definition of each named base table, in one round of queries
    /// whatever their number; same order. A name that is not there is an error.
    async fn shapes(&mut self, names: &[String]) -> Result<Vec<TableShape>>;

    /// Of these tables, described before, those whose definition is another one now; whether that matters,
    /// [`Inspector::shapes`] shows. Also where it cannot be told.
    async fn redefined(&mut self, tables: &[TableShape]) -> Result<Vec<bool>> {
        Ok(vec![true; tables.len()])
    }

    /// Which of the named tables hold at least one row.
    async fn holds_rows(&mut self, names: &[String]) -> Result<Vec<bool>>;

    /// The database, as the server spells it.
    fn database(&self) -> &str;

    /// The server's number of this session, for [`Driver::end_sessions`].
    fn session_id(&self) -> u64;
}

/// Looks at what a sync's plan asks of a database beside its structure.
#[async_trait]
pub trait Surveyor: Inspector {
    /// What of the database the account surely does not see, as far as the server tells of rights.
    async fn hidden(&mut self) -> Result<Hidden>;

    /// What of these needs the account lacks; nothing, where the server tells nothing of rights.
    async fn lacks(&mut self, needs: &[Need]) -> Result<Lacks>;

    /// The foreign keys that point into the database, of whatever database of the server.
    async fn children(&mut self) -> Result<Children>;

    /// Which of these tables of other databases, each named with its own, are there as far as the account
    /// sees; same order.
    async fn has_tables(&mut self, others: &[(String, String)]) -> Result<Vec<bool>>;

    /// Routines and events of the database, as far as the account sees them, by kind and name.
    async fn besides(&mut self) -> Result<Vec<Besides>>;

    /// Everything that the database holds beside tables of rows, by its own text, in an order in which it can be made.
    ///
    /// Errors: something that the account may not see, by name.
    async fn objects(&mut self) -> Result<Objects>;

    /// Takes a server-wide advisory lock of this name for the life of the session.
    async fn raise_probe(&mut self, name: &str) -> Result<()>;

    /// Whether any session of this server holds the advisory lock: two addresses that
    /// see each other's probe are one server.
    async fn sees_probe(&mut self, name: &str) -> Result<bool>;
}

/// Has a table in its server's memory before a statement of another session needs it: a favour that
/// nothing depends on.
#[async_trait]
pub trait ReadAhead: Send {
    /// Reads the table's keys a little before a statement of another session that walks the whole
    /// table of about `bytes`; ends with the table, or is dropped.
    async fn read_ahead(&mut self, table: &TableShape, bytes: u64) -> Result<()>;

    /// The server's number of this session, for [`Driver::end_sessions`].
    fn session_id(&self) -> u64;
}

/// Where rows come from.
#[async_trait]
pub trait RowSource: Send {
    /// Streams the rows of a range in bulk-load text, in batches of about 256 KiB, and
    /// returns their number. A closed receiver ends the read with code `stopped`.
    async fn stream(&mut self, table: &TableShape, range: &Range, out: mpsc::Sender<RowBatch>)
    -> Result<u64>;
}

/// Where rows go.
#[async_trait]
pub trait RowSink: Send {
    /// Takes the stream, a server inside the open transaction. Every row arrives unchanged, or the call fails
    /// or doubts it: a skipped row, a cut or replaced value, a warning (D49).
    async fn load(&mut self, table: &TableShape, rows: mpsc::Receiver<RowBatch>) -> Result<Loaded>;
}

/// Streams the rows of one point. All reads between [`SnapshotReader::begin_snapshot`] and
/// [`SnapshotReader::end_snapshot`] see one consistent state.
#[async_trait]
pub trait SnapshotReader: RowSource {
    /// Opens a consistent, read-only view of the database: of the point that the token names, or of now.
    async fn begin_snapshot(&mut self, token: Option<&SnapshotToken>) -> Result<()>;

    /// Gives back what the reads since [`SnapshotReader::begin_snapshot`] have locked; the view stays. A change
    /// of a table's structure that waited for its reader goes on then. An error says that the
    /// view may be lost.
    async fn release_locks(&mut self) -> Result<()>;

    /// Ends the view and gives back every lock it held.
    async fn end_snapshot(&mut self) -> Result<()>;

    /// The server's number of this session, for [`Driver::end_sessions`].
    fn session_id(&self) -> u64;

    /// The server's identity ([`Server::identity`]).
    fn identity(&self) -> &str;
}

/// Reads rows in every way that a sync needs.
#[async_trait]
pub trait Reader: SnapshotReader + Relations {
    /// Lays out ranges of about `rows` rows that together cover every row of the table
    /// exactly once: half open, the first and the last without an outer end. A table
    /// whose key cannot be walked in order gets one range, without ends.
    /// The second value is about how many rows they hold.
    async fn split(&mut self, table: &TableShape, rows: u64) -> Result<(Vec<Range>, u64)>;

    /// The key that the first `rows` rows of the range come before, in its order; `None`: there
    /// are no more.
    async fn key_after(&mut self, table: &TableShape, range: &Range, rows: u64) -> Result<Option<KeyTuple>>;

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

    /// As [`Reader::digest`], of all rows of each of several tables, in as few round trips as that takes. An error
    /// does not say of which table it is.
    async fn digests(&mut self, tables: &[&TableShape], hash: Hash) -> Result<Vec<Digest>>;

    /// How many rows each of these tables has, whatever their conditions; one that has more than `most` may be
    /// said to have one more.
    async fn counts(&mut self, tables: &[&TableShape], most: u64) -> Result<Vec<u64>>;

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

    /// As [`Inspector::redefined`], by a session that reads.
    async fn described_otherwise(&mut self, tables: &[TableShape]) -> Result<Vec<bool>>;

    /// Which of these values of the shape's key some row has; here they need not be unique.
    async fn held(&mut self, table: &TableShape, keys: &[KeyTuple]) -> Result<Vec<bool>>;

    /// Whether the session answers with this word: nothing that was asked before is unanswered.
    async fn answers(&mut self, word: &str) -> Result<bool>;
}

/// Writes rows and structure; its reads see its own writes. Referential checks are off
/// in its session: foreign keys are proven at the end instead.
#[async_trait]
pub trait Writer: Reader + RowSink {
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

    /// Creates a table as `definition` says, without foreign keys, and without the secondary indexes that rows
    /// can do without unless it is to be `whole`; one that exists and holds no row is left as it is. Answers
    /// whether it made it.
    async fn create_table(&mut self, table: &TableShape, whole: bool) -> Result<bool>;

    /// Removes a table that [`Writer::create_table`] made, unless it holds rows.
    async fn remove_made(&mut self, table: &TableShape) -> Result<()>;

    /// Inserts rows and returns the positions of those that clash with another row by a
    /// unique key; those are not inserted, all others are, unchanged, or the call fails by the first.
    async fn insert(&mut self, table: &TableShape, rows: &[Row]) -> Result<Vec<usize>>;

    /// Overwrites, each by its key, existing rows with these, and returns the positions of
    /// those that clash with another row by a secondary unique key (not written); where many do, the others
    /// behind them may be left unwritten and told with them.
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

    /// Makes an object by its own text, which makes it and nothing else, under the settings that its server kept
    /// with it; none of its name is there. A sequence goes on where it stood. Answers why it is
    /// not there although nothing failed: no server keeps an event whose one time has passed.
    async fn make_object(&mut self, object: &DatabaseObject, definers: &Definers) -> Result<Option<String>>;

    /// Removes an object, if it is there.
    async fn drop_object(&mut self, kind: ObjectKind, name: &str) -> Result<()>;

    /// Refreshes the optimiser's statistics of these tables.
    async fn analyse(&mut self, tables: &[&TableShape]) -> Result<()>;
}

/// Fixes one point of a source that the views of many sessions, on many workers, begin at. It keeps nobody
/// from writing for longer than a few seconds: the server frees what it holds by itself if it falls silent.
#[async_trait]
pub trait SnapshotLeader: Send {
    /// The server's identity, which every session of the point must have.
    fn identity(&self) -> &str;

    /// The server's number of this session, for [`Driver::end_sessions`].
    fn session_id(&self) -> u64;

    /// Offers a point, by the gentlest means that the server and the account have; of these tables, if
    /// the means is by table. Can be asked again where the last one did not stand.
    async fn open(&mut self, tables: &[String]) -> Result<Offer>;

    /// Whether the point stands, now that those who hold it have opened their views. Who opens one later
    /// holds it only if [`super::Proof::is_lasting`].
    async fn confirm(&mut self) -> Result<bool>;

    /// Gives the point up: commits go on. An error says that they may have gone on before: then what was
    /// opened meanwhile proves nothing.
    async fn release(&mut self) -> Result<()>;

    /// Where the source's log of changes stood at the point that was given up last; none: it keeps no log, or the
    /// account may not see it.
    async fn position(&mut self) -> Result<Option<LogPosition>> {
        Ok(None)
    }
}
