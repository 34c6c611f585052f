//! The API from outside: who may do what, what is answered to what, what a watcher sees.

mod answers;
mod events;
mod idempotency;
mod routes;
