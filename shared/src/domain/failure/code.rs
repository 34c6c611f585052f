//! The codes of failures, by class: what each means and what a person does about it.
//!
//! The one place that spells a code; `docs/errors.md` is generated from here. A code stays as it is
//! from its first release on. The remedies are in [`super::remedy`].

use super::FailureClass;
use crate::domain::words;

/// Declares [`FailureCode`], class by class; the comment at each code is what it means.
macro_rules! codes {
    ($($class:ident { $(#[doc = $meaning:literal] $code:ident = $word:literal,)+ })+) => {
        words! {
            /// What went wrong, to be told apart by programs.
            FailureCode { $($(#[doc = $meaning] $code = $word),+),+ }
        }

        impl FailureCode {
            /// What sort of trouble it is.
            pub const fn class(self) -> FailureClass {
                match self { $($(Self::$code)|+ => FailureClass::$class),+ }
            }

            /// What it means, one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $($(Self::$code => $meaning.trim_ascii_start()),+),+ }
            }
        }
    };
}

codes! {
    ConnectionFailure {
        /// The address policy forbids workers to dial the address that the host's name stands for.
        AddressNotAllowed = "address_not_allowed",
        /// The server's answer is larger than any honest one, and is not read further.
        AnswerTooLarge = "answer_too_large",
        /// The server's answer arrives in crumbs, and is not waited for.
        AnswerTooSlow = "answer_too_slow",
        /// The server asks for the password in clear over a way that proves nothing; it is not sent.
        ClearPasswordRefused = "clear_password_refused",
        /// The time-out of the connection passes before the login is done.
        ConnectTimeout = "connect_timeout",
        /// The connection is edited while its job runs and leads elsewhere.
        ConnectionChanged = "connection_changed",
        /// A session is open, and neither side hears the other any more.
        ConnectionDead = "connection_dead",
        /// A connection of the job, or a hop on its way, does not exist any more.
        ConnectionDeleted = "connection_deleted",
        /// An open connection ends before its work is done.
        ConnectionLost = "connection_lost",
        /// Nothing listens on the host's port, or a firewall refuses.
        ConnectionRefused = "connection_refused",
        /// The server asks for a file of the worker, which it does not get.
        FileRequested = "file_requested",
        /// A session of an earlier attempt still works on the server and cannot be ended yet.
        FormerAttemptAlive = "former_attempt_alive",
        /// The server blocks the worker's host after too many failed logins.
        HostBlocked = "host_blocked",
        /// An SSH host shows another key than the one that was confirmed.
        HostKeyChanged = "host_key_changed",
        /// Nobody has confirmed the SSH host's key yet.
        HostKeyUnknown = "host_key_unknown",
        /// The name server does not answer for the host's name.
        HostLookupFailed = "host_lookup_failed",
        /// The host's name has no address.
        HostNotFound = "host_not_found",
        /// The server does not let the account in.
        LoginRefused = "login_refused",
        /// The account has used up the logins that the server allows it in an hour.
        MaxConnectionsPerHour = "max_connections_per_hour",
        /// The account has used up the statements that the server allows it in an hour.
        MaxQueriesPerHour = "max_queries_per_hour",
        /// The account has used up the writes that the server allows it in an hour.
        MaxUpdatesPerHour = "max_updates_per_hour",
        /// What answers at a hop's address is no SSH server.
        NotSsh = "not_ssh",
        /// What answers does not speak the protocol of the connection's engine, or breaks it.
        NotThisEngine = "not_this_engine",
        /// The source's commits go on before all sessions of the snapshot are open.
        PointLost = "point_lost",
        /// The connection does not store its password, and the job was given none.
        SecretNeeded = "secret_needed",
        /// Without TLS the password would be encrypted by a key that nothing proves; it is not sent.
        ServerKeyNotTrusted = "server_key_not_trusted",
        /// The server starts or shuts down.
        ServerStarting = "server_starting",
        /// The sessions that see the job's snapshot on this worker have ended.
        SnapshotLost = "snapshot_lost",
        /// The source's address leads to several servers, which share no snapshot.
        SourceChanged = "source_changed",
        /// An SSH host opens no further channel.
        SshBusy = "ssh_busy",
        /// An SSH host does not let the account connect onward.
        SshForwardProhibited = "ssh_forward_prohibited",
        /// The private key of a hop is too short to be safe.
        SshKeyTooWeak = "ssh_key_too_weak",
        /// The private key of a hop cannot be read.
        SshKeyUnreadable = "ssh_key_unreadable",
        /// An SSH host does not let the hop's user in.
        SshLoginRefused = "ssh_login_refused",
        /// An SSH host offers only algorithms that are not safe any more.
        SshNoCommonAlgorithm = "ssh_no_common_algorithm",
        /// The private key of a hop is encrypted, and no passphrase is given.
        SshPassphraseRequired = "ssh_passphrase_required",
        /// The private key of a hop does not open with its passphrase.
        SshPassphraseWrong = "ssh_passphrase_wrong",
        /// An SSH host asks for a second factor, which nobody is there to give.
        SshSecondFactor = "ssh_second_factor",
        /// The server ends a statement after its own time limit.
        StatementTimeout = "statement_timeout",
        /// The S3 store of packages does not answer, or asks for patience.
        StoreAway = "store_away",
        /// The target's address leads to another server than when the job began.
        TargetChanged = "target_changed",
        /// The server does not take the client's certificate, or wants one.
        TlsClientCertificateRefused = "tls_client_certificate_refused",
        /// The server's certificate is not valid at this time.
        TlsExpired = "tls_expired",
        /// The TLS handshake fails for a reason that has no code of its own.
        TlsFailed = "tls_failed",
        /// The connection asks for TLS, and the server does not offer it.
        TlsNotOffered = "tls_not_offered",
        /// The server lets nobody in without TLS.
        TlsRequired = "tls_required",
        /// The server speaks no TLS version or algorithm that is still safe.
        TlsTooOld = "tls_too_old",
        /// No authority that the connection trusts has signed the server's certificate.
        TlsUntrusted = "tls_untrusted",
        /// The server's certificate is for another host name.
        TlsWrongName = "tls_wrong_name",
        /// The server, or the account's limit, takes no further connection.
        TooManyConnections = "too_many_connections",
        /// The server has no database of the connection's name.
        UnknownDatabase = "unknown_database",
        /// The worker has no route to the host.
        Unreachable = "unreachable",
        /// The last SSH host cannot connect to the database or to the next host.
        UnreachableFromHop = "unreachable_from_hop",
    }
    PermissionError {
        /// The server's binary log does not take such a statement in its format.
        BinlogFormat = "binlog_format",
        /// The password that confirms writing to a protected target is not the stored one.
        ConfirmationFailed = "confirmation_failed",
        /// What confirmed writing to a protected target no longer holds.
        ConfirmationVoid = "confirmation_void",
        /// The server does not allow LOAD DATA LOCAL.
        LocalInfileDisabled = "local_infile_disabled",
        /// The account lacks a right that the job needs.
        PrivilegeMissing = "privilege_missing",
        /// The server refuses to write: it is read only.
        ReadOnly = "read_only",
        /// An option of the server forbids the statement.
        ServerOption = "server_option",
        /// The S3 store does not let the deployment's access key do this.
        StoreDenied = "store_denied",
        /// The target's server is read only for the account; found before anything is written.
        TargetReadOnly = "target_read_only",
    }
    SchemaMismatch {
        /// The target does not know a character set or collation of the source.
        CollationUnknown = "collation_unknown",
        /// A column's default on the target draws from a sequence of the source.
        DefaultPointsBack = "default_points_back",
        /// The target does not take the source's definition of a table, an index or a foreign key.
        DefinitionRefused = "definition_refused",
        /// The definition of a table has a form that Longshore does not read.
        DefinitionUnreadable = "definition_unreadable",
        /// The two sides' engines do not fit each other.
        EngineMismatch = "engine_mismatch",
        /// The target does not take a foreign key.
        ForeignKeyRefused = "foreign_key_refused",
        /// The condition of a table in the task's `where` cannot be used.
        InvalidCondition = "invalid_condition",
        /// A table lacks a column of its own foreign key.
        KeyColumnUnknown = "key_column_unknown",
        /// A table without a key differs, so that all its rows would have to be replaced.
        KeylessDiffers = "keyless_differs",
        /// The target does not tell the names of two tables apart.
        NameCollision = "name_collision",
        /// Something that is no table bears the table's name on the target.
        NameTaken = "name_taken",
        /// The task's selection covers no table of the source.
        NoTables = "no_tables",
        /// The name belongs to a view or another object without rows of its own.
        NotATable = "not_a_table",
        /// A foreign key points to a table that the target lacks and the task leaves out.
        ParentMissing = "parent_missing",
        /// The table's storage engine shows rows that are kept elsewhere.
        RowsElsewhere = "rows_elsewhere",
        /// Source and target are the same database of the same server.
        SameDatabase = "same_database",
        /// The target's sequence cannot go up to where the source's stands.
        SequenceBehind = "sequence_behind",
        /// A column's default draws from a sequence that the target will not have.
        SequenceMissing = "sequence_missing",
        /// The target's enforce_storage_engine forbids the table's storage engine.
        StorageEngineEnforced = "storage_engine_enforced",
        /// The target lacks the table's storage engine.
        StorageEngineUnknown = "storage_engine_unknown",
        /// A table's structure changes while the job works on it.
        StructureChanged = "structure_changed",
        /// A table's structure is not the same on both sides.
        StructureDiffers = "structure_differs",
        /// The table keeps its rows' history, which the target's server cannot.
        SystemVersioned = "system_versioned",
        /// Something bears the name of the table that is to be created.
        TableExists = "table_exists",
        /// The table does not exist, or the account cannot see it.
        TableMissing = "table_missing",
        /// The table that was to be created exists and holds rows.
        TableNotEmpty = "table_not_empty",
        /// A table has a column of a type that cannot be moved, or no column with values.
        TableNotMovable = "table_not_movable",
        /// The source's server cannot open the table.
        TableUnreadable = "table_unreadable",
        /// A table came to the source while the job began.
        TablesAppeared = "tables_appeared",
        /// Several tables cannot be synchronised, for different reasons.
        TablesRefused = "tables_refused",
        /// Without a key nobody can tell which rows the target lacks, so `target_first` cannot be kept.
        TargetFirst = "target_first",
        /// The target's table has triggers that would fire for every written row.
        TargetHasTriggers = "target_has_triggers",
        /// A table has columns of types that cannot be moved.
        TypeNotSupported = "type_not_supported",
        /// The condition in the task's `where` names a column that the table lacks.
        UnknownColumn = "unknown_column",
        /// The task names a table that the source does not have.
        UnknownTable = "unknown_table",
        /// The target would ignore a part of the definition without saying so.
        WordsOfOneFlavour = "words_of_one_flavour",
    }
    InsufficientSpace {
        /// A transaction does not fit into the server's cache of its binary log.
        BinlogCacheFull = "binlog_cache_full",
        /// The server's disk, a tablespace or the account's quota is full.
        DiskFull = "disk_full",
        /// The server has no room for more row locks.
        LockTableFull = "lock_table_full",
        /// The server is short of memory.
        MemoryFull = "memory_full",
        /// The S3 store has no room.
        StoreFull = "store_full",
    }
    DataError {
        /// Another session wrote to the target's table after it had been compared.
        ChangedMeanwhile = "changed_meanwhile",
        /// A row breaks a CHECK constraint of the target.
        CheckViolation = "check_violation",
        /// The server cannot compute the checksum of a row, which is too large for it.
        ChecksumFailed = "checksum_failed",
        /// Deleting rows would leave rows of other tables without their parents; none is deleted.
        ChildrenWouldBeOrphaned = "children_would_be_orphaned",
        /// A stored generated column has other values on the target than on the source.
        ComputedDiffers = "computed_differs",
        /// The server broke the transaction off: another session wanted the same rows.
        Deadlock = "deadlock",
        /// A row has the same value in a unique key as another row of the target.
        DuplicateKey = "duplicate_key",
        /// After the job rows of the target have no parent.
        ForeignKeyBroken = "foreign_key_broken",
        /// A row points to a parent that does not exist on the target.
        ForeignKeyViolation = "foreign_key_violation",
        /// Another load into the same table does not end.
        LoadBusy = "load_busy",
        /// Another session holds locks on the rows for too long.
        LockWait = "lock_wait",
        /// The server's max_join_size forbids a statement.
        MaxJoinSize = "max_join_size",
        /// The target's table has no partition for a row.
        NoPartition = "no_partition",
        /// What lies in the store is not what was written: cut, changed, exchanged, or of another package.
        PackageDamaged = "package_damaged",
        /// The package is not complete, or was deleted.
        PackageGone = "package_gone",
        /// A trigger of the target refuses a row.
        RefusedByTrigger = "refused_by_trigger",
        /// A row is larger than the target, or its table's row format, takes.
        RowTooLarge = "row_too_large",
        /// A row disappears from the target between reading and writing it.
        RowVanished = "row_vanished",
        /// The target stored fewer rows than it was sent; they are taken back.
        RowsLost = "rows_lost",
        /// The server says that the table is damaged.
        TableDamaged = "table_damaged",
        /// The job would delete more of a table than the task allows; nothing of it is deleted.
        TooManyDeletes = "too_many_deletes",
        /// Rows cannot be written since others of the target hold their unique values.
        UniqueClash = "unique_clash",
        /// A value does not have the form of its column's type.
        ValueMalformed = "value_malformed",
        /// The target cannot store a value as it is.
        ValueRefused = "value_refused",
        /// After the job the two sides are not as the policy promises.
        VerificationFailed = "verification_failed",
    }
    TargetBusy {
        /// Another job writes the same tables of the target, or waits to.
        TargetBusy = "target_busy",
    }
    Internal {
        /// The bucket that the deployment names does not exist.
        BucketMissing = "bucket_missing",
        /// The worker cannot ask the control plane's PostgreSQL.
        ControlPlaneAway = "control_plane_away",
        /// The control plane holds something that this worker does not know.
        ControlPlaneRow = "control_plane_row",
        /// The database driver gives up.
        DriverError = "driver_error",
        /// This release cannot move databases of the engine.
        EngineNotSupported = "engine_not_supported",
        /// The server sends a row that was not asked for.
        FetchMisplaced = "fetch_misplaced",
        /// All workers that held the job's snapshot are lost, again and again.
        HoldersLost = "holders_lost",
        /// The job lasts longer than a job may.
        JobTooLong = "job_too_long",
        /// The worker cannot open a stored secret.
        KeyUnavailable = "key_unavailable",
        /// A key has another number of values than the table's key has columns.
        KeyWidth = "key_width",
        /// The worker could not renew its lease in time and takes back what it has not committed.
        LeaseLost = "lease_lost",
        /// The server ends a load without asking for the rows.
        LoadIgnored = "load_ignored",
        /// A step stands in a job of another kind.
        MisplacedStep = "misplaced_step",
        /// No worker is free to hold the job's snapshot; the attempt is not counted.
        NoHolders = "no_holders",
        /// A table without a key reaches a statement that needs one.
        NoKey = "no_key",
        /// The worker cannot make the local end of a tunnel.
        NoLocalEnd = "no_local_end",
        /// The worker has no S3 store to keep packages in.
        NoStore = "no_store",
        /// The worker has let go of what it held for the job.
        NotHeld = "not_held",
        /// The key that a package was sealed with is not among the worker's.
        PackageKeyMissing = "package_key_missing",
        /// A part of a package cannot be made.
        PackageNotWritten = "package_not_written",
        /// A step's plan does not read.
        PlanNotRead = "plan_not_read",
        /// A plan cannot be written down.
        PlanNotWritten = "plan_not_written",
        /// The name of the lock that tests the server's locks is in use.
        ProbeTaken = "probe_taken",
        /// A row does not read as the bulk-load text that it is.
        RowText = "row_text",
        /// A row has another number of values than the table has columns.
        RowWidth = "row_width",
        /// The server answers an error that has no code of its own.
        ServerError = "server_error",
        /// The server does not understand a statement of Longshore's.
        StatementRefused = "statement_refused",
        /// A fault of Longshore's stops the step.
        StepPanicked = "step_panicked",
        /// The step is told to stop: its job ends, or the worker does.
        Stopped = "stopped",
        /// The S3 store does not take a request of Longshore's.
        StoreRefused = "store_refused",
        /// A step is to write to a target that its job has not asked for.
        TargetNotHeld = "target_not_held",
        /// The plan reaches no decision for a table.
        Undecided = "undecided",
        /// Another release of Longshore tells the failure by a code that this one does not know.
        Unrecognised = "unrecognised",
        /// Workers stop in the middle of the same step, several in a row.
        WorkerDied = "worker_died",
    }
}

impl FailureCode {
    /// Whether TLS did not come about.
    pub const fn is_of_tls(self) -> bool {
        matches!(
            self,
            Self::TlsClientCertificateRefused
                | Self::TlsExpired
                | Self::TlsFailed
                | Self::TlsNotOffered
                | Self::TlsRequired
                | Self::TlsTooOld
                | Self::TlsUntrusted
                | Self::TlsWrongName
        )
    }
}
