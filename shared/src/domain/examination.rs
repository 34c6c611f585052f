//! What a test of a connection found, stage by stage.

use serde::{Deserialize, Serialize};

use super::failure::FailureCode;
use super::words;

words! {
    /// What lies between a worker and a usable session, in this order; the stages from `dns` to
    /// `ssh_login` come once for each hop, those up to `tcp` for the database too.
    Stage {
        /// The name has an address.
        Dns = "dns",
        /// The address policy lets the worker dial it; only what a worker dials itself is asked.
        AddressPolicy = "address_policy",
        /// Something listens there.
        Tcp = "tcp",
        /// The SSH host shows the key that was confirmed.
        HostKey = "host_key",
        /// The SSH host lets the user in.
        SshLogin = "ssh_login",
        /// TLS as the connection asks for it.
        Tls = "tls",
        /// The account and its password.
        Login = "login",
        /// The database is there and may be used.
        Database = "database",
        /// What the server is: flavour, version, clock.
        Server = "server",
        /// Which rights the account has.
        Privileges = "privileges",
    }
}

words! {
    /// How a stage ended.
    Passage {
        /// Nothing is in the way.
        Passed = "passed",
        /// The test ends here.
        Failed = "failed",
        /// Not asked for, or not reached.
        Skipped = "skipped",
    }
}

words! {
    /// What an account needs rights for.
    Feature {
        /// Reading all rows and definitions of the database.
        Dump = "dump",
        /// One consistent snapshot over several sessions.
        Snapshot = "snapshot",
        /// Views, triggers, routines and events.
        Routines = "routines",
        /// Writing rows.
        Load = "load",
        /// Writing rows by the server's bulk load.
        BulkLoad = "bulk_load",
        /// Making and changing tables and indexes.
        Create = "create",
        /// Replacing tables all or nothing, by way of a scratch schema.
        Scratch = "scratch",
    }
}

words! {
    /// Which part a database has in a sync.
    Direction {
        /// It is read.
        From = "from",
        /// It is written.
        Into = "into",
    }
}

/// What was found of one stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageReport {
    /// Which stage.
    pub stage: Stage,
    /// Which hop, from 1, outermost first; none: the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hop: Option<u8>,
    /// How it ended.
    pub passage: Passage,
    /// How long it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u32>,
    /// Why it failed, or why it was skipped where that needs a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<StageFailure>,
    /// The SSH host's key as `SHA256:…`, to be confirmed or compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// Why a stage failed: no secret, no cell's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageFailure {
    /// What went wrong, exactly.
    pub code: FailureCode,
    /// What was tried and what came back, one sentence.
    pub message: String,
    /// What a person can do about it.
    pub hint: String,
}

/// What the server is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerFacts {
    /// By what it can do, not by what it calls itself: `MySQL`, `MariaDB`, `PostgreSQL`.
    pub flavour: String,
    /// As the server says it.
    pub version: String,
    /// The protocol and cipher of the session, if it is TLS.
    pub tls: Option<String>,
    /// One round trip of a bare statement, in milliseconds; the least of a few.
    pub latency_milliseconds: f64,
    /// The server's clock minus the worker's, in seconds, to about half a round trip.
    pub clock_skew_seconds: f64,
    /// What a person ought to know: a release that is too old, a read-only server, a pooler.
    pub warnings: Vec<String>,
}

/// What a feature lacks; nothing missing: it can be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureRights {
    /// The feature.
    pub feature: Feature,
    /// What is missing.
    pub missing: Vec<MissingRight>,
}

/// One right or setting that is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingRight {
    /// What is missing, in the server's words: `LOCK TABLES`, `local_infile`.
    pub right: String,
    /// The statement that an administrator runs to grant it, quoted for that server.
    pub statement: String,
}

/// What a sync needs of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRights {
    /// Whether the database is read or written.
    pub direction: Direction,
    /// Rights that a sync may need, whatever its task.
    pub needs: Vec<String>,
    /// Rights that it can do without, worse.
    pub helps: Vec<String>,
    /// What of the needs the account lacks on the database as a whole.
    pub missing: Vec<String>,
    /// The one statement that grants all of them, quoted for that server.
    pub statement: String,
}

/// What a test of a connection found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Examination {
    /// Every stage that the connection has, in the order of the way.
    pub stages: Vec<StageReport>,
    /// What the server is, once it was reached.
    pub server: Option<ServerFacts>,
    /// What each feature lacks, once the rights were read.
    pub features: Vec<FeatureRights>,
    /// What a sync from here and one into here need, once the rights were read.
    #[serde(default)]
    pub syncs: Vec<SyncRights>,
}

impl Examination {
    /// Whether no stage failed. A missing right is no failure: it is told by its feature.
    pub fn is_passed(&self) -> bool {
        self.stages.iter().all(|stage| stage.passage != Passage::Failed)
    }
}
