//! The bodies of requests, one file each: from fields as they came to values that are checked.
//!
//! Invariants: a body's wrong fields are all told at once; a secret is never part of an error.

mod conditions;
mod confirming;
mod connection_change;
mod dialled;
mod host;
mod new_backup;
mod new_connection;
mod new_hop;
mod new_host_key;
mod new_limits;
mod new_probe;
mod new_run;
mod new_schedule;
mod new_sync_task;
mod new_webhook;
mod private_key;
mod sync_task_change;
mod text;
mod usable;

pub(crate) use connection_change::{Changed, ConnectionChange};
pub(crate) use dialled::may_be_dialled;
pub(crate) use new_backup::NewBackup;
pub(crate) use new_connection::NewConnection;
pub(crate) use new_host_key::{HostKey, NewHostKey};
pub(crate) use new_limits::NewLimits;
pub(crate) use new_probe::NewProbe;
pub(crate) use new_run::{Brought, NewRun, NewTest};
pub(crate) use new_schedule::rare_enough;
pub(crate) use new_sync_task::{NewSyncTask, fits, unknown_connection};
pub(crate) use new_webhook::{NewWebhook, WebhookChange};
pub(crate) use sync_task_change::SyncTaskChange;
pub(crate) use usable::usable;
