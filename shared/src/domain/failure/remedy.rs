//! What a person does about each failure, where the place that fails knows nothing better.

use super::FailureCode;

const REPORT: &str = "report this as a fault of Longshore";

impl FailureCode {
    /// What to do about it.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::AddressNotAllowed => {
                "use the host's own address; a worker reaches its own machine only where \
                 LONGSHORE_LOOPBACK_ALLOWED says so, and other ranges as LONGSHORE_ADDRESSES_ALLOWED and \
                 LONGSHORE_ADDRESSES_DENIED do"
            }
            Self::AnswerTooLarge => "no honest server answers that: find out who answers at this address",
            Self::AnswerTooSlow => {
                "check the network; a server that goes on like that means to hold its clients up"
            }
            Self::ClearPasswordRefused => {
                "somebody may be in between; otherwise give the account a method that does not send the \
                 password, or ask the connection for TLS with verify-full"
            }
            Self::ConnectTimeout => {
                "check host, port and firewalls, or allow the connection a longer time-out"
            }
            Self::ConnectionChanged => "run the task again: it begins anew with the connection as it is",
            Self::ConnectionDead => {
                "look for a firewall or a proxy that forgets connections; it is tried again by itself"
            }
            Self::ConnectionDeleted => "register the connection again, and a task that uses it",
            Self::ConnectionLost => "check the network and the server's log; it is tried again by itself",
            Self::ConnectionRefused => {
                "check host and port, that the server runs, and that it listens on this address"
            }
            Self::FileRequested => "no honest server does that here: find out who answers at this address",
            Self::FormerAttemptAlive => {
                "it is tried again by itself; a large rollback may take minutes; a session of another account \
                 is ended by the server's administrator"
            }
            Self::HostBlocked => "run FLUSH HOSTS on the server",
            Self::HostKeyChanged => {
                "somebody may be in between: ask the host's administrator whether its key was changed, and \
                 only then confirm the new fingerprint"
            }
            Self::HostKeyUnknown => {
                "compare the fingerprint with the host's own (ssh-keygen -lf \
                 /etc/ssh/ssh_host_ed25519_key.pub) and confirm it for the connection (host-keys)"
            }
            Self::HostLookupFailed | Self::HostNotFound => {
                "check the host's spelling, and that the worker's name server knows it"
            }
            Self::LoginRefused => {
                "check user name and password, and that the account may log in from this worker's address"
            }
            Self::MaxConnectionsPerHour | Self::MaxQueriesPerHour | Self::MaxUpdatesPerHour => {
                "raise the limit that the message names (ALTER USER … WITH MAX_QUERIES_PER_HOUR 0, or \
                 MAX_UPDATES_PER_HOUR, or MAX_CONNECTIONS_PER_HOUR; 0 is none, and FLUSH USER_RESOURCES \
                 begins the hour anew), or run it again in an hour: what was done stays"
            }
            Self::NotSsh => "check the hop's host and port",
            Self::NotThisEngine => "check that host and port belong to a server of the connection's engine",
            Self::PointLost | Self::TablesAppeared | Self::LoadBusy | Self::ProbeTaken => {
                "it is tried again by itself"
            }
            Self::SecretNeeded => "run it again and give the password",
            Self::ServerKeyNotTrusted => {
                "ask the connection for TLS with verify-full; LONGSHORE_TRUST_SERVER_KEYS allows it without"
            }
            Self::ServerStarting => "the server starts or ends; it is tried again by itself",
            Self::SnapshotLost => {
                "nothing is to be done: another holder takes the step, or the job starts again from a new \
                 snapshot"
            }
            Self::SourceChanged => {
                "use the address of one server; behind a proxy or a load balancer no snapshot can be shared"
            }
            Self::SshBusy => "look at the SSH host's load and limits (MaxSessions, MaxStartups)",
            Self::SshForwardProhibited => {
                "allow TCP forwarding for the account there (AllowTcpForwarding, PermitOpen in sshd_config)"
            }
            Self::SshKeyTooWeak => "make a new key: ssh-keygen -t ed25519",
            Self::SshKeyUnreadable => {
                "paste the whole file, from its BEGIN to its END line: OpenSSH, PEM, PKCS#8 or PuTTY"
            }
            Self::SshLoginRefused => {
                "check the hop's user, its password or private key, and the account's authorized_keys"
            }
            Self::SshNoCommonAlgorithm => "bring the host's SSH server up to date",
            Self::SshPassphraseRequired => "give the key's passphrase",
            Self::SshPassphraseWrong => "check the passphrase: ssh-keygen -y -f KEYFILE asks for it",
            Self::SshSecondFactor => "give Longshore an account that logs in by a password or a key alone",
            Self::StatementTimeout => "raise the server's time limit for statements of this account",
            Self::TargetChanged => {
                "if it is a failover that has happened, run the task again; if a proxy stands before several \
                 servers, use the address of one"
            }
            Self::TlsClientCertificateRefused => {
                "give the connection a client certificate and its key that the server's authority signed"
            }
            Self::TlsExpired => "renew the server's certificate, and check the clocks of both machines",
            Self::TlsFailed => {
                "check the connection's TLS mode, its CA certificate and the server's TLS settings"
            }
            Self::TlsNotOffered => {
                "switch TLS on at the server or ask the connection for less; nothing was sent to it"
            }
            Self::TlsRequired => "set the connection's TLS mode to require or stricter",
            Self::TlsTooOld => {
                "let the server speak TLS 1.2 or 1.3 (tls_version, ssl_min_protocol_version), or bring it up \
                 to date"
            }
            Self::TlsUntrusted => {
                "give the connection the certificate of the authority that signed the server's (`tls.ca`); a \
                 self-signed certificate is trusted only if it is an authority's"
            }
            Self::TlsWrongName => {
                "use a host name that the certificate bears (subjectAltName), or give the server a \
                 certificate for this one; verify-ca does not look at the name"
            }
            Self::TooManyConnections => {
                "raise the server's max_connections or the account's limit, or give the connection a \
                 max_sessions"
            }
            Self::UnknownDatabase => "check the connection's database name, or create the database",
            Self::Unreachable => "check the host, firewalls and security groups",
            Self::UnreachableFromHop => {
                "check host and port as the SSH host sees them: `localhost` is the SSH host itself"
            }
            Self::BinlogFormat => "set the server's binlog_format to ROW or MIXED",
            Self::ConfirmationFailed => {
                "give the password of the connection's own account as `target_password`, and run or save the \
                 task again"
            }
            Self::ConfirmationVoid => {
                "run or save the task again with `confirm_target` and `target_password`"
            }
            Self::LocalInfileDisabled => {
                "switch local_infile on at the server; rows are sent by INSERT meanwhile"
            }
            Self::PrivilegeMissing => "grant the account the right that the message names",
            Self::ReadOnly => {
                "the server or the database is read only: use its primary, switch read_only off, or ALTER DATABASE … \
                 READ ONLY = 0"
            }
            Self::ServerOption => "change the option of the server that the message names",
            Self::TargetReadOnly => {
                "use the primary server, switch read_only off, or ALTER DATABASE … READ ONLY = 0"
            }
            Self::CollationUnknown => "change it in the source, or create the table on the target by hand",
            Self::DefaultPointsBack => {
                "give the column of the target's table a default that draws from the target's own sequence: \
                 ALTER TABLE … ALTER COLUMN … SET DEFAULT nextval(…)"
            }
            Self::DefinitionRefused => {
                "change it in the source, exclude the table from the task, or create the table on the target \
                 by hand"
            }
            Self::DefinitionUnreadable => {
                "exclude the table, or create it on the target by hand, and report this with its SHOW CREATE \
                 TABLE"
            }
            Self::EngineMismatch => "use two connections of one engine, or of MySQL and MariaDB",
            Self::ForeignKeyRefused => "see that the parent table has a fitting key and column types",
            Self::InvalidCondition | Self::UnknownColumn => "correct the condition in the task's `where`",
            Self::KeyColumnUnknown | Self::StructureDiffers => {
                "make the two tables alike, or exclude the table from the task"
            }
            Self::KeylessDiffers => {
                "give the table a primary key on both sides, set keyless to replace, or exclude the table"
            }
            Self::NameCollision => {
                "exclude all but one of them, or use a target with lower_case_table_names=0"
            }
            Self::NameTaken => "rename or drop it on the target, or exclude the table from the task",
            Self::NoTables => "check the connection's database and the task's tables and patterns",
            Self::NotATable => "take the name out of the task",
            Self::ParentMissing => "add the parent tables to the task, or make them on the target first",
            Self::RowsElsewhere => "take the name out of the task, and make the table on the target by hand",
            Self::SameDatabase => "choose another target",
            Self::SequenceBehind => {
                "give the target's sequence the source's MINVALUE, MAXVALUE and INCREMENT (ALTER SEQUENCE), \
                 or drop it: it is made anew"
            }
            Self::SequenceMissing => {
                "make the table on the target by hand, with another default, or exclude it from the task"
            }
            Self::StorageEngineEnforced => {
                "create the table on the target by hand with that engine, or unset enforce_storage_engine \
                 there"
            }
            Self::StorageEngineUnknown => "create the table on the target by hand with another engine",
            Self::StructureChanged => "the table was changed meanwhile: run it again",
            Self::SystemVersioned => {
                "make the table on the target by hand, without WITH SYSTEM VERSIONING, or exclude it from the \
                 task"
            }
            Self::TableExists => "rename or drop the table that is in the way",
            Self::TableMissing => "check the name, and grant the account SELECT on the table",
            Self::TableNotEmpty => "run it again: the plan then compares the table instead of filling it",
            Self::TableNotMovable | Self::TypeNotSupported => "exclude the table from the task",
            Self::BucketMissing => {
                "make the bucket that LONGSHORE_S3_BUCKET names, or name another one; then ask again"
            }
            Self::NoStore => {
                "give the workers the LONGSHORE_S3_ settings that the API has, and start them again"
            }
            Self::PackageDamaged => {
                "make a new backup; find out who else writes to the bucket; the message names what is wrong"
            }
            Self::PackageGone => "choose a backup that is complete",
            Self::PackageKeyMissing => {
                "give the workers and the API the keyring LONGSHORE_PACKAGE_KEYS that the package was written with"
            }
            Self::PackageNotWritten => REPORT,
            Self::StoreAway => {
                "it is tried again by itself; check that the S3 server runs and can be reached"
            }
            Self::StoreDenied => "let the access key read, write, list and delete in the bucket",
            Self::StoreFull => "give the store room, or delete packages and backups",
            Self::StoreRefused => {
                "check that the server behind LONGSHORE_S3_ENDPOINT speaks S3; the message has its words"
            }
            Self::TableUnreadable => "mend the table on the source, or exclude it from the task",
            Self::TablesRefused => "see each table's own failure",
            Self::TargetFirst => {
                "give the table a primary key on both sides, use the policy source_first, or exclude the \
                 table"
            }
            Self::TargetHasTriggers => "drop the triggers, or set target_triggers to fire if that is wanted",
            Self::UnknownTable => "check the spelling of the task's tables, upper and lower case included",
            Self::WordsOfOneFlavour => {
                "create the table on the target by hand, as it is to be there, or exclude it from the task"
            }
            Self::BinlogCacheFull => "raise max_binlog_cache_size on the server",
            Self::DiskFull => "make room on the server's disk or raise the account's quota",
            Self::LockTableFull => "raise innodb_buffer_pool_size on the server",
            Self::MemoryFull => "the server is short of memory; it is tried again by itself",
            Self::ChangedMeanwhile => {
                "keep others from writing to the target's table during the job, and run it again"
            }
            Self::CheckViolation => {
                "a row breaks a CHECK constraint of the target: mend the row in the source, or drop the \
                 constraint on the target"
            }
            Self::ChecksumFailed => {
                "raise max_allowed_packet on both servers above the size of the largest row"
            }
            Self::ChildrenWouldBeOrphaned => {
                "remove the rows that point to them on the target first, or add their tables to the task"
            }
            Self::ComputedDiffers => {
                "give the column the same expression on both sides (SHOW CREATE TABLE shows it), have the source \
                 compute it anew under time_zone '+00:00' (SET time_zone = '+00:00', then write the column that it is \
                 made of), make it VIRTUAL on both sides, or exclude the table"
            }
            Self::Deadlock | Self::LockWait => {
                "another session holds locks on these rows; it is tried again by itself"
            }
            Self::DuplicateKey => {
                "another row of the target has the same value in a unique key: remove or change one of the \
                 two"
            }
            Self::ForeignKeyBroken => "add the tables of the parents to the task, or remove these rows",
            Self::ForeignKeyViolation => "copy the parent table too, or mend the row",
            Self::MaxJoinSize => {
                "the server's max_join_size is too small, and sql_big_selects could not be switched on for \
                 this session: raise max_join_size at the server, or look for a proxy that keeps settings \
                 from it"
            }
            Self::NoPartition => {
                "give the target's table the partitions that the source's has (ALTER TABLE … ADD PARTITION, \
                 or REORGANIZE PARTITION where the last one takes all that is larger)"
            }
            Self::RefusedByTrigger => {
                "a trigger of the target refuses the row: drop it for the time of the sync, or mend the row"
            }
            Self::RowTooLarge => "raise max_allowed_packet on both servers, or leave the table out",
            Self::RowVanished => "another client writes to the target: stop it, or run again",
            Self::RowsLost => {
                "the load was taken back; look for triggers or rules on the target that drop rows"
            }
            Self::TableDamaged => "check and repair the table on its server",
            Self::TooManyDeletes => {
                "look whether the source is the right database and complete; then run the task with \
                 confirm_deletes, or raise its max_delete_percent"
            }
            Self::UniqueClash => {
                "change or remove the target's row, or let the task delete rows that only the target has"
            }
            Self::ValueMalformed => "check the column's type and values on both sides",
            Self::ValueRefused => {
                "see that both columns have the same type and settings, and mend the value in the source"
            }
            Self::VerificationFailed => {
                "rows changed on one of the sides during the job, or a trigger of the target changed them: \
                 run it again"
            }
            Self::TargetBusy => "run the task when that job has ended, or set target_busy to wait",
            Self::ControlPlaneAway => "look at the worker's log and at Longshore's own PostgreSQL",
            Self::ControlPlaneRow => "run workers and scheduler of one release",
            Self::DriverError
            | Self::FetchMisplaced
            | Self::KeyWidth
            | Self::NoKey
            | Self::PlanNotWritten
            | Self::RowText
            | Self::RowWidth
            | Self::StatementRefused
            | Self::Undecided => REPORT,
            Self::EngineNotSupported => "use a newer release for this engine",
            Self::HoldersLost | Self::WorkerDied => {
                "look at the workers' logs and memory; run the job again once the cause is gone"
            }
            Self::JobTooLong => {
                "if its tables are that large, have the operator raise LONGSHORE_JOB_SECONDS; the next run \
                 goes on with what is there. If they are not, see which table kept growing, and whether its \
                 server is to be trusted"
            }
            Self::KeyUnavailable => {
                "give the worker the private keyring that belongs to the API's public one, or register the \
                 connection anew"
            }
            Self::LeaseLost => "nothing is to be done; another attempt follows",
            Self::LoadIgnored => "switch local_infile off on the target",
            Self::MisplacedStep => "report it: the control plane's rows do not hang together",
            Self::NoHolders => "start more workers, or wait until other jobs that are held have ended",
            Self::NoLocalEnd => "look at the worker's limit of open files",
            Self::NotHeld => "nothing is to be done: another holder takes the step, or the job starts again",
            Self::PlanNotRead => "run workers of one release, and run the job again",
            Self::ServerError => "look the error's number up in the server's manual",
            Self::StepPanicked => "look at the worker's log and report it; the step is tried again by itself",
            Self::Stopped => "nothing is to be done",
            Self::TargetNotHeld => "report it: this is a fault of Longshore",
            Self::Unrecognised => "read the message; run all processes in one release",
        }
    }
}
