//! From a request to values that are checked: who asks, what for, with what.
//!
//! Invariants: the organisation comes from the token and from nothing else; a handler
//! reaches the store only through a [`Caller`], which names the permission that it needs;
//! a `POST` has its effect through [`Caller::once`], so that it can be sent again;
//! a body's wrong fields are all told at once; a secret is never part of an error.

mod body;
mod caller;
mod conditions;
mod confirming;
mod connection_change;
mod dialled;
mod field;
mod host;
mod idempotency;
mod if_match;
mod new_connection;
mod new_hop;
mod new_host_key;
mod new_limits;
mod new_probe;
mod new_run;
mod new_schedule;
mod new_sync_task;
mod new_webhook;
mod nul;
mod once;
mod page;
mod path;
mod private_key;
mod sign_in;
mod sync_task_change;
mod usable;

pub(crate) use body::{NoFields, PerhapsJson, StrictJson, StrictQuery};
pub(crate) use caller::{Caller, Databases, Endings, Fleet, History, Organisation, Syncs};
pub(crate) use connection_change::{Changed, ConnectionChange};
pub(crate) use dialled::may_be_dialled;
pub(crate) use idempotency::{HEADER as IDEMPOTENCY_KEY, REPLAYED, idempotency};
pub(crate) use if_match::{IfMatch, etag};
pub(crate) use new_connection::NewConnection;
pub(crate) use new_host_key::{HostKey, NewHostKey};
pub(crate) use new_limits::NewLimits;
pub(crate) use new_probe::NewProbe;
pub(crate) use new_run::{Brought, NewRun, NewTest};
pub(crate) use new_schedule::rare_enough;
pub(crate) use new_sync_task::{NewSyncTask, fits, unknown_connection};
pub(crate) use new_webhook::{NewWebhook, WebhookChange};
pub(crate) use once::{KeyedTransaction, Once, Outcome, gone};
pub(crate) use page::{DeadLetterPage, EventPage, IdPage, JobPage, NamePage};
pub(crate) use path::Id;
pub(crate) use sign_in::{sha256, sign_in};
pub(crate) use sync_task_change::SyncTaskChange;
pub(crate) use usable::usable;

#[cfg(test)]
pub(crate) use sign_in::stranger;
