//! The handlers: parse, call, view. What is decided is decided elsewhere.

pub(crate) mod backups;
pub(crate) mod connection_edits;
pub(crate) mod connection_tests;
pub(crate) mod connections;
pub(crate) mod dead_letters;
pub(crate) mod host_keys;
pub(crate) mod job_events;
pub(crate) mod jobs;
pub(crate) mod limits;
pub(crate) mod overdue;
pub(crate) mod probes;
pub(crate) mod runs;
pub(crate) mod sync_task_edits;
pub(crate) mod sync_tasks;
pub(crate) mod webhooks;
