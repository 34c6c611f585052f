//! The codes of the API's problem documents and of wrong fields: what each means and what the caller does.
//!
//! The one place that spells a code; `docs/errors.md` is generated from here. A code stays as it is
//! from its first release on. Deliberately not here: which error of the API has which status, which is
//! the API's own to say; it holds itself to the statuses that stand here.

use super::words;

/// Declares [`ProblemCode`] with the statuses that a code is answered with; the comment at each is what
/// it means.
macro_rules! codes {
    ($($(#[doc = $meaning:literal] $code:ident = $word:literal,)+ => $statuses:expr;)+) => {
        words! {
            /// Why a request is not served, to be told apart by programs.
            ProblemCode { $($(#[doc = $meaning] $code = $word),+),+ }
        }

        impl ProblemCode {
            /// The HTTP statuses that it is answered with.
            pub const fn statuses(self) -> &'static [u16] {
                match self { $($(Self::$code)|+ => &$statuses),+ }
            }

            /// What it means, one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $($(Self::$code => $meaning.trim_ascii_start()),+),+ }
            }
        }
    };
}

codes! {
    /// The body breaks off before its announced end.
    BrokenBody = "broken_body",
    /// The body is not JSON in UTF-8.
    InvalidJson = "invalid_json",
    => [400];
    /// An object of the body has the same key twice.
    DuplicateKey = "duplicate_key",
    => [400, 422];
    /// The request has several `Authorization` headers.
    TokenAmbiguous = "token_ambiguous",
    /// The token stands in the URL, where logs keep it.
    TokenInUrl = "token_in_url",
    /// The token is unknown, expired or revoked.
    TokenInvalid = "token_invalid",
    /// The request has no token.
    TokenMissing = "token_missing",
    => [401];
    /// The token lacks the permission that `detail` names.
    Forbidden = "forbidden",
    => [403];
    /// Nothing of this organisation is at this path.
    NotFound = "not_found",
    => [404];
    /// The path does not know this method.
    MethodNotAllowed = "method_not_allowed",
    => [405];
    /// The request does not arrive within half a minute.
    RequestTimeout = "request_timeout",
    => [408];
    /// The backup was deleted.
    BackupDeleted = "backup_deleted",
    /// A job that has not ended makes or reads the backup.
    BackupInUse = "backup_in_use",
    /// The backup is being made, or failed: there is nothing to read.
    BackupNotComplete = "backup_not_complete",
    /// A sync task or a running job uses the connection.
    ConnectionInUse = "connection_in_use",
    /// The connection was not tested since it was registered or changed.
    ConnectionNotVerified = "connection_not_verified",
    /// The connection's last test failed.
    ConnectionUnreachable = "connection_unreachable",
    /// The message that was put aside cannot be read.
    DeadLetterUnreadable = "dead_letter_unreadable",
    /// Rows cannot move between the engines of the two connections.
    EngineMismatch = "engine_mismatch",
    /// This release cannot do that with databases of the engine.
    EngineNotSupported = "engine_not_supported",
    /// Another host key of this hop is confirmed already.
    HostKeyChanged = "host_key_changed",
    /// The first request with this `Idempotency-Key` had its effect, and its answer is not kept.
    IdempotencyAnswerGone = "idempotency_answer_gone",
    /// The first request with this `Idempotency-Key` is still in progress.
    IdempotencyInProgress = "idempotency_in_progress",
    /// What the first request with this `Idempotency-Key` made has been deleted since.
    IdempotencyResourceGone = "idempotency_resource_gone",
    /// The job has ended, or is ending.
    JobEnded = "job_ended",
    /// Another of this organisation has the name.
    NameTaken = "name_taken",
    /// The deployment has no S3 bucket to keep packages and backups in.
    NoStore = "no_store",
    /// A run of the task has not ended yet.
    RunInProgress = "run_in_progress",
    /// A run of the task waits already for the one in progress.
    RunQueued = "run_queued",
    /// The step that the message announces has ended.
    StepEnded = "step_ended",
    /// The step that the message announces does not exist any more.
    StepGone = "step_gone",
    /// A sync task uses the connection and would not fit it after the change.
    TaskUnfit = "task_unfit",
    /// The organisation has as many webhooks as it may.
    TooManyWebhooks = "too_many_webhooks",
    /// The webhook is switched off.
    WebhookDisabled = "webhook_disabled",
    => [409];
    /// It was changed since the version that `If-Match` names.
    StaleEdit = "stale_edit",
    => [412];
    /// The body is larger than is taken.
    PayloadTooLarge = "payload_too_large",
    => [413];
    /// The body is not sent as JSON.
    UnsupportedMediaType = "unsupported_media_type",
    => [415];
    /// The host is an address that no connection or webhook may lead to.
    AddressNotAllowed = "address_not_allowed",
    /// The target is protected: its name is to be given.
    ConfirmationNeeded = "confirmation_needed",
    /// What confirms is not the name of the protected connection.
    ConfirmationWrong = "confirmation_wrong",
    /// The webhook's URL is not https.
    HttpNotAllowed = "http_not_allowed",
    /// The `Idempotency-Key` was used for another request.
    IdempotencyKeyReused = "idempotency_key_reused",
    /// The field holds no certificates in PEM.
    InvalidCertificate = "invalid_certificate",
    /// The condition of a table cannot be read.
    InvalidCondition = "invalid_condition",
    /// The cron expression cannot be read.
    InvalidCron = "invalid_cron",
    /// The cursor is not one that a page gave.
    InvalidCursor = "invalid_cursor",
    /// Several fields are wrong.
    InvalidFields = "invalid_fields",
    /// The host is no name or address.
    InvalidHost = "invalid_host",
    /// The `Idempotency-Key` is not of 1 to 255 visible ASCII characters.
    InvalidIdempotencyKey = "invalid_idempotency_key",
    /// The page's limit is out of range.
    InvalidLimit = "invalid_limit",
    /// The field holds no private key in a form that is read.
    InvalidPrivateKey = "invalid_private_key",
    /// The time zone is unknown.
    InvalidTimeZone = "invalid_time_zone",
    /// The URL cannot be used.
    InvalidUrl = "invalid_url",
    /// The field's value is of another type, or not one of those that are taken.
    InvalidValue = "invalid_value",
    /// The private key is too short to be safe.
    KeyTooWeak = "key_too_weak",
    /// A hop is the database itself or an earlier hop.
    Loop = "loop",
    /// The field is given where it has no effect.
    NotAsked = "not_asked",
    /// A table with a condition is none of the task's tables.
    NotSelected = "not_selected",
    /// The number is too small or too large.
    OutOfRange = "out_of_range",
    /// The private key is encrypted.
    PassphraseRequired = "passphrase_required",
    /// A schedule uses a connection that does not store its password.
    PasswordNotStored = "password_not_stored",
    /// The field is missing or empty.
    Required = "required",
    /// Source and target are the same database.
    SameDatabase = "same_database",
    /// A password or key has to be given again.
    SecretNeeded = "secret_needed",
    /// The target's database belongs to the server itself.
    SystemDatabase = "system_database",
    /// The schedule fires more often than is allowed.
    TooFrequent = "too_frequent",
    /// The text is longer than is taken.
    TooLong = "too_long",
    /// There are more entries than are taken.
    TooMany = "too_many",
    /// No connection of this organisation has the id.
    UnknownConnection = "unknown_connection",
    /// The route knows no field of the name.
    UnknownField = "unknown_field",
    => [422];
    /// The organisation has asked for as many tests of connections as it may in a minute.
    TooManyTests = "too_many_tests",
    => [429];
    /// A fault of Longshore's or of its set-up.
    Internal = "internal",
    => [500];
    /// Longshore's own PostgreSQL does not answer.
    Unavailable = "unavailable",
    => [503];
}

impl ProblemCode {
    /// What the caller does about it.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::BrokenBody => "send the request again",
            Self::InvalidJson => "correct the body at the line that `detail` names",
            Self::DuplicateKey => "leave one of the two out",
            Self::TokenAmbiguous | Self::TokenInUrl | Self::TokenInvalid | Self::TokenMissing => {
                "send one header `Authorization: Bearer TOKEN`"
            }
            Self::Forbidden => "ask an administrator of your organisation for it",
            Self::NotFound => "check the path and the id, and whose token is sent",
            Self::MethodNotAllowed => "see the paths and methods in the OpenAPI document",
            Self::RequestTimeout => "send it again over a faster or steadier network",
            Self::BackupDeleted => "nothing is to be done; choose another backup",
            Self::BackupInUse => "wait for the job to end, or cancel it, and try again",
            Self::BackupNotComplete => "wait until it is complete, or choose another one",
            Self::ConnectionInUse => "delete the task, or wait for the job to end, and try again",
            Self::ConnectionNotVerified => "test it until it is verified, or send `allow_untested: true`",
            Self::ConnectionUnreachable => {
                "test it, mend what its examination names, or send `allow_untested: true`"
            }
            Self::DeadLetterUnreadable => "nothing can be replayed; delete it once its sender is found",
            Self::EngineMismatch => "choose two connections of one engine group (mysql and mariadb are one)",
            Self::EngineNotSupported => "choose a connection of MySQL or MariaDB",
            Self::HostKeyChanged => {
                "ask the host's administrator whether its key was changed; if it was, name the old \
                 fingerprint in `replaces`"
            }
            Self::IdempotencyAnswerGone => "look at what it made; send a new key for another effect",
            Self::IdempotencyInProgress => "send the same request again in a second",
            Self::IdempotencyResourceGone => "send a new key to make it anew",
            Self::JobEnded => "nothing is to be done; run the task again for another result",
            Self::NameTaken => "choose another name",
            Self::NoStore => {
                "have the operator set LONGSHORE_S3_BUCKET, and what else the bucket needs, for all processes"
            }
            Self::RunInProgress => "watch that run, or cancel it",
            Self::RunQueued => "it begins by itself when that one ends; watch it, or cancel it",
            Self::StepEnded | Self::StepGone => "nothing is to be done",
            Self::TaskUnfit => "change or delete the task first, or register another connection",
            Self::TooManyWebhooks => "delete one that is not needed any more",
            Self::WebhookDisabled => "switch it on (`enabled: true`) and try again",
            Self::StaleEdit => "look at it again, and send the `ETag` of that answer as `If-Match`",
            Self::PayloadTooLarge => "send less",
            Self::UnsupportedMediaType => "send the header `Content-Type: application/json`",
            Self::AddressNotAllowed => "use the host's own address, or have the operator allow its range",
            Self::ConfirmationNeeded => "give the connection's name in the field",
            Self::ConfirmationWrong => "give the connection's name as it stands",
            Self::HttpNotAllowed => "use https, or have the operator allow http",
            Self::IdempotencyKeyReused => "send the same request, or a new key for a new one",
            Self::InvalidCertificate => {
                "paste the sections from BEGIN CERTIFICATE to END CERTIFICATE, and no keys"
            }
            Self::InvalidCondition => "correct the condition: `detail` says where it ends to be understood",
            Self::InvalidCron => "correct the five fields of the expression",
            Self::InvalidCursor => "take the `next_cursor` of the page before, as it stands",
            Self::InvalidFields => "correct each field that `errors` names",
            Self::InvalidHost => "give a bare host name or address",
            Self::InvalidIdempotencyKey => "send one such header, best a fresh UUID",
            Self::InvalidLimit => "give a limit within the range that `detail` names",
            Self::InvalidPrivateKey => "paste the whole file, from its BEGIN to its END line",
            Self::InvalidTimeZone => "give a name of the IANA time zone database, such as Europe/Berlin",
            Self::InvalidUrl => "give an absolute URL without user, password and fragment",
            Self::InvalidValue => "give what `detail` says is expected",
            Self::KeyTooWeak => "make a new key: ssh-keygen -t ed25519",
            Self::Loop => "leave the hop out, or correct its host and port",
            Self::NotAsked => "leave it out",
            Self::NotSelected => "add the table to the task, or leave its condition out",
            Self::OutOfRange => "give a number within the range that `detail` names",
            Self::PassphraseRequired => "give the key's passphrase",
            Self::PasswordNotStored => "store the password, or leave the schedule out",
            Self::Required => "give the field",
            Self::SameDatabase => "choose another target",
            Self::SecretNeeded => "give the secret in the field that is named",
            Self::SystemDatabase => "choose another database",
            Self::TooFrequent => "leave more time between two firings",
            Self::TooLong => "shorten it to what `detail` names",
            Self::TooMany => "leave some out, or make several of it",
            Self::UnknownConnection => "check the id: GET /v1/connections lists them",
            Self::UnknownField => "check the field's spelling in the OpenAPI document",
            Self::TooManyTests => "wait as long as Retry-After says",
            Self::Internal => "look for the request's id in the log, and report it",
            Self::Unavailable => "try again in some seconds; see whether PostgreSQL runs",
        }
    }
}
