//! The harness of Longshore's integration tests: real servers, real processes, and the
//! public API, as a customer and an operator meet them.
//!
//! Invariants: a test has its own metadata database, its own vhost and its own customers'
//! schemas, so tests run side by side; the servers are started once for a run; whatever
//! happens to a test, nothing that it started outlives it; nothing sleeps: what is awaited
//! has a deadline and a name ([`wait::until`]). A wrong thing panics where it is seen, with
//! the processes' logs.
//! Deliberately not here: any code of the three processes. A test that calls one of
//! Longshore's crates calls `shared`, or `worker`'s engines, and says why.

pub mod agree;
pub mod authority;
pub mod bank;
pub mod broker;
pub mod client;
pub mod control_plane;
pub mod fleet;
pub mod invariants;
pub mod kinds;
pub mod place;
pub mod proxy;
pub mod receiver;
pub mod rogue;
pub mod schema;
pub mod scrape;
pub mod seeds;
pub mod servers;
pub mod shelf;
pub mod sshd;
pub mod stack;
pub mod wait;
