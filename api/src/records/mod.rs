//! What handlers of several routes do with one noun's rows, so that no route is a library for another.

pub(crate) mod connection;
pub(crate) mod job;
pub(crate) mod secret;
pub(crate) mod submission;
pub(crate) mod sync_task;
